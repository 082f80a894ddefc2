/* media_type: what a blob or a document claims to be (image-spec media-types.md; Docker image
 * manifest v2 schema 2). Parameters behind ';' are ignored, letters compare as they stand. */
#ifndef STRAKE_OCI_MEDIA_TYPE_H
#define STRAKE_OCI_MEDIA_TYPE_H

#include <stdbool.h>
#include <stddef.h>

#define MEDIA_OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define MEDIA_OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define MEDIA_OCI_LAYER "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_OCI_LAYER_GZIP "application/vnd.oci.image.layer.v1.tar+gzip"
#define MEDIA_OCI_LAYER_ZSTD "application/vnd.oci.image.layer.v1.tar+zstd"
#define MEDIA_OCI_EMPTY "application/vnd.oci.empty.v1+json"
#define MEDIA_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"
#define MEDIA_DOCKER_LAYER "application/vnd.docker.image.rootfs.diff.tar"
#define MEDIA_DOCKER_LAYER_GZIP "application/vnd.docker.image.rootfs.diff.tar.gzip"
#define MEDIA_DOCKER_LAYER_ZSTD "application/vnd.docker.image.rootfs.diff.tar.zstd"

enum media_kind {
	MEDIA_UNKNOWN,
	MEDIA_MANIFEST, /* one image */
	MEDIA_INDEX,	/* index or manifest list */
	MEDIA_CONFIG,
	MEDIA_LAYER,   /* any compression, non-distributable ones included */
	MEDIA_SCHEMA1, /* obsolete: refused with a message that says so */
};

/* NULL is MEDIA_UNKNOWN. */
enum media_kind media_kind(const char *media_type);
/* The length without parameters and the blanks before them. */
size_t media_length(const char *media_type);
/* Whether both name the same type, parameters aside. */
bool media_eq(const char *a, const char *b);
/* NULL, empty, or one of the types servers send that know nothing better (application/json,
 * application/octet-stream, text/plain): no statement about the content. */
bool media_is_generic(const char *media_type);
bool media_is_docker(const char *media_type);
/* nondistributable or foreign: fetched from descriptor urls when the registry lacks it; never
 * pushed. */
bool media_is_nondistributable(const char *media_type);
/* The Accept header value for manifests: every type we read. */
const char *media_accept(void);

#endif

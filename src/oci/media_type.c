#include "oci/media_type.h"

#include <string.h>

#include "base/mem.h"

#define OCI_LAYER "application/vnd.oci.image.layer."
#define DOCKER_SCHEMA1 "application/vnd.docker.distribution.manifest.v1"

enum { DOCKER = 1, NONDISTRIBUTABLE = 2 };

static const struct media {
	const char *name;
	enum media_kind kind;
	int flags;
} table[] = {
	{MEDIA_OCI_MANIFEST, MEDIA_MANIFEST, 0},
	{MEDIA_OCI_INDEX, MEDIA_INDEX, 0},
	{MEDIA_OCI_CONFIG, MEDIA_CONFIG, 0},
	{MEDIA_OCI_LAYER, MEDIA_LAYER, 0},
	{MEDIA_OCI_LAYER_GZIP, MEDIA_LAYER, 0},
	{MEDIA_OCI_LAYER_ZSTD, MEDIA_LAYER, 0},
	{OCI_LAYER "nondistributable.v1.tar", MEDIA_LAYER, NONDISTRIBUTABLE},
	{OCI_LAYER "nondistributable.v1.tar+gzip", MEDIA_LAYER, NONDISTRIBUTABLE},
	{OCI_LAYER "nondistributable.v1.tar+zstd", MEDIA_LAYER, NONDISTRIBUTABLE},
	{MEDIA_DOCKER_MANIFEST, MEDIA_MANIFEST, DOCKER},
	{MEDIA_DOCKER_LIST, MEDIA_INDEX, DOCKER},
	{MEDIA_DOCKER_CONFIG, MEDIA_CONFIG, DOCKER},
	{MEDIA_DOCKER_LAYER, MEDIA_LAYER, DOCKER},
	{MEDIA_DOCKER_LAYER_GZIP, MEDIA_LAYER, DOCKER},
	{MEDIA_DOCKER_LAYER_ZSTD, MEDIA_LAYER, DOCKER},
	{"application/vnd.docker.image.rootfs.foreign.diff.tar", MEDIA_LAYER,
	 DOCKER | NONDISTRIBUTABLE},
	{"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", MEDIA_LAYER,
	 DOCKER | NONDISTRIBUTABLE},
	{DOCKER_SCHEMA1 "+json", MEDIA_SCHEMA1, DOCKER},
	{DOCKER_SCHEMA1 "+prettyjws", MEDIA_SCHEMA1, DOCKER},
};

size_t media_length(const char *media_type)
{
	size_t n = strcspn(media_type, ";");

	while (n > 0 && (media_type[n - 1] == ' ' || media_type[n - 1] == '\t'))
		n--;
	return n;
}

bool media_eq(const char *a, const char *b)
{
	size_t n = media_length(a);

	return n == media_length(b) && memcmp(a, b, n) == 0;
}

bool media_is_generic(const char *media_type)
{
	static const char *const generic[] = {
		"",	      "application/json", "application/octet-stream", "binary/octet-stream",
		"text/plain",
	};

	if (!media_type)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(generic); i++)
		if (media_eq(media_type, generic[i]))
			return true;
	return false;
}

static const struct media *find(const char *media_type)
{
	if (!media_type)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (media_eq(media_type, table[i].name))
			return &table[i];
	return NULL;
}

enum media_kind media_kind(const char *media_type)
{
	const struct media *m = find(media_type);

	return m ? m->kind : MEDIA_UNKNOWN;
}

bool media_is_docker(const char *media_type)
{
	const struct media *m = find(media_type);

	return m && (m->flags & DOCKER);
}

bool media_is_nondistributable(const char *media_type)
{
	const struct media *m = find(media_type);

	return m && (m->flags & NONDISTRIBUTABLE);
}

const char *media_accept(void)
{
	return MEDIA_OCI_INDEX ", " MEDIA_OCI_MANIFEST ", " MEDIA_DOCKER_LIST
			       ", " MEDIA_DOCKER_MANIFEST;
}

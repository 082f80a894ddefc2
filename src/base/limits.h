/* limits: every maximum for what comes from outside, in one place.
 *
 * Each is a refusal with an error that says so, never a silent cut. Sources: the OCI distribution
 * and image specifications where they name a figure, else several times the largest seen in the
 * wild.
 */
#ifndef STRAKE_BASE_LIMITS_H
#define STRAKE_BASE_LIMITS_H

#define LIMIT_KIB 1024ULL
#define LIMIT_MIB (1024ULL * LIMIT_KIB)
#define LIMIT_GIB (1024ULL * LIMIT_MIB)
#define LIMIT_TIB (1024ULL * LIMIT_GIB)

/* JSON documents */
#define LIMIT_MANIFEST_SIZE                                                                        \
	(4 * LIMIT_MIB) /* distribution-spec: registries take at least 4 MiB                       \
			 */
#define LIMIT_CONFIG_SIZE (8 * LIMIT_MIB)
#define LIMIT_LAYOUT_INDEX_SIZE (64 * LIMIT_MIB) /* our own index.json: 100,000 tags */
#define LIMIT_AUTH_FILE_SIZE (4 * LIMIT_MIB)
#define LIMIT_TOKEN_SIZE (256 * LIMIT_KIB)     /* a token server's whole answer */
#define LIMIT_ERROR_BODY_SIZE (64 * LIMIT_KIB) /* a registry's error answer, for the message */
#define LIMIT_JSON_DEPTH 64
#define LIMIT_JSON_STRINGS 100000 /* strings in one array of a config (Env, Cmd ...) */

/* images */
#define LIMIT_LAYERS 500 /* the kernel's OVL_MAX_STACK */
#define LIMIT_INDEX_MANIFESTS 10000
#define LIMIT_INDEX_DEPTH 4		/* nested indexes */
#define LIMIT_BLOB_SIZE (1 * LIMIT_TIB) /* one compressed layer */
#define LIMIT_HISTORY 10000
#define LIMIT_VOLUMES 1000	/* VOLUMEs of one config */
#define LIMIT_INSTRUCTION 65535 /* bytes of one Containerfile line, as BuildKit's */

/* layers */
#define LIMIT_LAYER_UNPACKED (128 * LIMIT_GIB) /* default; --max-unpacked-size raises it */
#define LIMIT_LAYER_ENTRIES 20000000ULL
#define LIMIT_TAR_NAME 4095 /* bytes of a path or link target: PATH_MAX - 1 */
#define LIMIT_XATTR_NAME 255
#define LIMIT_XATTR_VALUE (64 * LIMIT_KIB)
#define LIMIT_XATTRS_PER_ENTRY 1024
#define LIMIT_PAX_HEADER (1 * LIMIT_MIB)
#define LIMIT_ZSTD_WINDOW_LOG 27 /* zstd's own default bound; 8 MiB is what writers use */
#define LIMIT_PATH_DEPTH 2048	 /* components of an archive name */
#define LIMIT_OWNERS_SIZE (256 * LIMIT_MIB) /* a layer's sidecar of owners: 2 million records */
#define LIMIT_LINKS_SIZE                                                                           \
	(16 * LIMIT_MIB) /* a layer's list of hard links to files of lower layers */
#define LIMIT_FREE_RESERVE (64 * LIMIT_MIB) /* free space that unpacking leaves alone */

/* names: distribution/reference grammar */
#define LIMIT_REFERENCE 1024
#define LIMIT_REFERENCE_NAME 255
#define LIMIT_TAG 128
#define LIMIT_DIGEST 140 /* "sha512:" and 128 hex */

/* HTTP */
#define LIMIT_REDIRECTS 10
#define LIMIT_RETRIES 5
#define LIMIT_RETRY_AFTER 60 /* seconds; a server asking for more is an error */
#define LIMIT_HEADER_BYTES (256 * LIMIT_KIB)
#define LIMIT_PARALLEL_DOWNLOADS 3

/* containers */
#define LIMIT_PASSWD_SIZE (16 * LIMIT_MIB) /* /etc/passwd and /etc/group of an image */
#define LIMIT_ENV_FILE_SIZE (1 * LIMIT_MIB)
#define LIMIT_STATE_SIZE (1 * LIMIT_MIB) /* containers/ID/config.json */
#define LIMIT_SUBID_FILE_SIZE (16 * LIMIT_MIB)

#endif

/* The JSON documents of a registry: manifest, index, config, each input tried as all of them. No
 * bytes are a manifest to one reader and an index to another. */
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "fuzz.h"
#include "oci/image_config.h"
#include "oci/manifest.h"

static const char *const served[] = {
	NULL,
	"text/plain",
	MEDIA_OCI_MANIFEST,
	MEDIA_OCI_INDEX,
	MEDIA_DOCKER_MANIFEST,
	MEDIA_DOCKER_LIST,
};

static void try_descriptor(const struct descriptor *d)
{
	json_t *j = descriptor_json(d);
	struct descriptor again, copy;

	fuzz_promise(d->size >= 0 && digest_is_set(&d->digest) && d->media_type[0]);
	fuzz_promise(descriptor_parse(j, INT64_MAX, "again", &again, NULL) == 0);
	fuzz_promise(again.size == d->size && digest_eq(&again.digest, &d->digest));
	fuzz_promise(memcmp(&again.platform, &d->platform, sizeof(d->platform)) == 0);
	descriptor_copy(&again, &copy);
	descriptor_annotate(&copy, "key", "value");
	descriptor_release(&again);
	fuzz_promise(str_eq(descriptor_annotation(&copy, "key"), "value"));
	descriptor_release(&copy);
	json_decref(j);
}

static void try_select(const struct image_index *index)
{
	static const char *const platforms[] = {"linux/amd64", "linux/arm64", "linux/arm/v7",
						"plan9/386"};
	const struct descriptor *d;
	struct platform wanted;

	for (size_t i = 0; i < sizeof(platforms) / sizeof(*platforms); i++) {
		fuzz_promise(platform_parse(platforms[i], &wanted, NULL) == 0);
		if (image_index_select(index, &wanted, &d, NULL) == 0) {
			enum media_kind kind = media_kind(d->media_type);

			fuzz_promise(kind == MEDIA_MANIFEST || kind == MEDIA_INDEX);
			fuzz_promise(d >= index->manifests &&
				     d < index->manifests + index->n_manifests);
			fuzz_promise(!str_eq(d->platform.os, "unknown"));
		}
	}
}

static void try_documents(const char *text, size_t len)
{
	unsigned int manifests = 0, indexes = 0;

	for (size_t i = 0; i < sizeof(served) / sizeof(*served); i++) {
		struct image_index index;
		struct manifest m;
		enum media_kind kind = MEDIA_UNKNOWN;
		bool known = document_kind(text, len, served[i], &kind, NULL) == 0;
		struct err err = ERR_INIT;

		if (manifest_parse(text, len, served[i], &m, &err) == 0) {
			fuzz_promise(known && kind == MEDIA_MANIFEST);
			manifests++;
			try_descriptor(&m.config);
			for (size_t n = 0; n < m.n_layers; n++)
				try_descriptor(&m.layers[n]);
			manifest_release(&m);
		} else {
			fuzz_promise(err.code > 0 && err.msg[0]);
		}
		if (image_index_parse(text, len, served[i], &index, NULL) == 0) {
			fuzz_promise(known && kind == MEDIA_INDEX);
			indexes++;
			try_select(&index);
			for (size_t n = 0; n < index.n_manifests; n++)
				try_descriptor(&index.manifests[n]);
			image_index_release(&index);
		}
	}
	fuzz_promise(manifests == 0 || indexes == 0);
}

/* A config that was read takes changes, and reads again. */
static void try_config(const char *text, size_t len)
{
	static const char *const changes[] = {
		"ENV A=$PATH B=$A", "CMD echo $A", "LABEL a=b",	   "WORKDIR w",
		"EXPOSE 1-3",	    "USER u",	   "STOPSIGNAL 9",
	};
	struct image_config c, again;
	char *changed;
	int r;

	if (image_config_parse(text, len, &c, NULL) < 0)
		return;
	for (char **e = c.env; *e; e++)
		fuzz_promise(strchr(*e, '=') > *e);
	for (char **v = c.volumes; *v; v++)
		fuzz_promise(**v == '/' && strlen(*v) > 1 && !strstr(*v, "/../"));
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++)
		image_config_change(c.json, changes[i], NULL); /* its Shell may stand in the way */
	changed = json_dumps(c.json, JSON_COMPACT);
	fuzz_promise(changed);
	/* only a bound may stand in the way now */
	r = image_config_parse(changed, strlen(changed), &again, NULL);
	fuzz_promise(r == 0 || r == -EFBIG);
	if (r == 0) {
		fuzz_promise(str_eq(again.user, "u") && str_eq(again.stop_signal, "9"));
		image_config_release(&again);
	}
	free(changed);
	image_config_release(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;

	try_documents(text, size);
	try_config(text, size);
	return 0;
}

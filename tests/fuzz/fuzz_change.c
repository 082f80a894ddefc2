/* One Containerfile instruction after the other, a line each, changes a config. One that is refused
 * leaves it as it was; whatever was accepted leaves a config that can be read. */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "oci/image_config.h"

#define INSTRUCTIONS_MAX 50

static void try_line(json_t *doc, const char *line)
{
	json_t *before = json_deep_copy(doc);
	struct err err = ERR_INIT;

	if (image_config_change(doc, line, &err) < 0) {
		fuzz_promise(err.code > 0 && err.msg[0]);
		fuzz_promise(json_equal(doc, before));
	}
	json_decref(before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *doc = json_loads("{\"config\":{\"Env\":[\"PATH=/bin\",\"Q='\",\"E==\"]}}", 0, NULL);
	char *text = malloc(size + 1), *line, *rest;
	struct image_config c;
	char *json;
	int r, n = 0;

	fuzz_promise(text && doc);
	memcpy(text, data, size);
	text[size] = '\0';
	for (line = text; line && n < INSTRUCTIONS_MAX; line = rest, n++) {
		rest = strchr(line, '\n');
		if (rest)
			*rest++ = '\0';
		try_line(doc, line);
	}
	json = json_dumps(doc, 0);
	fuzz_promise(json);
	r = image_config_parse(json, strlen(json), &c, NULL);
	fuzz_promise(r == 0 || r == -EFBIG);
	if (r == 0)
		image_config_release(&c);
	free(json);
	json_decref(doc);
	free(text);
	return 0;
}

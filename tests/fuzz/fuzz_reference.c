/* The small texts that people and strangers write: image names, digests, platforms, signals, and
 * the override_stat xattr. What parses must mean the same when it is written and parsed again. */
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "format/override_stat.h"
#include "fuzz.h"
#include "oci/image_config.h"
#include "oci/platform.h"
#include "oci/reference.h"

static void try_reference(const char *text)
{
	struct reference ref, again, local;
	struct err err = ERR_INIT;
	char *full, *name;

	if (reference_parse(text, &ref, &err) < 0) {
		fuzz_promise(err.code > 0 && err.msg[0]);
		return;
	}
	fuzz_promise(ref.tag[0] || digest_is_set(&ref.digest));
	fuzz_promise(strlen(ref.domain) + 1 + strlen(ref.path) <= LIMIT_REFERENCE_NAME);
	/* names become paths of URLs and of files */
	fuzz_promise(!strstr(ref.path, "..") && !strstr(ref.path, "//") && ref.path[0] != '/');
	fuzz_promise(!strpbrk(ref.domain, "/@%?# \r\n") && !strpbrk(ref.path, ":@%?# \r\n"));
	full = reference_text(&ref);
	fuzz_promise(reference_parse(full, &again, NULL) == 0);
	fuzz_promise(str_eq(ref.domain, again.domain) && str_eq(ref.path, again.path));
	fuzz_promise(str_eq(ref.tag, again.tag) && digest_eq(&ref.digest, &again.digest));
	free(full);
	reference_to_localhost(&ref, &local);
	name = reference_store_name(&local);
	fuzz_promise(str_starts(name, "localhost/"));
	fuzz_promise(ref.has_domain || reference_parse(name, &again, NULL) == 0);
	free(name);
	reference_is_loopback(ref.domain);
}

static void try_platform(const char *text)
{
	struct platform p, again;
	char once[112], twice[112];

	reference_is_loopback(text);
	if (platform_parse(text, &p, NULL) < 0)
		return;
	fuzz_promise(platform_parse(platform_text(&p, once), &again, NULL) == 0);
	fuzz_promise(str_eq(once, platform_text(&again, twice)));
	fuzz_promise(platform_match(&p, &again) > 0);
}

static void try_override_stat(const uint8_t *data, size_t size)
{
	struct override_stat o, again;
	char text[OVERRIDE_STAT_MAX];
	size_t n;

	if (override_stat_parse((const char *)data, size, &o) < 0)
		return;
	n = override_stat_format(&o, text);
	fuzz_promise(override_stat_parse(text, n, &again) == 0);
	fuzz_promise(o.uid == again.uid && o.gid == again.gid && o.mode == again.mode);
	fuzz_promise(o.type == again.type && o.major == again.major && o.minor == again.minor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct digest d;
	int signal;

	fuzz_promise(text);
	memcpy(text, data, size);
	text[size] = '\0';
	text[strcspn(text, "\n")] = '\0'; /* editors end the corpus' files with a newline */
	try_reference(text);
	try_platform(text);
	try_override_stat((const uint8_t *)text, strlen(text));
	try_override_stat(data, size);
	if (digest_parse(text, &d, NULL) == 0)
		fuzz_promise(str_eq(d.text, text));
	signal = image_signal_parse(text, NULL);
	fuzz_promise(signal == -EINVAL || (signal > 0 && signal <= 64));
	free(text);
	return 0;
}

#include "oci/platform.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/mem.h"
#include "base/str.h"

/* How other names (uname's, Debian's, old Docker's) map to Go's. variant NULL: the given one stays.
 */
static const struct {
	const char *name;
	const char *arch;
	const char *variant;
} aliases[] = {
	{"x86_64", "amd64", NULL},
	{"x86-64", "amd64", NULL},
	{"aarch64", "arm64", NULL},
	{"i386", "386", NULL},
	{"i486", "386", NULL},
	{"i586", "386", NULL},
	{"i686", "386", NULL},
	{"armhf", "arm", "v7"},
	{"armel", "arm", "v6"},
	{"armv8l", "arm", "v8"},
	{"armv7l", "arm", "v7"},
	{"armv6l", "arm", "v6"},
	{"armv5tel", "arm", "v5"},
	{"armv5tejl", "arm", "v5"},
	{"ppc64el", "ppc64le", NULL},
	{"mips64el", "mips64le", NULL},
	{"loongarch64", "loong64", NULL},
};

static const char *const known[] = {
	"386",	  "amd64",    "arm",   "arm64",	  "loong64", "mips",  "mipsle",
	"mips64", "mips64le", "ppc64", "ppc64le", "riscv64", "s390x", "wasm",
};

/* Leaves nothing of a longer text behind: equal platforms are equal bytes. */
static void set(char *field, size_t size, const char *text)
{
	memset(field, 0, size);
	snprintf(field, size, "%s", text);
}

static void lower(char *s)
{
	for (; *s; s++)
		*s = (char)tolower((unsigned char)*s);
}

static void normalise(struct platform *p)
{
	lower(p->os);
	lower(p->arch);
	lower(p->variant);
	if (str_eq(p->os, "macos"))
		set(p->os, sizeof(p->os), "darwin");
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
		if (!str_eq(p->arch, aliases[i].name))
			continue;
		set(p->arch, sizeof(p->arch), aliases[i].arch);
		if (aliases[i].variant && p->variant[0] == '\0')
			set(p->variant, sizeof(p->variant), aliases[i].variant);
		break;
	}
	if (str_eq(p->arch, "arm") || str_eq(p->arch, "arm64") || str_eq(p->arch, "amd64")) {
		char bare = p->variant[0];

		if (isdigit((unsigned char)bare) && p->variant[1] == '\0')
			snprintf(p->variant, sizeof(p->variant), "v%c", bare);
	}
	if (str_eq(p->arch, "arm") && p->variant[0] == '\0')
		set(p->variant, sizeof(p->variant), "v7");
	if ((str_eq(p->arch, "arm64") && str_eq(p->variant, "v8")) ||
	    (str_eq(p->arch, "amd64") && str_eq(p->variant, "v1")))
		set(p->variant, sizeof(p->variant), "");
}

void platform_host(struct platform *ret)
{
	struct utsname u;

	memset(ret, 0, sizeof(*ret));
	set(ret->os, sizeof(ret->os), "linux");
	if (uname(&u) == 0)
		snprintf(ret->arch, sizeof(ret->arch), "%.31s", u.machine);
	normalise(ret);
}

static bool known_arch(const char *arch)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (str_eq(arch, known[i]))
			return true;
	return false;
}

/* Copies one component; false when it is empty, too long, or has other characters than names do. */
static bool component(const char *text, size_t len, char *out, size_t size)
{
	if (len == 0 || len >= size)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("_.-", text[i]))
			return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

int platform_parse(const char *text, struct platform *ret, struct err *err)
{
	struct platform p = {.os = "linux"};
	const char *part[3] = {text, NULL, NULL};
	size_t len[3] = {0, 0, 0};
	size_t n = 0;
	bool ok;

	for (const char *s = text;; s++) {
		if (*s != '/' && *s != '\0') {
			len[n]++;
			continue;
		}
		n++;
		if (*s == '\0' || n == 3)
			break;
		part[n] = s + 1;
	}
	ok = n < 3 || part[2][len[2]] == '\0';
	if (n == 1)
		ok = ok && component(part[0], len[0], p.arch, sizeof(p.arch));
	else
		ok = ok && component(part[0], len[0], p.os, sizeof(p.os)) &&
		     component(part[1], len[1], p.arch, sizeof(p.arch));
	if (n == 3)
		ok = ok && component(part[2], len[2], p.variant, sizeof(p.variant));
	if (!ok)
		return err_set(
			err, EINVAL,
			"invalid platform '%.160s': expected OS/ARCH[/VARIANT], as linux/arm64",
			text);
	normalise(&p);
	if (n == 1 && !known_arch(p.arch))
		return err_set(
			err, EINVAL,
			"unknown architecture '%.160s': expected OS/ARCH[/VARIANT], as linux/arm64",
			text);
	*ret = p;
	return 0;
}

static int field(const json_t *obj, const char *key, char *out, size_t size, struct err *err)
{
	const char *s;
	int r = json_get_string(obj, key, &s, err);

	if (r < 0)
		return r;
	if (!s)
		return 0;
	if (strlen(s) >= size)
		return err_set(err, EINVAL, "platform: '%s' is longer than %zu bytes", key,
			       size - 1);
	set(out, size, s);
	return 0;
}

int platform_from_json(const json_t *obj, struct platform *ret, struct err *err)
{
	struct platform p = {.os = ""};
	int r;

	r = field(obj, "os", p.os, sizeof(p.os), err);
	if (r == 0)
		r = field(obj, "architecture", p.arch, sizeof(p.arch), err);
	if (r == 0)
		r = field(obj, "variant", p.variant, sizeof(p.variant), err);
	if (r == 0)
		r = field(obj, "os.version", p.os_version, sizeof(p.os_version), err);
	if (r < 0)
		return r;
	normalise(&p);
	*ret = p;
	return 0;
}

/* The number of "vN" (N one digit), `none` for "", -1 for another variant. */
static int level(const char *variant, int none)
{
	if (variant[0] == '\0')
		return none;
	if (variant[0] == 'v' && isdigit((unsigned char)variant[1]) && variant[2] == '\0')
		return variant[1] - '0';
	return -1;
}

/* Scores: 200 the same variant; 100 + N an older one; 50 + N arm code on arm64; 40 the generic one.
 */
static int match_variant(const struct platform *wanted, const struct platform *offered)
{
	int none = str_eq(wanted->arch, "arm64") ? 8 : str_eq(wanted->arch, "arm") ? 7 : 1;
	int w, o;

	if (str_eq(wanted->variant, offered->variant))
		return 200;
	if (!str_eq(wanted->arch, "arm64") && !str_eq(wanted->arch, "arm") &&
	    !str_eq(wanted->arch, "amd64"))
		return offered->variant[0] == '\0' ? 40 : 0;
	w = level(wanted->variant, none);
	o = level(offered->variant, none);
	return w >= 0 && o >= 0 && o <= w ? 100 + o : 0;
}

int platform_match(const struct platform *wanted, const struct platform *offered)
{
	if (!str_eq(wanted->os, offered->os) || wanted->arch[0] == '\0')
		return 0;
	if (wanted->os_version[0] && offered->os_version[0] &&
	    !str_eq(wanted->os_version, offered->os_version))
		return 0;
	if (str_eq(wanted->arch, offered->arch))
		return match_variant(wanted, offered);
	if (str_eq(wanted->arch, "arm64") && str_eq(offered->arch, "arm")) {
		int o = level(offered->variant, 7);

		return o >= 5 && o <= 8 ? 50 + o : 0;
	}
	return 0;
}

char *platform_text(const struct platform *p, char out[112])
{
	snprintf(out, 112, "%s/%s%s%s", p->os, p->arch, p->variant[0] ? "/" : "", p->variant);
	return out;
}

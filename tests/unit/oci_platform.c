#include <sys/utsname.h>

#include "oci.h"

#include "oci/platform.h"

START_TEST(parsed_and_normalised)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{"linux/amd64", "linux/amd64"},
		{"linux/x86_64", "linux/amd64"},
		{"linux/x86-64", "linux/amd64"},
		{"linux/amd64/v1", "linux/amd64"},
		{"linux/amd64/v3", "linux/amd64/v3"},
		{"linux/amd64/2", "linux/amd64/v2"},
		{"Linux/AMD64", "linux/amd64"},
		{"linux/aarch64", "linux/arm64"},
		{"linux/arm64/v8", "linux/arm64"},
		{"linux/arm64/8", "linux/arm64"},
		{"linux/arm64/v9", "linux/arm64/v9"},
		{"linux/arm", "linux/arm/v7"},
		{"linux/arm/v7", "linux/arm/v7"},
		{"linux/arm/6", "linux/arm/v6"},
		{"linux/armhf", "linux/arm/v7"},
		{"linux/armel", "linux/arm/v6"},
		{"linux/armv7l", "linux/arm/v7"},
		{"linux/armv6l", "linux/arm/v6"},
		{"linux/armhf/v6", "linux/arm/v6"},
		{"linux/i386", "linux/386"},
		{"linux/i686", "linux/386"},
		{"linux/ppc64le", "linux/ppc64le"},
		{"linux/ppc64el", "linux/ppc64le"},
		{"linux/loongarch64", "linux/loong64"},
		{"linux/s390x", "linux/s390x"},
		{"linux/riscv64", "linux/riscv64"},
		{"macos/arm64", "darwin/arm64"},
		{"windows/amd64", "windows/amd64"},
		{"plan9/something_new.1-x", "plan9/something_new.1-x"},
		{"amd64", "linux/amd64"},
		{"x86_64", "linux/amd64"},
		{"arm64", "linux/arm64"},
		{"arm", "linux/arm/v7"},
		{"armv6l", "linux/arm/v6"},
		{"riscv64", "linux/riscv64"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct platform p, again;
		struct err err = ERR_INIT;
		char text[112];

		ck_assert_msg(platform_parse(cases[i].in, &p, &err) == 0, "%s", err.msg);
		ck_assert_str_eq(platform_text(&p, text), cases[i].out);
		ck_assert_str_eq(p.os_version, "");
		/* a normal form stays as it is */
		ck_assert_int_eq(platform_parse(text, &again, &err), 0);
		ck_assert_int_eq(platform_match(&p, &again), platform_match(&again, &p));
		ck_assert_str_eq(platform_text(&again, text), cases[i].out);
	}
}
END_TEST

START_TEST(refused)
{
	static const char *const cases[] = {
		"",
		"/",
		"linux/",
		"/amd64",
		"linux//v7",
		"linux/arm/",
		"linux/arm/v7/",
		"linux/arm/v7/x",
		"linux/am d64",
		"linux/amd64\n",
		"linux/\xc3\xa4",
		"linux",
		"beos",
		"linux/" HEX_A,
		HEX_A "/amd64",
		"linux/arm/" HEX_A,
		"linux:amd64",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err = ERR_INIT;
		struct platform p;

		assert_error(platform_parse(cases[i], &p, &err), &err, EINVAL, "OS/ARCH[/VARIANT]");
	}
}
END_TEST

/* In the order of preference; what is not listed does not match. */
START_TEST(fallbacks)
{
	static const char *const all[] = {
		"linux/amd64",	  "linux/amd64/v2",  "linux/amd64/v3",
		"linux/amd64/v4", "linux/arm/v5",    "linux/arm/v6",
		"linux/arm/v7",	  "linux/arm/v8",    "linux/arm64",
		"linux/arm64/v9", "linux/386",	     "linux/ppc64le",
		"windows/amd64",  "linux/unknown",   "linux/ppc64le/power9",
		"linux/amd64/x",  "unknown/unknown",
	};
	static const struct {
		const char *wanted;
		const char *order[7];
	} cases[] = {
		{"linux/amd64", {"linux/amd64"}},
		{"linux/amd64/v3", {"linux/amd64/v3", "linux/amd64/v2", "linux/amd64"}},
		{"linux/arm/v7", {"linux/arm/v7", "linux/arm/v6", "linux/arm/v5"}},
		{"linux/arm/v6", {"linux/arm/v6", "linux/arm/v5"}},
		{"linux/arm/v5", {"linux/arm/v5"}},
		{"linux/arm/v8", {"linux/arm/v8", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5"}},
		{"linux/arm64",
		 {"linux/arm64", "linux/arm/v8", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5"}},
		{"linux/arm64/v9",
		 {"linux/arm64/v9", "linux/arm64", "linux/arm/v8", "linux/arm/v7", "linux/arm/v6",
		  "linux/arm/v5"}},
		{"linux/386", {"linux/386"}},
		{"linux/ppc64le", {"linux/ppc64le"}},
		{"linux/ppc64le/power9", {"linux/ppc64le/power9", "linux/ppc64le"}},
		{"windows/amd64", {"windows/amd64"}},
		{"linux/s390x", {NULL}},
		{"linux/amd64/x", {"linux/amd64/x"}},
	};

	for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
		int scores[7] = {0}, matches = 0;
		struct platform wanted, offered;

		ck_assert_int_eq(platform_parse(cases[c].wanted, &wanted, NULL), 0);
		for (size_t i = 0; cases[c].order[i]; i++) {
			ck_assert_int_eq(platform_parse(cases[c].order[i], &offered, NULL), 0);
			scores[i] = platform_match(&wanted, &offered);
			ck_assert_msg(scores[i] > 0, "%s for %s", cases[c].order[i],
				      cases[c].wanted);
			ck_assert_msg(i == 0 || scores[i] < scores[i - 1], "%s for %s",
				      cases[c].order[i], cases[c].wanted);
			matches++;
		}
		for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
			ck_assert_int_eq(platform_parse(all[i], &offered, NULL), 0);
			if (platform_match(&wanted, &offered) > 0)
				matches--;
		}
		ck_assert_msg(matches == 0, "%s", cases[c].wanted);
	}
}
END_TEST

START_TEST(os_versions)
{
	struct platform wanted = {.os = "windows", .arch = "amd64"};
	struct platform offered = {.os = "windows", .arch = "amd64", .os_version = "10.0.1"};

	ck_assert_int_gt(platform_match(&wanted, &offered), 0);
	memcpy(wanted.os_version, "10.0.2", 7);
	ck_assert_int_eq(platform_match(&wanted, &offered), 0);
	offered.os_version[0] = '\0';
	ck_assert_int_gt(platform_match(&wanted, &offered), 0);
}
END_TEST

START_TEST(nothing_matches_nothing)
{
	struct platform empty = {.os = ""}, some = {.os = "linux", .arch = "amd64"};

	ck_assert_int_eq(platform_match(&empty, &empty), 0);
	ck_assert_int_eq(platform_match(&empty, &some), 0);
	ck_assert_int_eq(platform_match(&some, &empty), 0);
}
END_TEST

START_TEST(from_json)
{
	json_t *j = json_loads("{\"os\":\"LINUX\",\"architecture\":\"x86_64\",\"variant\":\"v1\","
			       "\"os.version\":\"5\",\"os.features\":[]}",
			       0, NULL);
	struct err err = ERR_INIT;
	struct platform p;
	char text[112];

	ck_assert_int_eq(platform_from_json(j, &p, &err), 0);
	ck_assert_str_eq(platform_text(&p, text), "linux/amd64");
	ck_assert_str_eq(p.os_version, "5");
	json_object_set_new(j, "variant", json_string(HEX_A));
	assert_error(platform_from_json(j, &p, &err), &err, EINVAL, "'variant' is longer than 31");
	json_object_set_new(j, "variant", json_null());
	json_object_set_new(j, "os.version", json_string(HEX_A));
	assert_error(platform_from_json(j, &p, &err), &err, EINVAL,
		     "'os.version' is longer than 63");
	json_object_set_new(j, "os.version", json_true());
	assert_error(platform_from_json(j, &p, &err), &err, EINVAL, "os.version");
	json_object_clear(j);
	ck_assert_int_eq(platform_from_json(j, &p, &err), 0);
	ck_assert_str_eq(platform_text(&p, text), "/");
	json_decref(j);
}
END_TEST

START_TEST(this_machine)
{
	struct platform host, parsed;
	char text[112], again[112];
	struct utsname u;

	platform_host(&host);
	ck_assert_str_eq(host.os, "linux");
	ck_assert_int_eq(uname(&u), 0);
	ck_assert_int_eq(platform_parse(u.machine, &parsed, NULL), 0);
	ck_assert_str_eq(platform_text(&host, text), platform_text(&parsed, again));
	ck_assert_int_gt(platform_match(&host, &host), 0);
}
END_TEST

TCase *oci_platform_tests(void)
{
	TCase *t = tcase_create("platform");

	tcase_add_test(t, parsed_and_normalised);
	tcase_add_test(t, refused);
	tcase_add_test(t, fallbacks);
	tcase_add_test(t, os_versions);
	tcase_add_test(t, nothing_matches_nothing);
	tcase_add_test(t, from_json);
	tcase_add_test(t, this_machine);
	return t;
}

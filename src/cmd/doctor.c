#include <sys/statvfs.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "cmd/common.h"
#include "ns/probe.h"

#define EXIT_CANNOT_RUN 1

struct doctor_flags {
	const char *format;
};

static const struct option_spec options[] = {
	{"format", 0, OPTION_STRING, offsetof(struct doctor_flags, format), .value = "FORMAT",
	 .words = "json|text", .help = "Print as json or as text (default)"},
	{0},
};

/* One line of the report. `needed`: without it no container runs at all. */
struct check {
	const char *name;
	bool needed;
	void (*machine)(struct probe_result *ret);
	void (*directory)(int dirfd, const char *path, struct probe_result *ret);
};

static void check_helpers(struct probe_result *ret)
{
	static const struct {
		const char *name, *without;
	} programs[] = {
		{"strake-image", "nothing can be pulled"},
		{"strake-entry", "nothing can be run"},
		{"strake-overlayfs", "no FUSE overlay, no 'strake mount'"},
	};
	size_t i = 0;

	*ret = (struct probe_result){.status = PROBE_OK};
	snprintf(ret->detail, sizeof(ret->detail), "%s", proc_libexec());
	for (; i < ARRAY_SIZE(programs); i++) {
		_cleanup_free_ char *path = path_join(proc_libexec(), programs[i].name);

		if (access(path, X_OK) < 0)
			break;
	}
	if (i == ARRAY_SIZE(programs))
		return;
	ret->status = PROBE_FAIL;
	snprintf(ret->detail, sizeof(ret->detail), "'%s/%s' is not there: %s", proc_libexec(),
		 programs[i].name, programs[i].without);
	snprintf(ret->remedy, sizeof(ret->remedy),
		 "install strake whole (make install), or name the directory in STRAKE_LIBEXEC");
}

static void check_space(int dirfd, const char *path, struct probe_result *ret)
{
	struct statvfs fs = {0};
	char size[16];

	*ret = (struct probe_result){.status = PROBE_OK};
	if (fstatvfs(dirfd, &fs) < 0)
		return;
	snprintf(ret->detail, sizeof(ret->detail), "%s free, %llu files",
		 str_size((uint64_t)fs.f_bavail * fs.f_frsize, size),
		 (unsigned long long)fs.f_favail);
	if ((uint64_t)fs.f_bavail * fs.f_frsize >= LIMIT_FREE_RESERVE)
		return;
	ret->status = PROBE_WARN;
	snprintf(ret->remedy, sizeof(ret->remedy),
		 "free some space on the file system of %.300s, or keep the store elsewhere "
		 "(--store DIR)",
		 path);
}

static const struct check checks[] = {
	{"helper programs", false, check_helpers, NULL},
	{"user namespaces", true, probe_user_namespace, NULL},
	{"id ranges (subuid)", false, probe_id_range, NULL},
	{"new /proc", true, probe_proc, NULL},
	{"openat2", false, probe_openat2, NULL},
	{"/dev/fuse", false, probe_dev_fuse, NULL},
	{"free space", false, NULL, check_space},
	{"user xattrs", false, NULL, probe_user_xattr},
	{"whiteout devices", false, NULL, probe_whiteout},
	{"kernel overlay", false, NULL, probe_kernel_overlay},
	{"fusermount3", false, NULL, probe_fusermount},
};

static const char *status_word(enum probe_status status)
{
	return status == PROBE_OK ? "ok" : status == PROBE_WARN ? "warn" : "fail";
}

struct report {
	bool json, can_run;
	json_t *array;
};

static void add_result(struct report *report, const char *name, bool needed,
		       const struct probe_result *result)
{
	_cleanup_free_ char *detail = log_printable(result->detail);
	_cleanup_free_ char *remedy = log_printable(result->remedy);
	json_t *object;

	if (needed && result->status == PROBE_FAIL)
		report->can_run = false;
	if (!report->json) {
		printf("%-4s  %-18s  %s\n", status_word(result->status), name, detail);
		if (*remedy)
			printf("      %-18s  -> %s\n", "", remedy);
		return;
	}
	object = json_object();
	json_add_text(object, "check", name);
	json_add_text(object, "status", status_word(result->status));
	json_add_text(object, "detail", detail);
	json_add_text(object, "remedy", remedy);
	json_array_append_new(report->array, object);
}

/* Opening it checks owner, modes and the layout. */
static void check_store(const struct context *c, struct report *report, struct store *store)
{
	struct probe_result result = {.status = PROBE_OK};
	struct err err = ERR_INIT;

	if (command_open_store(c, store, &err) < 0) {
		result.status = PROBE_FAIL;
		snprintf(result.detail, sizeof(result.detail), "%.255s", err.msg);
		snprintf(result.remedy, sizeof(result.remedy),
			 "keep the store in a directory of your own: --store DIR or STRAKE_STORE");
	} else {
		snprintf(result.detail, sizeof(result.detail), "%.255s", store->path);
	}
	add_result(report, "store", true, &result);
}

static int run(const struct context *c, void *flags_, char **args, struct err *err)
{
	const struct doctor_flags *flags = flags_;
	struct report report = {.json = format_is_json(flags->format), .can_run = true};
	_cleanup_store_ struct store store = STORE_INIT;
	_cleanup_free_ char *path = NULL;

	(void)args;
	(void)err;
	report.array = json_array();
	check_store(c, &report, &store);
	if (store.root >= 0)
		path = path_join(store.path, "cache/tmp");
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		struct probe_result result = {0};

		if (checks[i].machine)
			checks[i].machine(&result);
		else if (path)
			checks[i].directory(store.scratch, path, &result);
		else
			continue;
		add_result(&report, checks[i].name, checks[i].needed, &result);
	}
	if (report.json)
		print_json(
			json_pack("{s:b, s:o}", "canRun", report.can_run, "checks", report.array));
	else
		printf("\ncontainers %s\n", report.can_run ? "can run here" : "cannot run here");
	if (!report.json)
		json_decref(report.array);
	return report.can_run ? 0 : EXIT_CANNOT_RUN;
}

const struct command command_doctor = {
	.name = "doctor",
	.summary = "Check what works on this machine, and how to mend what does not",
	.usage = "",
	.options = options,
	.flags_size = sizeof(struct doctor_flags),
	.run = run,
};

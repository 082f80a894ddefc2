/* strake-entry: that it starts what it is told to, and what it says when it cannot. The program is
 * the built one
 * ($STRAKE_LIBEXEC, else the build directory, where make check runs). */
#include "container.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "container/entry.h"
#include "ns/enter.h"

static void use_build(void)
{
	container_scratch_make();
	ck_assert_int_eq(setenv("STRAKE_LIBEXEC", ".", 0), 0);
}

/* Runs the entry with argv, the pipe's number, 77, put in as argv[1] unless keep. Returns the wait
 * status; *report has what came through the pipe, *got whether something did. */
static int run_entry(char **argv, bool keep, struct err *report, int *got)
{
	struct err err = ERR_INIT;
	char number[] = "77", *const envp[] = {(char[]){"MARK=passed-on"}, NULL};
	int pipes[2], entry, status;
	pid_t pid;

	entry = entry_open(&err);
	container_ok(entry, &err);
	ck_assert_int_eq(pipe(pipes), 0);
	if (!keep)
		argv[1] = number;
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(pipes[0]);
		if (dup2(pipes[1], 77) == 77 && close(pipes[1]) == 0 &&
		    chdir(container_scratch) == 0)
			syscall(SYS_execveat, entry, "", argv, envp, AT_EMPTY_PATH);
		_exit(99);
	}
	close(entry);
	close(pipes[1]);
	*report = (struct err)ERR_INIT;
	*got = err_receive(pipes[0], report);
	close(pipes[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

/* Through `path`, which must fail with that status, errno and words. */
static void entry_fails(const char *path, int exit_status, int code, const char *words)
{
	char *copy = xstrdup(path);
	char *argv[] = {(char[]){"strake-entry"}, NULL, copy, copy, NULL};
	struct err report;
	int got, status = run_entry(argv, false, &report, &got);

	ck_assert_int_eq(got, 1);
	ck_assert_msg(strstr(report.msg, words) != NULL, "%s: %s", path, report.msg);
	ck_assert_msg(report.code == code, "%s: %d: %s", path, report.code, report.msg);
	ck_assert_msg(report.exit_status == exit_status, "%s: %d", path, report.exit_status);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), exit_status);
	free(copy);
}

static const char *executable(const char *name, const void *bytes, size_t len)
{
	const char *path = container_file(name, bytes, len);

	ck_assert_int_eq(chmod(path, 0755), 0);
	return path;
}

/* Arguments, environment and working directory arrive; the pipe does not; /proc/self/exe is the
 * command. */
START_TEST(starts)
{
	char script[] = "test \"$0 $1 $2\" = 'zero one two words' || exit 11\n"
			"test \"$MARK\" = passed-on || exit 12\n"
			"test ! -e /proc/self/fd/77 || exit 14\n"
			"exit 23\n";
	char *argv[] = {(char[]){"strake-entry"}, NULL,	  (char[]){"/bin/sh"}, (char[]){"own-name"},
			(char[]){"-c"},		  script, (char[]){"zero"},    (char[]){"one"},
			(char[]){"two words"},	  NULL};
	struct err report;
	int got, status = run_entry(argv, false, &report, &got);

	ck_assert_int_eq(got, 0);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 23);
}
END_TEST

START_TEST(missing)
{
	entry_fails("/no/such/file", 127, ENOENT,
		    "cannot execute '/no/such/file': no such file or directory");
	entry_fails("", 127, ENOENT, "cannot execute '': no such file");
	entry_fails("/etc/passwd/x", 126, ENOTDIR, "not a directory");
	entry_fails("/etc", 126, EACCES, "it is a directory");
	entry_fails(container_file("plain", "x", 1), 126, EACCES, "no execute permission");
}
END_TEST

START_TEST(scripts)
{
	entry_fails(executable("no-line", "echo x\n", 7), 126, ENOEXEC, "no '#!' line");
	entry_fails(executable("empty", "", 0), 126, ENOEXEC, "the file is empty");
	entry_fails(executable("absent", "#!/no/such/shell -e\n", 20), 126, ENOENT,
		    "its interpreter '/no/such/shell' does not exist in the container");
	entry_fails(executable("blanks", "#! \t /no/such/shell\targ\n", 24), 126, ENOENT,
		    "'/no/such/shell'");
	entry_fails(executable("dos", "#!/bin/sh\r\n", 11), 126, ENOENT,
		    "its first line '#!/bin/sh' ends with a carriage return");
	entry_fails(executable("nothing", "#!\n", 3), 126, ENOEXEC, "exec format error");
	entry_fails(executable("zeros", "\0\0\0\0\0\0\0\0", 8), 126, ENOEXEC, "exec format error");
}
END_TEST

/* An ELF file of this machine's class with one program header, PT_INTERP. */
static void make_elf(unsigned char *out, size_t size, unsigned int machine, const char *loader)
{
	Elf64_Ehdr *e = (void *)out;
	Elf64_Phdr *p = (void *)(out + sizeof(*e));

	memset(out, 0, size);
	memcpy(e->e_ident, ELFMAG, SELFMAG);
	e->e_ident[EI_CLASS] = ELFCLASS64;
	e->e_ident[EI_DATA] = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? ELFDATA2MSB : ELFDATA2LSB;
	e->e_ident[EI_VERSION] = EV_CURRENT;
	e->e_type = ET_DYN;
	e->e_machine = (Elf64_Half)machine;
	e->e_version = EV_CURRENT;
	e->e_phoff = sizeof(*e);
	e->e_ehsize = sizeof(*e);
	e->e_phentsize = sizeof(*p);
	e->e_phnum = 1;
	p->p_type = PT_INTERP;
	p->p_offset = sizeof(*e) + sizeof(*p);
	p->p_filesz = strlen(loader) + 1;
	memcpy(out + p->p_offset, loader, strlen(loader) + 1);
}

static unsigned int own_machine(void)
{
	_cleanup_fd_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr e;

	ck_assert_int_eq(fd_read_full(fd, &e, sizeof(e)), sizeof(e));
	return e.e_machine;
}

START_TEST(programs)
{
	unsigned char elf[512] __attribute__((aligned(16)));
	const unsigned int other = own_machine() == EM_AARCH64 ? EM_X86_64 : EM_AARCH64;

	make_elf(elf, sizeof(elf), own_machine(), "/lib/ld-of-another-libc.so.1");
	entry_fails(executable("libc", elf, sizeof(elf)), 126, ENOENT,
		    "its loader '/lib/ld-of-another-libc.so.1' does not exist in the container");
	make_elf(elf, sizeof(elf), other, "/lib/ld.so");
	entry_fails(executable("other", elf, sizeof(elf)), 126, ENOEXEC,
		    other == EM_AARCH64 ? "it is built for arm64" : "it is built for amd64");
	make_elf(elf, sizeof(elf), 0x1234, "/lib/ld.so");
	entry_fails(executable("strange", elf, sizeof(elf)), 126, ENOEXEC,
		    "it is built for another machine");
}
END_TEST

/* Bytes that point anywhere: an answer, whatever it is, and no crash. */
START_TEST(hostile_programs)
{
	unsigned char elf[512] __attribute__((aligned(16)));
	unsigned int seed = 7;

	for (int round = 0; round < 100; round++) {
		const unsigned int machine = round % 2 ? own_machine() : 62;
		char *argv[] = {(char[]){"strake-entry"}, NULL, NULL, (char[]){"x"}, NULL};
		struct err report;
		int got, status;

		make_elf(elf, sizeof(elf), machine, "/lib/ld.so");
		for (int i = 0; i < 12; i++) {
			seed = seed * 1103515245 + 12345;
			elf[4 + (seed >> 16) % 116] = (unsigned char)(seed >> 8);
		}
		elf[EI_DATA] = round % 3 ? ELFDATA2LSB : ELFDATA2MSB;
		argv[2] = xstrdup(executable("hostile", elf, 64 + (size_t)round * 4));
		status = run_entry(argv, false, &report, &got);
		/* The kernel may take it and let it die. */
		if (got == 1) {
			ck_assert(WIFEXITED(status));
			ck_assert_int_eq(WEXITSTATUS(status), report.exit_status);
			ck_assert_int_eq(report.exit_status, 126);
		} else {
			ck_assert_int_eq(got, 0);
			ck_assert(WIFSIGNALED(status));
		}
		free(argv[2]);
	}
}
END_TEST

/* A message longer than its place is cut, not overrun. */
START_TEST(long_path)
{
	_cleanup_free_ char *path = xmalloc(3000);

	memset(path, 'p', 2999);
	path[2999] = '\0';
	for (size_t i = 0; i < 2999; i += 100)
		path[i] = '/';
	entry_fails(path, 127, ENOENT, "cannot execute '/ppp");
}
END_TEST

/* An image whose command is /proc/self/exe gets this program again, without its protocol. */
START_TEST(misused)
{
	static const char *const firsts[] = {"",   "x",	 "-1", "9999999999999999999",
					     "3x", "57", NULL};
	struct err report;
	int got, status;

	for (size_t i = 0; i < ARRAY_SIZE(firsts); i++) {
		char *first = firsts[i] ? xstrdup(firsts[i]) : NULL;
		char *argv[] = {(char[]){"/proc/self/exe"}, first, (char[]){"/bin/true"},
				(char[]){"true"}, NULL};

		status = run_entry(argv, true, &report, &got);
		ck_assert_int_eq(got, 0);
		ck_assert(WIFEXITED(status));
		ck_assert_int_eq(WEXITSTATUS(status), 125);
		free(first);
	}
}
END_TEST

START_TEST(memory_file)
{
	struct err err = ERR_INIT;
	_cleanup_fd_ int fd = entry_open(&err);
	_cleanup_fd_ int again = -1;
	char path[64];
	struct stat st;

	container_ok(fd, &err);
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	ck_assert_int_eq(fcntl(fd, F_GET_SEALS),
			 F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_gt(st.st_size, 0);
#if defined(__x86_64__) || defined(__aarch64__) /* elsewhere it brings a C library */
	ck_assert_int_lt(st.st_size, 20000);
#endif
	ck_assert_int_lt(pwrite(fd, "x", 1, 0), 0);
	ck_assert_int_lt(ftruncate(fd, 0), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR | O_CLOEXEC);
	if (again >= 0)
		ck_assert_int_lt(pwrite(again, "x", 1, 0), 0);
	ck_assert_int_lt(open(path, O_RDWR | O_TRUNC | O_CLOEXEC), 0);
}
END_TEST

START_TEST(not_installed)
{
	struct err err = ERR_INIT;

	ck_assert_int_eq(setenv("STRAKE_LIBEXEC", container_scratch, 1), 0);
	ck_assert_int_eq(entry_open(&err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "strake-entry"));
	ck_assert_int_eq(entry_clone(&err), -ENOENT);
	container_file("strake-entry", "", 0);
	ck_assert_int_eq(entry_open(&err), -ENOEXEC);
}
END_TEST

/* In a pid namespace where memory files cannot be executed: a clone of the mount can, and cannot be
 * written. */
static int without_memory_files(void *ctx, struct err *err)
{
	char first[] = "strake-entry", number[] = "77", shell[] = "/bin/sh", option[] = "-c",
	     script[] = "exit 33";
	char *argv[] = {first, number, shell, shell, option, script, NULL};
	_cleanup_fd_ int fd = open("/proc/sys/vm/memfd_noexec", O_WRONLY | O_CLOEXEC);
	_cleanup_fd_ int entry = -1;
	struct err why = ERR_INIT;
	char path[64];
	int status;
	pid_t pid;

	if (fd < 0 || write(fd, "2", 1) != 1)
		return err_sys(err, ENOTSUP, "cannot set vm.memfd_noexec");
	if (entry_open(&why) != -ENOTSUP || !strstr(why.msg, "memfd_noexec"))
		return err_set(err, EPROTO, "entry_open: %s", why.msg);
	entry = entry_clone(err);
	if (entry < 0)
		return entry;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", entry);
	if (open(path, O_WRONLY | O_CLOEXEC) >= 0 || errno != EROFS)
		return err_sys(err, EPROTO, "the clone can be written");
	pid = fork();
	if (pid == 0) {
		if (dup2(STDERR_FILENO, 77) == 77)
			syscall(SYS_execveat, entry, "", argv, environ, AT_EMPTY_PATH);
		_exit(99);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 33)
		return err_set(err, EPROTO, "the clone does not run: %d", status);
	return *(int *)ctx = 0;
}

START_TEST(no_memory_file)
{
	struct err err = ERR_INIT;
	struct identity id;
	int ctx, r;

	container_ok(identity_choose(USERNS_SINGLE, &id, &err), &err);
	r = ns_run(&id, CLONE_NEWNS | CLONE_NEWPID, without_memory_files, &ctx, &err);
	if (r == -ENOTSUP) {
		printf("skipped: %s (root can, since Linux 6.3)\n", err.msg);
		return;
	}
	container_ok(r, &err);
}
END_TEST

TCase *container_case_entry(void)
{
	TCase *c = tcase_create("entry");

	tcase_set_timeout(c, 30);
	tcase_add_checked_fixture(c, use_build, container_scratch_remove);
	tcase_add_test(c, starts);
	tcase_add_test(c, missing);
	tcase_add_test(c, scripts);
	tcase_add_test(c, programs);
	tcase_add_test(c, hostile_programs);
	tcase_add_test(c, long_path);
	tcase_add_test(c, misused);
	tcase_add_test(c, memory_file);
	tcase_add_test(c, not_installed);
	tcase_add_test(c, no_memory_file);
	return c;
}

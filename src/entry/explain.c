/* What an errno of execve(2) means for this file. Sources: execve(2); elf(5); the machine numbers
 * of <linux/elf-em.h>. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <stdbool.h>
#include <stdint.h>

#include "entry/entry.h"
#include "entry/sys.h"

#define STATUS_CANNOT_EXECUTE 126
#define STATUS_NOT_FOUND 127

#if defined(__x86_64__)
#define OWN_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
#else
#define OWN_MACHINE 0
#endif

/* The head of the file, one byte of it always NUL. */
static char head[4096 + 1] __attribute__((aligned(8)));
static struct statx status;

static const char *errno_text(int code)
{
	static const struct {
		int code;
		char text[44];
	} texts[] = {
		{EACCES, "permission denied"},
		{EPERM, "operation not permitted"},
		{ENOENT, "no such file or directory"},
		{ENOTDIR, "a part of the path is not a directory"},
		{ENOEXEC, "exec format error"},
		{EISDIR, "it is a directory"},
		{ELOOP, "too many symbolic links"},
		{ENAMETOOLONG, "file name too long"},
		{E2BIG, "arguments and environment are too long"},
		{ENOMEM, "out of memory"},
		{ETXTBSY, "it is open for writing"},
		{EIO, "input/output error"},
		{EINVAL, "invalid executable"},
		{ELIBBAD, "its loader is broken"},
		{EMFILE, "too many open files"},
		{ENFILE, "too many open files in the system"},
		{EAGAIN, "the limit of processes is reached"},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].code == code)
			return texts[i].text;
	}
	return NULL;
}

static const char *machine_name(unsigned int machine)
{
	static const struct {
		unsigned int machine;
		char name[12];
	} names[] = {
		{EM_X86_64, "amd64"},  {EM_386, "386"},	      {EM_AARCH64, "arm64"},
		{EM_ARM, "arm"},       {EM_PPC64, "ppc64le"}, {EM_S390, "s390x"},
		{EM_RISCV, "riscv64"}, {EM_MIPS, "mips"},     {258, "loong64"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].machine == machine)
			return names[i].name;
	}
	return NULL;
}

/* Reads at most `size` bytes at `offset`; returns how many. */
static size_t read_at(int fd, char *out, size_t size, unsigned long offset)
{
	const long n = sys_call(__NR_pread64, fd, (long)out, (long)size, (long)offset, 0);

	return n > 0 ? (size_t)n : 0;
}

static bool file_exists(const char *path)
{
	return sys_call(__NR_statx, AT_FDCWD, (long)path, 0, STATX_TYPE | STATX_MODE,
			(long)&status) == 0;
}

/* "#! /bin/x -y": cuts head to the interpreter's path; NULL when there is no such line. */
static char *script_interpreter(void)
{
	char *p = head + 2, *end;

	if (head[0] != '#' || head[1] != '!')
		return NULL;
	while (*p == ' ' || *p == '\t')
		p++;
	for (end = p; *end != '\0' && *end != '\n' && *end != ' ' && *end != '\t';)
		end++;
	*end = '\0';
	return *p != '\0' ? p : NULL;
}

static bool is_elf(size_t len)
{
	return len >= sizeof(Elf64_Ehdr) && head[0] == ELFMAG0 && head[1] == ELFMAG1 &&
	       head[2] == ELFMAG2 && head[3] == ELFMAG3;
}

/* The loader that an ELF file names (PT_INTERP), when the head has all of it. Another byte order
 * gives offsets that are out of bounds. */
static const char *elf_interpreter(size_t len)
{
	const Elf64_Ehdr *e64 = (const void *)head;
	const Elf32_Ehdr *e32 = (const void *)head;
	const bool wide = head[EI_CLASS] == ELFCLASS64;
	const uint64_t table = wide ? e64->e_phoff : e32->e_phoff;
	const uint64_t size = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	const unsigned int n = wide ? e64->e_phnum : e32->e_phnum;

	if (table > len || table % 4 != 0)
		return NULL;
	for (unsigned int i = 0; i < n && table + (i + 1) * size <= len; i++) {
		const void *at = head + table + i * size;
		const Elf64_Phdr *p64 = at;
		const Elf32_Phdr *p32 = at;
		const uint64_t offset = wide ? p64->p_offset : p32->p_offset;

		if ((wide ? p64->p_type : p32->p_type) == PT_INTERP)
			return offset < len ? head + offset : NULL;
	}
	return NULL;
}

static unsigned int elf_machine(void)
{
	const Elf32_Ehdr *e = (const void *)head; /* the same place in both classes */
	const bool msb = head[EI_DATA] == ELFDATA2MSB;

	return msb == (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) ? e->e_machine
							       : __builtin_bswap16(e->e_machine);
}

/* The file is there and yet ENOENT: what it names is not. */
static void explain_missing_interpreter(struct entry_text *t, size_t len)
{
	const char *elf = is_elf(len) ? elf_interpreter(len) : NULL;
	char *script = script_interpreter();
	size_t n = 0;

	if (elf) {
		entry_add(t, "its loader '");
		entry_add(t, elf);
		entry_add(t,
			  "' does not exist in the container: it was built for another C library");
		return;
	}
	if (!script) {
		entry_add(t, "its interpreter does not exist in the container");
		return;
	}
	while (script[n] != '\0')
		n++;
	if (script[n - 1] == '\r') {
		script[n - 1] = '\0';
		entry_add(t, "its first line '#!");
		entry_add(t, script);
		entry_add(t, "' ends with a carriage return; write it with Unix line endings");
		return;
	}
	entry_add(t, "its interpreter '");
	entry_add(t, script);
	entry_add(t, "' does not exist in the container");
}

static void explain_format(struct entry_text *t, size_t len)
{
	const unsigned int machine = is_elf(len) ? elf_machine() : 0;
	const char *name = machine_name(machine);

	entry_add(t, "exec format error");
	if (len == 0) {
		entry_add(t, "; the file is empty");
	} else if (is_elf(len) && machine != OWN_MACHINE) {
		entry_add(t, "; it is built for ");
		if (name)
			entry_add(t, name);
		else
			entry_add(t, "another machine");
		if (OWN_MACHINE != 0) {
			entry_add(t, ", this machine is ");
			entry_add(t, machine_name(OWN_MACHINE));
		}
		entry_add(t, "; pull the image for this platform");
	} else if (!is_elf(len)) {
		entry_add(t, "; it has no '#!' line that names an interpreter");
	}
}

static void explain_denied(struct entry_text *t)
{
	if ((status.stx_mode & 0170000) == 0040000)
		entry_add(t, "it is a directory");
	else if (!(status.stx_mode & 0111))
		entry_add(t, "permission denied; it has no execute permission");
	else
		entry_add(t, "permission denied");
}

int entry_explain(struct entry_text *t, const char *path, int code)
{
	const char *text = errno_text(code);
	const bool exists = file_exists(path);
	size_t len = 0;
	int fd;

	if (exists && (code == ENOENT || code == ENOEXEC)) {
		fd = (int)sys_call(__NR_openat, AT_FDCWD, (long)path,
				   O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0, 0);
		if (fd >= 0)
			len = read_at(fd, head, sizeof(head) - 1, 0);
	}
	if (exists && code == ENOENT)
		explain_missing_interpreter(t, len);
	else if (code == ENOEXEC)
		explain_format(t, len);
	else if (exists && code == EACCES)
		explain_denied(t);
	else if (text)
		entry_add(t, text);
	else {
		entry_add(t, "error ");
		entry_add_number(t, code);
	}
	return code == ENOENT && !exists ? STATUS_NOT_FOUND : STATUS_CANNOT_EXECUTE;
}

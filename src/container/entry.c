#include "container/entry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "ns/mount.h"

/* Since Linux 6.3; before, every memory file is executable. */
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

#define ENTRY_SIZE_MAX (4 << 20) /* with a static C library on rarer processors: 1 MiB */

static char *entry_path(void)
{
	return xasprintf("%s/strake-entry", proc_libexec());
}

static int open_program(const char *path, struct err *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, errno, "cannot open '%s', which every container starts with",
			       path);
	return fd;
}

static int make_memory_file(void)
{
	const int fd = memfd_create("strake-entry", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

	if (fd >= 0 || errno != EINVAL)
		return fd;
	return memfd_create("strake-entry", MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

int entry_open(struct err *err)
{
	_cleanup_free_ char *path = entry_path();
	_cleanup_fd_ int file = open_program(path, err);
	_cleanup_fd_ int memory = -1;
	struct stat st;
	int64_t n;

	if (file < 0)
		return file;
	if (fstat(file, &st) < 0)
		return err_sys(err, errno, "cannot stat '%s'", path);
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > ENTRY_SIZE_MAX)
		return err_set(err, ENOEXEC, "'%s' is not the program it should be", path);
	memory = make_memory_file();
	if (memory < 0)
		return err_sys(err, errno, "cannot make an executable memory file");
	n = fd_copy(memory, file);
	if (n < 0)
		return err_sys(err, (int)-n, "cannot copy '%s' to memory", path);
	if (n != st.st_size)
		return err_set(err, EIO, "'%s' changed while it was read", path);
	if (fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) <
	    0)
		return err_sys(err, errno, "cannot seal the memory file");
	return steal_fd(&memory);
}

int entry_clone(struct err *err)
{
	_cleanup_free_ char *path = entry_path();
	_cleanup_fd_ int file = open_program(path, err);

	if (file < 0)
		return file;
	return mount_clone_readonly(file, path, err);
}

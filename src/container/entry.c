#include "container/entry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
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

/* sendfile() is one call where fd_copy() would be six; it works from any local file system. */
static int copy_program(int memory, int file, off_t size)
{
	const ssize_t n = sendfile(memory, file, NULL, (size_t)size);
	int64_t copied;

	if (n == size)
		return 0;
	if (lseek(file, 0, SEEK_SET) < 0 || lseek(memory, 0, SEEK_SET) < 0)
		return -errno;
	copied = fd_copy(memory, file);
	if (copied < 0)
		return (int)copied;
	return copied == size ? 0 : -EIO;
}

int entry_open(struct err *err)
{
	_cleanup_free_ char *path = entry_path();
	_cleanup_fd_ int file = open_program(path, err);
	_cleanup_fd_ int memory = -1;
	struct stat st;
	int r;

	if (file < 0)
		return file;
	if (fstat(file, &st) < 0)
		return err_sys(err, errno, "cannot stat '%s'", path);
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > ENTRY_SIZE_MAX)
		return err_set(err, ENOEXEC, "'%s' is not the program it should be", path);
	memory = make_memory_file();
	if (memory < 0 && (errno == EACCES || errno == EPERM || errno == ENOSYS))
		return err_set(err, ENOTSUP,
			       "no memory file can be executed here (vm.memfd_noexec)");
	if (memory < 0)
		return err_sys(err, errno, "cannot make a memory file");
	r = copy_program(memory, file, st.st_size);
	if (r < 0)
		return err_sys(err, -r, "cannot copy '%s' to memory", path);
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

#include "container/etc_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"

/* The container's own directory and its first write: nothing to replace, nothing to make durable.
 */
static int write_new(int dir, const char *name, const char *text, size_t len, struct err *err)
{
	_cleanup_fd_ int fd = openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
	int ret;

	if (fd < 0)
		return err_sys(err, errno, "cannot make the container's '%s'", name);
	ret = fd_write_all(fd, text, len);
	return ret < 0 ? err_sys(err, -ret, "cannot write the container's '%s'", name) : 0;
}

/* The host's file, followed through links (systemd-resolved), or nothing where it has none. */
static int read_host(const char *path, struct buf *out)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	struct err ignored = ERR_INIT;

	if (fd < 0 || fd_slurp(fd, LIMIT_ENV_FILE_SIZE, &text, &len, &ignored) < 0)
		return 0;
	if (buf_add(out, text, len) < 0)
		return -EFBIG;
	return len && text[len - 1] != '\n' ? buf_addch(out, '\n') : 0;
}

int etc_files_write(int dir_fd, const char *hostname, struct err *err)
{
	_cleanup_buf_ struct buf hosts, resolv, name;
	_cleanup_fd_ int etc = -1;
	int ret;

	buf_init(&hosts, 2 * LIMIT_ENV_FILE_SIZE);
	buf_init(&resolv, 2 * LIMIT_ENV_FILE_SIZE);
	buf_init(&name, LIMIT_KIB);
	if (mkdirat(dir_fd, "etc", 0755) < 0)
		return err_sys(err, errno, "cannot make the container's 'etc'");
	etc = openat(dir_fd, "etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (etc < 0)
		return err_sys(err, errno, "cannot open the container's 'etc'");

	if (read_host("/etc/hosts", &hosts) < 0 ||
	    (hosts.len == 0 && buf_addstr(&hosts, "127.0.0.1 localhost\n::1 localhost\n") < 0) ||
	    buf_addf(&hosts, "127.0.0.1 %s\n", hostname) < 0 ||
	    buf_addf(&name, "%s\n", hostname) < 0 || read_host("/etc/resolv.conf", &resolv) < 0)
		return err_set(err, EFBIG, "the host's /etc/hosts or /etc/resolv.conf is too long");

	ret = write_new(etc, "hosts", hosts.data, hosts.len, err);
	if (ret == 0)
		ret = write_new(etc, "resolv.conf", resolv.data, resolv.len, err);
	if (ret == 0)
		ret = write_new(etc, "hostname", name.data, name.len, err);
	return ret;
}

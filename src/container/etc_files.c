#include "container/etc_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

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

static int fill_hosts(struct buf *out, const char *hostname)
{
	int ret = read_host("/etc/hosts", out);

	if (ret == 0 && out->len == 0)
		ret = buf_addstr(out, "127.0.0.1 localhost\n::1 localhost\n");
	return ret < 0 ? ret : buf_addf(out, "127.0.0.1 %s\n", hostname);
}

static int fill_hostname(struct buf *out, const char *hostname)
{
	return buf_addf(out, "%s\n", hostname);
}

static int fill_resolv_conf(struct buf *out, const char *hostname)
{
	(void)hostname;
	return read_host("/etc/resolv.conf", out);
}

static const struct {
	const char *name;
	int (*fill)(struct buf *out, const char *hostname);
} files[] = {
	{"hosts", fill_hosts},
	{"hostname", fill_hostname},
	{"resolv.conf", fill_resolv_conf},
};

int etc_file_write(int dir_fd, const char *name, const char *hostname, struct err *err)
{
	_cleanup_buf_ struct buf text;
	_cleanup_fd_ int fd = -1;
	int ret = -ENOENT;

	buf_init(&text, 2 * LIMIT_ENV_FILE_SIZE);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (str_eq(files[i].name, name))
			ret = files[i].fill(&text, hostname);
	}
	if (ret < 0)
		return err_sys(err, -ret, "cannot make the container's /etc/%s", name);
	fd = openat(dir_fd, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(err, errno, "cannot make the container's /etc/%s", name);
	ret = fd_write_all(fd, text.data, text.len);
	if (ret < 0)
		return err_sys(err, -ret, "cannot write the container's /etc/%s", name);
	return steal_fd(&fd);
}

#include "registry/certs.h"

#include <curl/curl.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"

/* The system's CA file and directory: where OpenSSL's variables point, else what curl was built
 * with. */
static void system_ca(struct certs *c)
{
	const char *file = getenv("SSL_CERT_FILE"), *dir = getenv("SSL_CERT_DIR");
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);

	if (str_is_empty(file))
		file = info->cainfo;
	if (str_is_empty(dir))
		dir = info->capath;
	c->ca_file = file ? xstrdup(file) : NULL;
	c->ca_dir = dir ? xstrdup(dir) : NULL;
}

static int append_file(int to, const char *path, struct err *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	int64_t r;

	if (fd < 0)
		return err_sys(err, errno, "cannot open the certificate '%s'", path);
	r = fd_copy(to, fd);
	if (r >= 0)
		r = fd_write_all(to, "\n", 1);
	if (r < 0)
		return err_sys(err, (int)-r, "cannot read the certificate '%s'", path);
	return 0;
}

/* Adds one more CA certificate to the bundle, which begins with the system's. */
static int add_ca(struct certs *c, const char *path, struct err *err)
{
	int r;

	if (c->bundle_fd < 0) {
		c->bundle_fd = memfd_create("strake-ca", MFD_CLOEXEC);
		if (c->bundle_fd < 0)
			return err_sys(err, errno, "cannot make a file of certificates");
		if (c->ca_file && access(c->ca_file, R_OK) == 0) {
			r = append_file(c->bundle_fd, c->ca_file, err);
			if (r < 0)
				return r;
		}
		free(c->ca_file);
		c->ca_file = xasprintf("/proc/self/fd/%d", c->bundle_fd);
	}
	return append_file(c->bundle_fd, path, err);
}

static int add_client(struct certs *c, const char *cert, struct err *err)
{
	_cleanup_free_ char *key = NULL;

	key = xasprintf("%.*s.key", (int)(strlen(cert) - strlen(".cert")), cert);
	if (access(key, R_OK) < 0)
		return err_sys(err, errno, "the client certificate '%s' lacks its key '%s'", cert,
			       key);
	if (c->client_cert)
		return 0;
	c->client_cert = xstrdup(cert);
	c->client_key = steal_ptr(&key);
	return 0;
}

static int load_dir(struct certs *c, const char *dir, bool required, struct err *err)
{
	struct dirent **list = NULL;
	int n, r = 0;

	n = scandir(dir, &list, NULL, alphasort);
	if (n < 0) {
		if (required)
			return err_sys(err, errno, "cannot read the certificate directory '%s'",
				       dir);
		/* EACCES: /etc/docker is often closed to ordinary users, who then have no say in
		 * it. */
		if (errno != ENOENT && errno != ENOTDIR)
			log_debug("skipping the certificate directory '%s': %s", dir,
				  strerror(errno));
		return 0;
	}
	for (int i = 0; i < n; i++) {
		_cleanup_free_ char *path = path_join(dir, list[i]->d_name);

		if (r == 0 && str_ends(list[i]->d_name, ".crt"))
			r = add_ca(c, path, err);
		else if (r == 0 && str_ends(list[i]->d_name, ".cert"))
			r = add_client(c, path, err);
		free(list[i]);
	}
	free(list);
	return r;
}

int certs_load(const char *host, const char *cert_dir, struct certs *ret, struct err *err)
{
	static const char *const system_dirs[] = {"/etc/containers/certs.d", "/etc/docker/certs.d"};
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	_cleanup_free_ char *own = NULL;
	int r = 0;

	*ret = (struct certs)CERTS_INIT;
	system_ca(ret);
	if (cert_dir)
		r = load_dir(ret, cert_dir, true, err);
	/* A host is a path component: reference_parse() lets no '/' or leading dot through. */
	if (!str_is_empty(config))
		own = xasprintf("%s/containers/certs.d/%s", config, host);
	else if (!str_is_empty(home))
		own = xasprintf("%s/.config/containers/certs.d/%s", home, host);
	if (r == 0 && own)
		r = load_dir(ret, own, false, err);
	for (size_t i = 0; i < ARRAY_SIZE(system_dirs) && r == 0; i++) {
		_cleanup_free_ char *dir = path_join(system_dirs[i], host);

		r = load_dir(ret, dir, false, err);
	}
	if (r < 0)
		certs_release(ret);
	return r;
}

void certs_release(struct certs *c)
{
	free(c->ca_file);
	free(c->ca_dir);
	free(c->client_cert);
	free(c->client_key);
	fd_closep(&c->bundle_fd);
	*c = (struct certs)CERTS_INIT;
}

#include "store/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/lock.h"

#define BLOB_STALE_TRIES 3 /* NFS: a file removed on another host between lookup and open */

/* The path below s->blobs, which is blobs/sha256: blobs of other algorithms, written by other
 * tools, are read from beside it. */
struct blob_path {
	char text[LIMIT_DIGEST + 8];
};

static const char *blob_path(const struct digest *digest, struct blob_path *p)
{
	if (str_eq(digest_algorithm(digest), "sha256"))
		return digest_encoded(digest);
	snprintf(p->text, sizeof(p->text), "../%s/%s", digest_algorithm(digest),
		 digest_encoded(digest));
	return p->text;
}

int blob_open(struct store *s, const struct digest *digest, int64_t *ret_size, struct err *err)
{
	_cleanup_fd_ int fd = -1;
	struct blob_path p;
	struct stat st;

	for (int i = 0; i < BLOB_STALE_TRIES; i++) {
		fd = openat(s->blobs, blob_path(digest, &p), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 || errno != ESTALE)
			break;
	}
	if (fd < 0 && errno == ENOENT)
		return err_set(err, ENOENT, "blob %s is not in the store '%s'", digest->text,
			       s->path);
	if (fd < 0)
		return err_sys(err, errno, "cannot open blob %s", digest->text);
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot look at blob %s", digest->text);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "blob %s is not a regular file", digest->text);
	if (ret_size)
		*ret_size = st.st_size;
	return steal_fd(&fd);
}

bool blob_exists(struct store *s, const struct digest *digest, int64_t *ret_size)
{
	struct blob_path p;
	struct stat st;

	if (fstatat(s->blobs, blob_path(digest, &p), &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode))
		return false;
	if (ret_size)
		*ret_size = st.st_size;
	return true;
}

int blob_read(struct store *s, const struct digest *digest, int64_t size, uint64_t max,
	      char **ret_text, size_t *ret_len, struct err *err)
{
	_cleanup_fd_ int fd = -1;
	int64_t there;
	int r;

	fd = blob_open(s, digest, &there, err);
	if (fd < 0)
		return fd;
	if (size >= 0 && there != size)
		return err_set(err, EBADMSG,
			       "blob %s has %lld bytes where its descriptor says %lld",
			       digest->text, (long long)there, (long long)size);
	if ((uint64_t)there > max)
		return err_set(err, EFBIG,
			       "blob %s has %lld bytes, more than the %llu a document may have",
			       digest->text, (long long)there, (unsigned long long)max);
	r = fd_slurp(fd, max, ret_text, ret_len, err);
	return r < 0 ? err_prefix(err, "blob %s", digest->text) : 0;
}

int blob_remove(struct store *s, const struct digest *digest, struct err *err)
{
	struct blob_path p;

	if (unlinkat(s->blobs, blob_path(digest, &p), 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove blob %s", digest->text);
	return 0;
}

/* Nothing here computes other digests, so nothing may come in under one. */
static int check_algorithm(const struct digest *digest, struct err *err)
{
	if (!digest_is_set(digest))
		return err_set(err, EINVAL, "a blob without a digest");
	if (!str_eq(digest_algorithm(digest), "sha256"))
		return err_set(err, ENOTSUP, "blob %s: only sha256 can be verified", digest->text);
	return 0;
}

int blob_claim(struct store *s, const struct digest *digest, struct blob_claim *ret,
	       struct err *err)
{
	_cleanup_free_ char *name = NULL;
	_cleanup_fd_ int fd = -1;
	struct err why = ERR_INIT;
	struct stat st;
	int r;

	*ret = (struct blob_claim)BLOB_CLAIM_INIT;
	r = check_algorithm(digest, err);
	if (r < 0)
		return r;
	if (blob_exists(s, digest, NULL))
		return BLOB_THERE;
	name = xasprintf("sha256-%s.partial", digest_encoded(digest));
	fd = lock_file(s->uploads, name, O_CREAT, &st, &why);
	if (fd == -EAGAIN)
		return BLOB_BUSY;
	if (fd < 0)
		return err_set(err, -fd, "cannot claim blob %s: %s", digest->text, why.msg);
	/* Whoever held the claim before may just have finished. */
	if (blob_exists(s, digest, NULL)) {
		unlinkat(s->uploads, name, 0);
		return BLOB_THERE;
	}
	ret->digest = *digest;
	ret->size = st.st_size;
	ret->fd = steal_fd(&fd);
	ret->name = steal_ptr(&name);
	return BLOB_MINE;
}

int blob_claim_new(struct store *s, struct blob_claim *ret, struct err *err)
{
	int fd;

	*ret = (struct blob_claim)BLOB_CLAIM_INIT;
	fd = lock_file_new(s->uploads, "new-", ".partial", &ret->name, err);
	if (fd < 0) {
		err_prefix(err, "cannot make a file in '%s/uploads'", s->path);
		return fd;
	}
	ret->fd = fd;
	return 0;
}

int blob_claim_commit(struct store *s, struct blob_claim *claim, struct err *err)
{
	int r;

	r = check_algorithm(&claim->digest, err);
	if (r < 0)
		return r;
	if (fsync(claim->fd) < 0)
		return err_sys(err, errno, "cannot write blob %s to disk", claim->digest.text);
	if (renameat(s->uploads, claim->name, s->blobs, digest_encoded(&claim->digest)) < 0)
		return err_sys(err, errno, "cannot publish blob %s", claim->digest.text);
	free(steal_ptr(&claim->name));
	fd_closep(&claim->fd);
	/* Some file systems cannot sync a directory and say so. */
	if (fsync(s->blobs) < 0 && errno != EINVAL && errno != ENOTSUP)
		return err_sys(err, errno, "cannot write '%s/blobs/sha256' to disk", s->path);
	return 0;
}

void blob_claim_release(struct store *s, struct blob_claim *claim, bool keep)
{
	/* Removed with the lock still held: see lock.h. */
	if (claim->fd >= 0 && claim->name && !keep)
		unlinkat(s->uploads, claim->name, 0);
	fd_closep(&claim->fd);
	freep(&claim->name);
	*claim = (struct blob_claim)BLOB_CLAIM_INIT;
}

/* acl: POSIX ACLs, and what they make of modes; default ACLs handed down. */
#include "posix.h"
#include "posix_acl.h"

#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

void acl_add(struct acl *acl, int tag, int perm, unsigned int id)
{
	bool named = tag == ACL_USER || tag == ACL_GROUP;

	if (acl->n == ACL_ENTRIES)
		die("too many ACL entries");
	acl->entry[acl->n++] = (struct posix_acl_xattr_entry){
		.e_tag = tag, .e_perm = perm, .e_id = named ? id : (unsigned int)ACL_UNDEFINED_ID};
}

/* The bytes of the xattr; its size. */
static size_t encode(const struct acl *acl, char *buf)
{
	struct posix_acl_xattr_header header = {htole32(POSIX_ACL_XATTR_VERSION)};
	size_t size = sizeof(header);

	memcpy(buf, &header, sizeof(header));
	for (size_t i = 0; i < acl->n; i++, size += sizeof(acl->entry[0])) {
		struct posix_acl_xattr_entry e = {htole16(acl->entry[i].e_tag),
						  htole16(acl->entry[i].e_perm),
						  htole32(acl->entry[i].e_id)};

		memcpy(buf + size, &e, sizeof(e));
	}
	return size;
}

int acl_set(const char *path, const char *xattr, const struct acl *acl)
{
	char buf[sizeof(struct posix_acl_xattr_header) + sizeof(acl->entry)];

	return setxattr(path, xattr, buf, encode(acl, buf), 0);
}

const char *acl_text(const char *path, const char *xattr)
{
	static const struct {
		int tag;
		const char *letter;
	} tags[] = {{ACL_USER_OBJ, "u:"}, {ACL_USER, "u"},  {ACL_GROUP_OBJ, "g:"},
		    {ACL_GROUP, "g"},	  {ACL_MASK, "m:"}, {ACL_OTHER, "o:"}};
	char buf[400], text[400] = "";
	struct posix_acl_xattr_entry e;
	ssize_t size = getxattr(path, xattr, buf, sizeof(buf));
	size_t len = 0;

	if (size < 0)
		return errno == ENODATA ? "none" : sf("errno %d", errno);
	for (ssize_t at = sizeof(struct posix_acl_xattr_header); at + (ssize_t)sizeof(e) <= size;
	     at += sizeof(e)) {
		const char *letter = "?";

		memcpy(&e, buf + at, sizeof(e));
		for (size_t i = 0; i < COUNT(tags); i++)
			if (tags[i].tag == le16toh(e.e_tag))
				letter = tags[i].letter;
		len += snprintf(text + len, sizeof(text) - len, "%s%s", len ? " " : "", letter);
		if (!strchr(letter, ':'))
			len += snprintf(text + len, sizeof(text) - len, ":%u", le32toh(e.e_id));
		len += snprintf(text + len, sizeof(text) - len, ":%d", le16toh(e.e_perm));
	}
	return sf("%s", text);
}

/* u::7 u:0:7 g::4 g:0:6 m::MASK o::1 */
static struct acl sample(int mask)
{
	struct acl acl = {0};

	acl_add(&acl, ACL_USER_OBJ, 7, 0);
	acl_add(&acl, ACL_USER, 7, 0);
	acl_add(&acl, ACL_GROUP_OBJ, 4, 0);
	acl_add(&acl, ACL_GROUP, 6, 0);
	acl_add(&acl, ACL_MASK, mask, 0);
	acl_add(&acl, ACL_OTHER, 1, 0);
	return acl;
}

static struct acl only_modes(int user, int group, int other)
{
	struct acl acl = {0};

	acl_add(&acl, ACL_USER_OBJ, user, 0);
	acl_add(&acl, ACL_GROUP_OBJ, group, 0);
	acl_add(&acl, ACL_OTHER, other, 0);
	return acl;
}

static void access_acl(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind), *to = beside(kind);
	struct acl acl = sample(5), minimal = only_modes(6, 4, 0), bad = {0};
	bool dir = S_ISDIR(kind_type(kind));
	ino_t ino = ino_of(path);

	ck_str(acl_text(path, ACL_ACCESS), "none", "ACL of %s", name);
	ck_err(TRY(acl_set(path, ACL_ACCESS, &acl)), 0, "ACL of %s", name);
	ck_str(acl_text(path, ACL_ACCESS), "u::7 u:0:7 g::4 g:0:6 m::5 o::1", "ACL of %s", name);
	ck_mode(perm_of(path), 0751, "mode of %s with an ACL", name);
	ck_num(ino_of(path), ino, "inode number of %s with an ACL", name);
	ck_err(TRY(chmod(path, 0640)), 0, "chmod of %s", name);
	ck_str(acl_text(path, ACL_ACCESS), "u::6 u:0:7 g::4 g:0:6 m::4 o::0",
	       "ACL of %s after chmod", name);
	ck_mode(perm_of(path), 0640, "mode of %s after chmod", name);
	/* the old file system behaviour: directories of a lower layer may not move */
	if (!dir) {
		ck_err(TRY(rename(path, to)), 0, "rename of %s", name);
		ck_str(acl_text(to, ACL_ACCESS), "u::6 u:0:7 g::4 g:0:6 m::4 o::0",
		       "ACL of %s after rename", name);
		path = to;
	}
	acl_add(&bad, ACL_USER_OBJ, 7, 0);
	ck_err(TRY(acl_set(path, ACL_ACCESS, &bad)), EINVAL, "ACL without group, %s", name);
	ck_err(TRY(acl_set(path, ACL_ACCESS, &minimal)), 0, "minimal ACL of %s", name);
	ck_str(acl_text(path, ACL_ACCESS), "none", "minimal ACL of %s", name);
	ck_mode(perm_of(path), 0640, "mode of %s with a minimal ACL", name);
	acl = sample(7);
	ck_err(TRY(acl_set(path, ACL_ACCESS, &acl)), 0, "ACL of %s again", name);
	ck_mode(perm_of(path), 0771, "mode of %s with it", name);
	ck_err(TRY(removexattr(path, ACL_ACCESS)), 0, "removing the ACL of %s", name);
	ck_str(acl_text(path, ACL_ACCESS), "none", "ACL of %s, removed", name);
	ck_mode(perm_of(path), 0771, "mode of %s without it", name);
	if (!dir)
		ck_err(TRY(acl_set(path, ACL_DEFAULT, &acl)), EACCES, "default ACL of %s", name);
}

/* What is made in a directory with a default ACL. */
static void heirs(const char *dir, const char *name)
{
	const char *file = sf("%s/acl-file", dir), *sub = sf("%s/acl-dir", dir);
	const char *fifo = sf("%s/acl-fifo", dir), *node = sf("%s/acl-node", dir);
	const char *leaf = sf("%s/acl-dir/leaf", dir);
	int fd;

	umask(077);
	fd = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
	ck_err(TRY(fd), 0, "create in %s", name);
	close(fd);
	ck_err(TRY(mkdir(sub, 0777)), 0, "mkdir in %s", name);
	ck_err(TRY(mkfifo(fifo, 0640)), 0, "mkfifo in %s", name);
	ck_err(TRY(mknod(node, S_IFREG | 0604, 0)), 0, "mknod in %s", name);
	fd = open(leaf, O_CREAT | O_WRONLY | O_CLOEXEC, 0777);
	ck_err(TRY(fd), 0, "create two below %s", name);
	close(fd);
	umask(022);
	ck_str(acl_text(file, ACL_ACCESS), "u::6 u:0:7 g::4 g:0:6 m::4 o::0", "ACL of a file in %s",
	       name);
	ck_mode(perm_of(file), 0640, "mode of a file in %s", name);
	ck_str(acl_text(sub, ACL_ACCESS), "u::7 u:0:7 g::4 g:0:6 m::5 o::1",
	       "ACL of a directory in %s", name);
	ck_str(acl_text(sub, ACL_DEFAULT), "u::7 u:0:7 g::4 g:0:6 m::5 o::1",
	       "default ACL of a directory in %s", name);
	ck_mode(perm_of(sub), 0751, "mode of a directory in %s", name);
	ck_str(acl_text(fifo, ACL_ACCESS), "u::6 u:0:7 g::4 g:0:6 m::4 o::0", "ACL of a fifo in %s",
	       name);
	ck_mode(perm_of(fifo), 0640, "mode of a fifo in %s", name);
	ck_str(acl_text(node, ACL_ACCESS), "u::6 u:0:7 g::4 g:0:6 m::0 o::0", "ACL by mknod in %s",
	       name);
	ck_mode(perm_of(node), 0600, "mode by mknod in %s", name);
	ck_str(acl_text(leaf, ACL_ACCESS), "u::7 u:0:7 g::4 g:0:6 m::5 o::1", "ACL two below %s",
	       name);
}

static void default_acl(enum kind kind)
{
	const char *path = take(kind), *name = kind_name(kind);
	struct acl acl = sample(5);

	ck_err(TRY(acl_set(path, ACL_DEFAULT, &acl)), 0, "default ACL of %s", name);
	ck_str(acl_text(path, ACL_DEFAULT), "u::7 u:0:7 g::4 g:0:6 m::5 o::1", "default ACL of %s",
	       name);
	ck_str(acl_text(path, ACL_ACCESS), "none", "ACL of %s with a default ACL", name);
	ck_mode(perm_of(path), 0755, "mode of %s with a default ACL", name);
	heirs(path, name);
	ck_err(TRY(removexattr(path, ACL_DEFAULT)), 0, "removing the default ACL of %s", name);
	ck_str(acl_text(path, ACL_DEFAULT), "none", "default ACL of %s, removed", name);
	umask(027);
	ck_err(TRY(mkdir(sf("%s/plain", path), 0777)), 0, "mkdir in %s without default ACL", name);
	umask(022);
	ck_mode(perm_of(sf("%s/plain", path)), 0750, "its mode");
	ck_str(acl_text(sf("%s/plain", path), ACL_DEFAULT), "none", "its default ACL");
}

/* ACLs that came with the layers. */
static void prepare(enum layer layer)
{
	const char *in = layer == LAYER_B ? "low" : "top";
	struct acl acl = sample(5);

	if (!(caps & CAP_ACL))
		return;
	for (int i = 0; i < 2; i++) {
		const char *dir = sf("%s/acl-default-%d", in, i),
			   *file = sf("%s/acl-file-%d", in, i);

		if (make_dir(dir) != 0 || put_text(file, "acl") != 0 ||
		    acl_set(file, ACL_ACCESS, &acl) != 0 || acl_set(dir, ACL_DEFAULT, &acl) != 0)
			die("cannot set ACLs: %s", strerror(errno));
	}
}

static void from_layers(const char *in)
{
	const char *dir = sf("%s/acl-default-0", in), *file = sf("%s/acl-file-0", in);
	const char *want = "u::7 u:0:7 g::4 g:0:6 m::5 o::1";

	ck_str(acl_text(file, ACL_ACCESS), want, "ACL of a file in %s", in);
	ck_mode(perm_of(file), 0751, "its mode in %s", in);
	ck_err(put_text(file, "changed"), 0, "write to it in %s", in);
	ck_str(acl_text(file, ACL_ACCESS), want, "its ACL after copy-up in %s", in);
	file = sf("%s/acl-file-1", in);
	ck_err(TRY(link(file, sf("%s-link", file))), 0, "link of it in %s", in);
	ck_str(acl_text(file, ACL_ACCESS), want, "its ACL after link in %s", in);
	ck_str(acl_text(dir, ACL_DEFAULT), want, "default ACL of a directory in %s", in);
	heirs(dir, sf("%s/acl-default", in));
	dir = sf("%s/acl-default-1", in);
	ck_err(TRY(chmod(dir, 0700)), 0, "chmod of such a directory in %s", in);
	ck_str(acl_text(dir, ACL_DEFAULT), want, "its default ACL after copy-up in %s", in);
	heirs(dir, sf("%s/acl-default copied up", in));
}

static void run(void)
{
	if (!(caps & CAP_ACL))
		return;
	for (enum kind k = 0; k <= FULL_LAST; k++)
		access_acl(k);
	for (enum kind k = DIR_NEW; k <= FULL_LAST; k++)
		default_acl(k);
	from_layers("low");
	from_layers("top");
}

const struct posix_group acl_group = {
	.name = "acl",
	.about = "POSIX ACLs and default ACLs",
	.run = run,
	.prepare = prepare,
};

/* Changing attributes. */
#include <errno.h>
#include <unistd.h>

#include "format/override_stat.h"
#include "fuse/content.h"
#include "fuse/copyup.h"
#include "fuse/lookup.h"
#include "fuse/upper.h"

static enum copy_kind kind_for(const struct node *n, const struct change *c)
{
	if (!c->size || !S_ISREG(n->type))
		return COPY_ATTRS;
	return c->st.st_size ? COPY_ALL : COPY_EMPTY;
}

static int truncate_to(struct overlay *o, struct node *n, const struct change *c)
{
	struct backing *b;
	struct stat st;
	int r;

	if (!S_ISREG(n->type))
		return S_ISDIR(n->type) ? -EISDIR : -EINVAL;
	r = content_open(o, n, true, &b);
	if (r < 0)
		return r;
	r = ftruncate(b->fd, c->st.st_size) < 0 ? -errno : 0;
	if (r == 0 && c->kill_priv && fstat(b->fd, &st) == 0 && (st.st_mode & (S_ISUID | S_ISGID)))
		r = content_kill_priv(b->fd, &st);
	content_close(b);
	return r;
}

/* Owner and mode where the true ones are kept beside the file. */
static int record(struct overlay *o, struct node *n, struct target *t, const struct change *c)
{
	const struct owner_config *owner = &o->config.owner;
	struct stat st;
	mode_t disk;
	int r = upper_stat(t->dirfd, t->name, &st);

	if (r < 0)
		return r;
	if (t->place)
		owner_show(owner, t->place, t->name, &st);
	else
		owner_show_fd(owner, t->dirfd, &st);
	if (c->uid && c->st.st_uid != (uid_t)-1)
		st.st_uid = c->st.st_uid;
	if (c->gid && c->st.st_gid != (gid_t)-1)
		st.st_gid = c->st.st_gid;
	if ((c->uid || c->gid) && !S_ISDIR(st.st_mode) && (st.st_mode & S_IXGRP))
		st.st_mode &= ~(mode_t)(S_ISUID | S_ISGID);
	if (c->mode)
		st.st_mode = (st.st_mode & S_IFMT) | (c->st.st_mode & 07777);
	disk = override_stat_disk_mode(st.st_mode & 07777, S_ISDIR(n->type));
	r = owner_record(owner, t->dirfd, t->name, &st);
	return r < 0 ? r : upper_chmod(t->dirfd, t->name, disk);
}

static bool can_record(struct node *n)
{
	return S_ISREG(n->type) || S_ISDIR(n->type);
}

static int set_owner_and_mode(struct overlay *o, struct node *n, struct target *t,
			      const struct change *c)
{
	uid_t uid = c->uid ? c->st.st_uid : (uid_t)-1;
	gid_t gid = c->gid ? c->st.st_gid : (gid_t)-1;
	int r = 0;

	if (owner_is_recorded(&o->config.owner) && can_record(n))
		return record(o, n, t, c);
	/* chown takes setuid bits away; a new mode, asked for at once, comes after it */
	if (c->uid || c->gid) {
		r = owner_to_disk(&o->config.owner, &uid, &gid);
		if (r == 0)
			r = upper_chown(t->dirfd, t->name, uid, gid);
		if (r == -EPERM && owner_is_recorded(&o->config.owner))
			r = 0; /* a symlink or special file, which takes no record either */
	}
	if (c->mode && (c->st.st_mode & (S_ISUID | S_ISGID)) && S_ISREG(n->type))
		content_replace(o, n, -1, false); /* who writes has to see them (has_priv) */
	if (r == 0 && c->mode)
		r = S_ISLNK(n->type) ? -EOPNOTSUPP
				     : upper_chmod(t->dirfd, t->name, c->st.st_mode & 07777);
	return r;
}

static int set_times(struct target *t, const struct change *c)
{
	struct timespec times[2] = {c->st.st_atim, c->st.st_mtim};

	if (!c->atime)
		times[0].tv_nsec = UTIME_OMIT;
	if (!c->mtime)
		times[1].tv_nsec = UTIME_OMIT;
	return upper_utimens(t->dirfd, t->name, times);
}

int overlay_setattr(struct overlay *o, struct node *n, const struct change *c, struct stat *ret)
{
	struct target t;
	int r = copy_up(o, n, kind_for(n, c));

	if (r < 0)
		return r;
	if (c->size) {
		r = truncate_to(o, n, c);
		if (r < 0)
			return r;
	}
	if (c->mode || c->uid || c->gid || c->atime || c->mtime) {
		r = upper_enter(o, n, false, &t);
		if (r < 0)
			return r;
		if (c->mode || c->uid || c->gid)
			r = set_owner_and_mode(o, n, &t, c);
		if (r == 0 && (c->atime || c->mtime))
			r = set_times(&t, c);
		if (r == 0 && t.has_spot) {
			r = upper_stat(t.dirfd, t.name, ret);
			if (r == 0)
				owner_show(&o->config.owner, t.spot.place, t.name, ret);
			show(o, n, ret);
			upper_leave(o, &t);
			return r;
		}
		upper_leave(o, &t);
		if (r < 0)
			return r;
	}
	return overlay_getattr(o, n, ret);
}

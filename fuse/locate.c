#include "fuse/locate.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "fuse/content.h"
#include "fuse/upper.h"
#include "fuse/xat.h"

static int locate_dir(struct dir *d, struct located *ret)
{
	struct place *top;

	pthread_rwlock_rdlock(&d->lock);
	top = d->removed ? d->grave : d->stack[0];
	ret->place = top ? place_ref(top) : NULL;
	pthread_rwlock_unlock(&d->lock);
	return top ? 0 : -ENOENT;
}

int locate(struct overlay *o, struct node *n, struct located *ret)
{
	int r;

	*ret = (struct located){.fd = -1, .name = ""};
	if (S_ISDIR(n->type))
		return locate_dir(n->dir, ret);
	r = spot_find(o, n, false, &ret->spot);
	if (r == 0) {
		ret->has_spot = true;
		ret->place = place_ref(ret->spot.place);
		ret->name = ret->spot.name;
		return 0;
	}
	if (r != -ENOENT)
		return r;
	ret->fd = content_held(o, n);
	if (ret->fd >= 0)
		return 0;
	if (ret->fd != -ENOENT)
		return ret->fd;
	r = content_get_data(o, n, &ret->place, &ret->owned_name);
	ret->name = ret->owned_name;
	return r;
}

void locate_end(struct overlay *o, struct located *l)
{
	if (l->fd >= 0)
		close(l->fd);
	place_unref(l->place);
	free(l->owned_name);
	if (l->has_spot)
		spot_release(o, &l->spot);
}

int located_stat(const struct located *l, struct stat *ret)
{
	if (!l->place)
		return upper_stat(l->fd, l->name, ret);
	return l->place->layer->source->stat(l->place, l->name, ret);
}

ssize_t located_readlink(const struct located *l, char *out, size_t size)
{
	ssize_t n;

	if (l->place)
		return l->place->layer->source->readlink(l->place, l->name, out, size);
	n = readlinkat(l->fd, l->name, out, size);
	return n < 0 ? -errno : n;
}

ssize_t located_getxattr(const struct located *l, const char *key, void *value, size_t size)
{
	if (!l->place)
		return xat_get(l->fd, l->name, key, value, size);
	return l->place->layer->source->getxattr(l->place, l->name, key, value, size);
}

ssize_t located_listxattr(const struct located *l, char *keys, size_t size)
{
	if (!l->place)
		return xat_list(l->fd, l->name, keys, size);
	return l->place->layer->source->listxattr(l->place, l->name, keys, size);
}

/* What strake-overlayfs is told by its caller, by images and by clients. The first byte says what
 * the rest is: 'o' the list behind -o, 'm' a map of ids, 'a' an ACL, 's' the record of an owner,
 * 'k' the key of an xattr, 'r' redirects, one a line.
 *
 * Redirects are those of layers that are on no disk, in which every name is there: its first letter
 * says as what. Whatever they say, nothing is asked for but single names, and each layer counts
 * once. */
#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "fuse/dir.h"
#include "fuse/marks.h"
#include "fuse/options.h"
#include "fuse/overlay.h"
#include "fuse/walk.h"
#include "fuzz.h"

enum { LAYERS = 4, TEXTS = 16 };

/* A copy that ends where it says, so that reading beyond shows. */
static void *copy_of(const void *data, size_t size)
{
	void *copy = malloc(size ? size : 1);

	fuzz_promise(copy);
	memcpy(copy, data, size);
	return copy;
}

static char *text_of(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	fuzz_promise(text);
	memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* --- the command line */

static void check_map(const struct id_map *m)
{
	fuzz_promise(m->n <= ID_RANGES);
	for (unsigned int i = 0; i < m->n; i++) {
		const struct id_range *r = &m->range[i];
		const struct owner_config c = {.uid = *m};
		uid_t uid = r->shown;
		gid_t gid = (gid_t)-1;

		fuzz_promise(r->count > 0);
		fuzz_promise(r->count <= UINT32_MAX - r->shown);
		fuzz_promise(r->count <= UINT32_MAX - r->disk);
		fuzz_promise(owner_to_disk(&c, &uid, &gid) == 0 && uid != (uid_t)-1);
		fuzz_promise(gid == (gid_t)-1);
	}
}

static void check_options(const struct options *o)
{
	fuzz_promise(o->overlay.n_lower > 0);
	for (unsigned int i = 0; i < o->overlay.n_lower; i++)
		fuzz_promise(o->overlay.lower[i][0]);
	fuzz_promise(!o->overlay.upper == !o->overlay.work);
	fuzz_promise(o->timeout >= 0 && o->timeout <= 1e9);
	fuzz_promise(o->threads <= 1);
	fuzz_promise(o->fd == -1 && o->notify == -1 && !strcmp(o->mountpoint, "/mnt"));
	check_map(&o->overlay.owner.uid);
	check_map(&o->overlay.owner.gid);
}

static void try_options(const uint8_t *data, size_t size)
{
	char *text = text_of(data, size);
	char name[] = "strake-overlayfs", flag[] = "-o", mountpoint[] = "/mnt";
	char *argv[] = {name, flag, text, mountpoint, NULL};
	struct err err = ERR_INIT;
	struct options o;
	int r = options_parse(4, argv, &o, &err);

	if (r == 0)
		check_options(&o);
	else
		fuzz_promise(r < 0 && err.code == -r && err.msg[0]);
	options_release(&o);
	free(text);
}

static void try_map(const uint8_t *data, size_t size)
{
	char *text = text_of(data, size);
	struct id_map m = {0};
	int r = id_map_parse(text, &m);

	fuzz_promise(r == 0 ? m.n > 0 : r == -EINVAL);
	if (r == 0) {
		check_map(&m);
		free(m.range);
	}
	free(text);
}

/* --- what clients set */

static void try_acl(const uint8_t *data, size_t size)
{
	static struct id_range ranges[] = {{0, 1000, 1}, {1, 100000, 65535}};
	const struct owner_config c = {.uid = {ranges, 2}, .gid = {ranges, 2}}, none = {0};
	void *acl = copy_of(data, size);
	int r = owner_acl_to_disk(&c, acl, size);

	/* what was mapped is mapped back to what it was */
	if (r == 0) {
		fuzz_promise(owner_acl_to_shown(&c, acl, size) == 0);
		fuzz_promise(memcmp(acl, data, size) == 0);
	}
	fuzz_promise(r == 0 || r == -EINVAL);
	free(acl);
	acl = copy_of(data, size);
	r = owner_acl_to_shown(&c, acl, size);
	fuzz_promise(r == 0 || r == -EINVAL);
	free(acl);
	acl = copy_of(data, size);
	fuzz_promise(owner_acl_to_disk(&none, acl, size) == 0 && memcmp(acl, data, size) == 0);
	free(acl);
}

static void try_key(const uint8_t *data, size_t size)
{
	char *key = text_of(data, size > 255 ? 255 : size);

	for (int trusted = 0; trusted < 2; trusted++) {
		const struct overlay o = {.prefix = trusted ? "trusted.overlay." : "user.overlay."};
		char disk[256], back[256];
		const char *on_disk = mark_escape(&o, key, disk), *shown;

		/* no client reaches a mark, and each finds his own again */
		if (on_disk) {
			fuzz_promise(strlen(on_disk) <= 255);
			fuzz_promise(!mark_is_private(&o, on_disk));
			shown = mark_unescape(&o, on_disk, back);
			fuzz_promise(shown && strcmp(shown, key) == 0);
		}
		shown = mark_unescape(&o, key, back);
		fuzz_promise(!shown || strlen(shown) <= 255);
	}
	free(key);
}

/* --- what layers bring */

struct text {
	const char *text;
	size_t size;
};

static struct text texts[TEXTS];
static size_t n_texts;

static unsigned int number_of(const struct place *dir, const char *name)
{
	unsigned int n = dir->layer->index;

	for (; *name; name++)
		n = n * 31 + (unsigned char)*name;
	return n;
}

static int fake_stat(struct place *dir, const char *name, struct stat *ret)
{
	size_t len = strlen(name);

	(void)dir;
	fuzz_promise(len > 0 && len < 256 && !strchr(name, '/'));
	fuzz_promise(strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
	*ret = (struct stat){.st_mode = S_IFDIR};
	if (name[0] == 'n' || strncmp(name, ".wh.", 4) == 0)
		return -ENOENT;
	if (name[0] == 'f')
		*ret = (struct stat){.st_mode = S_IFREG, .st_size = 5};
	else if (name[0] == 'w')
		*ret = (struct stat){.st_mode = S_IFCHR, .st_rdev = makedev(0, 0)};
	else if (name[0] == 'l')
		ret->st_mode = S_IFLNK;
	return 0;
}

static ssize_t fake_getxattr(struct place *dir, const char *name, const char *key, void *value,
			     size_t size)
{
	const struct text *t;

	if (strcmp(key, "user.overlay.redirect") != 0 || !n_texts)
		return strcmp(key, "user.overlay.metacopy") == 0 ? 0 : -ENODATA;
	t = &texts[number_of(dir, name) % n_texts];
	if (t->size > size)
		return -ERANGE;
	memcpy(value, t->text, t->size);
	return (ssize_t)t->size;
}

static ssize_t fake_listxattr(struct place *dir, const char *name, char *list, size_t size)
{
	static const char keys[] = "user.overlay.redirect\0user.overlay.metacopy";

	/* some have none */
	if (number_of(dir, name) % 8 == 7)
		return 0;
	if (size < sizeof(keys))
		return -ERANGE;
	memcpy(list, keys, sizeof(keys));
	return sizeof(keys);
}

static const struct source fake_source = {
	.stat = fake_stat, .getxattr = fake_getxattr, .listxattr = fake_listxattr};

static void check_found(const struct found *f)
{
	fuzz_promise(f->n <= LAYERS && f->in);
	for (unsigned int i = 1; i < f->n; i++)
		fuzz_promise(f->stack[i - 1]->layer->index < f->stack[i]->layer->index);
	if (f->data)
		fuzz_promise(f->data_name[0] && !strchr(f->data_name, '/') &&
			     f->data->layer->index > f->in->layer->index);
}

static void find_in(struct overlay *o, const char *name)
{
	struct place *roots[LAYERS];
	struct found f;
	struct dir *d;
	int r;

	for (unsigned int i = 0; i < LAYERS; i++)
		roots[i] = place_ref(o->layers[i].root);
	d = dir_new(roots, LAYERS);
	fuzz_promise(d);
	r = walk_find(o, d, name, &f);
	if (r == 0)
		check_found(&f);
	else
		fuzz_promise(r == -ENOENT || r == -EIO || r == -ERANGE);
	found_release(&f);
	dir_free(o, d);
}

static void split(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;

	n_texts = 0;
	while (at < end && n_texts < TEXTS) {
		const char *line = memchr(at, '\n', (size_t)(end - at));

		if (!line)
			line = end;
		texts[n_texts++] = (struct text){at, (size_t)(line - at)};
		at = line + 1;
	}
}

static void try_redirects(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"d", "e", "f", "f2", "dir"};
	struct listing_cache listings = {.max = 1 << 20};
	struct layer layers[LAYERS];
	struct overlay o = {.prefix = "user.overlay.",
			    .layers = layers,
			    .n_layers = LAYERS,
			    .listings = &listings};

	split(data, size);
	pthread_mutex_init(&listings.lock, NULL);
	fuzz_promise(place_cache_init(&o.places, 1) == 0);
	for (unsigned int i = 0; i < LAYERS; i++) {
		layers[i] = (struct layer){
			.overlay = &o, .source = &fake_source, .index = i, .wh_files = true};
		layers[i].root = place_root(&layers[i], -1);
		fuzz_promise(layers[i].root);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		find_in(&o, names[i]);
	for (unsigned int i = 0; i < LAYERS; i++)
		place_unref(layers[i].root);
	place_cache_release(&o.places);
	pthread_mutex_destroy(&listings.lock);
}

static struct text record;

static ssize_t record_getxattr(struct place *dir, const char *name, const char *key, void *value,
			       size_t size)
{
	(void)dir;
	(void)name;
	(void)key;
	if (record.size > size)
		return -ERANGE;
	memcpy(value, record.text, record.size);
	return (ssize_t)record.size;
}

static void try_record(const uint8_t *data, size_t size)
{
	static const struct source source = {.getxattr = record_getxattr};
	static const mode_t types[] = {S_IFREG, S_IFDIR};
	const struct owner_config c = {.override = "user.containers.override_stat"};
	struct layer layer = {.source = &source};
	struct place dir = {.layer = &layer};

	record = (struct text){(const char *)data, size};
	for (int i = 0; i < 2; i++) {
		struct stat st = {.st_mode = types[i] | 0700, .st_uid = 7, .st_gid = 8};

		owner_show(&c, &dir, "name", &st);
		fuzz_promise((st.st_mode & ~(mode_t)(S_IFMT | 07777)) == 0);
		fuzz_promise(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISLNK(st.st_mode) ||
			     S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || S_ISBLK(st.st_mode) ||
			     S_ISCHR(st.st_mode));
		fuzz_promise(st.st_uid != (uid_t)-1 && st.st_gid != (gid_t)-1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct {
		char letter;
		void (*try)(const uint8_t *, size_t);
	} kinds[] = {{'o', try_options}, {'m', try_map},    {'a', try_acl},
		     {'k', try_key},	 {'s', try_record}, {'r', try_redirects}};

	for (size_t i = 0; size > 0 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (data[0] == (uint8_t)kinds[i].letter)
			kinds[i].try(data + 1, size - 1);
	return 0;
}

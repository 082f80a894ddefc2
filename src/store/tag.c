/* Theory of operation: index.json is read whole, changed as a JSON document and written whole,
 * under the tags lock, so that members and entries this program does not know survive. Readers take
 * no lock: they see the file before or after a rename.
 */
#include "store/tag.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/lock.h"

#define INDEX_NAME "index.json"
#define INDEX_STALE_TRIES                                                                          \
	10 /* NFS: the file was replaced on another host between lookup and read */

/* The document, and its `manifests`, borrowed from it. */
static int read_index(struct store *s, json_t **ret_doc, json_t **ret_entries, struct err *err)
{
	_cleanup_json_ json_t *doc = NULL;
	_cleanup_free_ char *text = NULL;
	int64_t version = 2;
	size_t len;
	int r = -ESTALE;

	for (int i = 0; r == -ESTALE && i < INDEX_STALE_TRIES; i++)
		r = fd_read_file(s->root, INDEX_NAME, LIMIT_LAYOUT_INDEX_SIZE, &text, &len, err);
	if (r == 0)
		r = json_parse_object(text, len, LIMIT_LAYOUT_INDEX_SIZE, INDEX_NAME, &doc, err);
	if (r < 0) {
		err_prefix(err, "the store '%s'", s->path);
		return r;
	}
	r = json_get_int(doc, "schemaVersion", 2, 2, &version, err);
	if (r == 0)
		r = json_get_array(doc, "manifests", SIZE_MAX, ret_entries, err);
	if (r < 0) {
		err_prefix(err, "the store '%s': " INDEX_NAME, s->path);
		return r;
	}
	*ret_doc = steal_ptr(&doc);
	return 0;
}

/* The name of an entry as it stands in the document; NULL without one. */
static const char *entry_name(const json_t *entry)
{
	return json_string_value(
		json_object_get(json_object_get(entry, "annotations"), TAG_ANNOTATION_NAME));
}

static int tag_parse(const json_t *entry, size_t i, struct tag *ret, struct err *err)
{
	const char *name;
	char what[64];
	int r;

	snprintf(what, sizeof(what), INDEX_NAME ": entry %zu", i);
	r = descriptor_parse(entry, LIMIT_BLOB_SIZE, what, &ret->manifest, err);
	if (r < 0)
		return r;
	name = descriptor_annotation(&ret->manifest, TAG_ANNOTATION_NAME);
	ret->name = xstrdup(name ? name : "");
	return 0;
}

int tags_read(struct store *s, struct tags *ret, struct err *err)
{
	_cleanup_json_ json_t *doc = NULL;
	struct tags tags = {0};
	json_t *entries, *entry;
	size_t i;
	int r;

	*ret = tags;
	r = read_index(s, &doc, &entries, err);
	if (r < 0)
		return r;
	tags.tags = xcalloc(json_array_size(entries) + 1, sizeof(*tags.tags));
	json_array_foreach (entries, i, entry) {
		r = tag_parse(entry, i, &tags.tags[i], err);
		if (r < 0) {
			tags_release(&tags);
			err_prefix(err, "the store '%s'", s->path);
			return r;
		}
		tags.n++;
	}
	*ret = tags;
	return 0;
}

void tags_release(struct tags *tags)
{
	for (size_t i = 0; i < tags->n; i++) {
		free(tags->tags[i].name);
		descriptor_release(&tags->tags[i].manifest);
	}
	free(tags->tags);
	*tags = (struct tags){0};
}

const struct tag *tags_find(const struct tags *tags, const char *name)
{
	if (!name[0])
		return NULL;
	for (size_t i = 0; i < tags->n; i++)
		if (str_eq(tags->tags[i].name, name))
			return &tags->tags[i];
	return NULL;
}

/* An index.json under change: its lock and its content. */
struct edit {
	int lock;
	json_t *doc;
	json_t *entries; /* borrowed from doc */
};

static int edit_begin(struct store *s, struct edit *e, struct err *err)
{
	int r;

	e->doc = NULL;
	e->lock = lock_store(s, LOCK_TAGS, true, true, err);
	if (e->lock < 0)
		return e->lock;
	r = read_index(s, &e->doc, &e->entries, err);
	if (r == 0 && !e->entries) {
		e->entries = json_array();
		json_object_set_new(e->doc, "manifests", e->entries);
	}
	return r;
}

static int edit_write(struct store *s, const struct edit *e, struct err *err)
{
	_cleanup_free_ char *text = json_text(e->doc);
	size_t len = strlen(text);
	int r;

	if (len > LIMIT_LAYOUT_INDEX_SIZE)
		return err_set(err, EFBIG,
			       "the store '%s' has no room for another tag: " INDEX_NAME
			       " would grow beyond %llu bytes",
			       s->path, (unsigned long long)LIMIT_LAYOUT_INDEX_SIZE);
	r = fd_write_file_atomic(s->root, INDEX_NAME, text, len, 0644, err);
	if (r < 0)
		err_prefix(err, "the store '%s'", s->path);
	return r;
}

static void edit_end(struct edit *e)
{
	json_decref(e->doc);
	fd_closep(&e->lock);
}

int tag_set(struct store *s, const char *name, const struct descriptor *manifest, struct err *err)
{
	_cleanup_(edit_end) struct edit e = {.lock = -1};
	_cleanup_json_ json_t *entry = NULL;
	struct descriptor named;
	bool placed = false;
	int r;

	if (!name[0])
		return err_set(err, EINVAL, "a tag without a name");
	descriptor_copy(manifest, &named);
	descriptor_annotate(&named, TAG_ANNOTATION_NAME, name);
	entry = descriptor_json(&named);
	descriptor_release(&named);
	if (!str_eq(entry_name(entry), name))
		return err_set(err, EINVAL, "the name '%s' is not valid UTF-8", name);
	r = edit_begin(s, &e, err);
	if (r < 0)
		return r;
	/* A name that another tool wrote twice is there once afterwards, at its first place. */
	for (size_t i = 0; i < json_array_size(e.entries);) {
		if (!str_eq(entry_name(json_array_get(e.entries, i)), name)) {
			i++;
		} else if (placed) {
			json_array_remove(e.entries, i);
		} else {
			json_array_set(e.entries, i++, entry);
			placed = true;
		}
	}
	if (!placed)
		json_array_append(e.entries, entry);
	return edit_write(s, &e, err);
}

int tag_remove(struct store *s, const char *name, struct err *err)
{
	_cleanup_(edit_end) struct edit e = {.lock = -1};
	size_t removed = 0;
	int r;

	r = edit_begin(s, &e, err);
	if (r < 0)
		return r;
	for (size_t i = json_array_size(e.entries); name[0] && i-- > 0;) {
		if (!str_eq(entry_name(json_array_get(e.entries, i)), name))
			continue;
		json_array_remove(e.entries, i);
		removed++;
	}
	if (!removed)
		return err_set(err, ENOENT, "no such image '%s'", name);
	return edit_write(s, &e, err);
}

int tag_remove_manifest(struct store *s, const struct digest *digest, struct err *err)
{
	_cleanup_(edit_end) struct edit e = {.lock = -1};
	int removed = 0;
	int r;

	r = edit_begin(s, &e, err);
	if (r < 0)
		return r;
	for (size_t i = json_array_size(e.entries); i-- > 0;) {
		const json_t *entry = json_array_get(e.entries, i);

		if (!str_eq(json_string_value(json_object_get(entry, "digest")), digest->text))
			continue;
		json_array_remove(e.entries, i);
		removed++;
	}
	if (!removed)
		return 0;
	r = edit_write(s, &e, err);
	return r < 0 ? r : removed;
}

#include "tar_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 512

static void append(unsigned char **data, size_t *len, size_t *cap, const void *p, size_t n)
{
	if (*len + n > *cap) {
		*cap = 2 * (*len + n);
		*data = realloc(*data, *cap);
		if (!*data)
			abort();
	}
	memcpy(*data + *len, p, n);
	*len += n;
}

void tar_release(struct tar *t)
{
	free(t->data);
	free(t->pax);
	memset(t, 0, sizeof(*t));
}

void tar_raw(struct tar *t, const void *data, size_t len)
{
	append(&t->data, &t->len, &t->cap, data, len);
}

static void pad(struct tar *t)
{
	static const unsigned char zeros[BLOCK];

	if (t->len % BLOCK)
		tar_raw(t, zeros, BLOCK - t->len % BLOCK);
}

void tar_checksum(struct tar *t, size_t offset)
{
	unsigned char *h = t->data + offset;
	unsigned int sum = 0;
	char text[8];

	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += h[i];
	snprintf(text, sizeof(text), "%06o", sum);
	memcpy(h + 148, text, 7);
}

static void field(unsigned char *h, size_t at, size_t size, unsigned long long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%0*llo", (int)size - 1, value);
	memcpy(h + at, text, size);
}

static void header(struct tar *t, const char *name, char type, const struct tar_item *item,
		   size_t size)
{
	unsigned char h[BLOCK] = {0};
	size_t at = t->len;

	memcpy(h, name, strlen(name) < 100 ? strlen(name) : 100);
	field(h, 100, 8, item->mode);
	field(h, 108, 8, item->uid);
	field(h, 116, 8, item->gid);
	field(h, 124, 12, size);
	field(h, 136, 12, item->mtime < 0 ? 0 : (unsigned long long)item->mtime);
	h[156] = (unsigned char)type;
	if (item->link)
		memcpy(h + 157, item->link, strlen(item->link) < 100 ? strlen(item->link) : 100);
	memcpy(h + 257, "ustar\00000", 8);
	field(h, 329, 8, item->major);
	field(h, 337, 8, item->minor);
	tar_raw(t, h, sizeof(h));
	tar_checksum(t, at);
}

void tar_pax(struct tar *t, const char *key, const void *value, size_t len)
{
	size_t body = strlen(key) + len + 3, digits = 1, total;
	char start[512];

	for (total = body + digits;; total = body + ++digits) {
		snprintf(start, sizeof(start), "%zu", total);
		if (strlen(start) == digits)
			break;
	}
	snprintf(start, sizeof(start), "%zu %s=", total, key);
	append(&t->pax, &t->pax_len, &t->pax_cap, start, strlen(start));
	append(&t->pax, &t->pax_len, &t->pax_cap, value, len);
	append(&t->pax, &t->pax_len, &t->pax_cap, "\n", 1);
}

void tar_add(struct tar *t, struct tar_item item)
{
	size_t size = item.data && !item.size ? strlen(item.data) : item.size;
	static const struct tar_item pax_item = {.mode = 0644};

	if (!item.type)
		item.type = '0';
	if (!item.mode && !item.no_mode)
		item.mode = item.type == '5' ? 0755 : 0644;
	if (!item.mtime)
		item.mtime = 1000000000;
	if (item.mtime < 0) {
		char text[32];

		snprintf(text, sizeof(text), "%lld", item.mtime);
		tar_pax(t, "mtime", text, strlen(text));
	}
	if (strlen(item.name) > 100)
		tar_pax(t, "path", item.name, strlen(item.name));
	if (item.link && strlen(item.link) > 100)
		tar_pax(t, "linkpath", item.link, strlen(item.link));
	if (t->pax_len) {
		header(t, "pax", 'x', &pax_item, t->pax_len);
		tar_raw(t, t->pax, t->pax_len);
		pad(t);
		t->pax_len = 0;
	}
	header(t, item.name, item.type, &item, size);
	if (item.data)
		tar_raw(t, item.data, size);
	pad(t);
}

void tar_end(struct tar *t)
{
	static const unsigned char zeros[2 * BLOCK];

	tar_raw(t, zeros, sizeof(zeros));
}

void tar_file(struct tar *t, const char *name, const char *text)
{
	tar_add(t, (struct tar_item){.name = name, .data = text});
}

void tar_dir(struct tar *t, const char *name)
{
	tar_add(t, (struct tar_item){.name = name, .type = '5'});
}

void tar_symlink(struct tar *t, const char *name, const char *target)
{
	tar_add(t, (struct tar_item){.name = name, .type = '2', .mode = 0777, .link = target});
}

void tar_link(struct tar *t, const char *name, const char *target)
{
	tar_add(t, (struct tar_item){.name = name, .type = '1', .link = target});
}

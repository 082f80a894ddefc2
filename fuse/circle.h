/* circle: an intrusive ring with a hand, for caches that go around what they hold. The caller
 * locks. */
#ifndef STRAKE_FUSE_CIRCLE_H
#define STRAKE_FUSE_CIRCLE_H

#include <stdbool.h>
#include <stddef.h>

/* A member of each element. All NULL: it is in no ring. */
struct circle {
	struct circle *prev, *next;
};

/* The element whose `member` the link is. */
#define CIRCLE_OF(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

/* Puts it before *hand: it is the last that the hand comes to. */
static inline void circle_add(struct circle **hand, struct circle *c)
{
	if (!*hand) {
		*hand = c->prev = c->next = c;
		return;
	}
	c->next = *hand;
	c->prev = (*hand)->prev;
	c->prev->next = c->next->prev = c;
}

/* The hand goes on when it is at c. False when it is in no ring. */
static inline bool circle_remove(struct circle **hand, struct circle *c)
{
	if (!c->next)
		return false;
	if (c->next == c)
		*hand = NULL;
	else if (*hand == c)
		*hand = c->next;
	c->prev->next = c->next;
	c->next->prev = c->prev;
	c->prev = c->next = NULL;
	return true;
}

#endif

#include "fuse/patience.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>

#include "base/clock.h"

enum {
	LOOK_NS = 30000, /* a request that follows another comes within */
	SOON_NS = 60000, /* the same, and the waking of a sleeper */
	LUCK_MAX = 16,
	LUCK_NEEDED = 8,
	LUCK_LOST = 4, /* by one that did not come soon */
};

void patience_init(struct patience *p, struct wire *wire)
{
	const int flags = fcntl(wire->fd, F_GETFL);
	cpu_set_t set;

	*p = (struct patience){.never = sched_getaffinity(0, sizeof(set), &set) == 0 &&
					CPU_COUNT(&set) == 1};
	if (flags >= 0)
		(void)fcntl(wire->fd, F_SETFL, flags | O_NONBLOCK);
}

static void remember(struct patience *p, bool soon)
{
	if (soon)
		p->luck += p->luck < LUCK_MAX;
	else
		p->luck = p->luck > LUCK_LOST ? p->luck - LUCK_LOST : 0;
}

int patience_read(struct patience *p, struct wire *wire, char *buffer, struct request *ret)
{
	int r = wire_read(wire, buffer, ret);
	int64_t since;

	if (r != -EAGAIN)
		return r;
	since = clock_ns();
	if (p->luck >= LUCK_NEEDED && !p->never) {
		do {
			sched_yield();
			r = wire_read(wire, buffer, ret);
		} while (r == -EAGAIN && clock_ns() - since < LOOK_NS);
	}
	if (r == -EAGAIN) {
		struct pollfd fd = {.fd = wire->fd, .events = POLLIN};

		(void)poll(&fd, 1, -1);
		r = wire_read(wire, buffer, ret);
		remember(p, clock_ns() - since < SOON_NS);
	} else {
		remember(p, true);
	}
	return r == -EAGAIN ? 0 : r;
}

/*
 * bridge_switch.h - the key in Redis that turns Incus' long polls off.
 *
 * Every five seconds it is looked for.  As long as it is there every hub is
 * told so, again and again, and once when it is gone.  When Redis does not
 * answer nothing is said, and after a while hubs take polls on again.
 */
#ifndef INGRESS_BRIDGE_SWITCH_H
#define INGRESS_BRIDGE_SWITCH_H

#include "common/bus.h"
#include "ingress/redis.h"

enum { SWITCH_MS = 5000 };

struct killswitch {
	struct loop *loop; /* these four are filled in; all borrowed */
	struct bus *bus;
	struct redis *redis;
	const char *key;

	struct timer tick; /* the rest is bridge_switch.c's business */
	struct redis_call call;
	struct ticket ticket;
	bool asking, on;
	bool saying, owed; /* what is on its way; it must be said */
};

void killswitch_open(struct killswitch *);
void killswitch_close(struct killswitch *); /* harmless before */
void killswitch_look(struct killswitch *);  /* now: Redis is up */

#endif

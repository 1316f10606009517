/*
 * bridge_lease.h - one thing that only one bridge does at a time.
 *
 * A lease is a key in Redis with a token and a time to live, renewed three
 * times in it.  It is held by our own clock too: from the moment it was last
 * asked for, so that a process that was stopped knows at once that it lost
 * it.  A token is INSTANCE/BOOT; a new life takes over from the one before
 * of the same name, once, without waiting for the key to expire.
 */
#ifndef INGRESS_BRIDGE_LEASE_H
#define INGRESS_BRIDGE_LEASE_H

#include "ingress/redis.h"

#include "common/buf.h"

struct lease {
	/* `held` changed. */
	void (*changed)(struct lease *);
	bool held;

	struct redis *redis; /* the rest is bridge_lease.c's business */
	struct loop *loop;
	struct buf key, token;
	size_t instance; /* bytes of the token, with the slash */
	unsigned ttl;    /* ms */
	uint64_t asked_at, until;
	bool asking, fresh, left; /* fresh: may take over from a former life */
	bool refused; /* by Redis when last asked, with an error: it was said */
	struct timer tick;
	struct redis_call call;
};

struct lease_setup {
	struct loop *loop;
	struct redis *redis;
	const char *prefix, *name; /* of the key */
	const char *token;
	unsigned ttl;
};

/* Zeroed but for `changed`.  Copies the strings. */
void lease_open(struct lease *, const struct lease_setup *);
void lease_close(struct lease *);

void lease_ask(struct lease *); /* now: Redis is up */

/* It is ours at this very moment; `held` may be out of date by a tick. */
bool lease_valid(struct lease *);

/* Give it back, for good. */
void lease_leave(struct lease *);

/* Somebody else has it: Redis said so to another request. */
void lease_lost(struct lease *);

#endif

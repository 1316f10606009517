/*
 * lease.h - shards that an engine lends, to one store at a time.
 *
 *	the engine               the loop
 *	free, taken -- gained --> serves the shard
 *	lent <------- release --- has noticed by itself that it must not
 *	lent --------- leave ---> takes nothing more for it
 *	left <------- release --- nothing of it is pending any more
 *
 * Each gain is followed by one release, and no gain comes before it.  Past
 * `until` another store may have the shard, whether we heard of it or not:
 * so nothing may be decided or told for it then.  All of it on the loop.
 */
#ifndef STORE_LEASE_H
#define STORE_LEASE_H

#include "store/engine.h"

struct lease {
	unsigned shard;
	uint64_t term;      /* only grows */
	struct slice owner; /* name of the store; borrowed for the call */
};

struct lease_face {
	/* The recall is the callee's. */
	void (*gained)(struct lease_face *, const struct lease *,
	    const struct shard_state *);
	/* Harmless where it was left already. */
	void (*leave)(struct lease_face *, unsigned shard);
	/* Another store has it. */
	void (*taken)(struct lease_face *, const struct lease *);
};

/* What an engine that lends is, besides an engine. */
struct lender {
	/* Begin to take shards, as the store of that name. */
	void (*lend)(struct engine *, struct lease_face *, const char *name);
	void (*release)(struct engine *, unsigned shard);
	/* ms of clock_us() / 1000; costs no more than looking */
	uint64_t (*until)(const struct engine *, unsigned shard);
};

#endif

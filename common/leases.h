/*
 * leases.h - jobs that stores gave us and that nobody has settled yet.
 *
 * Each is claimed again when the link to its store returns or its shard has
 * another owner, and a store gives only as many as are settled or whose time
 * is over.  A lease is embedded in what it is of, and borrowed while it is
 * held.  Finding one costs O(1); what is asked of the stores is said once a
 * turn, at the cost of a walk over those that are out.
 */
#ifndef COMMON_LEASES_H
#define COMMON_LEASES_H

#include "common/bus.h"
#include "common/loop.h"
#include "common/table.h"

struct lease {
	struct table_entry entry;
	uint64_t job[2]; /* its shard and its number there */
	uint64_t lease;
	uint64_t until; /* unix ms by the store's clock */
	uint64_t renew; /* unix ms when it is claimed anew, if it is */
};

/* Zeroed but for the first it is an empty one. */
struct leases {
	struct bus *bus; /* all borrowed */
	struct loop *loop;
	const char *queue;
	unsigned most; /* out at a time, of each store; leases_ask() after
			* a change */
	bool silent;   /* a pipe has nobody to claim from or to ask */
	bool renewed;  /* claimed in time, so that none is ever over */
	/* Its time is over: it is held no more, and the caller's again. */
	void (*over)(struct leases *, struct lease *);

	struct table *rows; /* the rest is leases.c's business */
	struct timer look;  /* armed while any is out */
	struct timer due;   /* armed when something is to be asked */
};

void leases_open(struct leases *);
/* What is out is given to over() first.  Harmless when it was not opened. */
void leases_close(struct leases *);

/* A link is up: claim what is out, then ask for more. */
void leases_up(struct leases *, struct bus_link *);
/* Shards moved: claim what is out of this one, and soon ask all for more. */
void leases_owner(struct leases *, unsigned shard);
/* Ask all for more, soon. */
void leases_ask(struct leases *);

/* NULL: it is not out. */
struct lease *leases_find(const struct leases *, uint64_t shard, uint64_t n);
/* A job came that is not out; or one that is, by another lease. */
void leases_add(struct leases *, struct lease *, const struct msg_job *);
void leases_again(struct leases *, struct lease *, const struct msg_job *);
/* It is not held any more. */
void leases_drop(struct leases *, struct lease *);

/* Which one that settles; NULL: none, or it was leased anew meanwhile, of
 * which nothing is known yet. */
struct lease *leases_settled(const struct leases *, const struct msg_settled *);

/* For walks, as table_next() does. */
struct lease *leases_next(const struct leases *, struct table_cursor *);
size_t leases_count(const struct leases *);

#endif

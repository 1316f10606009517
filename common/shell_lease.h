/*
 * shell_lease.h - jobs that a pipe was given and that nobody has settled yet.
 *
 * Each is claimed again when the link to its store returns or its shard has
 * another owner, and a store gives only as many as are settled or whose time
 * is over.  Copies four numbers a job; a look costs a walk over those that are
 * out.
 */
#ifndef COMMON_SHELL_LEASE_H
#define COMMON_SHELL_LEASE_H

#include "common/bus.h"
#include "common/loop.h"

struct lease_row {
	uint64_t shard, number, lease;
	uint64_t until; /* unix ms by the store's clock */
};

/* Zeroed but for the first four it is an empty one. */
struct leases {
	struct bus *bus; /* all borrowed */
	struct loop *loop;
	const char *queue;
	unsigned most; /* out at a time, of each store */

	struct lease_row *rows; /* the rest is shell_lease.c's business */
	size_t count, room;
	struct timer over;  /* armed while any is out */
	struct timer moved; /* armed when owners changed: ask all, once */
};

void leases_open(struct leases *);
void leases_close(struct leases *); /* harmless when it was not opened */

/* A link is up: claim what is out, then ask for more. */
void leases_up(struct leases *, struct bus_link *);
/* Shards moved: claim what is out of this one, and soon ask all for more. */
void leases_owner(struct leases *, unsigned shard);
void leases_job(struct leases *, const struct msg_job *);
void leases_settled(struct leases *, const struct msg_settled *);

#endif

/*
 * jobs.h - work for pushers: enqueued, leased by credit, settled.
 *
 * A job's number is the next of its shard.  All jobs are in memory, bounded
 * by count and bytes; a row of each makes it durable.  Nothing becomes of a
 * job before the row says so: what a frame asks for is done when its commit
 * is, and if that fails nothing was asked.
 *
 *	WAITING <---> READY ---> LEASED ---> DELIVERED, GONE
 *	   ^                       |  |
 *	   +-- retry, lease over --+  +----> DEAD ---> replayed: WAITING
 *	any of them ---> EXPIRED, REPLACED, CANCELLED
 *
 * Between the applications of a queue leases go round; within one the higher
 * priority goes first, then who was due first.  A lease outlives the link of
 * its pusher by a grace, in which the same life of it may claim it again.
 *
 * A job has one timer and one place on a list; each frame costs O(log n)
 * for finding it.  Copies what frames bring.  One thread.
 */
#ifndef STORE_JOBS_H
#define STORE_JOBS_H

#include "common/wheel.h"
#include "store/id.h"
#include "store/snapshot.h"
#include "store/worker.h"
#include "store/writes.h"

enum {
	JOB_HOLD_MS = 3000, /* after a boot, for pushers that still have some */
	JOB_LATER_MS =
	    1000,        /* until what could not be written is tried again */
	JOB_TAKERS = 16, /* queues a peer may give credit for */
};

struct jobs_limits {
	size_t most, bytes;           /* unfinished and dead letters */
	size_t done, dead;            /* remembered; dead letters kept */
	uint64_t done_ms, dead_ms;    /* and how long */
	uint64_t lease_ms, grace_ms;  /* of a lease; of a lost link */
	uint64_t age_ms;              /* of a job, at most */
	uint64_t retry_ms, retry_max; /* backoff: of the first, of any */
	unsigned attempts;            /* then it is a dead letter */
};

/* All of it is borrowed. */
struct jobs_setup {
	struct sequence *sequence;
	struct publishing *publishing;
	struct writes *writes;
	struct ids *ids;
	struct wire *wire;
	struct wheel *wheel;
	struct engine *engine;
	struct jobs_limits limits;
	uint64_t seed; /* of the jitter; 0: any */
	struct publish_time (*time)(struct jobs_setup *);
};

struct jobs;
struct holder;

/* Embedded in the state of a peer. */
struct jobs_peer {
	struct bus_peer *peer;
	struct publisher *publisher;
	struct holder *holder; /* NULL: it never gave credit */
	struct list takers;    /* struct taker */
	unsigned count;
};

struct jobs *jobs_new(struct jobs_setup *); /* borrows */
void jobs_free(struct jobs **);             /* after all its peers */

/* A shard is ours now: what is to be read of it; then, find its jobs again. */
struct snapshot jobs_rows(struct engine *, unsigned shard, uint64_t unix_ms);
void jobs_open(struct jobs *, const struct snapshot *);

/* The same of a store that serves: pushers may have some of these jobs from
 * the shard's last owner, and are waited for. */
void jobs_gain(struct jobs *, const struct snapshot *);

/* A shard is not ours any more: nothing of it is leased; then, when nothing of
 * it is pending, it is forgotten. */
void jobs_stop(struct jobs *, unsigned shard);
void jobs_leave(struct jobs *, unsigned shard);

void jobs_peer_init(struct jobs_peer *, struct bus_peer *, struct publisher *);
void jobs_peer_gone(struct jobs *, struct jobs_peer *);

/* enqueue, requeue, cancel, credit, receipt, holding, jobs. */
void jobs_frame(struct jobs *, struct jobs_peer *, const struct msg *);

/* Give leases; at the end of a turn.  True: there is more to do. */
bool jobs_turn(struct jobs *);
void jobs_tick(struct jobs *);  /* about once a second */
void jobs_drain(struct jobs *); /* no more leases */

#endif

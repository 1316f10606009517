/*
 * job_ask.h - a request about jobs, between its parsing and its asking.
 */
#ifndef INGRESS_JOB_ASK_H
#define INGRESS_JOB_ASK_H

#include "common/must.h"
#include "common/table.h"
#include "ingress/api.h"

enum what { LIST, ONE, CANCEL, REPLAY, REPLAY_ALL };

/* The front half is said by who asks. */
struct ask {
	struct request r;
	struct table_entry entry;
	struct job_asks *asks; /* NULL while no store is asked */
	struct credential *who;
	enum what what;
	const struct bus_link *link;
	uint64_t ref;
	char queue[32];
	uint64_t state, limit;
	uint64_t shard, after, number; /* where it is */
	struct list changes;           /* struct change, on their way */
	unsigned count;                /* told, or replayed */
	unsigned refused;              /* replays that were */
	bool found, more, page_more, done;
	struct failure failure; /* status 0: none */
	struct buf text;
};

/* Owns a count of the credential; to be freed as a request is. */
struct ask *ask_new(struct credential *);

/* What it asks is known; changes want room on the bus. */
void ask_ready(struct ask *);

#endif

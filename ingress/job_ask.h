/*
 * job_ask.h - a request about jobs, between its parsing and its asking.
 */
#ifndef INGRESS_JOB_ASK_H
#define INGRESS_JOB_ASK_H

#include "ingress/asks.h"

enum what { LIST, ONE, CANCEL, REPLAY, REPLAY_ALL };

/* What is asked for is filled in by who makes it. */
struct job_ask {
	struct ask a; /* first */
	struct credential *who;
	enum what what;
	char queue[32];
	uint64_t state, limit;
	uint64_t shard, after, number; /* where it is */
	struct list changes;           /* struct change, on their way */
	unsigned count;                /* told, or replayed */
	unsigned refused;              /* replays that were */
	bool more, page_more;
};

/* Owns a count of the credential, borrows the front; to be freed as a request
 * is. */
struct job_ask *job_ask_new(struct front *, struct credential *);

/* What it asks is known; changes want room on the bus. */
void job_ask_ready(struct job_ask *);

#endif

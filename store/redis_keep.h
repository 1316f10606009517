/*
 * redis_keep.h - between redis_keep.c, which keeps the leases on a thread of
 * its own, and redis_tell.c, which tells the loop of it.
 */
#ifndef STORE_REDIS_KEEP_H
#define STORE_REDIS_KEEP_H

#include "common/list.h"
#include "store/redis_alive.h"
#include "store/redis_own.h"

enum lease_state { LEASE_FREE, LEASE_HELD, LEASE_LEFT };

/* Of the keeper's thread alone. */
struct redis_lease {
	enum lease_state state;
	bool wanted;           /* to be taken in this round */
	uint64_t told;         /* highest term the loop was told of */
	char heir[REDIS_NAME]; /* whom it is left to; "": nobody */
};

struct redis_event {
	struct list node;
	enum { TELL_GAINED, TELL_LEAVE, TELL_TAKEN } kind;
	struct lease lease;
	struct shard_state state; /* of what was gained */
	char owner[REDIS_NAME];   /* the lease borrows it */
};

struct redis_keeper {
	struct redis_engine *r;
	struct lease_face *face;
	const char *name;
	struct redis_net *net;
	struct waker waker;
	pthread_t thread;
	/* under the mutex of the engine: */
	pthread_cond_t asked;
	bool leaving, poked;
	struct list events; /* struct redis_event */
	/* of the thread alone: */
	struct redis_lease *leases;
	struct redis_alive alive;
	uint64_t began, tidied; /* ms */
};

void redis_keeper_start(struct redis_keeper *);
void redis_keeper_stop(struct redis_keeper *);

/* Copies. */
void redis_tell(struct redis_keeper *, const struct redis_event *);

#endif

/*
 * redis_own.h - what the files of the engine on Redis share.
 *
 * Three threads use it: the committer (redis_write.c), the reader
 * (redis_read.c, redis_pattern.c) and the keeper of the leases
 * (redis_keep.c, redis_take.c), each with connections of its own.  What they
 * share is under the mutex: what each shard stands at.
 */
#ifndef STORE_REDIS_OWN_H
#define STORE_REDIS_OWN_H

#include "common/must.h"
#include "store/engine_redis.h"
#include "store/lease.h"
#include "store/redis_lua.h"
#include "store/redis_row.h"

#include <pthread.h>

enum {
	REDIS_NAME = 64, /* of a store */
	REDIS_LIFE = 17,
	REDIS_OWNER = REDIS_NAME + REDIS_LIFE + 24,
	REDIS_AHEAD = 1 << 20,
	REDIS_SURE_MS = 200, /* of a lease that we do not count on */
};

/* Who has a shard, as its lease key says it: "term name life".  A life that
 * is * is none: it was given, and whoever has the name may take it. */
struct redis_shard {
	unsigned slot;
	_Atomic uint64_t until; /* ms of redis_now(): nobody else has it */
	/* Under the mutex, of a shard that is open, and what was so of one
	 * that was: */
	bool open;
	char owner[REDIS_OWNER]; /* what its lease key holds */
	uint64_t term, epoch;
	uint64_t batch; /* the last one that is known to be there */
	/* CODE_ok; else what writes are answered until it is taken anew: the
	 * end of one is not known, or Redis has less than it had. */
	enum code sick;
	bool released; /* the loop is done with it */
};

struct redis_keeper;

struct redis_engine {
	struct engine face;
	struct redis_engine_setup setup;
	struct redis_lua lua;
	struct redis_net *writer, *reader;
	struct redis_counts counts;
	pthread_mutex_t mutex;
	struct redis_shard *shards;
	char life[REDIS_LIFE];       /* of this process */
	struct redis_keeper *keeper; /* NULL until shards are lent */
};

static inline struct redis_engine *
redis_of(struct engine *e)
{
	return container_of(e, struct redis_engine, face);
}

/* Keys of a shard, each one word of the command. */
void redis_key(struct redis_engine *, struct redis_cmd *, unsigned shard,
    const char *name);
void redis_key_channel(
    struct redis_engine *, struct redis_cmd *, unsigned shard, struct slice);
/* The script, the number of keys, and the slot. */
void redis_begin(struct redis_engine *, struct redis_cmd *, unsigned shard,
    const struct redis_script *);
void redis_keys(
    struct redis_engine *, struct redis_cmd *, unsigned shard, size_t more);
void redis_keys_rows(
    struct redis_engine *, struct redis_cmd *, unsigned shard, enum space);
void redis_keys_of(struct redis_engine *, struct redis_cmd *, unsigned shard,
    const char *const *names);

uint64_t redis_wall(void); /* unix ms */

void redis_write(struct engine *, struct batch *);
void redis_read(struct engine *, struct read *);
void redis_read_pattern(struct redis_engine *, struct read *);
void redis_scan(struct engine *, struct scan *);

/* Make a shard ours, on whatever thread uses the net.  CODE_moved: another
 * has it. */
struct redis_taking {
	struct redis_net *net;
	const char *name;
	unsigned shard;
	uint64_t unix_ms;
};
enum code redis_take(
    struct redis_engine *, const struct redis_taking *, struct shard_state *);

/* Nothing more is written to a shard until it was taken anew. */
void redis_fall_sick(struct redis_engine *, unsigned shard, enum code);

extern const struct lender redis_lender;
void redis_keeper_poke(struct redis_engine *); /* holding the mutex */
void redis_keeper_free(struct redis_engine *);

#endif

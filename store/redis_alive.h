/*
 * redis_alive.h - the stores that live, as far as Redis lets them say so.
 *
 * Each says in every round that it lives, and reads who else does.  While
 * Redis cannot be written, all of it or a part, nobody can say so in time: for
 * a while after such trouble who was alive before it is so still.  Otherwise
 * the first to come back would find himself alone, and would take shards that
 * their owners could have gone on with; where Redis failed over as well, he
 * could not know whether it has all of them, and had to begin a new epoch.
 * But trouble may last, and who has not been heard for long is dead.
 *
 * Times are ms of redis_now().  Of one thread alone; owns nothing.
 */
#ifndef STORE_REDIS_ALIVE_H
#define STORE_REDIS_ALIVE_H

#include "common/slice.h"
#include "store/redis_own.h"

#include <stdint.h>

enum {
	REDIS_STORES = 64,
	/* For a round that met trouble to end, and to say it in the next. */
	REDIS_DOUBT_MS = 2000,
	REDIS_MISSED_MS = 10000, /* for so long at most */
};

struct redis_alive {
	char names[REDIS_STORES][REDIS_NAME]; /* in order */
	uint64_t seen[REDIS_STORES];          /* when Redis last named it */
	unsigned count;
	unsigned calm;  /* rounds since that changed */
	uint64_t doubt; /* until then nobody is taken for dead */
};

/* Redis did not do all that was asked of it. */
void redis_alive_trouble(struct redis_alive *, uint64_t now);

/* What it says, in any order; those that do not fit are left out. */
void redis_alive_hear(struct redis_alive *, uint64_t now,
    const struct slice *names, unsigned count);

/* Whose share a shard is; "" while nobody is known. */
const char *redis_alive_share(
    const struct redis_alive *, unsigned shard, unsigned shards);

#endif

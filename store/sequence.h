/*
 * sequence.h - the numbers: epochs and offsets of shards, topics in them.
 *
 * A topic is a channel that was published to.  Offsets of a shard only grow;
 * a topic knows its last.  At most so many topics are known: past that the
 * one idle longest is forgotten, which raises its shard's floor: a cursor
 * below it, of a channel nobody knows, may have missed something.  Where
 * the engine remembers channels itself, forgetting one that is kept raises
 * nothing: it is known again from its next message on.  All cost O(1).
 */
#ifndef STORE_SEQUENCE_H
#define STORE_SEQUENCE_H

#include "common/list.h"
#include "common/table.h"
#include "store/engine.h"
#include "store/route.h"

#include <stdbool.h>
#include <stdint.h>

struct shard {
	bool owned;
	uint64_t epoch;
	uint64_t next; /* the next offset, from 1 */
	uint64_t top;  /* highest offset released */
	uint64_t born; /* top when this life began */
	/* A cursor below it, of a channel nobody knows, may have missed
	 * something: of a channel that is kept, and of one that is not. */
	uint64_t floor, plain_floor;
	uint64_t evicted;   /* highest last of a topic that can be had again */
	uint64_t reserved;  /* numbers may be given out up to here */
	uint64_t muddled;   /* below it the order of topics is not strict */
	struct list topics; /* the one published to last is last */
};

struct topic {
	struct table_entry entry;
	struct list node; /* of its shard */
	const struct policy *policy;
	uint64_t last;    /* offset; 0: none yet; PREV_UNKNOWN */
	uint64_t told;    /* highest offset released */
	uint64_t base;    /* the floor when it became known */
	uint32_t pending; /* publishes added to the commit */
	uint16_t shard;
	struct route_spot spot;      /* the route's */
	struct engine_channel *home; /* the engine's */
	char name[];
};

struct sequence;

struct sequence_setup {
	unsigned shards;
	bool remembers; /* the engine knows channels that we do not */
	size_t most;    /* topics */
	const struct policies *policies; /* borrowed */
	/* A topic is about to be forgotten. */
	void (*forgets)(struct sequence_setup *, struct topic *);
};

struct sequence *sequence_new(struct sequence_setup *); /* borrows */
void sequence_free(struct sequence **);

unsigned sequence_shards(const struct sequence *);
struct shard *sequence_shard(struct sequence *, unsigned);

/* NULL: not known.  The hash is table_hash() of the name. */
struct topic *sequence_find(struct sequence *, struct slice, uint32_t hash);

/* The topics most likely known under these hashes: see table_ahead(). */
void sequence_ahead(const struct sequence *, const uint32_t hashes[], unsigned,
    struct topic *found[]);

/* What can be said of a channel, whether its topic is known or not. */
struct standing {
	bool kept;     /* something of it may be in the engine */
	uint64_t base; /* all up to here is unknown to us, or was forgotten */
	uint64_t told; /* highest offset that may have been told */
};
struct standing sequence_standing(
    struct sequence *, unsigned shard, struct slice name);

/* Whether the channel keeps anything; its topic, or NULL if unknown. */
bool sequence_keeps(
    const struct sequence *, struct slice, const struct topic *);

/* Make a topic known that is not. */
struct topic *sequence_add(struct sequence *, struct slice, uint32_t hash);

/* Number the next message of a topic; *prev is the one before it. */
uint64_t sequence_next(struct sequence *, struct topic *, uint64_t *prev);

/* The next number of a shard, for what is no message; and the end of that:
 * it was told.  What was refused sequence_return() takes back. */
uint64_t sequence_take(struct sequence *, unsigned shard);
void sequence_given(struct sequence *, unsigned shard, uint64_t);

/* A numbered message was told to the world; or nobody will ever see it. */
void sequence_released(struct sequence *, struct topic *, uint64_t);
void sequence_refused(struct topic *, uint64_t prev);

/* After refusals: numbering goes on behind what was released. */
void sequence_return(struct sequence *, unsigned shard);

/* The shard is another store's now: all that is known of it is void.  Nothing
 * of it is pending.  Costs its topics. */
void sequence_leave(struct sequence *, unsigned shard);

/* The highest offset past `after` on a channel of the pattern that keeps
 * nothing; 0 is none.  Costs the topics published to since. */
uint64_t sequence_lost(
    struct sequence *, unsigned shard, struct slice pattern, uint64_t after);

#endif

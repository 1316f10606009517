/*
 * sequence.h - the numbers: epochs and offsets of shards, topics in them.
 *
 * A topic is a channel that was published to.  Offsets of a shard only grow;
 * a topic knows its last.  At most so many topics are known: past that the
 * one idle longest is forgotten, which raises its shard's floor: a cursor
 * below it, of a channel nobody knows, may have missed something.  All cost
 * O(1).  A topic also holds what the other parts remember of its channel, so
 * that a publish looks up one name, once.
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
	uint64_t floor;
	uint64_t muddled;   /* below it the order of topics is not strict */
	struct list topics; /* the one published to last is last */
};

struct topic {
	struct table_entry entry;
	struct list node; /* of its shard */
	const struct policy *policy;
	uint64_t last;    /* offset; 0: none yet */
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
	size_t most;                     /* topics */
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

/* Make a topic known that is not. */
struct topic *sequence_add(struct sequence *, struct slice, uint32_t hash);

/* Number the next message of a topic; *prev is the one before it. */
uint64_t sequence_next(struct sequence *, struct topic *, uint64_t *prev);

/* A numbered message was told to the world; or nobody will ever see it. */
void sequence_released(struct sequence *, struct topic *, uint64_t);
void sequence_refused(struct topic *, uint64_t prev);

/* After refusals: numbering goes on behind what was released. */
void sequence_return(struct sequence *, unsigned shard);

/* The highest offset past `after` on a channel of the pattern that keeps
 * nothing; 0 is none.  Costs the topics published to since. */
uint64_t sequence_lost(
    struct sequence *, unsigned shard, struct slice pattern, uint64_t after);

#endif

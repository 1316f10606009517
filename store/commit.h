/*
 * commit.h - group commit: what is kept is told only when it is safe.
 *
 * At most one group is being written; nothing waits for more to come.  What
 * comes meanwhile is the next group, or several, cut when large, which are
 * written one after another.  Items are released in the order they were added,
 * while the next group is being written.  When the part of a shard fails, all
 * of that shard is refused in every group, oldest first: nobody has seen those
 * numbers.  With an immediate engine an item is written and released inside
 * commit_add().
 *
 * What is told of a shard is told in the order of its numbers, or a cursor
 * would pass what is still to come: so an item that is not kept is added too
 * while anything of its shard is pending.  One thread; O(1) each.
 */
#ifndef STORE_COMMIT_H
#define STORE_COMMIT_H

#include "store/engine.h"
#include "store/id.h"
#include "store/publisher.h"
#include "store/sequence.h"

/* Who waits for rows to be written; embedded in what knows the rest, and
 * there until it was settled. */
struct pledge {
	void (*settled)(struct pledge *, enum code);
};

/* A publish on its way, or a pledge; a value. */
struct item {
	struct record *record; /* the commit owns one count; NULL: a pledge */
	struct topic *topic;
	struct publisher *publisher;
	uint64_t seq;
	struct id *id; /* NULL: none */
	struct pledge *pledge;
	size_t bytes;   /* of the pledge's ops */
	uint16_t shard; /* filled in by commit_add() */
};

struct commit;

struct commit_face {
	/* It is safe, if it is kept at all: fan out and answer. */
	void (*released)(struct commit_face *, const struct item *);
	void (*refused)(struct commit_face *, const struct item *, enum code);
	/* All that was pending for the shard was refused; begins the repair
	 * of its numbering. */
	void (*failed)(struct commit_face *, unsigned shard, enum code);
	/* Begin to write; commit_written() tells the end, maybe at once. */
	void (*write)(struct commit_face *, struct batch *);
};

struct commit_setup {
	struct commit_face *face;
	unsigned shards;
	bool immediate;
	size_t max_bytes; /* pending, soft: commit_room() */
};

struct commit *commit_new(const struct commit_setup *); /* copies it */
void commit_free(struct commit **); /* what is pending is dropped */

/* Pending bytes are below the cap: ask before numbering a publish. */
bool commit_room(const struct commit *);

/* Something of the shard is pending: what is told about it has to queue. */
bool commit_busy(const struct commit *, unsigned shard);

/* Takes the record of the item. */
void commit_add(struct commit *, const struct item *);

/* Have the engine forget a channel, in order with the rest. */
void commit_forget(struct commit *, const struct topic *);

/* Write these ops, all of one shard and all at once, and tell the pledge.
 * What they borrow must live until then.  No ops: it is told in its turn. */
struct rows {
	const struct op *ops;
	size_t count;
	uint16_t shard;
	struct pledge *pledge;
};
void commit_rows(struct commit *, const struct rows *);

/* Start what can be started: at the end of a turn. */
void commit_start(struct commit *);
/* The codes are in the batch. */
void commit_written(struct commit *);

size_t commit_pending(const struct commit *); /* items */

/* While it is told that something is safe: how, if that is not the engine's
 * own `kept`; else KEPT_NOT. */
enum kept commit_kept(const struct commit *, unsigned shard);

#endif

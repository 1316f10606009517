/*
 * rocks_move_own.h - what export, import and drop have in common.
 *
 * The meta row of a shard whose rows are not all there is empty: no store
 * begins with that.
 */
#ifndef STORE_ROCKS_MOVE_OWN_H
#define STORE_ROCKS_MOVE_OWN_H

#include "store/kv.h"
#include "store/rocks_move.h"
#include "store/rocks_row.h"

/* The first row of a file: format, shards of all stores, and which these
 * are.  The meta rows are the last, other kinds are families. */
enum { MOVE_HEAD = KV_FAMILIES };

struct move {
	const struct rocks_move *setup;
	struct kv *kv;
	struct kv_batch *batch;
	size_t bytes; /* of the batch */
	uint64_t rows;
	unsigned shards; /* of all stores */
	bool mine[MOVE_SHARDS];
	struct buf got;
};

/* Tell why, and give false. */
bool move_refuse(struct move *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Open the directory and read how many shards there are; it must be there,
 * or, where `shards` is not 0 yet, it is made for so many. */
bool move_open(struct move *);
void move_close(struct move *);

/* Write the batch if it is large, or anyway. */
bool move_write(struct move *, bool anyway);

/* Add to the batch that the shards are not whole. */
void move_break(struct move *);

/* Walk over what a family has of a shard; false once it does not. */
void move_walk(struct move *, enum kv_family, unsigned shard, struct kv_walk *);
bool move_here(const struct kv_walk *, unsigned shard);
bool move_walked(
    struct move *, struct kv_walk *); /* to its end, and no fault */

#endif

/*
 * redis_row.h - how a message and a journal are written down in Redis.
 *
 * Numbers are little-endian, 8 bytes.  A message begins with a version, so
 * that a store can tell what a newer one wrote; only one with an envelope is
 * of version 2.  What is read is checked:
 * anybody may have written to that Redis.
 */
#ifndef STORE_REDIS_ROW_H
#define STORE_REDIS_ROW_H

#include "common/buf.h"
#include "store/engine.h"

/* The parts of a message that are neither in its key nor in its head. */
void redis_row_put(struct buf *, const struct record *);

struct redis_row {
	struct slice channel, id, head, blob; /* as Redis has them */
	uint64_t epoch;
	uint16_t shard;
};
/* NULL: not one of ours.  The caller owns one count. */
struct record *redis_row_get(const struct redis_row *);

/* Of a batch, one entry per message or mark, in the order of offsets. */
struct redis_entry {
	struct slice channel; /* empty: a mark */
	uint64_t offset, at;
	struct mark mark;
};
void redis_journal_put(struct buf *, const struct redis_entry *);
/* The next one off the front.  False: none is left, or it is not ours. */
bool redis_journal_get(struct slice *, struct redis_entry *);

#endif

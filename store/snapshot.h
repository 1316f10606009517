/*
 * snapshot.h - all rows of a shard that begin alike, read in one go.
 *
 * For what is held in memory as long as the shard is ours.  The reading may
 * block, on whatever thread; walking costs nothing.  Holds the bytes until
 * snapshot_free(), which overwrites them: there may be secrets among them.
 */
#ifndef STORE_SNAPSHOT_H
#define STORE_SNAPSHOT_H

#include "common/buf.h"
#include "store/engine.h"
#include "store/rows.h"

struct snapshot {
	struct engine *engine; /* borrowed */
	enum space space;
	unsigned shard;
	struct slice prefix; /* borrowed for the reading */
	uint64_t unix_ms;    /* what has expired by then is left out */
	enum code code;      /* of the reading */
	struct buf rows;
};

void snapshot_read(struct snapshot *);

/* The next row, from *at = 0 on; borrowed.  False: that was all. */
bool snapshot_next(const struct snapshot *, size_t *at, struct rows_row *);
void snapshot_free(struct snapshot *);

#endif

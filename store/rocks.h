/*
 * rocks.h - the durable engine: messages and rows in a directory, by RocksDB.
 *
 * A kept message is one row, and each commit one more per shard; a write
 * returns when all is synced.  What a policy does not keep any more is not
 * found from that moment and leaves the disk when its file is written anew.
 * Opening costs time for what was written in the last minutes, not for what
 * the directory holds.
 */
#ifndef STORE_ROCKS_H
#define STORE_ROCKS_H

#include "store/engine.h"

#include <stdio.h>

struct rocks_setup {
	const char *path; /* of the directory; copied */
	unsigned shards;
	size_t channels;     /* known in memory at most */
	size_t cache;        /* bytes of rows held in memory */
	uint64_t reserve;    /* bytes of the disk left free by what is kept */
	uint64_t journal_ms; /* patterns find what is younger */
	uint64_t unix_ms;    /* now */
};

/* NULL: *status is the exit status to leave with, and the log says why. */
struct engine *engine_rocks_open(const struct rocks_setup *, int *status);

/* Whether a store of this setup could begin with what is there; the exit
 * status it would leave with, and the log says why.  Changes nothing; another
 * store may have it open. */
int engine_rocks_look(const struct rocks_setup *);

/* Copy all of it, as it is now, to a new directory below that folder, which
 * is made.  A thread does it and logs the end.  False: one is at it. */
bool engine_rocks_backup(struct engine *, const char *folder);

/* Verify a directory that no store has open: every row, and each against the
 * others.  Prints what is wrong, and counts.  False: something is. */
bool engine_rocks_check(const char *path, FILE *out);

/* For tests: write all files anew, so that what may vanish does. */
void engine_rocks_compact(struct engine *);

#endif

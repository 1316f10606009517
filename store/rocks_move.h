/*
 * rocks_move.h - shards leave one store's directory for another's, in a file.
 *
 * No store may have the directory open.  What is told to `out`: why not, or
 * how much it was.  All block, as long as the shards are large.
 */
#ifndef STORE_ROCKS_MOVE_H
#define STORE_ROCKS_MOVE_H

#include "common/slice.h"

#include <stdbool.h>
#include <stdio.h>

enum { MOVE_SHARDS = 256 };

struct rocks_move {
	const char *folder;
	const char *file;
	bool shards[MOVE_SHARDS]; /* which; of an import: those of the file */
	FILE *out;
};

/* Read `3,5-9`.  False: it is no such list. */
bool rocks_move_list(struct rocks_move *, struct slice list);

/* Copy all that these shards keep to a new file. */
bool rocks_export(const struct rocks_move *);

/* Take over what is in a file.  All of it is verified before anything is
 * written.  Ended in the middle, the shards are refused by a store until they
 * are imported once more, or dropped. */
bool rocks_import(const struct rocks_move *);

/* Forget these shards; likewise. */
bool rocks_drop(const struct rocks_move *);

#endif

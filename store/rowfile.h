/*
 * rowfile.h - rows in a file that shows when it is torn, or not ours.
 *
 * The file is made beside its name and gets it when all is on disk; what has
 * the name already is left alone.  It is made of blocks, each with a hash of
 * itself and of all before it, and the last row says how many there were.
 * Slices read are lent until the next row.  All block.
 */
#ifndef STORE_ROWFILE_H
#define STORE_ROWFILE_H

#include "common/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { ROWFILE_VERSION = 1, ROWFILE_KINDS = 128 };

struct rowfile_row {
	unsigned kind; /* below ROWFILE_KINDS; what it is, the user knows */
	struct slice key, value;
};

struct rowfile_out;

/* False, NULL: errno says why; a put that failed is told by the end. */
struct rowfile_out *rowfile_create(const char *path);
void rowfile_put(struct rowfile_out *, const struct rowfile_row *);
bool rowfile_end(struct rowfile_out **);     /* and sets it to NULL */
void rowfile_abandon(struct rowfile_out **); /* likewise; nothing is left */

struct rowfile_in;

/* NULL: *why, which lives as long as the program, says why. */
struct rowfile_in *rowfile_open(const char *path, const char **why);
void rowfile_close(struct rowfile_in **);

enum rowfile_step { ROWFILE_ROW, ROWFILE_END, ROWFILE_BAD };

/* BAD: torn, changed, or of a newer version; *why says which.  No row is told
 * of a block that is not whole. */
enum rowfile_step rowfile_next(
    struct rowfile_in *, struct rowfile_row *, const char **why);

#endif

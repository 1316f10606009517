/*
 * stream.h - rows in a file that shows when it is torn, or not ours.
 *
 * The file is made beside its name and gets it when all is on disk; what has
 * the name already is left alone.  It is made of blocks, each with a hash of
 * itself and of all before it, and the last row says how many there were.
 * Slices read are lent until the next row.  All block.
 */
#ifndef STORE_STREAM_H
#define STORE_STREAM_H

#include "common/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { STREAM_VERSION = 1, STREAM_KINDS = 128 };

struct stream_row {
	unsigned kind; /* below STREAM_KINDS; what it is, the user knows */
	struct slice key, value;
};

struct stream_out;

/* False, NULL: errno says why; a put that failed is told by the end. */
struct stream_out *stream_create(const char *path);
void stream_put(struct stream_out *, const struct stream_row *);
bool stream_end(struct stream_out **);     /* and sets it to NULL */
void stream_abandon(struct stream_out **); /* likewise; nothing is left */

struct stream_in;

/* NULL: *why, which lives as long as the program, says why. */
struct stream_in *stream_open(const char *path, const char **why);
void stream_close(struct stream_in **);

enum stream_step { STREAM_ROW, STREAM_END, STREAM_BAD };

/* BAD: torn, changed, or of a newer version; *why says which.  No row is told
 * of a block that is not whole. */
enum stream_step stream_next(
    struct stream_in *, struct stream_row *, const char **why);

#endif

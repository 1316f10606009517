/*
 * segment.h - foreign names as segments of a channel.
 *
 * Other servers name users, pages and channels by any bytes at all.  What a
 * segment may not hold is percent-encoded, `*` and `%` too, so that different
 * names have different spellings and a name that is a segment already stays
 * as it is.  A name that is empty or too long is `~` and the base64url of its
 * SHA-256, and so is one that looks like that, so that nobody can take
 * another's place.  There is no way back.
 *
 * Costs one pass, and a digest where one is needed; borrows its input, which
 * must not lie in that buf.
 */
#ifndef COMMON_SEGMENT_H
#define COMMON_SEGMENT_H

#include "common/buf.h"
#include "common/slice.h"

enum { SEGMENT_DIGEST = 44 }; /* bytes of the shortest room there may be */

/* What is left of a channel. */
struct segment_room {
	size_t bytes;    /* at least SEGMENT_DIGEST */
	size_t segments; /* at least 1 */
};

/* Append a name as one segment of at most so many bytes. */
void segment_put(struct buf *, struct slice name, size_t bytes);

/* Append a name with slashes, each part of it a segment; the whole is one
 * where the room does not suffice. */
void segment_path(struct buf *, struct slice name, struct segment_room);

#endif

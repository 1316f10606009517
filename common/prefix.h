/*
 * prefix.h - turns a stream of bytes into lines that say who wrote them.
 *
 * A line is passed on when it is complete.  One longer than PREFIX_LINE is
 * passed on in pieces, each a line of its own.  Nothing is left out or changed,
 * NULs neither.  Costs one copy per byte.
 */
#ifndef COMMON_PREFIX_H
#define COMMON_PREFIX_H

#include "common/buf.h"
#include "common/slice.h"

/* So that a line with its prefix fits what a pipe takes whole (4096). */
enum { PREFIX_LINE = 3900 };

struct prefix {
	struct slice before; /* borrowed: what each line begins with */
	struct buf line;     /* owned: a line that has no end yet */
};

void prefix_feed(struct prefix *, struct slice, struct buf *out);
void prefix_flush(struct prefix *, struct buf *out); /* ends a started line */
void prefix_free(struct prefix *);

#endif

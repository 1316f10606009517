/*
 * marks.h - which tracked messages end where in a run.
 *
 * NULL is none, which is what nearly every run has.
 */
#ifndef HUB_MARKS_H
#define HUB_MARKS_H

#include "common/stats.h"

#include <stdint.h>

struct fates;

struct mark {
	uint64_t track; /* its number */
	uint32_t end;   /* in bytes */
};

struct marks {
	uint32_t n, room;
	struct mark at[]; /* ascending */
};

/* Append; makes the list or lets it grow.  free() ends it. */
void marks_add(struct marks **, const struct mark *);

/* This became of those that end in (from, to], each for one recipient. */
struct marks_range {
	uint32_t from, to;
};
void marks_became(
    const struct marks *, struct marks_range, struct fates *, enum stat_id);

#endif

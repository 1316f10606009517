/*
 * tally.h - what became of publishes, counted so that it adds up:
 *
 *	taken = accepted + repeated + abandoned + pending
 *		+ the sum of refused_<code> over all codes
 *	refused + busy + refused_moved = the sum of refused_<code>
 *
 * Every process that takes publishes counts its own, so the equations hold in
 * each of them at any moment.  A publish is pending from tally_taken() until
 * one of the others.  Each costs a few additions.
 */
#ifndef COMMON_TALLY_H
#define COMMON_TALLY_H

#include "common/code.h"
#include "common/stats.h"

static inline void
tally_taken(void)
{
	stats_add(STAT_publishes_taken, 1);
	stats_add(STAT_publishes_pending, 1);
}

static inline void
tally_accepted(void)
{
	stats_add(STAT_publishes_accepted, 1);
	stats_sub(STAT_publishes_pending, 1);
}

/* It was here before: its answer is that of the first time. */
static inline void
tally_repeated(void)
{
	stats_add(STAT_publishes_repeated, 1);
	stats_sub(STAT_publishes_pending, 1);
}

/* A job, item or row, likewise. */
static inline void
tally_write_taken(void)
{
	stats_add(STAT_writes_taken, 1);
	stats_add(STAT_writes_pending, 1);
}

void tally_write_answered(enum code);

static inline void
tally_write_repeated(void)
{
	stats_add(STAT_writes_repeated, 1);
	stats_sub(STAT_writes_pending, 1);
}

/* One that was taken. */
void tally_refused(enum code);

/* Its publisher waits no more; what becomes of it is the store's. */
void tally_abandoned(void);

/* Accepted, or refused. */
void tally_answered(enum code);

#endif

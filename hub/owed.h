/*
 * owed.h - messages that wait for their client to read, counted.
 *
 * Everything that goes into a connection's queue, or out of it, goes through
 * here, so that of all connections of a hub
 *
 *	due = delivered + slow_skips + drop_* + pending
 *
 * holds at the end of every call.  Costs O(1) for whole runs.
 */
#ifndef HUB_OWED_H
#define HUB_OWED_H

#include "common/stats.h"
#include "hub/run.h"

static inline void
owed_queue(struct out *o, struct piece p)
{
	stats_add(STAT_messages_pending, piece_messages(&p));
	out_push(o, p);
}

static inline void
owed_written(struct out *o, size_t bytes)
{
	uint32_t n = out_pop(o, bytes);

	stats_add(STAT_messages_delivered, n);
	stats_sub(STAT_messages_pending, n);
}

/* Nobody will read it. */
static inline void
owed_drop(struct out *o, enum stat_id why)
{
	uint32_t n = out_clear(o, why);

	stats_add(why, n);
	stats_sub(STAT_messages_pending, n);
}

/* A piece that never was in the queue. */
static inline void
owed_never(const struct piece *p, enum stat_id became)
{
	stats_add(became, piece_messages(p));
	piece_became(p, became);
}

/* Of one, so many bytes were written; the rest is left of it. */
static inline void
owed_front(struct piece *p, size_t bytes)
{
	struct piece front = {p->run, p->from, p->from + (uint32_t)bytes};

	owed_never(&front, STAT_messages_delivered);
	p->from = front.to;
}

#endif

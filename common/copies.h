/*
 * copies.h - messages that stores send to whoever joined, counted by link: so
 * that both ends agree on those of links that live.
 */
#ifndef COMMON_COPIES_H
#define COMMON_COPIES_H

#include "common/bus.h"
#include "common/stats.h"

static inline void
copies_came(struct bus_link *l, const struct msg *m)
{
	*bus_link_tally(l) += m->id == MSG_deliver;
}

/* Its link is down: what came is sent again, or counted no more. */
static inline void
copies_gone(struct bus_link *l)
{
	stats_add(STAT_copies_gone, *bus_link_tally(l));
	*bus_link_tally(l) = 0;
}

#endif

/*
 * counters.h - the last values of every peer's counters, told by its beats.
 *
 * Copies names; a peer has at most COUNTERS_MOST, what comes past that is
 * dropped.  O(1) per counter.
 */
#ifndef STORE_COUNTERS_H
#define STORE_COUNTERS_H

#include "store/wire.h"

enum { COUNTERS_MOST = 512 }; /* five times as many as we have rows */

struct table;

/* Embedded in the state of a peer. */
struct counters {
	struct table *rows; /* struct counter */
};

void counters_init(struct counters *);
void counters_free(struct counters *);

void counters_keep(struct counters *, const struct msg_stat *);

/* Who asked for counters, and how they get there. */
struct counters_asked {
	struct wire *wire;
	struct bus_peer *peer;
	uint64_t ref;
};

/* Tell the counters of a peer, or this process' own under that name. */
void counters_tell(const struct counters *, const struct bus_peer *of,
    const struct counters_asked *);
void counters_tell_own(const char *name, const struct counters_asked *);

#endif

/*
 * redis_counts.h - what the threads of the engine on Redis count, until the
 * loop adds it to the counters, which are its own.
 */
#ifndef STORE_REDIS_COUNTS_H
#define STORE_REDIS_COUNTS_H

#include <stdint.h>

struct redis_counts {
	_Atomic uint64_t reconnects, redirects, doubts, epochs, gained, lost;
};

/* May be NULL: nobody counts. */
#define redis_count(counts, what) ((void)((counts) != NULL && ++(counts)->what))

#endif

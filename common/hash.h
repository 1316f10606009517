/*
 * hash.h - 64 good bits from any bytes, in a few nanoseconds.
 *
 * Tables take hash_bytes(), whose seed is drawn anew in every process: who
 * may choose the keys cannot choose the bucket.  What several processes must
 * agree on, a shard, takes hash_fixed(), which never changes.
 */
#ifndef COMMON_HASH_H
#define COMMON_HASH_H

#include "common/slice.h"

uint64_t hash_bytes(struct slice, uint64_t seed);
uint64_t hash_fixed(struct slice); /* XXH3 with seed 0 */

/* 128 bits that never change: a name for the bytes, where two different ones
 * must not meet by chance. */
struct hash_wide {
	uint64_t low, high;
};
struct hash_wide hash_wide(struct slice);

/* Random bits of the kernel's; good enough for a seed or a boot id. */
uint64_t hash_random(void);

#endif

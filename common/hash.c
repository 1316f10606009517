/*
 * hash.c - XXH3, and the only place that knows it.
 *
 * It is compiled in rather than called in the library: a key has some thirty
 * bytes, and there the call would cost about as much as the hash.
 */
#include "common/hash.h"

#include "common/must.h"

#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t
hash_bytes(struct slice s, uint64_t seed)
{
	return XXH3_64bits_withSeed(s.p, s.n, seed);
}

uint64_t
hash_fixed(struct slice s)
{
	return XXH3_64bits(s.p, s.n);
}

struct hash_wide
hash_wide(struct slice s)
{
	XXH128_hash_t h = XXH3_128bits(s.p, s.n);

	return (struct hash_wide){h.low64, h.high64};
}

uint64_t
hash_random(void)
{
	uint64_t v;

	must(getrandom(&v, sizeof(v), 0) == (ssize_t)sizeof(v));
	return v;
}

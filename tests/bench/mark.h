/*
 * mark.h - what a measured message carries: a sequence number and a time.
 *
 * "~#" + 8 decimal digits + "." + 16 hex digits (ns), always 27 bytes, safe
 * inside a JSON string.  Fixed width makes both ends cheap: a sender patches
 * digits into a ready text, a receiver reads eight bytes at a known place.
 */
#ifndef TESTS_BENCH_MARK_H
#define TESTS_BENCH_MARK_H

#include "common/slice.h"

#include <stdint.h>
#include <string.h>
#include <time.h>

enum {
	MARK_SEQ = 8,   /* digits */
	MARK_TIME = 16, /* digits */
	MARK_BYTES = 2 + MARK_SEQ + 1 + MARK_TIME,
	MARK_SEQ_LIMIT = 100000000,
};

static inline uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline void
digits_put(char *p, unsigned n, uint64_t v)
{
	while (n-- > 0) {
		p[n] = (char)('0' + v % 10);
		v /= 10;
	}
}

/* Eight digits at once; what is not a digit yields some wrong number. */
static inline uint32_t
digits8(const char *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	v = (v & 0x0f0f0f0f0f0f0f0f) * 2561 >> 8;
	v = (v & 0x00ff00ff00ff00ff) * 6553601 >> 16;
	return (uint32_t)((v & 0x0000ffff0000ffff) * 42949672960001 >> 32);
}

static inline void
mark_put(char *p, uint64_t seq, uint64_t time)
{
	p[0] = '~';
	p[1] = '#';
	digits_put(p + 2, MARK_SEQ, seq);
	p[2 + MARK_SEQ] = '.';
	for (unsigned i = 0; i < MARK_TIME; i++)
		p[3 + MARK_SEQ + i] =
		    "0123456789abcdef"[time >> (60 - 4 * i) & 15];
}

static inline uint32_t
mark_seq(const char *p)
{
	return digits8(p + 2);
}

static inline uint64_t
mark_time(const char *p)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < MARK_TIME; i++) {
		char c = p[3 + MARK_SEQ + i];

		v = v << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return v;
}

#endif

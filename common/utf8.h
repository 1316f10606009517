/*
 * utf8.h - is it UTF-8, whole or in pieces (RFC 3629).
 *
 * Overlong forms, surrogates and anything past U+10FFFF are refused.  Cost
 * is one pass, eight bytes at a time over ASCII; nothing is allocated.
 */
#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include "common/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A text that arrives in fragments; zeroed is one about to begin. */
struct utf8 {
	uint8_t need;   /* bytes the open sequence still wants */
	uint8_t lo, hi; /* bounds of the next one, while need != 0 */
};

/* The next fragment.  False at the first byte no valid text could have
 * there; the state is of no use afterwards. */
bool utf8_feed(struct utf8 *, struct slice);

/* The text may end here: no sequence is open. */
static inline bool
utf8_ended(const struct utf8 *u)
{
	return u->need == 0;
}

bool utf8_valid(struct slice);

/* What stands at p (n > 0): true and its length in *len if it is a whole
 * valid sequence; else false and the length of the longest part that could
 * begin one, at least 1, which is what one U+FFFD replaces (Unicode 3.9). */
bool utf8_next(const char *p, size_t n, size_t *len);

/* Write a code point (not a surrogate, at most U+10FFFF); 1 to 4 bytes. */
size_t utf8_put(char out[4], uint32_t code);

/* The length of the valid sequence at p, or 0 when there is none whole. */
static inline size_t
utf8_one(const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text;

	if (n != 0 && p[0] < 0x80)
		return 1;
	if (n < 2 || p[0] < 0xc2 || (p[1] & 0xc0) != 0x80)
		return 0;
	if (p[0] < 0xe0)
		return 2;
	if (n < 3 || (p[2] & 0xc0) != 0x80)
		return 0;
	if (p[0] < 0xf0)
		return (p[0] == 0xe0 && p[1] < 0xa0) ||
		               (p[0] == 0xed && p[1] > 0x9f)
		           ? 0
		           : 3;
	if (n < 4 || (p[3] & 0xc0) != 0x80 || p[0] > 0xf4)
		return 0;
	return (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)
	           ? 0
	           : 4;
}

#endif

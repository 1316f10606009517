/*
 * swar.h - find the first unusual byte, eight bytes at a time.
 *
 * Most text is plain, so the loops over it look at whole words and touch
 * single bytes only near something of interest.  Portable C: no alignment,
 * no byte order and no vector unit is assumed.  Nothing at or past `end` is
 * read.
 */
#ifndef COMMON_SWAR_H
#define COMMON_SWAR_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SWAR_EACH UINT64_C(0x0101010101010101)
#define SWAR_HIGH UINT64_C(0x8080808080808080)

/* The byte at p is the lowest one of the word. */
static inline uint64_t
swar_load(const char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return le64toh(w);
}

/* Which byte, 0 to 7, holds the lowest flag; flags are SWAR_HIGH bits, at
 * least one is set.  The factor's bytes are 0..7 from the top down, and the
 * flag shifts its own number to the top. */
static inline size_t
swar_first(uint64_t flags)
{
	uint64_t low = (flags & (~flags + 1)) >> 7;

	return (size_t)((low * UINT64_C(0x0001020304050607)) >> 56);
}

/* The first byte from p on that is not ASCII, or end. */
static inline const char *
swar_ascii(const char *p, const char *end)
{
	for (; end - p >= 8; p += 8) {
		uint64_t odd = swar_load(p) & SWAR_HIGH;

		if (odd != 0)
			return p + swar_first(odd);
	}
	while (p != end && (unsigned char)*p < 0x80)
		p++;
	return p;
}

/* The first byte from p on that means something inside a JSON string - a
 * quote, a backslash, a control character, anything not ASCII - or end.
 * A subtraction borrows only upwards from a byte that is itself a hit, so
 * the lowest flag is always a true one, and only that one is used. */
static inline const char *
swar_plain(const char *p, const char *end)
{
	for (; end - p >= 8; p += 8) {
		uint64_t w = swar_load(p);
		uint64_t quote = (w ^ (SWAR_EACH * '"')) - SWAR_EACH;
		uint64_t slash = (w ^ (SWAR_EACH * '\\')) - SWAR_EACH;
		uint64_t control = w - SWAR_EACH * 0x20;
		uint64_t odd = (quote | slash | control | w) & SWAR_HIGH;

		if (odd != 0)
			return p + swar_first(odd);
	}
	for (; p != end; p++) {
		unsigned char c = (unsigned char)*p;

		if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
			break;
	}
	return p;
}

#endif

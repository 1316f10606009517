/*
 * slice.h - borrowed bytes: a pointer and a length, never terminated.
 *
 * A slice owns nothing and is passed by value.  Whoever keeps one past the
 * call it came in with must copy the bytes.
 */
#ifndef COMMON_SLICE_H
#define COMMON_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *p;
	size_t n;
};

/* A slice of a string literal, usable in static tables as SLICE_INIT. */
#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})
/* clang-format off */
#define SLICE_INIT(literal) { "" literal, sizeof(literal) - 1 }
/* clang-format on */

/* For printf: "%.*s", SLICE_ARGS(s). */
#define SLICE_ARGS(s) (int)(s).n, (s).p

static inline struct slice
slice_of(const char *s)
{
	return (struct slice){s, strlen(s)};
}

static inline bool
slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Below 0, 0 or above it, by bytes; a beginning is before the whole. */
static inline int
slice_order(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int by = n != 0 ? memcmp(a.p, b.p, n) : 0;

	return by != 0 ? by : (a.n > b.n) - (a.n < b.n);
}

static inline bool
slice_is(struct slice a, const char *s)
{
	return slice_eq(a, slice_of(s));
}

static inline bool
slice_starts(struct slice s, struct slice prefix)
{
	return s.n >= prefix.n &&
	       (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

/* What follows the first n bytes; n may not exceed s.n. */
static inline struct slice
slice_from(struct slice s, size_t n)
{
	return (struct slice){s.p + n, s.n - n};
}

/* Cut the part before the first AT (or all of it) off the front of *rest.
 * False when nothing is left: "a,b," yields "a", "b", "" and then false. */
static inline bool
slice_cut(struct slice *rest, char at, struct slice *part)
{
	const char *end;

	if (rest->p == NULL)
		return false;
	end = rest->n != 0 ? memchr(rest->p, at, rest->n) : NULL;
	if (end == NULL) {
		*part = *rest;
		*rest = (struct slice){NULL, 0};
		return true;
	}
	*part = (struct slice){rest->p, (size_t)(end - rest->p)};
	*rest = slice_from(*rest, part->n + 1);
	return true;
}

/* Without the spaces and tabs at both ends. */
static inline struct slice
slice_trim(struct slice s)
{
	while (s.n != 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_from(s, 1);
	while (s.n != 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* Decimal digits only, all of them, no overflow, nothing before or after. */
static inline bool
slice_num(struct slice s, uint64_t *out)
{
	uint64_t v = 0;

	if (s.n == 0 || s.n > 20)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned char)s.p[i] - (unsigned)'0';

		if (digit > 9 || v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}

/* A copy at *at, where there is room for it; *at moves behind it. */
static inline struct slice
slice_keep(char **at, struct slice s)
{
	struct slice kept = {*at, s.n};

	if (s.n != 0)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return kept;
}

#endif

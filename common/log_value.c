/*
 * log_value.c - bytes of strangers made harmless inside a log line.
 *
 * What a client sent must neither end the line, nor look like another key,
 * nor move a terminal's cursor; and it must still be readable.
 */
#include "common/log.h"
#include "common/must.h"

#include <stdio.h>

enum { TAIL = 5 }; /* bytes kept for the end: ..." and NUL */

/* Length of the well-formed UTF-8 sequence at s (RFC 3629); 0 when none. */
static size_t
utf8_at(struct slice s)
{
	unsigned char a = (unsigned char)s.p[0], b, low = 0x80, high = 0xbf;
	size_t n = a >= 0xf0 ? 4 : a >= 0xe0 ? 3 : 2;

	if (a < 0xc2 || a > 0xf4 || s.n < n)
		return 0;
	if (a == 0xe0)
		low = 0xa0;
	else if (a == 0xed)
		high = 0x9f;
	else if (a == 0xf0)
		low = 0x90;
	else if (a == 0xf4)
		high = 0x8f;
	b = (unsigned char)s.p[1];
	if (b < low || b > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if (((unsigned char)s.p[i] & 0xc0) != 0x80)
			return 0;
	/* U+0080 to U+009F steer terminals as the C0 controls do. */
	return a == 0xc2 && b < 0xa0 ? 0 : n;
}

enum { ESCAPED = 10 }; /* bytes the longest escape takes, with room */

/* Write the next character of s to out (ESCAPED bytes of room); how many bytes
 * it took is returned, how many it became is set. */
static size_t
escape(struct slice s, char *out, size_t *became)
{
	unsigned char c = (unsigned char)s.p[0];
	size_t n = c >= 0x80 ? utf8_at(s) : 1;

	if (c == '"' || c == '\\')
		*became = (size_t)snprintf(out, ESCAPED, "\\%c", c);
	else if (c == '\n')
		*became = (size_t)snprintf(out, ESCAPED, "\\n");
	else if (n == 0 || c < 0x20 || c == 0x7f)
		*became = (size_t)snprintf(out, ESCAPED, "\\x%02x", c);
	else
		memcpy(out, s.p, *became = n);
	return n != 0 ? n : 1;
}

static bool
is_plain(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '=')
			return false;
	}
	return s.n != 0;
}

const char *
log_value(char *out, size_t n, struct slice s)
{
	size_t at = 0, became;
	char one[12];

	must(n >= 8);
	if (s.n < n && is_plain(s)) {
		memcpy(out, s.p, s.n);
		out[s.n] = '\0';
		return out;
	}
	out[at++] = '"';
	while (s.n != 0) {
		size_t took = escape(s, one, &became);

		if (at + became + TAIL > n) {
			memcpy(out + at, "...", 3);
			at += 3;
			break;
		}
		memcpy(out + at, one, became);
		at += became;
		s = slice_from(s, took);
	}
	out[at++] = '"';
	out[at] = '\0';
	return out;
}

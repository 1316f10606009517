/*
 * log_value.c - bytes of strangers made harmless inside a log line.
 *
 * What a client sent must neither end the line, nor look like another key,
 * nor move a terminal's cursor; and it must still be readable.
 */
#include "common/log.h"
#include "common/must.h"
#include "common/utf8.h"

#include <stdio.h>

enum { TAIL = 5 }; /* bytes kept for the end: ..." and NUL */

/* Bytes of the character that s begins with; 0: it must not stand there.
 * U+0080 to U+009F steer terminals as the C0 controls do. */
static size_t
harmless(struct slice s)
{
	unsigned char c = (unsigned char)s.p[0];
	size_t n = utf8_one(s.p, s.n);

	if (n == 1)
		return c >= 0x20 && c != 0x7f;
	return n == 2 && c == 0xc2 && (unsigned char)s.p[1] < 0xa0 ? 0 : n;
}

enum { ESCAPED = 10 }; /* bytes the longest escape takes, with room */

/* Write the next character of s to out (ESCAPED bytes of room); how many bytes
 * it took is returned, how many it became is set. */
static size_t
escape(struct slice s, char *out, size_t *became)
{
	unsigned char c = (unsigned char)s.p[0];
	size_t n = harmless(s);

	if (c == '"' || c == '\\')
		*became = (size_t)snprintf(out, ESCAPED, "\\%c", c);
	else if (c == '\n')
		*became = (size_t)snprintf(out, ESCAPED, "\\n");
	else if (n == 0)
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

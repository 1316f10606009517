/*
 * http_class.h - which bytes may stand where in HTTP and in URLs.
 *
 * One table, one bit per grammar, so that a scanner is a loop over one load.
 */
#ifndef COMMON_HTTP_CLASS_H
#define COMMON_HTTP_CLASS_H

#include <stdbool.h>

enum http_class {
	HTTP_TOKEN = 1,       /* RFC 9110 5.6.2: methods, names, codings */
	HTTP_TARGET = 2,      /* visible ASCII but for " # < > \ */
	HTTP_VALUE = 4,       /* RFC 9110 5.5: HTAB, SP, visible, 0x80 up */
	HTTP_HOST = 8,        /* letters, digits, - . _ */
	HTTP_UNRESERVED = 16, /* RFC 3986 2.3 */
	HTTP_HEX = 32,
};

extern const unsigned char http_class[256];

static inline bool
http_is(char c, enum http_class which)
{
	return (http_class[(unsigned char)c] & (unsigned)which) != 0;
}

/* The value of a digit that is HTTP_HEX. */
static inline unsigned
http_hex(char c)
{
	return c <= '9' ? (unsigned)(c - '0')
	                : (unsigned)((c | 0x20) - 'a') + 10;
}

#endif

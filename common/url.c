/*
 * url.c - percent-encoding and query strings.
 *
 * A bad escape is refused and not passed on as it is: two readers that guess
 * differently see two different channels in one URL.
 */
#include "common/url.h"

#include "common/http_class.h"

/* Take one plain byte off the front of *raw, which is not empty; -1: a bad
 * escape. */
static int
next_byte(struct slice *raw, enum url_part part)
{
	char c = *raw->p;
	unsigned v;

	if (c == '%') {
		if (raw->n < 3 || !http_is(raw->p[1], HTTP_HEX) ||
		    !http_is(raw->p[2], HTTP_HEX))
			return -1;
		v = http_hex(raw->p[1]) << 4 | http_hex(raw->p[2]);
		*raw = slice_from(*raw, 3);
		return (int)v;
	}
	*raw = slice_from(*raw, 1);
	return c == '+' && part == URL_QUERY ? ' ' : (unsigned char)c;
}

bool
url_decode(struct buf *b, struct slice raw, enum url_part part)
{
	struct slice rest = raw;
	size_t n = 0;
	char *room;

	while (rest.n != 0) { /* count first: a cap is not for raw bytes */
		if (next_byte(&rest, part) < 0)
			return false;
		n++;
	}
	if ((room = buf_room(b, n)) == NULL)
		return false;
	while (raw.n != 0)
		*room++ = (char)next_byte(&raw, part);
	b->n += n;
	return true;
}

bool
url_is(struct slice raw, struct slice plain, enum url_part part)
{
	while (raw.n != 0 && plain.n != 0) {
		if (next_byte(&raw, part) != (unsigned char)*plain.p)
			return false;
		plain = slice_from(plain, 1);
	}
	return raw.n == 0 && plain.n == 0;
}

bool
url_query_next(struct slice *rest, struct slice *name, struct slice *value)
{
	struct slice pair;

	do
		if (!slice_cut(rest, '&', &pair))
			return false;
	while (pair.n == 0);
	slice_cut(&pair, '=', name);
	*value = pair;
	return true;
}

bool
url_encode(struct buf *b, struct slice plain)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = plain.n;
	char *room;

	for (size_t i = 0; i < plain.n; i++)
		if (!http_is(plain.p[i], HTTP_UNRESERVED))
			n += 2;
	if ((room = buf_room(b, n)) == NULL)
		return false;
	for (size_t i = 0; i < plain.n; i++) {
		unsigned char c = (unsigned char)plain.p[i];

		if (http_is(plain.p[i], HTTP_UNRESERVED)) {
			*room++ = plain.p[i];
			continue;
		}
		*room++ = '%';
		*room++ = hex[c >> 4];
		*room++ = hex[c & 15];
	}
	b->n += n;
	return true;
}

/*
 * url.h - percent-encoding and query strings (RFC 3986 2.1, 3.4).
 *
 * Everything costs one pass.  Raw slices are borrowed from what was parsed;
 * decoded bytes are appended to the caller's buf.  They are whatever was
 * encoded, NUL, slashes and bad UTF-8 included: who needs text checks it.
 */
#ifndef COMMON_URL_H
#define COMMON_URL_H

#include "common/buf.h"
#include "common/slice.h"

enum url_part {
	URL_PATH,  /* + is a plus */
	URL_QUERY, /* + is a space, as HTML forms send it */
};

/* Append what raw stands for.  False, and nothing appended: a % without two
 * hexadecimal digits behind it, or past the cap (then the buf is `full`). */
bool url_decode(struct buf *, struct slice raw, enum url_part);

/* Is plain what raw stands for?  Compares in place. */
bool url_is(struct slice raw, struct slice plain, enum url_part);

/* Cut the next name=value off a query, both still raw; false at its end.
 * Empty pairs are skipped.  Without a = the value's p is NULL. */
bool url_query_next(
    struct slice *rest, struct slice *name, struct slice *value);

/* Append raw bytes as one path segment or query value: all that is not
 * unreserved (letters, digits, - . _ ~) is escaped, in upper case.  False, and
 * nothing appended: past the cap. */
bool url_encode(struct buf *, struct slice plain);

#endif

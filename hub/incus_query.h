/*
 * incus_query.h - what a poll of Incus asks for: in the URL, in a form, or in a
 * form of several parts.
 *
 * The body's words win over the URL's, and of several the first; what is not
 * percent-encoded well is as if it were not there.  Borrows from request and
 * body, and from the text, which lasts until incus_query_free().  One pass.
 */
#ifndef HUB_INCUS_QUERY_H
#define HUB_INCUS_QUERY_H

#include "common/buf.h"
#include "common/http.h"

/* p is NULL of what is not there. */
struct incus_query {
	struct buf text; /* zeroed */
	struct slice user, page, command;
	/* Not of the original: a place to go on behind, how many messages an
	 * answer may hold, and how many seconds it may take. */
	struct slice cursor, messages, timeout;
};

void incus_query_read(
    struct incus_query *, const struct http_request *, struct slice body);
void incus_query_free(struct incus_query *);

#endif

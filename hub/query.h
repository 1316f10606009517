/*
 * query.h - what a listener asks for in a URL.
 */
#ifndef HUB_QUERY_H
#define HUB_QUERY_H

#include "common/buf.h"
#include "common/http.h"
#include "hub/subscribe.h"

enum { QUERY_CHANNELS = 128 }; /* more do not fit a sane request line */

/* Zeroed; free with query_free().  Slices are of text. */
struct query {
	struct buf text;
	struct slice channels[QUERY_CHANNELS];
	unsigned n;
	struct slice cursor, token, session;
	/* From headers, may be empty: of higher rank than cursor, of lower. */
	struct slice instead, otherwise;
	uint64_t timeout; /* s; UINT64_MAX: not said */
};

/* channel (repeated), cursor, token, session, timeout; others are ignored, a second
 * one of the single ones is refused.  A channel named twice counts once. */
enum code query_read(struct query *, struct slice query, struct fault *);
void query_free(struct query *);

/* Leave out channels (all are valid) that a pattern among them covers: the stream would get
 * their history twice. */
void query_uncover(struct query *);

#endif

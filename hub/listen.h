/*
 * listen.h - what /v1/sse and /v1/poll share: a URL that names channels.
 */
#ifndef HUB_LISTEN_H
#define HUB_LISTEN_H

#include "hub/query.h"

struct conn;

/* Read the query, check every channel and right.  False: it was answered with
 * the error. */
bool listen_read(struct conn *, const struct http_request *, struct query *);

/* Subscribe to all of them; they were checked.  False: one was refused after
 * all, and *f says why. */
bool listen_start(
    struct conn *, const struct query *, struct slice cursor, struct fault *);

/* Is the stream of one shard, so that one number is its place? */
bool listen_one_shard(const struct conn *, const struct query *);

#endif

/*
 * body_wait.h - the body of a request that comes in pieces, read once.
 *
 * A request is heard when it is whole, so what came of it is kept.  This is
 * how far it was looked at: a peer that sends it byte by byte costs what its
 * bytes cost, and not each time all of them.
 */
#ifndef HUB_BODY_WAIT_H
#define HUB_BODY_WAIT_H

#include "common/http_chunk.h"

#include <stdbool.h>

/* Zeroed: nothing is waited for. */
struct body_wait {
	size_t most; /* bytes of the request; with so many it is whole, or
	              * too large */
	size_t at;   /* of a chunked body: those before it were read */
	struct http_chunk chunk;
};

/* False: look at the request again, and zero this. */
bool body_waits(struct body_wait *, struct slice request);

#endif

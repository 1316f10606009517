/*
 * respond.h - HTTP answers of the hub: errors, CORS, and who may ask.
 */
#ifndef HUB_RESPOND_H
#define HUB_RESPOND_H

#include "common/http_reply.h"
#include "hub/conn.h"
#include "hub/subscribe.h"

/* Append the CORS lines an answer to this request carries. */
void respond_cors(
    const struct hub *, const struct http_request *, struct buf *lines);

/* Its Origin, if it has one, is among those allowed. */
bool respond_origin_good(const struct hub *, const struct http_request *);

/* A whole answer, at once, dated; the connection ends with it if that closes. */
void respond_with(struct conn *, const struct http_reply *);

/* A JSON error to a request that is gone: its lines, and how it ended. */
struct respond_late {
	struct slice lines; /* of respond_cors() */
	bool close, old, head;
};
void respond_put(
    struct conn *, const struct respond_late *, const struct fault *);

/* A JSON error; the connection goes on if the request lets it. */
void respond_fault(
    struct conn *, const struct http_request *, const struct fault *);

/* A handshake that was not good: 400 or 426, and closed. */
struct upgrade_answer;
void respond_upgrade(
    struct conn *, const struct http_request *, const struct upgrade_answer *);

/* Keep what Authorization or ?token= shows as the connection's grant; false:
 * answered with 401. */
bool respond_authorized(
    struct conn *, const struct http_request *, struct slice token);

#endif

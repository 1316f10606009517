/*
 * open.h - how a request becomes a stream: what dialect_http calls, one per
 * route.  Each answers, and changes the dialect if the answer is good.
 *
 * One of an open route (routes.def) is called for every method, with the body
 * that came, and looks at all else itself.
 */
#ifndef HUB_OPEN_H
#define HUB_OPEN_H

#include "common/http.h"

struct conn;

/* The request is over: the next one may come, or the connection ends once all
 * is written. */
void http_again(struct conn *, bool close);

void ws_open(struct conn *, const struct http_request *);
void echo_open(struct conn *, const struct http_request *);
void sse_open(struct conn *, const struct http_request *);
void poll_open(struct conn *, const struct http_request *);
void tyron_open(struct conn *, const struct http_request *, struct slice body);

/* Open routes: with the body. */
void incus_socket_open(
    struct conn *, const struct http_request *, struct slice body);
void incus_poll_open(
    struct conn *, const struct http_request *, struct slice body);
void bayeux_http_open(
    struct conn *, const struct http_request *, struct slice body);

/* What ws and echo share: answer the upgrade; false: it was refused, and that
 * was said. */
struct upgrade;
struct upgrade_answer;
bool handshake(struct conn *, const struct http_request *, struct upgrade *,
    struct upgrade_answer *);
/* Without subprotocols and extensions; false: nothing was said yet. */
bool handshake_plain(
    struct conn *, const struct http_request *, struct upgrade *);

#endif

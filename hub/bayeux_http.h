/*
 * bayeux_http.h - private to the carriers: how a request becomes one.
 */
#ifndef HUB_BAYEUX_HTTP_H
#define HUB_BAYEUX_HTTP_H

#include "common/http.h"
#include "hub/conn.h"

void bayeux_ws_open(struct conn *, const struct http_request *);
void bayeux_events_open(struct conn *, const struct http_request *);

/* A line of text instead; the connection goes on if the request lets it. */
void bayeux_refuse(struct conn *, const struct http_request *, unsigned status,
    const char *text);

#endif

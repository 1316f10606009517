/*
 * api.h - what the ingress itself answers: a request by handler.
 *
 * A begin function borrows the head for the call and returns the request,
 * which the connection owns from then on; never NULL.
 */
#ifndef INGRESS_API_H
#define INGRESS_API_H

#include "common/http.h"
#include "common/routes.h"
#include "ingress/client.h"
#include "ingress/request.h"

struct request *api_begin(
    enum route_handler, struct client *, const struct http_request *);

/* The front of a connection. */
struct front *api_front(struct client *);

struct request *api_publish(struct client *, const struct http_request *);
struct request *api_stream(struct credential *); /* lines of JSON */
struct request *api_history(struct client *, const struct http_request *);
struct request *api_feedback(struct client *, const struct http_request *);
struct request *api_jobs(struct client *, const struct http_request *);
struct request *api_enqueue(struct credential *);
struct request *api_devices(struct client *, const struct http_request *);
struct request *api_apps(struct client *, const struct http_request *);
struct request *api_messages(struct client *, const struct http_request *);
struct request *api_presence(struct client *, const struct http_request *);
struct request *api_healthz(struct client *, const struct http_request *);
struct request *api_readyz(struct client *, const struct http_request *);
struct request *api_metrics(struct client *, const struct http_request *);
struct request *api_page(enum route_handler);
struct request *api_tyron(
    enum route_handler, struct client *, const struct http_request *);
struct request *api_pandapush(
    enum route_handler, struct client *, const struct http_request *);
struct request *api_pandapush_unknown(
    struct client *, const struct http_request *);
struct request *api_script(
    enum route_handler, struct client *, const struct http_request *);
struct request *api_tyron_unknown(struct client *, const struct http_request *);

/* Frames of the bus for them. */
struct gauges *gauges_new(void);
void gauges_free(struct gauges **);
void gauges_stat(struct gauges *, const struct msg_stat *);
void gauges_end(struct gauges *, const struct bus_link *, uint64_t ref);
void gauges_down(struct gauges *, const struct bus_link *);

#endif

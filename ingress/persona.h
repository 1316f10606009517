/*
 * persona.h - what a port that is bound to a persona says of paths it does
 * not know: what that server said, since its clients may look.
 */
#ifndef INGRESS_PERSONA_H
#define INGRESS_PERSONA_H

#include "common/routes.h"

struct client;
struct http_request;
struct request;

/* 404, or where it is instead, or what OPTIONS * is told. */
struct request *persona_unknown(
    struct client *, enum persona bound, const struct http_request *);

#endif

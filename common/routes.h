/*
 * routes.h - whose a request is, by listener, method and path.
 *
 * A look-up walks the table of routes.def, comparing lengths first; nothing
 * is allocated.
 */
#ifndef COMMON_ROUTES_H
#define COMMON_ROUTES_H

#include "common/http_reply.h"
#include "common/slice.h"

enum persona {
#define PERSONA(name) PERSONA_##name,
#define ROUTE(methods, path, persona, owner, handler)
#include "common/routes.def"
	PERSONAS
};

enum route_owner { OWNER_ingress, OWNER_hub };

/* Who begins the answer: a function of the ingress, or of the hub. */
enum route_handler {
	HANDLER_none,
	HANDLER_ws,
	HANDLER_sse,
	HANDLER_poll,
	HANDLER_echo,
	HANDLER_incus_socket,
	HANDLER_incus_poll,
	HANDLER_bayeux,
	HANDLER_publish,
	HANDLER_history,
	HANDLER_jobs,
	HANDLER_feedback,
	HANDLER_devices,
	HANDLER_apps,
	HANDLER_messages,
	HANDLER_presence,
	HANDLER_openapi,
	HANDLER_healthz,
	HANDLER_readyz,
	HANDLER_metrics,
	HANDLER_demo,
	HANDLER_favicon,
	HANDLER_robots,
	HANDLER_incus_ping,
	HANDLER_incus_js,
	HANDLER_incus_types,
	HANDLER_incus_clean,
	HANDLER_pandapush_channel,
	HANDLER_pandapush_health,
	HANDLER_pandapush_home,
	HANDLER_pandapush_js,
	HANDLER_pandapush_types,
	HANDLER_tyron_health,
	HANDLER_tyron_store,
	HANDLER_tyron_poll,
	HANDLERS
};

struct route {
	const char *letters; /* of the methods */
	struct slice path;   /* with a star: see routes.def */
	enum persona persona;
	enum route_owner owner;
	enum route_handler handler;
};

enum route_verdict {
	ROUTE_FOUND,
	ROUTE_UNKNOWN,    /* 404 */
	ROUTE_NOT_METHOD, /* 405, and `allow` says what would do */
};

struct route_found {
	const struct route *route; /* NULL when unknown */
	unsigned allow;            /* HTTP_ALLOW() bits of the path */
};

/* The handler hears every method, and says itself which it does not know. */
bool route_is_open(const struct route *);

/* Sets of personas. */
#define PERSONA_SET(name) (1U << PERSONA_##name)
#define PERSONA_SET_ALL   ((1U << PERSONAS) - 1)

/* By the personas of the listener.  The path is without its query, as sent:
 * an encoded letter is another path.  OPTIONS is found where the path is, for
 * who answers it. */
enum route_verdict route_find(unsigned personas, enum http_method,
    struct slice path, struct route_found *);

/* PERSONAS: nobody is called that. */
enum persona persona_named(struct slice);
/* What a listener bound to that one serves; bound to any, it is what nobody
 * has to ask for, and those named besides. */
unsigned persona_set(enum persona bound, unsigned besides);
/* A list of the settings to a set; false: the culprit is nobody's name. */
bool personas_read(struct slice words, unsigned *set, struct slice *culprit);

#endif

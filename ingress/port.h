/*
 * port.h - one listener: what its word in the settings says, and its socket.
 */
#ifndef INGRESS_PORT_H
#define INGRESS_PORT_H

#include "common/address.h"
#include "common/listeners.h"
#include "common/loop.h"
#include "common/net.h"
#include "common/routes.h"

struct front;
struct tls_context;

struct port {
	struct listener spec;
	enum persona persona; /* it is bound to */
	unsigned personas;    /* it serves: a set */
	struct net_listener socket;
	struct watch watch;
	struct timer again; /* after a pause */
	uint64_t said_at;   /* ms: the last shortage of descriptors */
	struct front *front;
	struct tls_context *const *tls; /* *tls NULL: no certificate yet */
};

/* Start taking connections.  The socket is set and stays the port's. */
void port_open(struct port *);
void port_close(struct port *);

/* Say that an address has too many, and close. */
void port_too_many(const struct front *, int fd);

/* Connections per address.  False: that one has enough.  This host and
 * trusted proxies are not counted. */
struct peers;
struct peers *peers_new(void);
void peers_free(struct peers **);
bool peers_enter(struct front *, const struct ip *);
bool peers_counts(const struct front *, const struct ip *); /* at all */
void peers_leave(struct front *, const struct ip *);

#endif

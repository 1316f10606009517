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
	enum persona persona;
	struct net_listener socket;
	struct watch watch;
	struct timer again; /* after a pause */
	bool exhausted;     /* the last accept found no descriptor */
	struct front *front;
	struct tls_context *const *tls; /* *tls NULL: no certificate yet */
};

/* Start taking connections.  The socket is set and stays the port's. */
void port_open(struct port *);
void port_close(struct port *);

/* Is an address that came by this port bounded in its connections? */
bool port_counts(const struct port *, const struct ip *);
/* Say that it has too many, and close. */
void port_too_many(int fd);

/* Connections per address.  False: that one has enough.  Loopback is not
 * counted. */
struct peers;
struct peers *peers_new(void);
void peers_free(struct peers **);
bool peers_enter(struct front *, const struct ip *);
void peers_leave(struct front *, const struct ip *);

#endif

/*
 * client.h - one connection of a client, from its first byte to its last.
 *
 * Takes the stream.  Requests are answered in the order they came; a request
 * that a hub owns ends the client here: the socket moves on.  Freed at the
 * end of the turn in which the connection ended.
 */
#ifndef INGRESS_CLIENT_H
#define INGRESS_CLIENT_H

#include "ingress/front.h"
#include "ingress/port.h"
#include "ingress/request.h"
#include "ingress/stream.h"

struct client;

struct client_setup {
	struct front *front;
	const struct port *port; /* it came in by; borrowed */
	struct stream stream;
	struct ip address;
	struct slice bytes; /* read already */
	bool counted;       /* peers_leave() when it ends */
	bool handshake;     /* TLS, not greeted yet */
	bool proxy;         /* a PROXY header comes first */
	bool secure;        /* TLS ended here or before */
};

void client_new(const struct client_setup *);

/* No more requests are taken; what is owed is answered. */
void client_drain(struct client *);

#endif

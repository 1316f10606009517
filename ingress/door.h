/*
 * door.h - where sockets are handed to hubs, and come back.
 *
 * A SEQPACKET listener at RUN/door.N.  Hubs connect, tell with `offer` how
 * many sockets they can take, and get each as a `pass` frame with the
 * descriptor attached; what comes back begins as a new client.  A socket for
 * which no hub has credit waits a while and is then answered 503.
 *
 * A hub may also say that the session of what it read is another hub's: then
 * the socket goes there.  It goes back, marked, where that hub is gone.
 */
#ifndef INGRESS_DOOR_H
#define INGRESS_DOOR_H

#include "ingress/front.h"
#include "ingress/port.h"

enum {
	DOOR_WAITING = 1024, /* sockets; each holds at most 64 kB */
	DOOR_WAIT_MS = 2000, /* a hub that restarts is back by then */
};

struct door;

/* A socket on its way.  Slices are copied when they have to be. */
struct handover {
	int fd;                /* taken */
	struct slice listener; /* its word in the settings; borrowed for good */
	struct slice address, bytes;
	unsigned personas; /* the listener serves */
	uint32_t hub;      /* tag of the one that shall have it; 0: any */
	bool secure;
	bool passed;        /* by a hub: who gets it answers */
	struct slice state; /* of an upgraded one, between hubs; else empty */
};

struct door_setup {
	struct front *front;
	const char *path;
	const struct port *ports; /* sockets that come back belong to one */
	unsigned nports;
	unsigned wait_ms; /* 0: DOOR_WAIT_MS */
};

/* NULL with errno. */
struct door *door_open(const struct door_setup *);
void door_close(struct door **); /* and sets it to NULL */

/* Hand it to the hub with the fewest connections, or have it wait. */
void door_pass(struct door *, const struct handover *);

/* Hubs that are here, serve, and are not leaving. */
unsigned door_hubs(const struct door *);

#endif

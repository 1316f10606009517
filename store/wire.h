/*
 * wire.h - how parts of the store send to a peer: the bus, or a test's ear.
 *
 * Frames to a peer leave in the order they were sent, at the end of the
 * turn.  Nothing blocks and nothing fails: a dead peer hears nothing.
 */
#ifndef STORE_WIRE_H
#define STORE_WIRE_H

#include "common/bus_server.h"

struct wire {
	void (*send)(struct wire *, struct bus_peer *, const struct msg *);
	void (*send_encoded)(struct wire *, struct bus_peer *, struct slice);
};

#endif

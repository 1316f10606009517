/*
 * relay.h - a TLS connection whose other side is a hub.
 *
 * Hubs know no TLS: one end of a socket pair is passed to the hub, between
 * the other end and the TLS stream bytes are carried here.  At most RELAY_MAX
 * bytes wait in each direction, and only while the other side does not take
 * them; an idle relay holds no buffer.
 */
#ifndef INGRESS_RELAY_H
#define INGRESS_RELAY_H

#include "ingress/front.h"
#include "ingress/stream.h"

enum { RELAY_MAX = 16384 }; /* bytes: a TLS record */

struct relays;

struct relays *relays_new(struct front *);
void relays_free(struct relays **); /* ends them all; sets it to NULL */

/* Takes the stream.  The descriptor to be passed on, or -1: there is none to
 * be had, which is logged and counted, and the stream is left as it is. */
int relay_new(struct relays *, struct stream *);

/* Ends them over the time given, in ms; done() of the front follows. */
void relays_drain(struct relays *, uint64_t over_ms);
unsigned relays_count(const struct relays *);

#endif

/*
 * bus_gate.h - private to the bus: which CURVE keys may come in.
 *
 * ZeroMQ proves that a client holds the secret of the public key it shows;
 * whether that key is one of ours it asks here (ZAP, RFC 27).  A key that is
 * not listed is refused before a byte of it reaches the bus.
 */
#ifndef COMMON_BUS_GATE_H
#define COMMON_BUS_GATE_H

#include "common/bus_socket.h"
#include "common/loop.h"

/* ZeroMQ's context, for the other file that knows ZeroMQ. */
void *bus_context_zmq(struct bus_context *);

struct bus_gate;

/* Before the socket is bound.  NULL: a key is not Z85; *why says so. */
struct bus_gate *bus_gate_open(
    struct bus_context *, struct loop *, const char *clients, const char **why);
void bus_gate_close(struct bus_gate **); /* before the context */

/* What is wrong with such a list; NULL: nothing. */
const char *bus_gate_wrong(const char *clients);
/* These keys instead; nothing is wrong with them. */
void bus_gate_clients(struct bus_gate *, const char *clients);

#endif

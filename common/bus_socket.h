/*
 * bus_socket.h - one ZeroMQ socket as the bus uses it.
 *
 * ZeroMQ's descriptor is edge-triggered: whoever sleeps on it must have read
 * bus_socket_readable() after the last send or receive, and may sleep only
 * when that was false.  Nothing here blocks.  Queues are unbounded; the
 * windows of link.h are what bounds them.
 */
#ifndef COMMON_BUS_SOCKET_H
#define COMMON_BUS_SOCKET_H

#include "common/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* CURVE keys as Z85 text; NULL or empty for none.  Borrowed for the call. */
struct bus_keys {
	const char *server;          /* a peer's: the stores' public key */
	const char *public, *secret; /* one's own; a store needs the secret */
	const char *clients; /* a store's: public keys let in, by spaces */
};

/* A new pair, as text; what bin/keygen prints. */
enum { BUS_KEY_TEXT = 41 };
void bus_keys_new(char public[BUS_KEY_TEXT], char secret[BUS_KEY_TEXT]);

struct bus_context; /* ZeroMQ's thread; one per process */
struct bus_context *bus_context_new(void);
void bus_context_free(struct bus_context **); /* after all its sockets */

struct bus_socket;

/* A peer's socket to a store, or a store's socket for all its peers.  NULL:
 * the endpoint or the keys are wrong, and *why says how; where connect says
 * nothing the system has no descriptors, 4 for each. */
struct bus_socket *bus_socket_connect(struct bus_context *,
    const char *endpoint, const struct bus_keys *, const char **why);
struct bus_socket *bus_socket_bind(struct bus_context *, const char *endpoint,
    const struct bus_keys *, const char **why);
void bus_socket_close(struct bus_socket **); /* what was not sent is lost */

/* Closing waits no longer than that, in the context's end, for the other side
 * to take what is queued. */
void bus_socket_linger(struct bus_socket *, unsigned ms);

int bus_socket_fd(const struct bus_socket *);
bool bus_socket_readable(struct bus_socket *);

/* The second descriptor tells when a connected socket lost its connection:
 * readable is the cue to ask bus_socket_news(). */
int bus_socket_monitor_fd(const struct bus_socket *);
enum bus_news {
	BUS_NO_NEWS = 0,
	BUS_LOST = 1,   /* the connection is gone */
	BUS_REFUSED = 2 /* so is it, and the keys do not fit */
};
unsigned bus_socket_news(struct bus_socket *); /* bits of enum bus_news */

/* One message; its bytes are borrowed until bus_packet_free(). */
struct bus_packet {
	uint64_t opaque[8];
	uint64_t from; /* a store's: which connection */
	struct slice bytes;
};
bool bus_socket_receive(struct bus_socket *, struct bus_packet *);
void bus_packet_free(struct bus_packet *);

/* Takes the malloc'ed bytes.  False: that connection is gone. */
bool bus_socket_send(struct bus_socket *, uint64_t to, struct slice);

#endif

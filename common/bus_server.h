/*
 * bus_server.h - the stores' end of the bus: one link to each peer.
 *
 * A connection is nobody until it says hello; then it is a peer, known by
 * its boot id, until it is silent, closed, or comes by another connection.
 * Frames sent in a turn leave together at its end.  Nothing blocks.
 */
#ifndef COMMON_BUS_SERVER_H
#define COMMON_BUS_SERVER_H

#include "common/bus_socket.h"
#include "common/link.h"
#include "common/loop.h"
#include "common/msg.h"

struct bus_server;
struct bus_peer_state; /* whatever the store hangs on a peer */

/* Read-only to the store but for `state`; gone after face.gone(). */
struct bus_peer {
	struct list node;         /* of all peers: bus_server_next() */
	char stage[32], name[64]; /* as in hello */
	uint64_t boot;
	struct link link;
	struct bus_peer_state *state;
	uint64_t connection; /* ZeroMQ's name for it */
	/* The last of our messages that it had taken when it began to fill
	 * the one that is heard now. */
	uint64_t knew;
	bool roomy;
	bool dead; /* nothing can be sent any more */
	bool gone; /* and that was told */
};

/* What the store hears.  A peer may be sent to in each of them but gone.  Gone
 * is never called inside a function of this file, or in a walk. */
struct bus_server_face {
	/* A peer said hello; the store sends owner and key frames, then
	 * bus_server_welcome(). */
	void (*hello)(struct bus_server_face *, struct bus_peer *);
	void (*frame)(
	    struct bus_server_face *, struct bus_peer *, const struct msg *);
	/* These frames are about to come; see bus_frames.h.  May be NULL. */
	void (*ahead)(struct bus_server_face *, const struct msg *, unsigned);
	/* bus_server_room() is true again after it was false. */
	void (*room)(struct bus_server_face *, struct bus_peer *);
	/* Its link is dead.  The peer is freed at the end of the turn. */
	void (*gone)(struct bus_server_face *, struct bus_peer *);
};

struct bus_server_setup {
	struct loop *loop;
	struct bus_server_face *face; /* borrowed */
	const char *endpoint, *name;  /* to bind; of this store */
	struct bus_keys keys;
	bool allow_plain; /* bind beyond loopback without keys */
};

/* NULL when it cannot bind; *why says how. */
struct bus_server *bus_server_open(
    const struct bus_server_setup *, const char **why);
void bus_server_close(struct bus_server **);

/* Other keys are let in from now on, with which nothing is wrong; who is
 * connected stays so. */
void bus_server_clients(struct bus_server *, const char *clients);
/* What is wrong with them; NULL: nothing, or there are no keys. */
const char *bus_server_wrong_clients(
    const struct bus_server *, const char *clients);

uint64_t bus_server_boot(const struct bus_server *);
void bus_server_welcome(
    struct bus_server *, struct bus_peer *, unsigned shards, uint64_t mark);

/* Window left; ask before live messages and history, not for answers. */
bool bus_server_room(const struct bus_peer *);
void bus_server_send(
    struct bus_server *, struct bus_peer *, const struct msg *);
/* Frames encoded once for many peers. */
void bus_server_send_encoded(
    struct bus_server *, struct bus_peer *, struct slice, unsigned frames);

/* What waits to be sent is dropped, and every link is dead. */
void bus_server_drop(struct bus_server *, const char *why);
/* More has come than was read in the last second: silence of others proves
 * nothing now. */
bool bus_server_behind(const struct bus_server *);

/* Walk the peers; NULL starts and ends. */
struct bus_peer *bus_server_next(struct bus_server *, struct bus_peer *);

#endif

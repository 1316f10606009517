/*
 * net.h - sockets: opening them, taking them over, handing them on.
 *
 * Every descriptor made here is non-blocking and close-on-exec.  Functions
 * that return a descriptor return -1 with errno.  An address is text: a port
 * (4000, all addresses), 127.0.0.1:4000, [::1]:4000, localhost:4000 or
 * unix:/path.
 */
#ifndef COMMON_NET_H
#define COMMON_NET_H

#include "common/slice.h"

struct address;

enum { NET_TEXT = 128 }; /* bytes of a peer as text, with its end */

/* Listen.  EINVAL: not an address.  A unix socket that nobody answers at is
 * replaced, one that is alive is EADDRINUSE. */
int net_listen(const char *address);

/* Like it, SEQPACKET on a unix path: records arrive whole or not at all. */
int net_listen_door(const char *path);

/* The first descriptor passed as LISTEN_FDS that listens at this address, or
 * -1 with ENOENT; it is not found a second time.  The caller unsets nothing:
 * LISTEN_PID must be ours. */
int net_inherited(const char *address);

/* Begin to connect: writable once it is decided, then ask net_connected(). */
int net_connect(const char *address);
int net_connect_door(const char *path);
int net_connect_to(const struct address *);

/* Likewise; and a host may have a name, which is looked up and blocks.
 * EHOSTUNREACH: nobody knows it. */
int net_connect_named(const char *address);
int net_connected(int fd); /* 0 or an errno */

/* What a listener keeps: a descriptor in reserve for the day there is none. */
struct net_listener {
	int fd, reserve;
};

void net_listener_init(struct net_listener *, int fd); /* takes fd */
void net_listener_close(struct net_listener *);

enum net_accepted {
	NET_ACCEPTED,  /* *fd is a connection, TCP_NODELAY set */
	NET_NONE,      /* nobody is waiting */
	NET_EXHAUSTED, /* *fd is the connection: answer 503 and close it with
			* net_refuse() before anything else; then pause */
	NET_FAILED,    /* errno; the listener is of no use */
};

enum net_accepted net_accept(struct net_listener *, int *fd);

/* Write the answer if the peer takes it at once, close, reserve again. */
void net_refuse(struct net_listener *, int fd, struct slice answer);

/* A client's new descriptor is one of the last, which are for what the stage
 * itself opens while it runs: a link to a store that came back, above all.  The
 * lowest that is free is given, so its number tells. */
bool net_crowded(int fd);

/* Raise the soft limit of descriptors to the hard one; what it is now. */
uint64_t net_raise_limit(void);

#endif

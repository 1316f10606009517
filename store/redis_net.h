/*
 * redis_net.h - commands to wherever their slot is: one server, the master
 * that Sentinels name, or the nodes of a Cluster.
 *
 * One thread, which blocks; connections open when they are needed.  A run
 * sends all commands at once, each to its node, and follows MOVED, ASK and
 * failovers until all are done or the time is over: so a command may be
 * carried out twice, and must be made for that.  Borrows the setup's strings.
 */
#ifndef STORE_REDIS_NET_H
#define STORE_REDIS_NET_H

#include "store/redis_cmd.h"
#include "store/redis_conn.h"
#include "store/redis_counts.h"

struct redis_net_setup {
	const char *addresses; /* host:port or unix:/path, by spaces */
	const char *sentinel;  /* the addresses are Sentinels, this is the name
				* of the master; empty: they are not */
	struct redis_login login;
	unsigned timeout_ms; /* of a run */
	/* After a run wait until so many replicas have it, as far as there are
	 * so many, and so long.  0: do not. */
	unsigned replicas, wait_ms;
	const char *label;           /* what it is for, in the log */
	struct redis_counts *counts; /* or NULL; borrowed */
};

struct redis_net;

struct redis_net *redis_net_new(const struct redis_net_setup *); /* copies */
void redis_net_free(struct redis_net **);

void redis_net_run(struct redis_net *, struct redis_cmd *, size_t n);

#endif

/*
 * bridge_pubsub.h - what is published in Redis becomes publishes of ours.
 *
 * One bridge at a time subscribes, under a lease; the others stand by.  What
 * the stores have no room for waits in memory up to a limit, past which it
 * is dropped and counted: Redis would not hold it either.
 */
#ifndef INGRESS_BRIDGE_PUBSUB_H
#define INGRESS_BRIDGE_PUBSUB_H

#include "common/bus.h"
#include "ingress/bridge_carry.h"
#include "ingress/bridge_lease.h"

enum { PUBSUB_NAMES = 256 }; /* channels and patterns: matched by scanning */

struct pubsub;

struct pubsub_setup {
	struct carriage *with;
	struct lease_setup lease; /* on the control connection */
	struct redis_setup redis; /* of the connection to be made */
	const struct binding *channels, *patterns;
	size_t nchannels, npatterns; /* both at most PUBSUB_NAMES */
	uint64_t buffer;             /* bytes that may wait */
};

/* Borrows all but the setup itself. */
struct pubsub *pubsub_new(const struct pubsub_setup *);
void pubsub_free(struct pubsub **); /* after the control connection */

void pubsub_up(struct pubsub *);   /* the control connection is up */
void pubsub_room(struct pubsub *); /* the bus has room again */

/* Let another bridge take over.  Idle: nothing waits for an answer. */
void pubsub_drain(struct pubsub *);
bool pubsub_idle(const struct pubsub *);

#endif

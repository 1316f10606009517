/*
 * bridge_queue.h - a Redis list and its connection: what bridge_list.h
 * decides is done here.
 *
 * A blocking command waits on the connection of the queue; what was settled
 * is told on the bridge's own, so that it does not wait behind.
 */
#ifndef INGRESS_BRIDGE_QUEUE_H
#define INGRESS_BRIDGE_QUEUE_H

#include "common/bus.h"
#include "ingress/bridge_carry.h"
#include "ingress/bridge_lease.h"

struct queue;

struct queue_setup {
	struct carriage *with;
	struct redis *control;    /* up while the queue runs */
	struct redis_setup redis; /* of the connection to be made */
	struct lease *lease;      /* of the instance */
	struct binding binding;
	const char *prefix, *instance;
	uint64_t item_max, dead_max; /* bytes; entries */
};

/* Borrows all but the setup itself. */
struct queue *queue_new(const struct queue_setup *);
void queue_free(struct queue **); /* after the control connection */

/* Redis is up and the lease held; or not so. */
void queue_run(struct queue *, bool);
void queue_room(struct queue *); /* the bus has room again */

void queue_drain(struct queue *);
bool queue_idle(const struct queue *);

#endif

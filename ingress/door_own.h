/*
 * door_own.h - private to door.c and door_wait.c: the door and who is there.
 */
#ifndef INGRESS_DOOR_OWN_H
#define INGRESS_DOOR_OWN_H

#include "common/list.h"
#include "common/loop.h"
#include "common/net.h"
#include "common/passing.h"
#include "ingress/door.h"

struct door {
	struct front *front;
	struct door_setup setup;
	char *path;
	struct net_listener socket;
	struct watch watch;
	struct list hubs;    /* struct hub_seat */
	struct list waiting; /* for any hub: struct waiter, oldest first */
	struct list wanting; /* for a certain one; likewise */
	unsigned nwaiting;   /* in both */
	struct timer timer;  /* for the oldest waiter */
	struct timer again;  /* after a pause */
	struct buf frame;
	char record[PASSING_MAX];
};

/* A hub's end of the door. */
struct hub_seat {
	struct list node;
	struct door *door;
	struct watch watch;
	int fd;
	char name[64];
	uint64_t credit, connections;
	uint32_t tag; /* of the hub; 0: none, it is of an older version */
	bool draining, slow; /* slow: its socket takes nothing now */
};

/* door.c: true: the socket is some hub's now, and closed here.  Hubs may have
 * been found gone. */
bool door_hand_over(struct door *, struct handover *);

/* door_wait.c: sockets without a hub, and their end. */
void door_wait_begin(struct door *);
void door_wait_end(struct door *);
void door_wait(struct door *, const struct handover *);
void door_serve_waiting(struct door *);

#endif

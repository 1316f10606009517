/*
 * watch.h - taps: copies of what is accepted, to whoever asked.
 *
 * A tap never slows anything: when its window is full its copies are dropped
 * and counted.  A copy of a publish frame carries the message's offset as its
 * seq.  Costs nothing while nobody watches.
 */
#ifndef STORE_WATCH_H
#define STORE_WATCH_H

#include "store/wire.h"

enum { WATCHES_MOST = 64 }; /* of one peer: it matches by scanning */

struct watches;

/* Embedded in the state of a peer. */
struct watch_peer {
	struct bus_peer *peer;
	struct list all; /* of the watches, while own is not empty */
	struct list own; /* struct watch_row */
	unsigned count;
};

struct watches *watches_new(struct wire *); /* borrows */
void watches_free(struct watches **);       /* after all its peers */

void watch_peer_init(struct watch_peer *, struct bus_peer *);
void watch_peer_gone(struct watch_peer *);

/* False: it cannot be watched, or there are too many. */
bool watches_add(
    struct watches *, struct watch_peer *, const struct msg_watch *);

bool watches_any(const struct watches *);

/* A message was accepted; the frame is its deliver. */
void watches_copy(struct watches *, const struct msg *deliver);

#endif

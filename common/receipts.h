/*
 * receipts.h - receipts of jobs on their way to the stores that have them.
 *
 * That a target is gone is told to its application by a message, before the
 * job ends.  Where that channel belongs to another store than the job, who
 * said the receipt is asked to publish it, and says the receipt again.  Needs
 * no answer to any of it: a receipt that is lost on the way is said again,
 * until it is settled.  Copies what it keeps; borrows the bus.
 */
#ifndef COMMON_RECEIPTS_H
#define COMMON_RECEIPTS_H

#include "common/bus.h"

enum { RECEIPTS_MOST = 1024 }; /* messages on their way; the rest comes again */

/* Zeroed it may be closed. */
struct receipts {
	struct bus *bus;
	struct list flying;
	unsigned count;
};

void receipts_open(struct receipts *, struct bus *);
void receipts_close(struct receipts *);

/* To the store of its job; dropped while that is away. */
void receipts_say(struct receipts *, const struct msg_receipt *);

/* A store asks for it. */
void receipts_relay(struct receipts *, const struct msg_relay *);

#endif

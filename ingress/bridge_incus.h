/*
 * bridge_incus.h - what an item of Incus becomes: publishes and jobs.
 *
 *	message		one publish, to whom incus_route() says
 *	setpage		one publish on INCUS_CONTROL, for all hubs
 *	push ...	jobs of the queues apns and gcm
 *	pushormessage	a publish if its user is present, else jobs
 *
 * A job's body is
 *
 *	{"push_type":"ios","device_token":T,"build":B,"sound":N,
 *	 "message":M,"received":S}
 *	{"push_type":"android","registration_ids":"a,b","error_queue":L,
 *	 "message":M,"received":S}
 *
 * with M as {"event":E,"data":{...}} and S in unix seconds; N is the sound to
 * play, L the list of Redis that is told of failures.  Its target is
 * the token, or the ids as long as they fit.  Ids that are too many for one
 * job are spread over several; each has its own id of repetition, made of the
 * item's, so that an item that comes again is taken once.
 *
 * A struct bridge_incus is zeroed before its first use but for the settings at
 * its top, and used again and again.  What was read borrows from the item, until the next read.
 */
#ifndef INGRESS_BRIDGE_INCUS_H
#define INGRESS_BRIDGE_INCUS_H

#include "common/incus.h"
#include "common/incus_body.h"
#include "common/msg.h"

enum {
	INCUS_JOB_BODY = 65536,           /* bytes, as in msg.def */
	INCUS_JOB_TARGET = 255,           /* likewise */
	INCUS_MESSAGE_MAX = 4194304 - 64, /* of an event and its data */
	INCUS_JOB_IDS = 1000,     /* registration ids that a vendor takes */
	INCUS_JOBS = 64,          /* of one item */
	INCUS_ID_SUFFIX = 16,     /* bytes behind an item's id, at most */
	INCUS_ITEM_ID = 255 - 16, /* of an item, at most */
};

enum incus_push { INCUS_IOS, INCUS_ANDROID, INCUS_PUSHES };

struct bridge_incus {
	bool enabled[INCUS_PUSHES];
	const char *sound, *error_queue; /* of jobs; empty: not in them */
	/* the rest is bridge_incus.c's business */

	struct incus in;
	bool due[INCUS_PUSHES], tells;
	struct incus_body pushes[INCUS_PUSHES], message;
	struct buf flat[INCUS_PUSHES], flat_message;
	struct buf body, id, target;
};

/* CODE_ok; or why it is to be put aside, and in.fault says more. */
enum code bridge_incus_read(struct bridge_incus *, struct slice item);

/* The name whose presence decides what it becomes; false: nobody's. */
bool bridge_incus_asks(struct bridge_incus *, struct slice *user);

/* Make what was read; nothing at all is legal, too, and counted.  Frames are
 * borrowed for the call. */
struct incus_sink {
	void (*write)(struct incus_sink *, struct msg *);
	struct slice id; /* of the item; at most INCUS_ITEM_ID bytes */
	uint64_t unix_s;
	bool present;
};
void bridge_incus_write(struct bridge_incus *, struct incus_sink *);

void bridge_incus_free(struct bridge_incus *);

#endif

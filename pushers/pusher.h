/*
 * pusher.h - what every pusher is: jobs of a queue, from the stores to a
 * vendor, and what became of them, back.
 *
 * A vendor is a struct of functions.  It is given a push, does what it takes,
 * and says how that ended, once; leases, credit, receipts that are repeated
 * until settled, links that come back, the drain, readiness and counting are
 * done here.  Whatever the vendor does a push ends: in a bounded time, and a
 * bounded number of them is in hand.
 *
 * A pusher's program is a struct stage whose struct begins with a struct
 * pusher, and whose table names these functions:
 *
 *	.options = own rows, PUSHER_OPTIONS("gcm"), the empty row
 *	.start   calls pusher_start(), .stop calls pusher_stop()
 *	.up = pusher_up, .owner = pusher_owner, .publishable is free
 *	.on = {PUSHER_FRAMES}
 *	.drain = pusher_drain, .late = pusher_late
 *
 * Costs O(1) a push, but for a walk over those in hand in each turn in which
 * one ends.
 */
#ifndef PUSHERS_PUSHER_H
#define PUSHERS_PUSHER_H

#include "common/code.h"
#include "common/daemon.h"
#include "common/leases.h"
#include "common/receipts.h"

struct pusher;
struct push;

/* How a push ended.  All slices are copied. */
struct push_end {
	enum outcome outcome;
	/* RETRY: unix ms, 0: after the store's backoff; GONE: since when, 0:
	 * not known */
	uint64_t at;
	struct slice why;         /* the vendor's word, at most 255 bytes */
	struct slice vendor_id;   /* DELIVERED: its id of it */
	struct slice replacement; /* a token that took the target's place */
};

struct vendor {
	/* Of the struct that begins with a struct push; zeroed behind it. */
	size_t push_size;
	/* Do it: push_end() follows, once, inside the call or later. */
	void (*begin)(struct pusher *, struct push *);
	/* Leave off at once: its time is over, or it is settled otherwise.
	 * push_end() may not be called any more.  What hangs on it is to be
	 * freed in forget(). */
	void (*cancel)(struct pusher *, struct push *);
	/* Nothing of it has left us: it may be given back; may be NULL. */
	bool (*untried)(struct pusher *, struct push *);
	/* It is about to be freed, whichever way it ended; may be NULL. */
	void (*forget)(struct pusher *, struct push *);
	/* No more come: push_return() what was not begun in earnest; may be
	 * NULL. */
	void (*drain)(struct pusher *);
};

/* A job in hand.  The slices are copies, good until it is forgotten. */
struct push {
	uint64_t created, expires; /* unix ms */
	unsigned attempt, priority;
	struct slice app, target, collapse, type, body;
	struct pusher *pusher;

	struct list node; /* the rest is pusher.c's business */
	struct lease lease;
	struct timer deadline; /* while the vendor has it */
	uint64_t said;         /* ms of the loop: its last receipt */
	bool given;            /* the vendor was */
	bool ended, orphan;    /* orphan: its lease is over, not it */
	struct push_end end;   /* its words are those below */
	struct buf words;
	char *bytes;
};

struct pusher {
	struct daemon d; /* first */

	const struct vendor *vendor; /* the rest is pusher.c's business */
	struct leases leases;
	struct receipts receipts;
	struct list begun; /* struct push: the vendor has it */
	struct list ended; /* struct push, oldest receipt first */
	size_t nbegun, nended;
	unsigned most;    /* in hand */
	uint64_t timeout; /* ms for a push */
	bool idle, paused, pipe;
	struct timer again;  /* armed while a receipt is not settled */
	struct timer resume; /* armed while paused */
	struct turn turn;
};

/* clang-format off */
#define PUSHER_OPTIONS(queue_, most_)                                          \
	{"queue", queue_, OPT_STR, 1, 31, "jobs of this queue are pushed"},    \
	{"in_flight", most_, OPT_NUM, 1, 16384, "jobs in hand at a time, of each store; its window bounds their bytes"}, \
	{"timeout", "30s", OPT_TIME, 1000, 600000, "for all of a push; then the store tries it again later"}
/* clang-format on */

#define PUSHER_FRAMES                                                          \
	[MSG_job] = pusher_job, [MSG_settled] = pusher_settled,                \
	[MSG_relay] = pusher_relay

/* Settings are read; borrows the vendor.  Jobs come as soon as pusher_able().
 * Stop cancels and forgets what is in hand; harmless when it never started. */
void pusher_start(struct pusher *, const struct vendor *);
void pusher_stop(struct pusher *);

/* NULL: it can push, and jobs may come.  Else why not, a word for the log: no
 * job is taken, which is said once.  At start and after a reload. */
void pusher_able(struct pusher *, const char *why_not);

/* Take no more jobs for so long: the vendor is down, and each would only use
 * up an attempt.  What is in hand goes on.  A longer pause wins; 0 ends it. */
void pusher_pause(struct pusher *, uint64_t ms);

void push_end(struct push *, const struct push_end *);

/* The same for an end without details. */
void push_ends(struct push *, enum outcome, struct slice why);

/* It was never tried: the store may give it to anybody, at once. */
void push_return(struct push *);

/* More time than `timeout`, from now on, in ms: of what is in steps. */
void push_extend(struct push *, uint64_t ms);

/* For the stage's table. */
void pusher_up(struct daemon *, struct bus_link *);
void pusher_owner(struct daemon *, unsigned shard);
void pusher_job(struct daemon *, struct bus_link *, const struct msg *);
void pusher_settled(struct daemon *, struct bus_link *, const struct msg *);
void pusher_relay(struct daemon *, struct bus_link *, const struct msg *);
void pusher_drain(struct daemon *);
int pusher_late(struct daemon *);

#endif

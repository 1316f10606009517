/*
 * bridge_list.h - items of one Redis list become publishes, each exactly
 * once.  Pure state: what is asked of Redis and of the bus goes through an
 * interface, what they answer comes back as calls.
 *
 * An item is on the list, then on our stage list (BLMOVE), then under a
 * number in our processing hash, then published under that number, then
 * accepted and out of the hash.  Each arrow is one step of Redis; a bridge
 * that dies between two leaves the item where the next life, or another
 * bridge, finds it.  What may be published twice has the same publish id
 * both times, and the store takes it once while it remembers ids (5 min).
 */
#ifndef INGRESS_BRIDGE_LIST_H
#define INGRESS_BRIDGE_LIST_H

#include "common/code.h"
#include "common/outbox.h"
#include "ingress/redis.h"

enum list_step {
	LIST_ADOPT, /* what dead instances left becomes ours: a number */
	LIST_KEYS,  /* publish ids in our hash: strings */
	LIST_FETCH, /* items of ids: strings or nil, maybe of the first only */
	LIST_TAKE,  /* more items into the hash: id, item, id, item */
	LIST_WAIT,  /* until the list has an item; a second at most */
	LIST_DONE,  /* take ids out of the hash */
	LIST_BAD,   /* put one id aside, with a reason */
};

struct list_command {
	enum list_step step;
	const struct slice *ids; /* borrowed for the call */
	size_t n;
	const char *reason;
};

enum {
	LIST_TAKE_ITEMS = 128,       /* a turn's worth */
	LIST_TAKE_BYTES = 256 << 10, /* likewise */
	LIST_FLYING = 1024,          /* published and not answered */
	LIST_TRIES = 10,             /* of what a store cannot do for now */
	LIST_BUSY_MIN = 100,         /* ms of pause when stores are busy, */
	LIST_BUSY_MAX = 5000,        /* at most */
	LIST_ERROR_PAUSE = 1000,     /* ms, when Redis refuses a step */
};

struct list_io {
	/* Answered later by bridge_list_answer(), WAIT too; but for DONE and
	 * BAD, of which only errors matter. */
	void (*ask)(struct list_io *, const struct list_command *);
	bool (*can_publish)(struct list_io *);
	/* CODE_ok: published, the ticket will be answered.  Else the item is
	 * bad for that reason. */
	enum code (*publish)(struct list_io *, struct slice id,
	    struct slice item, struct ticket *);
	void (*pause)(struct list_io *, unsigned ms); /* then _resume() */
	void (*lost)(struct list_io *); /* another bridge has our name */
};

struct bridge_list;

struct bridge_list *bridge_list_new(struct list_io *); /* borrows */
void bridge_list_free(struct bridge_list **);

/* Redis is there and the instance is ours; no longer so.  What is published
 * goes on: its answers are kept for the next start. */
void bridge_list_start(struct bridge_list *);
void bridge_list_stop(struct bridge_list *);

/* NULL: the question was lost, and stop will follow. */
void bridge_list_answer(
    struct bridge_list *, enum list_step, const struct redis_reply *);

void bridge_list_room(struct bridge_list *);   /* the bus has room again */
void bridge_list_resume(struct bridge_list *); /* the pause is over */
void bridge_list_adopt(struct bridge_list *);  /* time to look around */

/* The turn ends: tell Redis what was settled in it. */
void bridge_list_settle(struct bridge_list *);

/* Take nothing more.  Idle: all that was published is settled. */
void bridge_list_drain(struct bridge_list *);
bool bridge_list_idle(const struct bridge_list *);

#endif

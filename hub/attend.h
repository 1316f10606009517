/*
 * attend.h - who is present through this hub, as the stores are told.
 *
 * An attendee is one session of a user on a channel, however many connections
 * stand behind it.  It is said to the store of its channel when it comes and
 * when it goes; all of them are said again, a bounded number a turn, when a
 * link to a store returns, and the end of that is said too; those of a shard
 * are, when it has another owner.  Who went lately is remembered for some
 * seconds: a store that never heard of it, and was told by nobody else, learns
 * that someone was there and is not any more.
 *
 * The stores are reached through struct attend_face: nothing here does I/O.
 * Copies names and data; O(1) each.
 */
#ifndef HUB_ATTEND_H
#define HUB_ATTEND_H

#include "common/code.h"
#include "common/list.h"
#include "common/msg.h"
#include "common/table.h"

enum {
	ATTEND_LINKS = 64,        /* stores, as many as the bus knows */
	ATTEND_SHARDS = 4096,     /* likewise */
	ATTEND_PARTED_TICKS = 12, /* above the linger of stores */
	ATTEND_PARTED_MOST = 1 << 16,
	ATTEND_STEPS = 256,      /* said again in a turn */
	ATTEND_SESSION_MAX = 63, /* bytes, as in msg.def; so are these */
	ATTEND_USER_MAX = 255,
	ATTEND_DATA_MAX = 4096,
};

struct attend_face {
	/* Number of the link that owns the shard; -1: it is down. */
	int (*link)(struct attend_face *, unsigned shard);
	uint64_t (*boot)(struct attend_face *, unsigned link); /* of a store */
	bool (*room)(struct attend_face *, unsigned link);
	void (*say)(struct attend_face *, unsigned link, const struct msg *);
	uint64_t (*unix_ms)(struct attend_face *);
};

struct attends;
struct attendee;

/* One who came by it; embedded. */
struct attend {
	struct list node; /* of the attendee */
	struct attendee *attendee;
	/* The store refuses; attend_exit() follows, from the callee. */
	void (*refused)(struct attend *, enum code);
};

struct attend_who {
	struct slice channel, session, user, data;
	unsigned shard;
};

struct attends *attends_new(struct attend_face *); /* borrows */
void attends_free(struct attends **);              /* after all of them */

/* The second who comes as the same one shares it; its data is the newest. */
void attend_enter(struct attends *, struct attend *, const struct attend_who *);
/* linger: its connection was lost; else it left. */
void attend_exit(struct attends *, struct attend *, bool linger);
/* Slices of the attendee. */
struct attend_who attend_who(const struct attend *);

/* A roster that was asked for; embedded, and there until its end is told or
 * it is dropped.  While the store is away it is asked for again. */
struct roster {
	struct table_entry entry;
	struct list node; /* of those to be asked for */
	uint64_t ref;
	unsigned shard, limit;
	struct slice channel, after, user; /* borrowed all that time */
	void (*begin)(struct roster *);    /* what was told is void */
	void (*present)(struct roster *, const struct msg_present *);
	void (*end)(struct roster *, const struct msg_roster_end *);
};

void roster_ask(struct attends *, struct roster *);
void roster_drop(struct attends *, struct roster *); /* harmless if ended */

/* A link is up or down, said whenever that may have changed; every turn (true:
 * more to do); every second. */
void attends_link(struct attends *, unsigned link, bool up);
bool attends_turn(struct attends *);
void attends_tick(struct attends *);

/* The shard has another owner, or the same one anew. */
void attends_owner(struct attends *, unsigned shard);

/* Frames of a store. */
void attends_entered(struct attends *, const struct msg_entered *);
void attends_present(struct attends *, const struct msg_present *);
void attends_roster_end(struct attends *, const struct msg_roster_end *);
void attends_hubs(struct attends *, const struct msg_hubs *);

#endif

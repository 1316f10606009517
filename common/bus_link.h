/*
 * bus_link.h - private to bus.c and bus_link.c: one link, and the bus it is
 * part of.
 */
#ifndef COMMON_BUS_LINK_H
#define COMMON_BUS_LINK_H

#include "common/bus.h"
#include "common/link.h"
#include "common/stats.h"

enum {
	LINKS_MAX = 64,    /* stores */
	SHARDS_MAX = 4096, /* as in msg.def */
	TICK_MS = 250,     /* moved publishes are tried again */
	BEAT_TICKS = 4,
	QUIET_TICKS = 6,  /* a beat and a half */
	LEAVE_MS = 1000,  /* for a store that still reads, at our end */
	NOBODY = 255,     /* in the owner table */
	OWNERS_FIXED = 1, /* term of an owner that never changes */
};

struct bus_pipe;

enum link_state { DOWN, GREETING, UP };

struct bus_link {
	struct bus *bus;
	char *name, *endpoint;
	struct bus_socket *socket; /* NULL: no descriptors for one */
	bool starved;              /* of them, which was said */
	struct watch readable, monitor;
	struct link link;
	struct outbox_queue sent; /* and not answered, or to be sent */
	enum link_state state;
	uint64_t boot;  /* of the store, as its welcome said */
	uint64_t tally; /* the stage's own */
	unsigned life;  /* of the socket: another one, another number */
	unsigned quiet; /* ticks since anything was heard */
	bool roomy;     /* what bus_room() last was */
	bool full;      /* `sent` was, since that was last told */
	bool pending;   /* may have more to read */
	bool lost;      /* its connection is: to be reset when all is read */
};

struct bus {
	struct loop *loop;
	struct bus_face *face;
	struct bus_context *context;
	struct bus_keys keys;     /* borrowed from the settings */
	const char *stage, *name; /* likewise */
	uint64_t boot;
	struct bus_link links[LINKS_MAX];
	unsigned count;              /* of links */
	unsigned shards;             /* 0: not told yet */
	uint64_t term[SHARDS_MAX];   /* of the owner */
	uint8_t owner[SHARDS_MAX];   /* number of the link, or NOBODY */
	bool serves[SHARDS_MAX];     /* it said so itself, by this link */
	struct outbox outbox;        /* of all links and both of these: */
	struct outbox_queue moved;   /* writes that came back: wrong owner */
	struct outbox_queue later;   /* and others of the same shards */
	uint64_t last_moved;         /* seq of the last that came back */
	bool muddled;                /* they did not come in their order */
	uint32_t parked[SHARDS_MAX]; /* in both, by shard */
	/* Something of the shard may be under way to another than its owner;
	 * of any shard. */
	bool strays[SHARDS_MAX], straying;
	struct timer tick;
	unsigned ticks;
	struct turn turn;
	uint64_t told[STATS]; /* counters, as the store knows them */
	bool held, publishable;
	bool later_full, span_full; /* were, since that was last told */
	bool moves;                 /* shards have owners that change */
	uint64_t oldest; /* no seq below it is unanswered, as of this turn */
	uint64_t rooms;  /* times that room was where there was none */
	bool again; /* an owner is new: what waits for one is tried at once */
	struct bus_pipe *pipe; /* instead of sockets; else NULL */
	bool greeted;          /* a pipe's link was told to be up */
};

/* It stays DOWN, without a socket, where there are no descriptors. */
void bus_link_open(struct bus_link *);
void bus_link_close(struct bus_link *);

/* Start over with a new socket and a new hello. */
void bus_link_reset(struct bus_link *, const char *why);

/* Everything that waits in link.out becomes one message. */
void bus_link_flush(struct bus_link *);

/* There is something to take, or an end to make. */
static inline bool
bus_link_work(const struct bus_link *l)
{
	return l->pending || (l->lost && l->state == UP);
}

unsigned bus_shard(const struct bus *, const struct msg *);
/* The link of the shard's owner, up or not. */
struct bus_link *bus_link_for(struct bus *, unsigned shard);
/* Send what was put into its queue, if it is up; else that is done then. */
void bus_link_write(const struct outbox_item *, struct bus_link *);

/* A write was answered `moved`; one must wait for such; a link went down; a
 * shard got another owner; try again what waits. */
void bus_moved_back(struct bus_link *, uint64_t seq);
void bus_moved_wait(struct bus *, struct msg *, struct ticket *);
void bus_moved_lost(struct bus_link *);
void bus_moved_owner(struct bus *, unsigned shard);
/* At each tick. */
void bus_moved_tick(struct bus *);
void bus_moved_again(struct bus *);

/* bus_room.c: a write was put into that queue; what it finds at each turn. */
void bus_room_used(struct bus *, const struct outbox_queue *);
void bus_room_look(struct bus *);

/* Take a bounded batch of what came. */
void bus_link_receive(struct bus_link *);

#endif

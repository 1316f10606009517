/*
 * route.h - which hub wants what, and getting it there once.
 *
 * A hub joins channels and patterns, per shard.  A message is encoded once
 * and sent once to each hub, however many of its joins match.  The joins of
 * its channel are at hand; if there are any patterns at all, one lookup finds
 * those of each pattern that can match it.
 *
 * A hub whose window is full is sent to nevertheless, up to OVERDRAFT, and
 * the answers of what it was sent are withheld, which stops the publishers:
 * after a second, or past the overdraft, it lags instead.  Then each of its
 * joins that misses a message gets one mark, no queue; when the window opens
 * it is told `lag` for each mark, in the order they were made, and the join
 * rests until it is made again.
 *
 * Copies the names.  A peer's joins cost O(1) each to make and to end.
 */
#ifndef STORE_ROUTE_H
#define STORE_ROUTE_H

#include "common/table.h"
#include "common/wheel.h"
#include "store/record.h"
#include "store/wire.h"

enum {
	ROUTE_PARK_MS = 1000,       /* an answer is withheld no longer */
	ROUTE_OVERDRAFT = 16 << 20, /* four publishers' windows */
	ROUTE_HELD = 1 << 20,       /* bytes held for a join that catches up */
	ROUTE_HELD_PEER = 8 << 20,  /* and for all of a peer's */
};

struct route;
struct entry;
struct replay;
struct route_peer;

/* Where a topic remembers who joined it, so that a message looks up nothing.
 * Zeroed it is not known yet; the route keeps it true from then on, until
 * route_forget(). */
struct route_spot {
	struct entry *entry; /* NULL: nobody joined */
	bool known;
};

enum join_state {
	JOIN_CATCHING, /* history first; what is kept will be found there */
	JOIN_LIVE,
	JOIN_LAGGING, /* missed something; on its peer's list */
	JOIN_TOLD,    /* that it lags; rests until the hub joins again */
};

struct join {
	struct list in_entry;
	struct route_peer *peer;
	uint16_t shard;
	uint8_t state; /* enum join_state */
	bool holds_kept;
	struct list in_peer;
	struct list lag; /* of its peer, while JOIN_LAGGING */
	struct entry *entry;
	uint64_t generation;
	uint64_t lag_top;      /* newest offset left out */
	struct replay *replay; /* while JOIN_CATCHING */
	/* While JOIN_CATCHING: what will not be found in the log and, while it
	 * holds_kept, what came since the read began that is under way. */
	struct list held; /* struct held, in the order of offsets */
	size_t held_bytes;
	uint64_t held_lost; /* highest offset that did not fit; 0: none */
};

struct held {
	struct list node;
	struct record *record;
};

/* An answer that waits for hubs; embedded in what knows the answer. */
struct withheld {
	unsigned hubs; /* it still waits for */
};

enum route_state { HUB_OPEN, HUB_FULL, HUB_LAGGING };

/* Embedded in the state of a peer. */
struct route_peer {
	struct route *route;
	struct bus_peer *peer;
	struct list joins, lagging;
	size_t held_bytes;  /* of all its joins */
	struct list closed; /* of the route: not open, or lags to tell */
	enum route_state state;
	uint64_t stamp;    /* of the last message it was sent */
	uint64_t copies;   /* messages it was sent, by route and replay */
	struct timer full; /* while HUB_FULL */
	struct withheld **waiting;
	size_t waits, room;
};

struct route_setup {
	unsigned shards;
	struct wire *wire;
	struct tracks *tracks; /* NULL where no message has a track */
	struct wheel *wheel;
	/* The last hub it waited for took it, or is given up. */
	void (*granted)(struct route_setup *, struct withheld *);
	uint64_t (*epoch)(struct route_setup *, unsigned shard);
	/* A join that is catching up ends. */
	void (*join_ends)(struct route_setup *, struct join *);
	/* The spot of the topic of that name; NULL: there is no such topic. */
	struct route_spot *(*spot)(
	    struct route_setup *, struct slice, uint32_t hash);
};

struct route *route_new(struct route_setup *); /* borrows */
void route_free(struct route **);              /* after all its peers */

void route_peer_init(struct route *, struct route_peer *, struct bus_peer *);
void route_peer_gone(struct route_peer *);

/* Make a join, or make it again under a new generation; JOIN_CATCHING. */
struct join *route_join(
    struct route *, struct route_peer *, const struct msg_join *);
/* From now on it is sent what is new. */
void route_live(struct join *);
/* Ends the join if it still is of that generation. */
void route_leave(struct route *, struct route_peer *, const struct msg_leave *);

/* The shard is another store's now: so are its joins. */
void route_shard_leave(struct route *, unsigned shard);

/* The name it was made for. */
struct slice join_name(const struct join *);

/* The topic is forgotten: its spot is not touched any more. */
void route_forget(struct route_spot *);

struct fan {
	const struct msg *deliver;
	struct route_spot *spot; /* of its topic */
	uint32_t hash;           /* of its channel */
	uint16_t shard;
	bool kept;
	uint64_t now_ms;
	unsigned hubs; /* out: it was sent to */
};

/* There will soon be messages of these: touch what they need; NULL is none. */
void route_ahead(const struct route_spot *const *, unsigned);

/* Send a message to whoever joined.  True: some of them were full, and the
 * answer must be withheld: call route_withhold() next. */
bool route_fan(struct route *, struct fan *);
void route_withhold(struct route *, struct withheld *);

/* No answer waits any more: what was sent is on its way, and we leave. */
void route_drain(struct route *);

/* Open the hubs that have room again; to be called every turn. */
void route_turn(struct route *);

#endif

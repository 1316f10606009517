/*
 * presence_own.h - private to presence.c, presence_hub.c and
 * presence_roster.c: channels, users, sessions, and who holds them.
 *
 *	place --- user --- session --- holder --- hub
 *
 * A session is held by each hub that said it is there: by one, but for the
 * moments in which a client came by another hub before the first one noticed.
 * Held by none it lingers.
 */
#ifndef STORE_PRESENCE_OWN_H
#define STORE_PRESENCE_OWN_H

#include "common/list.h"
#include "common/table.h"
#include "store/presence.h"

#include <stdalign.h>

enum { LEVELS = 8 }; /* of the order: 4^8 users before it gets slower */

/* A channel with somebody on it. */
struct place {
	struct table_entry entry;
	struct user *first[LEVELS]; /* in the order of names */
	uint32_t known;             /* users there is a row of */
	uint32_t users, sessions;   /* of them, those that are here */
	uint16_t shard;
	bool silent; /* a pattern: nothing can be published there */
	char name[];
};

struct user {
	struct table_entry entry; /* by place and name */
	struct place *place;
	struct list unsettled; /* of the presence: there is something to tell */
	struct body *data;     /* NULL: none */
	uint64_t since, at;    /* unix ms: of the first session, of the data */
	uint32_t sessions;
	uint8_t levels;
	bool told;    /* the world takes it for present */
	bool changed; /* the data is not what was told */
	alignas(struct user *) char bytes[]; /* next[levels], the key */
};

struct session {
	struct table_entry entry; /* by user and name */
	struct user *user;
	struct list holders; /* struct holder; none: it lingers */
	struct list linger;  /* of the presence */
	uint64_t due;        /* by its clock */
	char bytes[];        /* the key */
};

struct holder {
	struct list in_session, in_hub;
	struct session *session;
	struct presence_hub *hub;
	uint32_t link; /* of the hub's links, by which it was said last */
};

/* One life of a hub. */
struct presence_hub {
	struct list node;
	uint64_t boot;
	struct presence_peer *peer; /* NULL: its link is lost */
	struct list held;           /* struct holder */
	struct list stale;          /* not said again since the link was lost */
	uint64_t due;               /* then what is stale goes */
	uint32_t link;              /* number of its link */
	bool reentered;
};

struct presence {
	struct presence_setup *setup;
	struct table *places, *users, *sessions;
	struct list hubs;      /* struct presence_hub */
	struct list lingering; /* struct session, longest gone first */
	struct list unsettled; /* struct user */
	uint64_t clock, now;   /* ms: ours, and the loop's at the last tick */
	uint64_t hold_until;   /* of our clock */
	uint32_t hubs_before;  /* before the restart, as hubs say */
	uint32_t hubs_n, hubs_back;
	size_t bytes;
	bool holding; /* nothing is announced */
	bool sweep;   /* there may be something to do in a turn */
	bool leaving; /* a shard is left, and its users are still here */
	struct presence_shard {
		uint64_t until; /* of our clock: nobody is said to leave */
		uint64_t back;  /* whom we knew comes back unannounced */
		bool left;
	} * shards;
	struct buf body;
};

/* A linger from now on, by our clock, which stands still between two ticks:
 * the part of one that has passed counts for nobody's. */
uint64_t linger_due(const struct presence *);

/* presence.c: it is gone for good. */
void session_end(struct presence *, struct session *);
/* No longer held by that hub. */
void holder_free(struct presence *, struct holder *);
/* Its shard is gone. */
void user_drop(struct presence *, struct user *);
/* Those of shards that were left are gone now (presence_move.c). */
void presence_drop_left(struct presence *);
/* Tell what is to be told of it; it may be freed.  False: not now. */
bool user_settle(struct presence *, struct user *);

/* presence_hub.c */
struct presence_hub *hub_of(struct presence *, struct presence_peer *);

/* presence_roster.c: the order of a channel's users. */
void order_add(struct place *, struct user *);
void order_remove(struct place *, struct user *);
struct slice user_name(const struct user *);

#endif

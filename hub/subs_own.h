/*
 * subs_own.h - private to subs.c, resume.c and join.c: channels and what is
 * known of their joins.
 *
 *          say join              joined                 last sub gone
 *   DOWN -----------> JOINING -----------> LIVE (lingers) ---------> left
 *     ^                  ^                  |
 *     +-- link down -----+---- lag, hole ---+
 *
 * A join that is not LIVE passes nothing on: what its subs miss meanwhile is
 * the history that its next join brings, or a gap it tells.
 */
#ifndef HUB_SUBS_OWN_H
#define HUB_SUBS_OWN_H

#include "common/stats.h"
#include "common/table.h"
#include "hub/recent.h"
#include "hub/subs.h"

enum join_state { DOWN, JOINING, LIVE };

struct join {
	struct channel *channel;
	uint64_t epoch, last; /* all up to it was handed out */
	uint64_t level; /* or up to there: where its shard stood when it went
			 * down, in that epoch; 0: no further */
	uint64_t generation;       /* of the join */
	struct request *request;   /* the join, until it is answered */
	struct recovery *recovery; /* NULL: nobody is catching up */
	uint16_t shard;
	uint8_t state;  /* enum join_state */
	bool known;     /* epoch and last mean something */
	bool unsettled; /* it was LIVE, and somebody misses something */
	bool pattern;
};

/* What was framed in one turn; from a pool, while there is something. */
struct framed {
	struct framed *next;
	struct channel *channel;
	struct run *runs[FORMS];
	struct list *at; /* next sub of the walk; NULL: not begun */
	struct place place;
};

struct channel {
	struct table_entry entry; /* the key lies behind joins and holes */
	struct list plain;        /* subs handed whole runs */
	struct list each;         /* subs told of every message */
	struct list idle;         /* on subs.idle while nobody listens */
	struct framed *framed;
	struct recent *recent; /* the last messages; not of a pattern */
	uint32_t idle_since;   /* ms */
	uint32_t count;        /* of subs */
	uint32_t forms[FORMS]; /* subs that read it */
	uint16_t joins_n;
	struct join joins[];
};

/* Something asked of the store, found again by the generation it carries. */
struct request {
	struct table_entry entry;
	uint64_t generation;
	struct join *join;
	bool history; /* for those in the round only */
};

/* One sub that has to catch up on one join. */
struct wait {
	struct list node;  /* recovery.round or .queue */
	struct wait *next; /* of the sub */
	struct sub *sub;
	struct join *join;
	uint64_t epoch, offset; /* it has all that can be had up to there */
	uint64_t from;          /* holes up to there are told, too */
	bool from_now;          /* it has no place yet */
	bool in_round;
};

/* While somebody catches up on a join.  The round is served by one history
 * request for all in it; live messages are held for them meanwhile. */
struct held {
	struct piece piece;
	uint64_t offset, filter;
	enum form form;
	bool gap;
};
struct recovery {
	struct request *request;  /* the round's, until it is answered */
	struct list round, queue; /* struct wait */
	uint64_t epoch, upto;     /* what the round asked for */
	uint64_t now;             /* epoch of the join when it asked */
	struct held *held;
	size_t held_n, held_room, held_bytes;
	uint64_t lost;   /* messages up to it could not be held; 0: none */
	unsigned lost_n; /* how many they are */
	struct marks *lost_marks; /* and the tracked ones among them */
	bool pinned;              /* being walked: stays though it is empty */
};

struct subs {
	struct subs_face *face;
	struct runs *runs;
	struct forms *forms;
	struct recents *recents;
	struct table *channels, *requests;
	struct list idle; /* channels, the longest idle first */
	struct framed *first, **last, *spare;
	uint64_t generation, stamp;
	unsigned shards;
	unsigned patterns;  /* channels that are patterns */
	unsigned unsettled; /* joins */
	uint32_t turn;
	bool retry; /* something is to be asked again */
	/* By shard, the furthest that was handed out to all joins that were
	 * LIVE; they got what is before it in order. */
	struct cursor_part *seen;
	/* Of shards that have another owner: what was asked up to this
	 * generation was asked of the old one; 0: it has none. */
	uint64_t *moved;
	bool any_moved;
};

/* deliver.c: frame the event for those who read the channel and hand it to
 * those who are told of each. */
void channel_frame(struct subs *, struct join *, const struct event *);
/* Hand a plain sub what was framed since it was last handed something; or
 * count it, since the sub goes. */
void sub_settle(struct subs *, struct sub *);
void sub_forgo(const struct subs *, struct sub *);
/* Hand it a piece: what its messages become is its reader's to count. */
static inline void
sub_hand(struct sub *sub, struct piece p, const struct place *at)
{
	stats_add(STAT_messages_due, piece_messages(&p));
	piece_became(&p, STAT_messages_due);
	sub->reader->face->send(sub->reader, sub, p, at);
}
void framed_free(struct subs *, struct framed *);

/* subs.c: NULL when nobody here listens to it. */
struct channel *subs_channel(const struct subs *, struct slice name);
/* The form a sub reads an event in now. */
enum form sub_form(const struct subs *, const struct sub *);
/* Put it on the list it belongs to. */
void sub_place(struct subs *, struct sub *);
void channel_drop(struct subs *, struct channel *);
/* Of a pattern's join: holes up to that offset were told.  While it catches
 * up that is behind its last message. */
static inline uint64_t *
join_holes(const struct join *j)
{
	struct channel *c = j->channel;

	return (uint64_t *)(c->joins + c->joins_n) + (j - c->joins);
}

/* All up to it was told. */
static inline uint64_t
join_told(const struct join *j)
{
	return j->pattern ? *join_holes(j) : j->last;
}
struct wait *sub_wait_on(const struct sub *, const struct join *);
/* All up to there was handed out to it. */
void join_stands(struct subs *, struct join *, uint64_t epoch, uint64_t last);

/* join.c: talking to the store about a channel. */
void join_start(struct subs *, struct join *);
void join_end(struct subs *, struct join *); /* leave */
void join_settle(struct subs *, struct join *, bool settled);
bool request_send(struct subs *, struct join *, const struct msg_join *);
void request_drop(struct subs *, struct request **);

/* held.c: live messages for those in a round. */
bool recovery_holds(const struct join *); /* somebody wants them held */
/* An event fits, in all its forms; else it is lost, and all behind it. */
bool recovery_room(struct join *, size_t bytes, const struct place *);
void recovery_hold(
    struct join *, enum form, struct piece, const struct place *);
void recovery_unhold(struct recovery *);

/* resume.c: clients that catch up.  A part of NULL: it wants what is live. */
void recovery_add(
    struct subs *, struct join *, struct sub *, const struct cursor_part *);
void recovery_next(struct subs *, struct join *);
/* If what it misses is remembered here it has caught up, and may be gone. */
bool recovery_near(struct subs *, struct wait *);
void recovery_deliver(struct subs *, struct join *, const struct msg_deliver *);
void recovery_gap(struct subs *, struct join *, const struct msg_gap *);
void recovery_done(struct subs *, struct join *, enum code);
void recovery_halt(struct subs *, struct join *); /* link down: ask again */
void recovery_free(struct join *);
/* Ask for what a reader of several channels has not been told yet. */
void reader_next(struct subs *, struct reader *);
void wait_drop(struct subs *, struct wait *);
void sub_tell(struct sub *); /* joined(), once */
void sub_live(struct sub *); /* the same, then live() */
struct event event_of(const struct subs *, const struct msg_deliver *);

#endif

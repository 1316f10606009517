/*
 * subs.h - who listens to what here.
 *
 * A channel (or pattern) that somebody here listens to is joined at the store
 * of its shard, a pattern once per shard.  A listener is a connection; a sub
 * is its share in one channel.  Adding and removing cost O(1).
 *
 * What arrives within a turn is framed once per channel and wire form, into a
 * run.  A listener of one channel gets its run whole, when subs_flush() walks
 * the channel's subs; a listener of several is told of every message at once,
 * so that it gets one copy however many of its subs match and sees a shard's
 * messages in their order.
 *
 * The store is reached through struct subs_face, listeners through struct
 * listener_face: nothing here does I/O, and time is injected.
 */
#ifndef HUB_SUBS_H
#define HUB_SUBS_H

#include "common/cursor.h"
#include "common/list.h"
#include "common/msg.h"
#include "hub/form.h"
#include "hub/run.h"

enum {
	SUBS_LINGER_MS = 5000,   /* a channel nobody wants is left after */
	SUBS_FLUSH_US = 2000,    /* then others get a turn */
	SUBS_CLOCK_EVERY = 32,   /* writes between looks at the clock */
	SUBS_HOLD_MAX = 1 << 20, /* bytes held for who is recovering */
};

struct subs;
struct sub;
struct channel;
struct wait;

/* Where in a shard's numbering. */
struct place {
	unsigned shard;
	uint64_t epoch, offset;
	bool gap; /* the end of a hole that is told, not a message */
	/* form_filter() of what the message is narrowed to; 0: nothing.  It
	 * means something to readers who are told of every message. */
	uint64_t filter;
};

struct reader {
	const struct reader_face *face;
	struct sub *subs;
	uint64_t stamp;   /* of the last message it was handed */
	uint32_t count;   /* of subs */
	uint16_t waiting; /* of them, those that have not caught up */
	uint16_t rounds;  /* requests for history it has a share in */
	bool choked;      /* no more history is asked for it now */
	uint8_t form;     /* enum form of new subs */
	bool each;        /* is to be told of every message by itself */
	bool ours;        /* no client's: it is not counted */
};

/* How a listener hears; joined and live may be NULL.  It may add and remove
 * subs in any of them but send, where it may only mark itself to be closed
 * later. */
struct reader_face {
	/* Bytes for it; the run is borrowed, out_push() keeps it.  The place is
	 * that of the last message in them.  While sub->waits is not NULL they
	 * are what it asked for. */
	void (*send)(
	    struct reader *, struct sub *, struct piece, const struct place *);
	/* The sub is joined: once, before its first message.  `recovered`:
	 * nothing after the position it named was lost. */
	void (*joined)(struct reader *, struct sub *, bool recovered);
	/* It has caught up: what comes now is live. */
	void (*live)(struct reader *, struct sub *);
	/* The store refuses; the sub is removed by the callee. */
	void (*refused)(struct reader *, struct sub *, enum code);
};

/* What a dialect hangs on a sub. */
struct sub_extra;

struct sub {
	struct list node; /* of its channel */
	struct reader *reader;
	struct channel *channel;
	struct sub *next;   /* of its listener */
	struct wait *waits; /* what it has yet to catch up on */
	struct sub_extra *extra;
	uint32_t since, from; /* in turn `since` it begins at `from` */
	uint8_t form;
	bool each;    /* on that list */
	bool told;    /* joined() was called */
	bool resumes; /* it named a position, and nothing after it is lost */
};

struct subs_face {
	/* Say it to the store that owns the shard.  False: its link is down,
	 * subs_up() will be called. */
	bool (*say)(struct subs_face *, unsigned shard, const struct msg *);
	bool (*up)(struct subs_face *, unsigned shard);
	uint64_t (*now)(struct subs_face *);      /* ms */
	uint64_t (*unix_ms)(struct subs_face *);  /* wall clock */
	uint64_t (*clock_us)(struct subs_face *); /* right now */
	/* Nobody misses anything any more: reader_settled() may say so now to
	 * readers that were told of nothing else.  NULL: nobody waits. */
	void (*settled)(struct subs_face *);
};

/* Borrows all three; recent: bytes of the last messages to remember. */
struct subs *subs_new(
    struct subs_face *, struct runs *, struct forms *, size_t recent);
void subs_free(struct subs **); /* after all subs; sets it to NULL */

/* How many shards there are; before the first sub. */
void subs_shards(struct subs *, unsigned);

struct sub_want {
	struct slice channel;            /* valid, or a valid pattern */
	const struct cursor_part *after; /* resume behind it; borrowed */
	unsigned n;                      /* parts; 0: from now on */
	bool told;                       /* joined() was called elsewhere */
	struct sub_extra *extra;
};

/* Subscribe.  The channel must not be one the listener has (sub_find).
 * joined() is called within when nothing needs to be asked. */
struct sub *sub_add(struct subs *, struct reader *, const struct sub_want *);
void sub_remove(struct subs *, struct sub *); /* frees it, not the extra */
/* Costs the listener's subs or the channel's, whichever are fewer. */
struct sub *sub_find(
    const struct subs *, const struct reader *, struct slice channel);
struct slice sub_channel(const struct sub *);
struct slice sub_shown(const struct sub *); /* the same, as a log may have it */

/* It takes no more history now; it does again. */
void reader_choke(struct subs *, struct reader *, bool choked);

/* Nothing it listens to is behind: the place of a message it is handed stands
 * for all before it in that shard. */
bool reader_settled(const struct subs *, const struct reader *);

/* Who listens to a channel, each once; the visitor may change what they listen
 * to, but not whether they listen to this one. */
struct subs_visitor {
	void (*visit)(struct subs_visitor *, struct reader *);
};
void subs_visit(struct subs *, struct slice channel, struct subs_visitor *);

/* The one shard of a channel; -1: a pattern over several. */
int subs_shard_of(const struct subs *, struct slice channel);

/* Tell it that it was not handed what came after the place until now. */
void sub_tell_gap(
    struct subs *, struct sub *, const struct place *, enum gap_reason);

/* Where the sub's channel stands, one part per shard; parts has room for
 * CURSOR_PARTS.  How many there are.  All before it was told, holes as well:
 * messages behind it may have been, too (then the sub is divided). */
unsigned sub_position(const struct sub *, struct cursor_part *parts);
bool sub_divided(const struct sub *);

/* Where all it listens to stands, a part per shard, in their order; room for
 * CURSOR_PARTS.  How many; 0: it cannot be said.  All before it was handed to
 * the reader.  So was nothing behind it of a shard whose channels are level;
 * where some are not, it is the place of those.  Costs its subs. */
unsigned reader_position(const struct reader *, struct cursor_part *parts);

/* That has a part of every shard, and what is behind waits for a store that is
 * away. */
bool reader_placed(const struct subs *, const struct reader *);

/* These frames are about to come: have what they need in the cache. */
void subs_ahead(struct subs *, const struct msg *, unsigned);

/* Frames of the store. */
void subs_deliver(struct subs *, const struct msg_deliver *);
void subs_joined(struct subs *, const struct msg_joined *);
void subs_gap(struct subs *, const struct msg_gap *);
void subs_lag(struct subs *, const struct msg_lag *);

/* A link came up or went down: see which shards are up now. */
void subs_up(struct subs *);
void subs_down(struct subs *);

/* The shard has another owner, or the same one anew: what was said of it is
 * void, and will be said again by subs_moved().  Once a turn: it walks over
 * all channels, unless there is nothing to say. */
void subs_owner(struct subs *, unsigned shard);
void subs_moved(struct subs *);

/* Hand out what was framed this turn; stops after SUBS_FLUSH_US.  True: more
 * to do; until it is done no frames may come. */
bool subs_flush(struct subs *);

/* Once a second or so: leave what nobody wants any more, ask again. */
void subs_tick(struct subs *);

#endif

/*
 * recent.h - the last messages of each channel, for clients that come back.
 *
 * Who was away for a moment missed a few messages that the hub itself has
 * just had, so the store need not be asked.  A channel remembers its last
 * messages, at most RECENT_MESSAGES of RECENT_BYTES, for RECENT_AGE_MS; all
 * channels of a hub so many bytes, then the oldest goes first.  A channel that
 * nothing is published on owns nothing.
 *
 * Remembering costs one copy per message, however many listen.  Messages are
 * framed when somebody comes back, once per form for all who do within a
 * moment: those are pieces of one run.
 */
#ifndef HUB_RECENT_H
#define HUB_RECENT_H

#include "common/msg.h"
#include "hub/form.h"
#include "hub/run.h"

enum {
	RECENT_MESSAGES = 1024,    /* of a channel: a second of a busy one */
	RECENT_BYTES = 256 << 10,  /* of a channel */
	RECENT_AGE_MS = 60 * 1000, /* who is away for longer asks the store */
};

struct recents; /* of a hub */
struct recent;  /* of a channel; NULL is none */

/* Borrows both; bytes: of all channels together, 0 remembers nothing.  Shared
 * framed bytes count among them. */
struct recents *recents_new(struct runs *, struct forms *, size_t bytes);
void recents_free(struct recents **); /* after all of them; sets it to NULL */

/* Remember a message; copies.  Nothing of the channel lies between `last` and
 * the message but what its prev names.  *at is where the channel keeps what is
 * remembered, and becomes NULL when all of it has gone. */
void recent_put(struct recents *, struct recent **at,
    const struct msg_deliver *, uint64_t last);
void recent_drop(struct recents *, struct recent **at);

/* Is all here that came behind that place? */
bool recent_covers(const struct recent *, uint64_t epoch, uint64_t offset);

/* A walk over the messages behind an offset. */
struct recent_walk {
	struct slice channel; /* its name; borrowed */
	enum form form;
	unsigned shard;
	uint64_t unix_ms; /* what has expired by then is left out */
	uint64_t offset;  /* of the last message */
	uint64_t filter;  /* of it, as in a place */
	uint64_t number;  /* private: of the next one */
};

/* Begin it behind w->offset, which is covered. */
void recent_begin(const struct recent *, struct recent_walk *);
/* The next message, which lives as long as its run; false: that was all.
 * Nothing may be remembered meanwhile. */
bool recent_next(
    struct recents *, struct recent *, struct recent_walk *, struct piece *);

/* Forget what is too old; ms as the clock that only goes forward tells them.
 * To be called once a second or so. */
void recents_tick(struct recents *, uint64_t now_ms);

#endif

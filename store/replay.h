/*
 * replay.h - what was kept, to hubs and ingresses, as fast as they take it.
 *
 * A replay goes from a position towards the top, some messages at a time:
 * it goes on in the next turn, and only while its peer has room.  Replays of
 * a peer go one after another.  Three kinds: the catching up of a join, the
 * history of a join that is live already, and a read.
 *
 * The invariant of a join that catches up: all of it up to `after` was sent,
 * or told as a gap, or had expired; nothing behind it was.  What is published
 * meanwhile is found in the log later, so nothing is queued for it; only what
 * is not kept is held, and merged in by its offset.  When a read that began
 * after the last release finds nothing more, the join goes live in the same
 * breath.  So that a shard which is published to without pause cannot keep it
 * from that, what is kept is held as well once only that was missing.
 */
#ifndef STORE_REPLAY_H
#define STORE_REPLAY_H

#include "store/engine.h"
#include "store/route.h"
#include "store/sequence.h"
#include "store/wire.h"

struct replays;

/* Of a pattern a hole is told where the replay passes its end, so a position
 * inside a replay that was cut off is none to go on from: a hub goes back to
 * where it began. */

/* Embedded in the state of a peer. */
struct replay_peer {
	struct bus_peer *peer;
	struct list active; /* of all, while queue is not empty */
	struct list queue;  /* struct replay, in the order they were asked */
	uint64_t copies;    /* messages it was sent as a hub */
};

struct replays_setup {
	struct sequence *sequence;
	struct wire *wire;
	struct tracks *tracks; /* NULL where no message has a track */
	/* Begin a read; replays_found() tells the end, maybe at once.  One at
	 * a time. */
	void (*read)(struct replays_setup *, struct read *);
};

struct replays *replays_new(struct replays_setup *); /* borrows */
void replays_free(struct replays **);                /* after all its peers */

void replay_peer_init(struct replay_peer *, struct bus_peer *);
void replay_peer_gone(struct replays *, struct replay_peer *);

/* A join was made, or asks for history only (then join is NULL).  Answers at
 * once where there is nothing to read. */
void replay_join(struct replays *, struct replay_peer *, struct join *,
    const struct msg_join *);
void replay_read(
    struct replays *, struct replay_peer *, const struct msg_read *);

/* Its join ends: it has no more to say. */
void replay_cancel(struct replays *, struct replay *);

/* The shard is another store's now: whoever reads it is told so.  Its joins
 * have ended. */
void replays_leave(struct replays *, unsigned shard);

/* Some work.  True: there is more that could be done now. */
bool replays_turn(struct replays *, uint64_t unix_ms);

void replays_found(struct replays *);

#endif

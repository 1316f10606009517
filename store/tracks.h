/*
 * tracks.h - what became of messages whose publishers will ask.
 *
 * A message that was accepted with `track` has a number, which goes with each
 * of its copies.  Every hub that has one tells what became of the message
 * there: absolute numbers, so that a report which comes twice counts once.  A
 * hub whose link is down for TRACKS_LOST_MS is taken for dead: what waited
 * there for somebody counts as hub_lost, until the same life of it comes back
 * and says better.
 *
 * All of it is in memory and ends with the store.  Tracks are at most so many,
 * and kept so long; what is forgotten the hubs are told, too.  A name (an
 * application and an id) may stand for a message on each of several channels,
 * TRACKS_SAME at most.  Copies names; O(1), and O(hubs) to ask.
 */
#ifndef STORE_TRACKS_H
#define STORE_TRACKS_H

#include "common/code.h"
#include "store/record.h"
#include "store/wire.h"

enum {
	TRACKS_LOST_MS = 5000, /* a link that breaks is back within three */
	TRACKS_SAME = 64,      /* messages of one name: an answer's rows */
	TRACKS_HUBS = 256,     /* of one message; lives, not processes */
};

struct tracks;

struct tracks_setup {
	struct wire *wire; /* borrowed */
	size_t most;       /* 0: nothing is tracked */
	uint64_t keep_ms;
};

struct tracks *tracks_new(const struct tracks_setup *);
void tracks_free(struct tracks **); /* and sets it to NULL */

/* A message is about to be told: its number, 0 if it is not tracked.  It has an
 * id; one of the same name and channel is forgotten. */
struct track_new {
	const struct msg_deliver *message;
	unsigned shard;
	enum kept kept;
	uint64_t now_ms, unix_ms;
};
uint64_t tracks_begin(struct tracks *, const struct track_new *);

/* It was sent to that peer. */
void tracks_sent(struct tracks *, uint64_t track, struct bus_peer *);

/* A message out of history is about to be sent to that peer, or has expired
 * instead: its number, or 0.  Without a track anywhere it is a comparison. */
uint64_t tracks_replay(
    struct tracks *, const struct record *, struct bus_peer *);
void tracks_expired(struct tracks *, const struct record *);

/* Hubs come, report and go. */
void tracks_came(struct tracks *, struct bus_peer *);
void tracks_fates(struct tracks *, struct bus_peer *, const struct msg_fates *);
void tracks_gone(struct tracks *, const struct bus_peer *, uint64_t now_ms);

/* An ingress asks; it is told message_is and message_end. */
void tracks_ask(struct tracks *, struct bus_peer *, const struct msg_message *,
    uint64_t now_ms);

/* The shard is another store's now. */
void tracks_leave(struct tracks *, unsigned shard);
/* Once a second or so: forget what is too old. */
void tracks_tick(struct tracks *, uint64_t now_ms);

#endif

/*
 * presence.h - who is present on which channel, and telling those who listen.
 *
 * A session is one appearance of a user on a channel; hubs say when it enters
 * and exits.  A user joins with the first session and leaves with the last,
 * and that is told once, as a message on the channel itself:
 *
 *	{"join":{USER:DATA}}  {"update":{USER:DATA}}  {"leave":{USER:null}}
 *
 * A session whose connection was lost lingers: entering again, through any
 * hub, ends that without a word.  So it is with all sessions of a hub that is
 * lost, until it is back and has said again who is there (`reentered`), or the
 * linger is over.  The clock is presence_tick()'s: time that this process did
 * not run is not counted.
 *
 * It is soft state: after a restart hubs enter their sessions again, and name
 * the life of the store that knew them; such users were announced already and
 * are not again.  Until the hubs that were there before are back, at most for
 * one linger, nothing is announced; then what is so by then.
 *
 * A shard that goes takes all of its users with it in silence: hubs enter
 * them at its next owner, who knows by the life they name that they were
 * announced.  An owner who gained one says of nobody that he left for a while.
 *
 * Copies names and data.  Entering and exiting cost O(1), and O(log n) of the
 * channel's users for the first session of a user and the last: rosters are
 * read in pages, in the order of names.
 */
#ifndef STORE_PRESENCE_H
#define STORE_PRESENCE_H

#include "common/code.h"
#include "store/wire.h"

enum {
	PRESENCE_TICK_MS = 250, /* presence_tick() is to be called so often */
	PRESENCE_LOST_MS = 500, /* a longer tick is this long */
	PRESENCE_REJOIN_MS = 60000, /* a hub that is back may take */
	PRESENCE_GAIN_MS = 2000,    /* until hubs have said who is there */
	PRESENCE_STEPS = 256,       /* users or sessions of one turn */
	PRESENCE_PAGE = 1 << 20,    /* bytes of data of a roster's page */
};

struct presence;

struct presence_setup {
	struct wire *wire; /* borrowed */
	uint64_t boot;     /* of this life of the store */
	uint64_t linger_ms;
	unsigned shards;
	size_t users;    /* of a channel */
	size_t sessions; /* of a user on a channel */
	size_t bytes;    /* of it all */
	/* Publish an event.  CODE_busy: not now. */
	enum code (*publish)(
	    struct presence_setup *, struct slice channel, struct slice body);
	/* ms, of the clock of presence_tick(). */
	uint64_t (*now)(struct presence_setup *);
	/* Where a channel's shard stands. */
	void (*position)(
	    struct presence_setup *, struct slice channel, struct msg *end);
};

/* Embedded in the state of a peer. */
struct presence_peer {
	struct presence *presence;
	struct bus_peer *peer;
	struct presence_hub *hub; /* NULL: it never said who is there */
};

struct presence *presence_new(struct presence_setup *); /* borrows */
void presence_free(struct presence **);                 /* after all peers */

void presence_peer_init(
    struct presence *, struct presence_peer *, struct bus_peer *);
void presence_peer_gone(struct presence_peer *);

/* Frames; names are valid and the shard is ours.  Enter answers, with
 * `entered`, only what it refuses. */
enum code presence_enter(struct presence *, struct presence_peer *,
    const struct msg_enter *, uint64_t unix_ms);
void presence_exit(
    struct presence *, struct presence_peer *, const struct msg_exit *);
void presence_reentered(
    struct presence *, struct presence_peer *, const struct msg_reentered *);
void presence_roster(
    struct presence *, struct bus_peer *, const struct msg_roster *);

/* `now_ms` never falls; behind: frames wait that might say who is there, and
 * the time does not count. */
void presence_tick(struct presence *, uint64_t now_ms, bool behind);

/* A shard goes, and comes.  Leaving costs one walk over all sessions, at the
 * next turn or gain, however many shards go. */
void presence_leave(struct presence *, unsigned shard);
void presence_gain(struct presence *, unsigned shard);

/* Every turn; true when there is more to do. */
bool presence_turn(struct presence *);

#endif

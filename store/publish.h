/*
 * publish.h - the way of a publish: seen before? - numbered - kept - told -
 * answered.
 *
 * What keeps nothing costs no allocation and leaves in the turn it came;
 * what is kept costs one, and leaves when the engine has it.  Every publish
 * is answered exactly once per life of its publisher; `published` goes to
 * whatever link the publisher has by then.
 */
#ifndef STORE_PUBLISH_H
#define STORE_PUBLISH_H

#include "store/commit.h"
#include "store/route.h"
#include "store/watch.h"

struct publishing;

/* All of it is borrowed. */
struct publishing_setup {
	struct sequence *sequence;
	struct route *route;
	struct ids *ids;
	struct watches *watches;
	struct tracks *tracks; /* NULL: nothing is tracked */
	struct wire *wire;
	struct engine *engine;
	size_t pending_bytes; /* past it publishes are answered busy */
	/* Begin to write a batch; publishing_written() tells the end. */
	void (*write)(struct publishing_setup *, struct batch *);
	/* All that was pending for the shard was refused, and nothing new was
	 * taken yet.  May be NULL. */
	void (*failed)(struct publishing_setup *, unsigned shard, enum code);
	/* Some write of the shard is answered moved to him.  May be NULL. */
	void (*bounced)(
	    struct publishing_setup *, struct bus_peer *, unsigned shard);
};

struct publishing *publishing_new(struct publishing_setup *);
void publishing_free(struct publishing **);

struct publish_time {
	uint64_t now_ms, unix_ms; /* monotonic, and the wall's */
};

/* A publish frame came. */
void publish_take(struct publishing *, struct publisher *,
    const struct msg_publish *, struct publish_time);

/* What the store itself has to say is published like anything else, only that
 * nobody waits for an answer.  CODE_ok, or why not: then it may be tried
 * again.  Its type should begin with MESSAGE_OWN, by which readers know that it
 * is true: no publisher may use such a type. */
enum code publish_own(
    struct publishing *, const struct msg_publish *, struct publish_time);

/* These frames are about to come: have what they need in the cache. */
void publish_ahead(
    const struct publishing_setup *, const struct msg *, unsigned);

/* The hubs an answer waited for took it: route's `granted`. */
void publish_granted(struct publishing *, struct withheld *);

void publishing_written(struct publishing *);

/* Whatever write it is, it is to come again: answered moved, unless it was
 * here before. */
void publish_bounce(
    struct publishing *, struct publisher *, const struct msg *);

/* A write that is no publish.  True: it was here before, and that is dealt
 * with; else it is pending until it is answered. */
bool publish_seen(struct publishing *, struct publisher *, uint64_t seq);
void publish_answer(struct publishing *, struct publisher *, uint64_t seq,
    const struct answer *);

/* How what is told to be safe in this moment is kept. */
enum kept publish_kept(const struct publishing *, unsigned shard);

/* A message that goes along with a write of another kind: numbered at once,
 * and told when the write is safe. */
struct beside {
	struct record *record; /* NULL: there is none */
	struct topic *topic;
	struct publisher *publisher; /* of the write, as is the seq */
	uint64_t seq;
};

/* Numbers are left that may be given out: to be asked first. */
bool publish_can_number(struct publishing *, unsigned shard);

/* Number it; from then on the write must be added to the commit in the same
 * breath, with *op in it if this is true: the channel keeps the message. */
bool publish_beside(struct publishing *, struct beside *,
    const struct msg_deliver *, struct op *);
/* The write is settled: fan out if all is well, and answer the write. */
void publish_beside_answer(
    struct publishing *, struct beside *, const struct answer *);

/* Other writes of the store stand in the same queue. */
struct commit *publishing_commit(struct publishing *);
void publishing_turn(struct publishing *, struct publish_time);

/* A topic is forgotten: sequence's `forgets`. */
void publishing_forgets(struct publishing *, struct topic *);

size_t publishing_pending(const struct publishing *);

#endif

/*
 * commit.h - group commit: what is kept is told only when it is safe.
 *
 * At most one batch is being written and one is filled meanwhile; nothing
 * waits for more to come.  Items are released in the order they were added.
 * When a write fails, both batches are refused, oldest first: nobody has seen
 * their numbers.  With an immediate engine an item is written and released
 * inside commit_add().  An item that is not kept may be added too, to stand
 * behind what its channel has pending.  One thread; O(1) each.
 */
#ifndef STORE_COMMIT_H
#define STORE_COMMIT_H

#include "store/engine.h"
#include "store/id.h"
#include "store/publisher.h"
#include "store/sequence.h"

/* A publish on its way; a value. */
struct item {
	struct record *record; /* the commit owns one count */
	struct topic *topic;
	struct publisher *publisher;
	uint64_t seq;
	struct id *id; /* NULL: none */
};

struct commit;

struct commit_face {
	/* It is safe, if it is kept at all: fan out and answer. */
	void (*released)(struct commit_face *, const struct item *);
	void (*refused)(struct commit_face *, const struct item *, enum code);
	/* Both batches were refused; begins the repair of the numbering. */
	void (*failed)(struct commit_face *);
	/* Begin to write; commit_written() tells the end, maybe at once. */
	void (*write)(struct commit_face *, const struct batch *);
};

struct commit *commit_new(
    struct commit_face *, bool immediate, size_t max_bytes);
void commit_free(struct commit **); /* what is pending is dropped */

/* Pending bytes are below the cap: ask before numbering a publish. */
bool commit_room(const struct commit *);

/* Takes the record of the item. */
void commit_add(struct commit *, const struct item *);

/* Have the engine forget a channel, in order with the rest. */
void commit_forget(struct commit *, const struct topic *);

/* Start what can be started: at the end of a turn. */
void commit_start(struct commit *);
void commit_written(struct commit *, enum code);

size_t commit_pending(const struct commit *); /* items */

#endif

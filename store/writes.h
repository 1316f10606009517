/*
 * writes.h - jobs, items and rows on their way: seen before? - decided by the
 * part that knows them - kept - answered.
 *
 * They stand in one queue with the publishes of their shard and of their
 * publisher, and like these each is accepted once.  Costs O(1) besides what
 * the part and the engine do.
 */
#ifndef STORE_WRITES_H
#define STORE_WRITES_H

#include "store/publish.h"

enum { WRITE_OPS = 8 }; /* of one write; more cost an allocation */

/* Embedded in what its part knows of it, and there until it is answered.
 * The part fills in the first half. */
struct write {
	struct answer answer; /* it gets if all is well */
	uint64_t id[2];       /* hash of the user's id; 0, 0: none */
	/* It was answered, with that code: nothing looks at it any more.
	 * Nothing may be written in here unless the code is ok. */
	void (*answered)(struct write *, enum code);

	struct writes *all;
	struct beside beside;
	struct op tell; /* of it, if `told` */
	bool told;
	enum code verdict; /* told if the commit is well */
	struct publisher *publisher;
	uint64_t seq;
	struct pledge pledge;
	uint16_t shard;
};

struct writes;

struct writes_setup {
	struct publishing *publishing; /* borrowed, as is the rest */
	struct sequence *sequence;
};

struct writes *writes_new(const struct writes_setup *);
void writes_free(struct writes **);

/* A frame came that msg_writes() and is no publish: fill in the second half.
 * False: it was seen before, or cannot be taken; that is dealt with, and the
 * write may go.  Else it must be answered by one of the next two. */
bool write_begin(
    struct write *, struct writes *, struct publisher *, const struct msg *);

/* Refuse it, or answer it though nothing is to be kept. */
void write_end(struct write *, enum code);

/* Refuse it because of what may not be safe yet: it is told in its turn, or
 * fails with what it was decided by. */
void write_refuse(struct write *, enum code);

/* Have a message delivered when the write is safe; its channel is the home of
 * the write.  The answer gets its offset, and the hubs.  Before write_keep(),
 * and only if write_can_tell(): else it is to be refused as busy. */
bool write_can_tell(const struct write *);
void write_tell(struct write *, const struct msg_deliver *);

/* Something of its shard is on its way to the disk, or of that shard. */
bool write_pending(const struct write *);
bool writes_pending(const struct writes *, unsigned shard);

/* Tell the pledge after all that is pending for the shard, maybe at once. */
void writes_behind(struct writes *, unsigned shard, struct pledge *);

/* Keep these rows, all or none, and then answer.  The engine notes with them
 * that the write was accepted.  What the ops borrow must live until then. */
void write_keep(
    struct write *, const struct op *ops, size_t count, uint64_t unix_ms);

#endif

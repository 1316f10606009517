/*
 * rocks_row.h - how keys and rows of the durable engine are spelt.
 *
 * Numbers in keys are big-endian, so that bytes stand in the order of the
 * numbers; those in values take a byte for each 7 bits.  A channel's id is
 * the offset of its first message.  What is read is not trusted: a reader
 * says false rather than look past the end.  Slices read are borrowed.
 *
 *	meta     "format" -> version, shards; shard -> struct rocks_meta
 *	names    shard, name -> id
 *	ids      shard, id -> struct rocks_state, name
 *	log      shard, id, offset -> struct rocks_log
 *	journal  shard, position, serial -> one commit's struct rocks_entry
 *	box job table   shard, key -> expires, value
 *
 * A journal row's position is its first offset; where it has marks only, the
 * one that is next.
 */
#ifndef STORE_ROCKS_ROW_H
#define STORE_ROCKS_ROW_H

#include "common/buf.h"
#include "store/engine.h"

enum {
	ROCKS_FORMAT = 1, /* of all this */
	ROCKS_SHARD = 2,  /* bytes of a shard */
	ROCKS_ID = ROCKS_SHARD + 8,
	ROCKS_PLACE = ROCKS_ID + 8, /* of a log or journal key */
	ROCKS_KEY_MOST = ROCKS_SHARD + ROW_KEY,
};

/* A key and its bytes; as large as any. */
struct rocks_key {
	size_t n;
	char p[ROCKS_KEY_MOST + 6];
};
static inline struct slice
rocks_key_slice(const struct rocks_key *k)
{
	return (struct slice){k->p, k->n};
}
void rocks_key_shard(struct rocks_key *, uint16_t shard);
void rocks_key_bytes(struct rocks_key *, struct slice);
void rocks_key_id(struct rocks_key *, uint16_t shard, uint64_t id);
void rocks_key_place(struct rocks_key *, uint16_t shard, uint64_t, uint64_t);

/* The number at a place of a key that is long enough. */
uint64_t rocks_num_at(struct slice key, size_t at);
uint16_t rocks_shard_at(struct slice key);

void rocks_put_num(struct buf *, uint64_t);
bool rocks_get_num(struct slice *rest, uint64_t *);

/* What is known of a channel.  nth and total count all it ever kept, so a
 * row knows by itself how many, and how many bytes, came after it. */
struct rocks_state {
	uint64_t id; /* 0: it has kept nothing yet */
	uint64_t last, nth, total;
	uint64_t at; /* unix ms of the last */
	struct policy policy;
};
void rocks_put_state(
    struct buf *, const struct rocks_state *, struct slice name);
bool rocks_get_state(struct slice, struct rocks_state *, struct slice *name);

struct rocks_log {
	uint64_t deadline; /* unix ms its policy's age ends; 0: none */
	uint64_t at, prev, expires;
	uint64_t nth;    /* of its channel, from 1 */
	uint64_t before; /* bytes of its channel before it */
	struct slice type, id, filter, envelope, body;
};
void rocks_put_log(struct buf *, uint64_t offset, const struct rocks_log *);
bool rocks_get_log(struct slice, uint64_t offset, struct rocks_log *);
/* Bytes it counts for, as record_size() does. */
uint64_t rocks_log_size(const struct rocks_log *, size_t name);

/* Gone by its channel's policy, whether or not it is on disk. */
bool rocks_dead(
    const struct rocks_log *, const struct rocks_state *, uint64_t unix_ms);

struct rocks_entry {
	bool append;         /* else it is a mark */
	uint64_t offset, id; /* id of the channel, if it is an append */
	uint64_t at;
	struct mark mark;
};

/* A journal row in the making; zeroed is an empty one. */
struct rocks_journal {
	struct buf entries;
	uint64_t count, first, top; /* of appends; 0: none */
	struct rocks_entry past;    /* what the next one is told apart from */
};
void rocks_journal_add(struct rocks_journal *, const struct rocks_entry *);
void rocks_journal_end(const struct rocks_journal *, struct buf *value);
void rocks_journal_clear(struct rocks_journal *); /* keeps the memory */

/* And being read. */
struct rocks_commit {
	uint64_t at; /* of its last entry */
	uint64_t count, top;
	struct slice rest;
	struct rocks_entry past;
};
bool rocks_commit_open(struct slice value, struct rocks_commit *);
/* False: behind the last, or broken; then `count` is not 0. */
bool rocks_commit_next(struct rocks_commit *, struct rocks_entry *);

struct rocks_meta {
	uint64_t epoch;
	uint64_t top;        /* highest offset kept when it was written */
	uint64_t reserved;   /* numbers may have been given out up to here */
	uint64_t floor[2];   /* place where the journal begins */
	uint64_t floor_lost; /* highest offset before it */
	uint64_t noted;      /* ids rows know all before this offset */
	uint64_t forgotten;  /* highest offset of a channel that left */
};
void rocks_put_meta(struct buf *, const struct rocks_meta *);
bool rocks_get_meta(struct slice, struct rocks_meta *);

#endif

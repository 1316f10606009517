/*
 * engine.h - what keeps messages and rows: one small interface, several
 * engines.
 *
 * Two things are kept.  The log: messages by channel and offset, with a
 * journal per shard that finds them for patterns and recalls who published
 * what.  Rows: bytes under a key, in order, from which boxes, jobs and tables
 * are made.  Everything written is a batch of operations; the part of a batch
 * that belongs to one shard is applied whole or not at all.
 *
 * Threads: write is called by the committer thread, one batch at a time, and
 * may block until the batch is safe; read and scan are called by the reader
 * thread, at the same time as a write, and may block.  An `immediate` engine
 * never blocks; all of it is called on the loop.  All else is called on the
 * loop: open and close while neither thread does anything.
 */
#ifndef STORE_ENGINE_H
#define STORE_ENGINE_H

#include "common/code.h"
#include "store/policy.h"
#include "store/record.h"

#include <stdbool.h>
#include <stdint.h>

enum op_kind {
	OP_APPEND,  /* keep a message */
	OP_FORGET,  /* the channel is forgotten: so is all it kept */
	OP_MARK,    /* a write that was no message was accepted */
	OP_PUT,     /* keep a row, in place of one of the same key */
	OP_DELETE,  /* forget a row, if it is there */
	OP_RESERVE, /* numbers may be given out up to here */
};

/* Who wrote it, so that his repeat is known after a restart. */
struct mark {
	uint64_t boot, seq; /* of the publisher; boot 0: nobody will repeat */
	uint64_t id[2];     /* hash of the idempotency id; 0, 0: none */
};

/* What an engine remembers of a channel; each has its own, and nobody else
 * looks inside. */
struct engine_channel;

struct op_append {
	/* borrowed; to keep it takes a count.  If its prev is PREV_UNKNOWN the
	 * engine fills it in before the write ends. */
	struct record *record;
	const struct policy *policy; /* what the channel keeps after this */
	struct mark mark;
	/* What the channel keeps for the engine, to be filled in or ignored.
	 * NULL at first, and again for a channel that was forgotten and came
	 * back, also where its op_forget was in a batch that failed.  What is
	 * put there must last until op_forget is written; an engine that
	 * remembers, to which that never comes, ignores it. */
	struct engine_channel **home;
};

struct op_forget {
	struct slice channel; /* borrowed for the write */
	uint32_t hash;        /* table_hash() of it */
	uint16_t shard;
	struct engine_channel *home; /* what the last append left */
};

struct op_mark {
	struct mark mark;
	uint64_t offset; /* it was answered with */
	uint64_t at;     /* unix ms */
	uint16_t shard;
};

enum space { SPACE_BOX, SPACE_JOB, SPACE_TABLE, SPACES };

enum { ROW_KEY = 600 }; /* bytes of a key at most */

struct op_row {
	struct slice key, value; /* borrowed for the write */
	uint64_t expires;        /* unix ms; then it may vanish; 0 is never */
	uint16_t shard;
	enum space space;
};

struct op_reserve {
	uint64_t upto;
	uint16_t shard;
};

struct op {
	enum op_kind kind;
	union {
		struct op_append append;
		struct op_forget forget;
		struct op_mark mark;
		struct op_row row; /* OP_PUT, OP_DELETE */
		struct op_reserve reserve;
	};
};

/* Within a shard, appends are in the order of their offsets. */
struct batch {
	struct op *ops;
	size_t count, room;
	/* What became of each shard's part, filled in by the write; and how
	 * what is ok is kept, where that is not the engine's `kept`: else
	 * KEPT_NOT. */
	enum code *codes;
	uint8_t *kept;
	unsigned shards;
};

void batch_init(struct batch *, unsigned shards);
/* The next op of a batch, zeroed, to be filled in. */
struct op *batch_add(struct batch *, enum op_kind);
void batch_clear(struct batch *); /* keeps the memory; all codes are ok */
void batch_free(struct batch *);
unsigned op_shard(const struct op *);
/* Nothing was applied: every shard that has an op in it gets the code. */
void batch_fail(struct batch *, enum code);

enum { READ_MOST = 64 }; /* messages of one read: some 100 us of the loop */

struct read {
	/* asked */
	struct slice channel; /* or a pattern; borrowed until it is answered */
	bool pattern;
	uint16_t shard;
	uint64_t after, upto; /* after < offset <= upto */
	unsigned most;        /* messages, <= READ_MOST */
	size_t most_bytes;    /* stop behind the one that passes it */
	uint64_t unix_ms;     /* now: what is older than its policy is gone */
	/* answered; the counts of found are the caller's */
	enum code code;
	struct record *found[READ_MOST]; /* in the order of offsets */
	unsigned count;
	bool more;        /* what is behind `reached` was not looked at */
	uint64_t reached; /* all up to here is found, lost, or not matching */
	uint64_t lost;    /* highest matching offset past `after` that was kept
	                    * and is not any more; 0 is none */
};

/* Of every engine, first: nothing is found yet.  False: nothing is asked. */
bool read_begin(struct read *);
/* And last: where it failed, nothing was found.  False: it failed. */
bool read_end(struct read *);

/* Rows of a shard and space whose key begins with prefix, behind `after`. */
struct scan {
	/* asked */
	enum space space;
	uint16_t shard;
	struct slice prefix, after; /* borrowed until it is answered; after
				     * empty: from the first, else it begins
				     * with the prefix, too */
	uint64_t unix_ms;           /* now: what has expired is not found */
	unsigned most;
	size_t most_bytes;
	/* For each row, in the order of keys; the bytes are lent for the
	 * call.  On the thread of the scan. */
	void (*found)(struct scan *, struct slice key, struct slice value,
	    uint64_t expires);
	/* answered */
	enum code code;
	unsigned count;
	bool more;
};

void scan_begin(struct scan *); /* nothing is found yet */

/* A write that was accepted in a life before this one. */
struct recall {
	struct mark mark;
	uint64_t offset;
	uint64_t at; /* unix ms */
};

enum { RECALL_MS = 300000 }; /* as long as ids and publishers are known */

/* What a shard holds when it is opened. */
struct shard_state {
	uint64_t epoch;
	uint64_t top;      /* every number up to it may have been given out */
	uint64_t reserved; /* numbers up to it may be given out before the
			    * first OP_RESERVE; > top */
	uint64_t floor;    /* a cursor below it, of a channel that has nothing,
			 * may have missed something */
	struct recall *recall; /* of the last RECALL_MS, oldest first; the
				* caller frees it */
	size_t recalled;
};

struct lender;

enum { ENGINE_SHARDS = 256 }; /* as the setting goes */

struct engine {
	const char *name;
	/* engine_full(), by shard: of a Cluster one master may be full */
	_Atomic uint64_t full_until[ENGINE_SHARDS];
	bool immediate;
	/* Channels, and the numbers, outlive the process and a forgotten
	 * topic: OP_FORGET never comes, OP_RESERVE does. */
	bool remembers;
	enum kept kept; /* what CODE_ok of a write promises */
	/* Not NULL: it decides itself which shards are ours (lease.h), and
	 * open is not called.  Then CODE_moved of a write says that the shard
	 * is not ours any more, or that nobody knows whether it was written:
	 * it must be left. */
	const struct lender *lender;

	/* Begin with a shard.  `unix_ms`: for an epoch that starts now. */
	enum code (*open)(struct engine *, unsigned shard, uint64_t unix_ms,
	    struct shard_state *);
	void (*write)(struct engine *, struct batch *);
	/* Messages of a channel or, by the shard's journal, of a pattern. */
	void (*read)(struct engine *, struct read *);
	void (*scan)(struct engine *, struct scan *);
	/* There will soon be appends to these channels, NULL where nothing is
	 * known of one: an engine may touch what it will need.  A write of
	 * others may be going on.  May be NULL. */
	void (*ahead)(struct engine *, struct engine_channel *const *homes,
	    unsigned count);
	/* About once a second: drop what is too old.  May be NULL. */
	void (*tick)(struct engine *, uint64_t unix_ms);
	void (*close)(struct engine **); /* and sets it to NULL */
};

/* A moment ago there was no space for what keeps more, so it is refused before
 * it is numbered: written, it would take along what takes away.  Any thread. */
bool engine_full(const struct engine *, unsigned shard);
void engine_was_full(struct engine *, unsigned shard);

#endif

/*
 * engine.h - what keeps messages: one small interface, several engines.
 *
 * Everything written is a batch of operations, applied whole or not at all.
 * Threads: write is called by the committer thread, one batch at a time, and
 * may block until the batch is safe; read is called by the reader thread, at
 * the same time as a write, and may block.  An `immediate` engine never
 * blocks; both are called on the loop.  All else is called on the loop.
 *
 * Operations to come (box, job, table) are more kinds of op, and more
 * functions to read: what exists stays as it is.
 */
#ifndef STORE_ENGINE_H
#define STORE_ENGINE_H

#include "common/code.h"
#include "store/policy.h"
#include "store/record.h"

#include <stdbool.h>
#include <stdint.h>

enum op_kind {
	OP_APPEND, /* keep a message */
	OP_FORGET, /* the channel is forgotten: so is all it kept */
};

/* What an engine remembers of a channel; each has its own, and nobody else
 * looks inside. */
struct engine_channel;

struct op_append {
	struct record *record;       /* borrowed; to keep it takes a count */
	const struct policy *policy; /* what the channel keeps after this */
	uint64_t boot, seq;          /* mark of its publisher */
	uint64_t id[2]; /* hash of its idempotency id; 0, 0: none */
	/* What the channel keeps for the engine, to be filled in or ignored.
	 * NULL at first, and again for a channel that was forgotten and came
	 * back, also where its op_forget was in a batch that failed.  What is
	 * put there must last until op_forget is written. */
	struct engine_channel **home;
};

struct op_forget {
	struct slice channel; /* borrowed for the write */
	uint32_t hash;        /* table_hash() of it */
	uint16_t shard;
	struct engine_channel *home; /* what the last append left */
};

struct op {
	enum op_kind kind;
	union {
		struct op_append append;
		struct op_forget forget;
	};
};

/* Within a shard, appends are in the order of their offsets. */
struct batch {
	struct op *ops;
	size_t count, room;
};

/* The next op of a batch, zeroed, to be filled in. */
struct op *batch_add(struct batch *, enum op_kind);
void batch_clear(struct batch *); /* keeps the memory */
void batch_free(struct batch *);

enum { READ_MOST = 64 }; /* messages of one read: some 100 us of the loop */

struct read {
	/* asked */
	struct slice channel; /* or a pattern; borrowed until it is answered */
	bool pattern;
	uint16_t shard;
	uint64_t after, upto; /* after < offset <= upto */
	unsigned most;        /* messages, <= READ_MOST */
	size_t most_bytes;    /* stop behind the one that passes it */
	/* answered; the counts of found are the caller's */
	enum code code;
	struct record *found[READ_MOST]; /* in the order of offsets */
	unsigned count;
	bool more;        /* what is behind `reached` was not looked at */
	uint64_t reached; /* all up to here is found, lost, or not matching */
	uint64_t lost;    /* highest matching offset past `after` that was kept
	                    * and is not any more; 0 is none */
};

/* What a shard holds when it is opened. */
struct shard_state {
	uint64_t epoch, top, floor;
};

struct engine {
	const char *name;
	bool immediate;
	enum kept kept; /* what CODE_ok of a write promises */

	/* Begin with a shard.  `unix_ms`: for an epoch that starts now. */
	enum code (*open)(struct engine *, unsigned shard, uint64_t unix_ms,
	    struct shard_state *);
	/* CODE_ok, or nothing of the batch was applied. */
	enum code (*write)(struct engine *, const struct batch *);
	/* Messages of a channel or, by the shard's journal, of a pattern. */
	void (*read)(struct engine *, struct read *);
	/* There will soon be appends to these channels, NULL where nothing is
	 * known of one: an engine may touch what it will need.  May be NULL. */
	void (*ahead)(struct engine *, struct engine_channel *const *homes,
	    unsigned count);
	/* About once a second: drop what is too old.  May be NULL. */
	void (*tick)(struct engine *, uint64_t unix_ms);
	void (*close)(struct engine **); /* and sets it to NULL */
};

#endif

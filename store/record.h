/*
 * record.h - one message as the store holds it: immutable and counted.
 *
 * One block holds the struct and all its bytes, so a kept message costs one
 * allocation and one copy.  The count is the loop thread's; the committer
 * and the reader only read what is inside.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "common/list.h"
#include "common/msg.h"
#include "common/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct engine_channel;

/* Only an engine that remembers knows the channel's message before it. */
#define PREV_UNKNOWN UINT64_MAX

struct record {
	uint32_t refs;
	uint32_t hash; /* table_hash() of the channel */
	uint16_t shard;
	bool kept;           /* the log has it, or will */
	bool track;          /* its publisher wants to know; until it is told */
	uint16_t envelope_n; /* bytes, behind those of the body */
	uint64_t slot;       /* the memory engine's: its place in the journal */
	struct list age;     /* the memory engine's: of all, oldest first */
	struct engine_channel *home; /* the memory engine's: its channel */
	uint64_t epoch, offset;
	uint64_t prev; /* offset; 0: none; PREV_UNKNOWN until it is written */
	uint64_t at;   /* unix ms it was accepted */
	uint64_t expires; /* unix ms; 0 is never */
	struct slice channel, type, id, filter, body;
	char bytes[];
};

/* Copies the message; the caller owns one count.  The numbers that deliver
 * does not carry (hash, shard, kept, at) are the caller's to fill in. */
struct record *record_new(const struct msg_deliver *);
struct record *record_ref(struct record *);
void record_unref(struct record **); /* and sets it to NULL */

/* Bytes of memory it takes. */
size_t record_size(const struct record *);

/* The deliver frame; its slices are borrowed from the record. */
struct msg_deliver record_deliver(const struct record *);

/* What stands around its body for some readers; few have one. */
static inline struct slice
record_envelope(const struct record *r)
{
	return (struct slice){r->body.p + r->body.n, r->envelope_n};
}

static inline bool
record_expired(const struct record *r, uint64_t unix_ms)
{
	return r->expires != 0 && r->expires <= unix_ms;
}

#endif

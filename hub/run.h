/*
 * run.h - framed messages, once for all who read them.
 *
 * A run is the bytes of one channel in one wire form of one turn.  Readers
 * hold pieces of it, (run, from, to), and each piece counts as an owner; the
 * bytes go when the last piece has been written.  A run only grows, so pieces
 * stay true.  A run knows where each of its messages ends, so that whoever
 * queues, writes or drops a piece can count them; other bytes (answers, pings,
 * gaps) count as none.  Runs come from a pool that keeps some for reuse: a message to
 * one client costs no malloc.
 */
#ifndef HUB_RUN_H
#define HUB_RUN_H

#include "common/buf.h"
#include "hub/marks.h"

#include <stddef.h>
#include <stdint.h>

enum {
	RUN_POOL = 1024,       /* runs kept for reuse, with their bytes */
	RUN_POOL_BYTES = 4096, /* a larger one gives its bytes back */
	RUN_POOL_ENDS = 64,    /* and where so many messages end */
	RUN_BYTES = 1 << 20,   /* past this the next message begins another */
	OUT_IOVECS = 64,       /* pieces of one write */
};

struct runs; /* the pool */
struct runs *runs_new(void);
/* Where the marked messages of its runs are counted; borrowed. */
void runs_count(struct runs *, struct fates *);
struct fates *runs_fates(const struct runs *); /* NULL: nowhere */
void runs_free(struct runs **); /* after all its runs; sets it to NULL */

struct run {
	struct buf bytes;
	struct runs *pool;
	struct run *next; /* in the pool */
	uint32_t refs;
	uint32_t ends_n, ends_room;
	uint32_t *ends;      /* of messages, ascending; in bytes */
	struct marks *marks; /* of tracked ones; NULL: none */
};

struct run *run_new(struct runs *); /* empty; the caller owns one */
static inline struct run *
run_ref(struct run *r)
{
	r->refs++;
	return r;
}
void run_unref(struct run **); /* and sets it to NULL */

/* A message ends where the bytes end now; if it has a track (0: none) it is
 * marked. */
void run_end_message(struct run *, uint64_t track);

struct piece {
	struct run *run;
	uint32_t from, to;
};

/* Messages that end within a piece: O(1) for a whole run, and for its last
 * message alone, which is what those get who are handed each; else O(log n). */
uint32_t run_count(const struct run *, uint32_t from, uint32_t to);
static inline uint32_t
piece_messages(const struct piece *p)
{
	const struct run *r = p->run;
	uint32_t n = r->ends_n;

	if (p->from == 0 && p->to == r->bytes.n)
		return n;
	if (n > 1 && p->to == r->ends[n - 1] && p->from == r->ends[n - 2])
		return 1;
	return run_count(r, p->from, p->to);
}

/* That becomes of the messages of a piece for its one reader, told apart for
 * those that are marked. */
void piece_marks(const struct piece *, enum stat_id);
static inline void
piece_became(const struct piece *p, enum stat_id what)
{
	if (p->run->marks != NULL)
		piece_marks(p, what);
}
/* The messages of a piece end in this run as well, where its bytes end. */
void run_end_all(struct run *, const struct piece *);

/* What is still to be written to one reader: 32 bytes while it is at most
 * one piece.  Zeroed is empty. */
struct out {
	struct piece first; /* run is NULL when there is nothing */
	struct out_more *more;
	size_t bytes;
};

/* Append; takes a count of the run.  A piece that continues the last one
 * lengthens it. */
void out_push(struct out *, struct piece);

/* The bytes in front, at most OUT_IOVECS slices; how many there are. */
unsigned out_front(const struct out *, struct slice *);

/* n bytes of the front were written: how many messages ended in them. */
uint32_t out_pop(struct out *, size_t n);
/* Likewise: in what is thrown away, and why that is. */
uint32_t out_clear(struct out *, enum stat_id);

/* Take the first piece, and its count of the run; false: there is none. */
bool out_shift(struct out *, struct piece *);

static inline bool
out_empty(const struct out *o)
{
	return o->first.run == NULL;
}

#endif

/*
 * run.h - framed messages, once for all who read them.
 *
 * A run is the bytes of one channel in one wire form of one turn.  Readers
 * hold pieces of it, (run, from, to), and each piece counts as an owner; the
 * bytes go when the last piece has been written.  A run only grows, so pieces
 * stay true.  Runs come from a pool that keeps some for reuse: a message to
 * one client costs no malloc.
 */
#ifndef HUB_RUN_H
#define HUB_RUN_H

#include "common/buf.h"

#include <stddef.h>
#include <stdint.h>

enum {
	RUN_POOL = 1024,       /* runs kept for reuse, with their bytes */
	RUN_POOL_BYTES = 4096, /* a larger one gives its bytes back */
	RUN_BYTES = 1 << 20,   /* past this the next message begins another */
	OUT_IOVECS = 64,       /* pieces of one write */
};

struct runs; /* the pool */
struct runs *runs_new(void);
void runs_free(struct runs **); /* after all its runs; sets it to NULL */

struct run {
	struct buf bytes;
	struct runs *pool;
	struct run *next; /* in the pool */
	uint32_t refs;
};

struct run *run_new(struct runs *); /* empty; the caller owns one */
static inline struct run *
run_ref(struct run *r)
{
	r->refs++;
	return r;
}
void run_unref(struct run **); /* and sets it to NULL */

struct piece {
	struct run *run;
	uint32_t from, to;
};

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

/* n bytes of the front were written. */
void out_pop(struct out *, size_t n);
void out_clear(struct out *);

static inline bool
out_empty(const struct out *o)
{
	return o->first.run == NULL;
}

#endif

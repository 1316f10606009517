/*
 * buf.h - bytes that grow up to a cap, and bodies that are shared.
 *
 * A zeroed struct buf is an empty one without a cap.  Growth doubles, so an
 * append costs amortised O(n).  A writer that would pass the cap writes
 * nothing and sets `full`, which stays set: append as often as you like and
 * look once.  Slices of a buf are borrowed until its next change.
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include "common/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	char *p;
	size_t n, cap;
	size_t max; /* bytes; 0 is no cap */
	bool full;  /* something did not fit, ever */
};

/* Room for n more bytes behind buf.n, not counted yet; NULL past the cap. */
char *buf_room(struct buf *, size_t n);

bool buf_add(struct buf *, const char *, size_t n);
bool buf_put(struct buf *, struct slice);
bool buf_str(struct buf *, const char *);
bool buf_chr(struct buf *, char);
bool buf_num(struct buf *, uint64_t); /* decimal */
bool buf_printf(struct buf *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Drop n bytes from the front; what is left moves down. */
void buf_drop(struct buf *, size_t n);
void buf_clear(struct buf *); /* keeps the memory, forgets `full` */
void buf_free(struct buf *);  /* and makes it an empty one again */

static inline struct slice
buf_slice(const struct buf *b)
{
	return (struct slice){b->p, b->n};
}

/* Immutable bytes with a count of owners; one thread. */
struct body {
	uint32_t refs, n;
	char p[];
};

struct body *body_new(struct slice); /* copies; the caller owns one */
struct body *body_ref(struct body *);
void body_unref(struct body **); /* and sets it to NULL */

#endif

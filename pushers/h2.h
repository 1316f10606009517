/*
 * h2.h - the client's end of one HTTP/2 connection (RFC 9113), without I/O.
 *
 * What came from the peer is fed, what is to go there is taken; whoever owns
 * the socket does one after the other until nothing moves.  A call, which is
 * a request and what became of it, is embedded in its owner and borrowed
 * until it has ended, as is its body; header fields are copied.  Every call
 * ends exactly once, by `ended`, or is dropped by its owner.
 *
 * Costs 2 us a call, and some 27 kB of state a connection.
 */
#ifndef PUSHERS_H2_H
#define PUSHERS_H2_H

#include "common/buf.h"
#include "common/list.h"
#include "common/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	H2_FIELDS = 12, /* of a request, besides the four that all have */
	H2_KEPT = 64,   /* bytes of the kept field of an answer */
	H2_TEXT = 512,  /* bytes of its body; what is behind them is let go */
};

struct h2;

/* How a call ended. */
enum h2_end {
	H2_ANSWERED,  /* status, kept and text are the answer's */
	H2_UNTOUCHED, /* not sent, or the peer says it did not look at it: it may
	               * be sent again, elsewhere */
	H2_BROKEN,    /* sent, and nobody knows whether it was done */
};

/* The answer is good until the call is made again.  The rest is h2.c's. */
struct h2_call {
	unsigned status;
	char kept[H2_KEPT], text[H2_TEXT];
	unsigned kept_n, text_n;

	struct list node;
	int32_t stream;
	struct slice body; /* what is still to be sent of it */
	bool sent;         /* its head is on its way */
	bool whole;        /* the answer is */
	bool refused;      /* it never went out */
};

struct h2_face {
	/* The call is over and its owner's again; others may be made. */
	void (*ended)(struct h2_face *, struct h2_call *, enum h2_end);
	/* The peer takes calls, or takes more or fewer than before. */
	void (*room)(struct h2_face *);
	/* The peer wants no more calls; debug is what it said to that. */
	void (*leaving)(struct h2_face *, struct slice debug);
};

struct h2_setup {
	struct h2_face *face; /* borrowed */
	struct slice keep;    /* name of the kept field, lower case; borrowed */
	unsigned streams;     /* calls at a time, at most */
};

struct h2_field {
	struct slice name, value; /* the name in lower case */
	bool once; /* another value each time: not for the peer's table */
};

/* A POST over https. */
struct h2_request {
	struct slice authority, path;
	const struct h2_field *fields;
	size_t n;          /* of them, at most H2_FIELDS */
	struct slice body; /* borrowed until the call has ended */
};

struct h2 *h2_new(const struct h2_setup *);

/* Calls that have not ended must be cut off or dropped before. */
void h2_free(struct h2 **); /* and sets it to NULL */

/* How many more calls it takes now.  None before the peer's SETTINGS, and
 * none when it is leaving. */
unsigned h2_room(const struct h2 *);
unsigned h2_open(const struct h2 *); /* calls that have not ended */

/* Make a call, where there is room.  False: it cannot be, and this connection
 * takes none any more. */
bool h2_submit(struct h2 *, struct h2_call *, const struct h2_request *);

/* The answer is not wanted any more: the call is its owner's at once, and
 * the peer is told.  Harmless for a call that is not open. */
void h2_drop(struct h2 *, struct h2_call *);

void h2_drop_all(struct h2 *);

/* Is anybody there?  An answer comes as bytes to feed. */
void h2_ping(struct h2 *);

/* False: the peer does not keep to HTTP/2; take once more what is to be sent,
 * which says so, and hang up. */
bool h2_feed(struct h2 *, struct slice);

/* Append what is to be sent, until there are `most` bytes or more. */
void h2_take(struct h2 *, struct buf *, size_t most);

/* Take no more calls, and once those that are open have ended say goodbye. */
void h2_leave(struct h2 *);

/* Neither side has more to say. */
bool h2_over(const struct h2 *);

/* The connection is gone: ends all calls.  None is taken any more. */
void h2_cut(struct h2 *);

#endif

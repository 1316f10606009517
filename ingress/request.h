/*
 * request.h - one request and the answer it is owed.
 *
 * A connection's requests stand in a queue, because the bus answers later
 * and maybe in another order, while HTTP wants answers in order.  A handler
 * embeds a struct request first in its own state; its kind is how the
 * connection talks to it.
 */
#ifndef INGRESS_REQUEST_H
#define INGRESS_REQUEST_H

#include "common/buf.h"
#include "common/code.h"
#include "common/http.h"
#include "common/http_reply.h"
#include "common/list.h"

struct client;
struct note;
struct front;
struct request;

/* Why a request ends otherwise than its handler meant it to. */
struct failure {
	unsigned status;
	struct http_fault fault; /* static strings */
};

struct request_kind {
	bool streams;   /* takes its body in pieces, as they come */
	bool publishes; /* wants room on the bus before it begins */
	/* The body, or for a stream the next piece and whether it is the last.
	 * Borrowed for the call.  NULL: a body is of no interest. */
	void (*body)(struct request *, struct slice, bool last);
	/* A stream has enough to do; no more pieces until it has not. */
	bool (*full)(const struct request *);
	/* A stream that is or was full may go on: the bus has room. */
	void (*resume)(struct request *);
	/* Append what can be said by now.  True: that was all of it. */
	bool (*answer)(struct request *, struct buf *);
	/* Answer this instead, if nothing was answered yet. */
	void (*fail)(struct request *, const struct failure *);
	void (*free)(struct request *);
};

struct request {
	struct list node; /* of the connection's queue */
	struct client *client;
	const struct request_kind *kind;
	struct note *note; /* for the access log; NULL without one */
	struct slice cors; /* header lines; of the front */
	bool may;          /* a page of that origin may ask more */
	/* ms of the loop; then fail() is called.  0: not yet, from the end of
	 * its body it is given the usual time; UINT64_MAX: never. */
	uint64_t late_at;
	bool head, old, close;
	bool proceed; /* it is owed a 100 Continue */
	bool deaf;    /* the rest of its body is not wanted */
	bool put_off; /* no room for it: its body is to be given again */
};

/* The front a request came in by. */
struct front *request_front(const struct request *);

/* answer() has something to say that it had not before. */
void request_ready(struct request *);

/* A reply with all that depends on the request filled in. */
struct http_reply request_reply(const struct request *, unsigned status);

/* The failure of a code, for requests and for fail(). */
struct failure failure_of(enum code);
/* Likewise, with the field that is wrong and what is told instead of the
 * code's text; both static, or NULL. */
struct failure failure_why(enum code, const char *field, const char *why);

/* Append a whole answer of a code, with which the connection ends, for who has
 * no request; header lines besides, each with its CR LF. */
void failure_last(
    struct buf *, enum code, struct slice lines, struct slice date);

/* Append a whole answer of that failure. */
void request_put_failure(
    const struct request *, const struct failure *, struct buf *);

/* A request that is answered already: a fixed reply or a failure. */
struct request *answer_new(struct slice type, struct slice body);
/* Likewise of another status, with header lines; static. */
struct answer_fixed {
	unsigned status;
	struct slice type, lines, body;
};
struct request *answer_fixed(const struct answer_fixed *);
/* 301 to a path of ours; both as they stand in the request.  Header lines
 * besides. */
struct request *answer_moved(
    struct slice path, struct slice query, struct slice lines);
struct request *answer_failure(const struct failure *);
struct request *answer_methods(unsigned allow, bool options); /* 405 or 204 */
struct request *answer_malformed(int http_error);

#endif

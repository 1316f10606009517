/*
 * batch.h - many messages of one request: an array, or lines of JSON.
 *
 * Messages are published in order, no faster than the bus takes them, and
 * answered in order.  Lines may come in any pieces; an array comes whole and
 * is checked before the first of its messages is published, so bad JSON
 * publishes nothing.  What is wrong with one message spoils no other.
 */
#ifndef INGRESS_BATCH_H
#define INGRESS_BATCH_H

#include "ingress/auth.h"
#include "ingress/request.h"

enum { BATCH_LINES = 4096 }; /* unanswered, of one request */

struct batch;

/* Borrows the request, which is told by request_ready() of each answer. */
struct batch *batch_new(struct request *, struct credential *);
void batch_free(struct batch **); /* and sets it to NULL */

/* The array; copies. */
void batch_array(struct batch *, struct slice json);
/* The answer, borrowed, when every message has one; bad JSON: NULL and what
 * was wrong. */
bool batch_array_done(struct batch *, struct slice *json);
const struct envelope_fault *batch_array_fault(const struct batch *);

/* A piece of the lines; what cannot be published yet is copied. */
void batch_feed(struct batch *, struct slice, bool last);

/* Append the answers that are due, each on a line; true when that was the
 * last of them. */
bool batch_put(struct batch *, struct buf *);

/* It cannot go on before the bus or the answers do; then try. */
bool batch_full(const struct batch *);
void batch_resume(struct batch *);

/* End it: an array's unanswered messages get this as their answer, lines get
 * a last one that says it. */
void batch_fail(struct batch *, const struct failure *);

#endif

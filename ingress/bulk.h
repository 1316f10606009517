/*
 * bulk.h - many messages of one request: an array, or lines of JSON.
 *
 * Messages are published in order, no faster than the bus takes them, and
 * answered in order.  Lines may come in any pieces; an array comes whole and
 * is checked before the first of its messages is published, so bad JSON
 * publishes nothing.  What is wrong with one message spoils no other.
 */
#ifndef INGRESS_BULK_H
#define INGRESS_BULK_H

#include "common/native.h"
#include "ingress/auth.h"
#include "ingress/request.h"

enum { BULK_LINES = 4096 }; /* unanswered, of one request */

struct bulk;

/* Borrows the request, which is told by request_ready() of each answer. */
struct bulk *bulk_new(struct request *, struct credential *);
void bulk_free(struct bulk **); /* and sets it to NULL */

/* The array; copies. */
void bulk_array(struct bulk *, struct slice json);
/* The answer, borrowed, when every message has one; bad JSON: NULL and what
 * was wrong. */
bool bulk_array_done(struct bulk *, struct slice *json);
const struct native_fault *bulk_array_fault(const struct bulk *);

/* A piece of the lines; what cannot be published yet is copied. */
void bulk_feed(struct bulk *, struct slice, bool last);

/* Append the answers that are due, each on a line; true when that was the
 * last of them. */
bool bulk_put(struct bulk *, struct buf *);

/* It cannot go on before the bus or the answers do; then try. */
bool bulk_full(const struct bulk *);
void bulk_resume(struct bulk *);

/* End it: an array's unanswered messages get this as their answer; lines that
 * were published are waited for, and a last one says it. */
void bulk_fail(struct bulk *, const struct failure *);

#endif

/*
 * steps.h - a request that asks the store several things, one after another.
 *
 * A handler embeds a struct steps first in its own state, as one embeds a
 * struct ask.  Each step is a scan of a table or a write; when it went well
 * the next function is called, else the request is answered with what the
 * store said.  One step at a time.
 */
#ifndef INGRESS_STEPS_H
#define INGRESS_STEPS_H

#include "ingress/asks.h"

struct steps {
	struct ask a; /* first */
	struct ticket ticket;
	void (*row)(struct steps *, const struct msg_row *); /* borrowed */
	void (*next)(struct steps *);
	bool more; /* of the last scan: the limit ended it */
};

void steps_init(
    struct steps *, const struct request_kind *, struct front *); /* borrows */
void steps_end(struct steps *); /* for the handler's free */

/* Ask for rows; the message's ref is filled in here. */
void steps_scan(struct steps *, const struct msg_scan *,
    void (*row)(struct steps *, const struct msg_row *),
    void (*next)(struct steps *));
/* A set or unset. */
void steps_write(struct steps *, struct msg *, void (*next)(struct steps *));

void steps_done(struct steps *); /* as ask_done(); may be the next step */

#endif

/*
 * hear.h - private to dialects over WebSocket: messages out of what their
 * clients say, and who says more than the store takes is held back.
 *
 *	while (may_say(c) && hear_next(c, ws, &in, &e))
 *		heard(c, &e);
 *	return hear_rest(c, n, &in);
 *
 * What is held back stays with the connection, which is full some time and not
 * read any more, and is looked at again when its timer fires.
 */
#ifndef HUB_HEAR_H
#define HUB_HEAR_H

#include "hub/conn.h"

enum {
	HEAR_HELD = 128, /* conn.bits: it is held back */
	HEAR_AGAIN_MS = 20,
};

/* False: there is no more, or nobody to hear it. */
static inline bool
hear_next(struct conn *c, struct websocket *ws, struct websocket_input *in,
    struct websocket_event *e)
{
	return c->state == CONN_OPEN &&
	       websocket_next(ws, &c->hub->rules, in, e);
}

/* How many of n bytes were consumed, for dialect->input(). */
static inline size_t
hear_rest(struct conn *c, size_t n, const struct websocket_input *in)
{
	if (c->state != CONN_OPEN || in->n == 0)
		return n;
	c->bits |= HEAR_HELD;
	conn_arm(c, HEAR_AGAIN_MS);
	return n - in->n;
}

/* For dialect->timeout(), which has armed what else it waits for: it was held
 * back, and is heard again.  False: it was not. */
static inline bool
hear_again(struct conn *c)
{
	if ((c->bits & HEAR_HELD) == 0)
		return false;
	c->bits &= (uint8_t)~HEAR_HELD;
	conn_digest(c, (struct slice){NULL, 0});
	return true;
}

#endif

/*
 * bayeux_pending.h - private to what listens: subscribes that are answered
 * later, and the channels they name.
 *
 * A subscribe waits until all its channels are joined and all rosters are
 * there, and no longer than a connect may: then it is told to try again, and
 * what was not joined is given up.  Copies what it keeps.
 */
#ifndef HUB_BAYEUX_PENDING_H
#define HUB_BAYEUX_PENDING_H

#include "common/json.h"
#include "hub/bayeux.h"

/* A list of channels: a string, or an array of them. */
struct bayeux_channels {
	struct json_walk walk;
	struct json_value only; /* JSON_NONE: it is an array, or used up */
	bool array;
};
void bayeux_channels_begin(struct bayeux_channels *, struct json_value);
bool bayeux_channels_next(struct bayeux_channels *, struct json_value *);

/* "subscription":V, or [] for what is nothing. */
void bayeux_put_subscription(struct buf *, struct json_value);

/* Promise the answer. */
void bayeux_pend(
    struct bayeux_turn *, struct conn *session, const struct bayeux_reply *);

/* It listens there no more, and is not present, if it was. */
void bayeux_leave(struct conn *session, struct slice channel);

#endif

/*
 * bayeux_reply.h - the answer to one message of a Bayeux client.
 *
 *	{"id":I,"clientId":C,"channel":N,"successful":S, ...,"error":E,"advice":A}
 *
 * An error that was there before the message was judged (its own, or
 * Pandapush's) stands before "successful".  Slices are JSON as it is to be
 * written; what is empty is left out.
 */
#ifndef HUB_BAYEUX_REPLY_H
#define HUB_BAYEUX_REPLY_H

#include "common/buf.h"
#include "common/slice.h"
#include "hub/bayeux_name.h"

struct bayeux_said;

struct bayeux_reply {
	struct slice id, client, channel;
	struct slice refused; /* the early error */
	struct buf error;     /* the late one; wins.  bayeux_put() frees it */
	struct slice more;    /* members: "a":1,"b":2 */
	struct slice advice;
	struct slice behind; /* messages that follow it, by commas */
};

/* Echo id, clientId and channel, and an error the message came with. */
void bayeux_reply_to(struct bayeux_reply *, const struct bayeux_said *);

/* The last one said wins. */
void bayeux_fail(struct bayeux_reply *, enum bayeux_code, struct slice arg);

static inline bool
bayeux_good(const struct bayeux_reply *r)
{
	return r->error.n == 0 && r->refused.n == 0;
}

/* Append it. */
void bayeux_put(struct buf *, struct bayeux_reply *);

#endif

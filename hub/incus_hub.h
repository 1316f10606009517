/*
 * incus_hub.h - what clients of Incus do here, by socket or by poll.
 *
 * A client is whoever it says it is: to know a user's name is to be that user.
 * It listens to everybody's channel, its user's, and that of the one page it is
 * on.  Who it is and where is read off its subs: nothing is kept besides, but
 * where Redis is told of it (incus_bus.h).  A message for its user may be
 * narrowed to a page (place.filter).
 *
 * The bridge tells every hub by one channel, which is joined with the first
 * store, so that the first client is met by what holds for all: a user's
 * clients are on another page now, or long polls are refused.  When nothing
 * was heard of that for a while they are not any more.
 */
#ifndef HUB_INCUS_HUB_H
#define HUB_INCUS_HUB_H

#include "common/incus.h"
#include "hub/conn.h"
#include "hub/incus_bus.h"

enum {
	INCUS_SILENCE_MS = 12000,   /* the bridge says it every 5 s */
	INCUS_ORDERS_MAX = 1 << 20, /* bytes of one turn, not done yet */
	INCUS_POLL_MS = 60000,      /* where the setting says 0 */
};

struct options;
void incus_limits_read(struct incus_limits *, const struct options *);

struct incus_hub;
struct incus_hub *incus_hub_new(struct hub *); /* borrows */
void incus_hub_free(struct incus_hub **);      /* before the subs */

/* A store is there. */
void incus_hub_up(struct incus_hub *);

/* Long polls are taken. */
bool incus_polls_open(const struct incus_hub *);

/* Who came, and from where on it is told; an empty page is none. */
struct incus_client {
	struct slice user, page;
	const struct cursor_part *after; /* resume behind it */
	unsigned n;                      /* parts; 0: from now on */
};
void incus_come(struct conn *, const struct incus_client *);

/* It is on another page; an empty one is ignored. */
void incus_go_to(struct conn *, struct slice page);

/* The message is for the page it is on, or for any. */
bool incus_is_for(const struct conn *, const struct place *);

/* The reader of what it says; the hub's own, until the next. */
struct incus *incus_said(struct conn *);

/* Do what it says.  What is no command here, or not allowed, is ignored. */
void incus_obey(struct conn *, struct incus *);

/* It may say something now.  If not, conn.again is set when it may. */
bool incus_may_say(const struct conn *);

/* Refuse a request in Incus' own words, a line of text. */
void incus_refuse(struct conn *, const struct http_request *, unsigned status,
    const char *text);

#endif

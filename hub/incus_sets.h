/*
 * incus_sets.h - who is an Incus client here, as Redis is told for tools that
 * read the original's keys.
 *
 * Kept is how many clients a user has here, and a page, and who is present; and
 * what Redis is known to have of that.  What differs is told a quarter of a
 * second later, in lists, one at a time (verb.def): a client that goes and comes
 * back meanwhile costs nothing, and while nobody can tell Redis there is no
 * queue but this difference.  An ask that failed, or may have, is repeated
 * with what is so then; Redis says when it has forgotten us, and is told all
 * anew.  Presence is told again every 20 to 40 seconds.
 *
 * Nothing here does I/O, and time is injected.  Copies names; O(1) each, but
 * telling all anew, which costs all there are.
 */
#ifndef HUB_INCUS_SETS_H
#define HUB_INCUS_SETS_H

#include "common/msg.h"

enum {
	INCUS_SETS_WAIT_MS = 250,    /* for what changes back at once */
	INCUS_SETS_RENEW_MS = 20000, /* Redis forgets us after 60000 */
	INCUS_SETS_LATE_MS = 7000,   /* the store says so itself after 5000 */
	INCUS_SETS_MOST = 200,      /* changes of an ask: some 3 ms of Redis, */
	INCUS_SETS_BYTES = 1 << 18, /* or about so many */
};

struct incus_sets_face {
	/* Have Redis do it; incus_sets_told() follows, or incus_sets_lost().
	 * False: there is nobody to ask. */
	bool (*ask)(struct incus_sets_face *, const struct msg *);
	/* Call incus_sets_step() after so long, and not before. */
	void (*wake)(struct incus_sets_face *, uint64_t ms);
	uint64_t (*now)(struct incus_sets_face *); /* ms */
	uint64_t (*unix_s)(struct incus_sets_face *);
};

struct incus_sets;
struct incus_stay; /* one client's */

/* Borrows the face.  The name is that of no other hub at this Redis, whatever
 * its life: what an earlier one of that name said is forgotten first. */
struct incus_sets *incus_sets_new(struct incus_sets_face *, struct slice name);
void incus_sets_free(struct incus_sets **); /* after all stays */

/* A client came, is on another page, has gone (and sets it to NULL).  An empty
 * page is none. */
struct incus_stay *incus_stay_new(struct incus_sets *, struct slice user);
void incus_stay_page(struct incus_sets *, struct incus_stay *, struct slice);
void incus_stay_end(struct incus_sets *, struct incus_stay **);

/* It is present, by this session that is nobody else's, or says so again; is
 * not any more. */
void incus_stay_present(struct incus_sets *, struct incus_stay *, struct slice);
void incus_stay_absent(struct incus_sets *, struct incus_stay *);

/* Its own, as long as it is. */
struct slice incus_stay_user(const struct incus_stay *);
struct slice incus_stay_on(const struct incus_stay *); /* a page */

void incus_sets_step(struct incus_sets *);
void incus_sets_told(struct incus_sets *, const struct msg_told_redis *);
/* What was asked last may have been done, or not: who was asked is gone. */
void incus_sets_lost(struct incus_sets *);
/* There may be somebody to ask now. */
void incus_sets_again(struct incus_sets *);

/* All clients have gone, and so do we: tell that.  True: it is told, or nobody
 * does it. */
bool incus_sets_leave(struct incus_sets *);

#endif

/*
 * visit.h - presence of connections: whoever subscribes to a presence channel
 * with a token that says who he is, is there.
 *
 * Identity is the token's `presence` claim, an object with an id; what a
 * client says itself does not matter.  An id is text or a whole number.  All
 * the connections of a session make one attendee (attend.h).  A visit ends
 * with its subscription; when the connection is lost it lingers at the store.
 */
#ifndef HUB_VISIT_H
#define HUB_VISIT_H

#include "hub/attend.h"
#include "hub/subscribe.h"

struct grant;

/* Who the holder of a grant is; user.n is 0 when it does not say.  Text must
 * last as long as the identity. */
struct identity {
	struct slice user, data;
};
enum code identity_of(
    const struct grant *, struct identity *, struct buf *text, struct fault *);

/* 1 to 63 of A-Z a-z 0-9 - . _ ~ */
enum code session_check(struct slice, struct fault *);

/* Is it a channel one can be present on? */
bool visit_place(struct slice channel);

/* One presence of a connection, or a roster it asked for. */
struct visit {
	struct visit *next;
	struct conn *conn;
	struct attend attend;          /* .attendee is NULL: it only looks */
	const struct visit_face *face; /* NULL: nobody waits for an answer */
	struct roster roster;
	struct buf rows; /* JSON, until it is answered */
	struct buf last; /* user in them */
	struct slice channel, ref, cursor, after, user;
	uint64_t expires; /* of its token; 0: never */
	bool pending;     /* the roster was not told yet */
	bool looks;       /* it is no subscription's */
	bool brief;       /* it ends with its connection, and does not linger */
	char bytes[];
};

struct visit_face {
	void (*row)(struct visit *, const struct msg_present *);
	void (*told)(struct visit *, const struct msg_roster_end *);
	void (*refused)(struct visit *, enum code, const char *why);
};

/* For a face: one more of {USER:DATA, ...}, as events have it. */
void visit_row(struct visit *, const struct msg_present *);

struct visit_want {
	struct slice channel, ref, cursor, after, user;
	uint64_t expires;
	const struct visit_face *face;
	bool looks, brief;
	const struct identity *who; /* NULL: only looks */
	struct slice session;       /* empty: one is made up */
};
struct visit *visit_new(struct conn *, const struct visit_want *); /* copies */
/* Ask who is there: at most so many. */
void visit_ask(struct visit *, unsigned limit);
void visit_end(struct visit *, bool linger); /* frees it */

/* NULL: none there.  One that only looks is none. */
struct visit *visit_find(const struct conn *, struct slice channel);
/* Those whose answer is not sent yet. */
unsigned visits_pending(const struct conn *);

/* What a stream that names channels in its URL does: check, then come in,
 * besides its subscription. */
enum code visit_check(struct conn *, const struct subscribe *,
    struct slice session, struct fault *);
void visit_come(struct conn *, const struct subscribe *, struct slice session);

/* The subscription ends, of its own accord; the connection is gone. */
void visit_left(struct conn *, struct slice channel);
void visits_lost(struct conn *);

#endif

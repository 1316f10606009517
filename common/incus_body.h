/*
 * incus_body.h - what a message of Incus says: an event and its data.
 *
 *	{"event": E, "data": {...}}		as it is published here
 *	{"event": E, "data": {...}, "time": T}	as a client reads it
 *
 * E and the data are JSON as spelt, never written anew.  Everything borrows
 * its input, and appends to a buf that must not hold it.  A read is one pass
 * over the object, writing for a client is two.
 */
#ifndef COMMON_INCUS_BODY_H
#define COMMON_INCUS_BODY_H

#include "common/buf.h"
#include "common/slice.h"

struct incus_body {
	struct slice event; /* a JSON string, with its quotes */
	struct slice data;  /* a JSON object */
};

/* The M of a command `message` or `push`; other members are left out.
 * False: E is no string, or the data no object. */
bool incus_body_read(struct incus_body *, struct slice object);

/* The M of a pushormessage, which may be flat, too: what has no object `data`
 * is the data itself, but for its event and time.  E is "" if it is not a
 * string.  The buf is where data is put together.  False: no such object. */
bool incus_body_flat(struct incus_body *, struct slice object, struct buf *);

/* Append {"event":E,"data":D}. */
void incus_body_put(struct buf *, const struct incus_body *);

/*
 * Append any message as an Incus client reads it, without a line's end.  What
 * is not an event with data has the event "message", and as data the object
 * it is, or {"data": V} of other JSON, {"text": T} or {"base64": B}.  A
 * string data.internal_url comes once more at the end.
 */
struct incus_message {
	struct slice type, body; /* as in deliver */
	uint64_t time;           /* unix s */
};
void incus_body_tell(struct buf *, const struct incus_message *);

/*
 * What the bridge tells every hub, on INCUS_CONTROL: a user's sockets are on
 * another page now, or long polls are refused (said again and again), or not
 * any more.
 */
struct incus_control {
	struct slice user, page; /* p is NULL, or there are both */
	bool longpoll, says_longpoll;
};
void incus_control_setpage(struct buf *, struct slice user, struct slice page);
void incus_control_longpoll(struct buf *, bool);

/* The strings may come to stand in the buf, which is cleared. */
bool incus_control_read(struct incus_control *, struct slice, struct buf *);

#endif

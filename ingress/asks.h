/*
 * asks.h - requests that ask a store something and wait for its frames.
 *
 * A handler embeds a struct ask first in its own state and begins it with
 * { .r.kind, .front, .row, .end }; its kind's answer and fail are those here,
 * and its free calls ask_end().  One question at a time: row is called for
 * each frame of the answer, end for the last one, and end may ask again.  When
 * the store refuses, or its link breaks, neither is called any more, and the
 * request is answered with that.
 *
 * The front is borrowed, and so are frames, for the call.  A question costs
 * O(1), a link that breaks O(questions on their way).
 */
#ifndef INGRESS_ASKS_H
#define INGRESS_ASKS_H

#include "common/bus.h"
#include "common/table.h"
#include "ingress/front.h"
#include "ingress/request.h"

struct asks; /* those on their way, by ref */
struct ask_frames;

struct ask {
	struct request r;
	struct front *front;
	void (*row)(struct ask *, const struct msg *);
	void (*end)(struct ask *, const struct msg *);
	/* Called when it is done, where nobody waits for an answer; may free
	 * it.  Else NULL. */
	void (*over)(struct ask *);
	struct table_entry entry;
	const struct ask_frames *awaits; /* NULL: nothing */
	const struct bus_link *link;
	uint64_t ref;
	bool done;
	struct failure failure; /* status 0: none */
	struct buf answer;      /* JSON, whole when it is done */
};

/* Send a read, roster, scan, jobs or message to who owns the shard; its ref is
 * filled in here.  False: the owner is unknown or down. */
bool ask_store(struct ask *, unsigned shard, struct msg *);
/* Likewise, to that store.  False: it is down. */
bool ask_link(struct ask *, struct bus_link *, struct msg *);
/* Likewise, to who owns what has this name. */
bool ask_home(struct ask *, struct slice name, struct msg *);

/* What is in the answer is all of it.  Only the first end of an ask counts,
 * be it this, a refusal or a failure. */
void ask_done(struct ask *);
/* Refuse it; field and why are static, or NULL. */
void ask_refuse(struct ask *, enum code, const char *field, const char *why);
/* Waits for nothing, and owns nothing any more. */
void ask_end(struct ask *);

/* For the handler's kind. */
bool ask_answer(struct request *, struct buf *);
void ask_fail(struct request *, const struct failure *);

struct asks *asks_new(void);
void asks_free(struct asks **); /* who still waits waits for nothing */
/* Any frame: one that answers nothing we wait for is skipped. */
void asks_frame(struct asks *, const struct msg *);
void asks_down(struct asks *, const struct bus_link *);

#endif

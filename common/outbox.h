/*
 * outbox.h - writes on their way to one store, until answered: publishes,
 * jobs, items, rows.
 *
 * Each gets the next seq of this life.  What is not answered is kept, and
 * written again in order when the link comes back; the store knows the
 * highest it accepted and answers the rest from memory, so each is accepted
 * once.  Copies the frame; borrows the ticket.  O(1) each.
 */
#ifndef COMMON_OUTBOX_H
#define COMMON_OUTBOX_H

#include "common/buf.h"
#include "common/list.h"
#include "common/msg.h"

/* Who wants to know what became of a write; embedded in the request. */
struct ticket {
	void (*answered)(struct ticket *, const struct msg_published *);
	struct outbox_item *item; /* NULL when not waiting */
};

/* The requester went away: nobody is told.  Harmless when not waiting. */
void ticket_forget(struct ticket *);

enum {
	OUTBOX_BYTES = 4 << 20, /* unanswered; then the publisher waits */
	OUTBOX_ITEMS = 16384,   /* the answers a store remembers */
};

struct outbox {
	struct list items; /* struct outbox_item, oldest first */
	uint64_t seq;      /* of the last one */
	size_t count, bytes;
	struct outbox_item **ring; /* by seq, for answers out of order */
	uint32_t slots;
};

void outbox_init(struct outbox *);
void outbox_free(struct outbox *); /* tickets are forgotten */

bool outbox_room(const struct outbox *);

/* Number the write in *m and keep a copy of its frame; the encoded frame,
 * borrowed until it is answered.  The ticket may be NULL. */
struct slice outbox_add(struct outbox *, struct msg *m, struct ticket *);

/* Walk what is unanswered, oldest first, to send it again; NULL starts. */
struct outbox_item *outbox_next(
    const struct outbox *, const struct outbox_item *);
struct slice outbox_frame(const struct outbox_item *);

/* The answer came: the ticket is told, the copy dropped.  False: no such
 * publish is waiting (an answer that came twice). */
bool outbox_answer(struct outbox *, const struct msg_published *);

/* Take an item out unanswered, to publish it elsewhere (its shard moved);
 * NULL when unknown.  The caller frees it with outbox_item_free(). */
struct outbox_item *outbox_take(struct outbox *, uint64_t seq);
struct ticket *outbox_item_ticket(struct outbox_item *); /* detaches it */
void outbox_item_free(struct outbox_item *);

#endif

/*
 * outbox.h - writes on their way to the stores, until answered: publishes,
 * jobs, items, rows.
 *
 * Each gets the next seq of this life and keeps it, whichever store it goes
 * to in the end.  What is not answered is kept in a queue, one per store, and
 * written again in order when the link comes back; a store answers what it
 * has seen from memory, so each is accepted once.  Copies the frame; borrows
 * the ticket.  O(1) each.
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
	/* of a queue; then its publishers wait */
	OUTBOX_BYTES = 4 << 20,
	OUTBOX_ITEMS = 16384, /* the answers a store remembers */
};

struct outbox {
	uint64_t seq;               /* of the last one */
	size_t count;               /* unanswered, in all queues */
	struct outbox_item **table; /* by seq; chained in each slot */
	uint32_t slots;             /* a power of two, or 0 */
};

struct outbox_queue {
	struct list items; /* struct outbox_item, in the order to send */
	size_t count, bytes;
};

void outbox_init(struct outbox *);
void outbox_free(struct outbox *); /* after its queues */
void outbox_queue_init(struct outbox_queue *);
void outbox_queue_free(struct outbox *, struct outbox_queue *);
/* frees the items; their tickets are forgotten */

bool outbox_room(const struct outbox_queue *);

/* The seq of its first, which is its lowest; UINT64_MAX: it is empty. */
uint64_t outbox_first(const struct outbox_queue *);

/* Number the write in *m and keep a copy of its frame at the end of a queue.
 * The ticket may be NULL. */
struct outbox_add {
	struct outbox_queue *queue;
	struct msg *m;
	struct ticket *ticket;
	unsigned shard;
};
struct outbox_item *outbox_add(struct outbox *, const struct outbox_add *);

/* Put it at the end of another queue. */
void outbox_move(struct outbox_item *, struct outbox_queue *);

/* Walk a queue; NULL starts. */
struct outbox_item *outbox_next(
    const struct outbox_queue *, const struct outbox_item *);
struct slice outbox_frame(const struct outbox_item *);
unsigned outbox_shard(const struct outbox_item *);
uint64_t outbox_seq(const struct outbox_item *);
struct outbox_queue *outbox_queue_of(const struct outbox_item *);

/* NULL: no such write is unanswered. */
struct outbox_item *outbox_find(const struct outbox *, uint64_t seq);

/* The answer came: the ticket is told, the copy dropped. */
void outbox_answer(
    struct outbox *, struct outbox_item *, const struct msg_published *);

#endif

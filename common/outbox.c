/*
 * outbox.c - writes on their way, until answered.
 *
 * A ring by seq finds the item of an answer at once: answers may overtake
 * each other, because the store parks a publish whose hub is busy, and
 * because there may be several stores.  The queues keep the order for
 * sending again.
 */
#include "common/outbox.h"

#include "common/must.h"

struct outbox_item {
	struct list node;
	struct outbox_queue *queue;
	struct ticket *ticket;
	uint64_t seq;
	size_t n;
	uint16_t shard;
	char p[]; /* the encoded frame */
};

void
ticket_forget(struct ticket *t)
{
	if (t->item == NULL)
		return;
	t->item->ticket = NULL;
	t->item = NULL;
}

void
outbox_init(struct outbox *o)
{
	*o = (struct outbox){.oldest = 1};
}

void
outbox_free(struct outbox *o)
{
	must(o->count == 0);
	free(o->ring);
	outbox_init(o);
}

void
outbox_queue_init(struct outbox_queue *q)
{
	*q = (struct outbox_queue){.count = 0};
	list_init(&q->items);
}

static struct outbox_item *
item_at(struct list *node)
{
	return container_of(node, struct outbox_item, node);
}

static void
unqueue(struct outbox_item *i)
{
	list_remove(&i->node);
	i->queue->count--;
	i->queue->bytes -= i->n;
}

static void
enqueue(struct outbox_item *i, struct outbox_queue *q)
{
	list_append(&q->items, &i->node);
	i->queue = q;
	q->count++;
	q->bytes += i->n;
}

static struct outbox_item **
slot(const struct outbox *o, uint64_t seq)
{
	return &o->ring[seq & (o->slots - 1)];
}

static void
item_free(struct outbox *o, struct outbox_item *i)
{
	unqueue(i);
	*slot(o, i->seq) = NULL;
	o->count--;
	while (o->oldest <= o->seq && *slot(o, o->oldest) == NULL)
		o->oldest++;
	if (i->ticket != NULL)
		ticket_forget(i->ticket);
	free(i);
}

void
outbox_queue_free(struct outbox *o, struct outbox_queue *q)
{
	while (!list_empty(&q->items))
		item_free(o, item_at(q->items.next));
}

bool
outbox_room(const struct outbox *o, const struct outbox_queue *q)
{
	return q->bytes < OUTBOX_BYTES && o->count < OUTBOX_ITEMS;
}

/* The ring must span every seq from the oldest unanswered to the newest. */
static void
ring_span(struct outbox *o)
{
	struct outbox bigger = *o;

	if (o->seq - o->oldest < o->slots)
		return;
	bigger.slots = o->slots != 0 ? o->slots : 64;
	while (o->seq - o->oldest >= bigger.slots)
		bigger.slots *= 2;
	bigger.ring = xcalloc(bigger.slots, sizeof(struct outbox_item *));
	for (uint64_t seq = o->oldest; seq < o->seq; seq++)
		*slot(&bigger, seq) = *slot(o, seq);
	free(o->ring);
	*o = bigger;
}

struct outbox_item *
outbox_add(struct outbox *o, const struct outbox_add *a)
{
	size_t room = sizeof(struct outbox_item) + 256;
	struct outbox_item *item;
	struct buf b = {0};

	must(msg_writes(a->m));
	*msg_seq(a->m) = ++o->seq;
	if (a->m->id == MSG_publish)
		room += a->m->publish.body.n;
	must(buf_room(&b, room) != NULL);
	b.n = offsetof(struct outbox_item, p);
	msg_encode(&b, a->m);
	item = (struct outbox_item *)(void *)b.p;
	item->seq = o->seq;
	item->n = b.n - offsetof(struct outbox_item, p);
	item->shard = (uint16_t)a->shard;
	item->ticket = a->ticket;
	if (a->ticket != NULL)
		a->ticket->item = item;
	enqueue(item, a->queue);
	o->count++;
	ring_span(o);
	*slot(o, item->seq) = item;
	return item;
}

void
outbox_move(struct outbox_item *i, struct outbox_queue *q)
{
	unqueue(i);
	enqueue(i, q);
}

struct outbox_item *
outbox_next(const struct outbox_queue *q, const struct outbox_item *after)
{
	struct list *next = after != NULL ? after->node.next : q->items.next;

	return next != &q->items ? item_at(next) : NULL;
}

struct slice
outbox_frame(const struct outbox_item *item)
{
	return (struct slice){item->p, item->n};
}

unsigned
outbox_shard(const struct outbox_item *item)
{
	return item->shard;
}

uint64_t
outbox_seq(const struct outbox_item *item)
{
	return item->seq;
}

struct outbox_queue *
outbox_queue_of(const struct outbox_item *item)
{
	return item->queue;
}

struct outbox_item *
outbox_find(const struct outbox *o, uint64_t seq)
{
	if (seq < o->oldest || seq > o->seq)
		return NULL;
	return *slot(o, seq);
}

void
outbox_answer(
    struct outbox *o, struct outbox_item *item, const struct msg_published *p)
{
	struct ticket *t = item->ticket;

	item_free(o, item);
	if (t != NULL)
		t->answered(t, p);
}

/*
 * outbox.c - writes on their way, until answered.
 *
 * A ring by seq finds the item of an answer at once: answers may overtake
 * each other, because the store parks a publish whose hub is busy.  The list
 * keeps the order for sending again.
 */
#include "common/outbox.h"

#include "common/must.h"

struct outbox_item {
	struct list node;
	struct ticket *ticket;
	uint64_t seq;
	size_t n;
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
	*o = (struct outbox){0};
	list_init(&o->items);
}

void
outbox_item_free(struct outbox_item *item)
{
	if (item->ticket != NULL)
		ticket_forget(item->ticket);
	free(item);
}

void
outbox_free(struct outbox *o)
{
	struct list *node;

	while ((node = list_shift(&o->items)) != NULL)
		outbox_item_free(container_of(node, struct outbox_item, node));
	free(o->ring);
	outbox_init(o);
}

bool
outbox_room(const struct outbox *o)
{
	return o->bytes < OUTBOX_BYTES && o->count < OUTBOX_ITEMS;
}

static struct outbox_item *
oldest(const struct outbox *o)
{
	return container_of(o->items.next, struct outbox_item, node);
}

/* The ring must span every seq from the oldest unanswered to the newest. */
static void
ring_span(struct outbox *o)
{
	uint64_t span = list_empty(&o->items) ? 1 : o->seq - oldest(o)->seq + 1;
	uint32_t slots = o->slots != 0 ? o->slots : 64;
	struct outbox_item **ring;

	if (span <= o->slots)
		return;
	while (slots < span)
		slots *= 2;
	ring = xcalloc(slots, sizeof(struct outbox_item *));
	list_each (at, &o->items) {
		struct outbox_item *item =
		    container_of(at, struct outbox_item, node);

		ring[item->seq & (slots - 1)] = item;
	}
	free(o->ring);
	o->ring = ring;
	o->slots = slots;
}

struct slice
outbox_add(struct outbox *o, struct msg *m, struct ticket *t)
{
	size_t room = sizeof(struct outbox_item) + 256;
	struct outbox_item *item;
	struct buf b = {0};

	must(msg_writes(m));
	*msg_seq(m) = ++o->seq;
	if (m->id == MSG_publish)
		room += m->publish.body.n;
	must(buf_room(&b, room) != NULL);
	b.n = offsetof(struct outbox_item, p);
	msg_encode(&b, m);
	item = (struct outbox_item *)(void *)b.p;
	item->seq = o->seq;
	item->n = b.n - offsetof(struct outbox_item, p);
	item->ticket = t;
	if (t != NULL)
		t->item = item;
	list_append(&o->items, &item->node);
	o->count++;
	o->bytes += item->n;
	ring_span(o);
	o->ring[item->seq & (o->slots - 1)] = item;
	return (struct slice){item->p, item->n};
}

struct outbox_item *
outbox_next(const struct outbox *o, const struct outbox_item *after)
{
	struct list *next = after != NULL ? after->node.next : o->items.next;

	if (next == &o->items)
		return NULL;
	return container_of(next, struct outbox_item, node);
}

struct slice
outbox_frame(const struct outbox_item *item)
{
	return (struct slice){item->p, item->n};
}

struct outbox_item *
outbox_take(struct outbox *o, uint64_t seq)
{
	struct outbox_item *item, **slot;

	if (o->slots == 0)
		return NULL;
	slot = &o->ring[seq & (o->slots - 1)];
	item = *slot;
	if (item == NULL || item->seq != seq)
		return NULL;
	*slot = NULL;
	list_remove(&item->node);
	o->count--;
	o->bytes -= item->n;
	return item;
}

struct ticket *
outbox_item_ticket(struct outbox_item *item)
{
	struct ticket *t = item->ticket;

	if (t != NULL)
		ticket_forget(t);
	return t;
}

bool
outbox_answer(struct outbox *o, const struct msg_published *p)
{
	struct outbox_item *item = outbox_take(o, p->seq);
	struct ticket *t;

	if (item == NULL)
		return false;
	t = outbox_item_ticket(item);
	outbox_item_free(item);
	if (t != NULL)
		t->answered(t, p);
	return true;
}

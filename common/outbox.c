/*
 * outbox.c - writes on their way, until answered.
 *
 * A table by seq finds the item of an answer at once: answers may overtake
 * each other, because the store parks a publish whose hub is busy, and
 * because there may be several stores: what one of them owes may be old when
 * others have answered millions.  The queues keep the order for sending again.
 */
#include "common/outbox.h"

#include "common/must.h"

struct outbox_item {
	struct list node;
	struct outbox_item *next; /* of the same slot */
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
	*o = (struct outbox){.seq = 0};
}

void
outbox_free(struct outbox *o)
{
	must(o->count == 0);
	free(o->table);
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

/* The link that points at it, or is NULL. */
static struct outbox_item **
find(const struct outbox *o, uint64_t seq)
{
	struct outbox_item **at = &o->table[seq & (o->slots - 1)];

	while (*at != NULL && (*at)->seq != seq)
		at = &(*at)->next;
	return at;
}

static void
item_free(struct outbox *o, struct outbox_item *i)
{
	unqueue(i);
	*find(o, i->seq) = i->next;
	o->count--;
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
outbox_room(const struct outbox_queue *q)
{
	return q->bytes < OUTBOX_BYTES && q->count < OUTBOX_ITEMS;
}

uint64_t
outbox_first(const struct outbox_queue *q)
{
	return list_empty(&q->items) ? UINT64_MAX : item_at(q->items.next)->seq;
}

static void
put(struct outbox *o, struct outbox_item *item)
{
	struct outbox_item **at = &o->table[item->seq & (o->slots - 1)];

	item->next = *at;
	*at = item;
}

/* Numbers that follow each other fill it evenly. */
static void
grow(struct outbox *o)
{
	struct outbox bigger = *o;

	if (o->count < o->slots)
		return;
	bigger.slots = o->slots != 0 ? o->slots * 2 : 64;
	bigger.table = xcalloc(bigger.slots, sizeof(struct outbox_item *));
	for (uint32_t i = 0; i < o->slots; i++)
		for (struct outbox_item *at = o->table[i], *next; at != NULL;
		     at = next) {
			next = at->next;
			put(&bigger, at);
		}
	free(o->table);
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
		room += a->m->publish.body.n + a->m->publish.envelope.n;
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
	grow(o);
	o->count++;
	put(o, item);
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
	return o->slots != 0 ? *find(o, seq) : NULL;
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

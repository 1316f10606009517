/*
 * bus_moved.c - writes whose shard has another owner.
 *
 * What is answered `moved`, and what was on its way to a store that is gone
 * when its shard gets another owner, is sent again, with its old number, to
 * whoever owns the shard by then: an owner that took over what the old one
 * kept knows the numbers it accepted.  So that a channel's order survives,
 * everything else for that shard waits meanwhile: first goes what came back,
 * in its old order, and only when nothing of the shard is under way any more,
 * for that may come back, too; then what was never sent.
 */
#include "common/bus_link.h"
#include "common/must.h"

#include <stdlib.h>

static void
park(struct bus *b, struct outbox_item *item)
{
	b->parked[outbox_shard(item)]++;
	b->muddled = b->muddled || outbox_seq(item) < b->last_moved;
	b->last_moved = outbox_seq(item);
	outbox_move(item, &b->moved);
}

static int
by_seq(const void *va, const void *vb)
{
	uint64_t a = outbox_seq(*(struct outbox_item *const *)va);
	uint64_t b = outbox_seq(*(struct outbox_item *const *)vb);

	return (a > b) - (a < b);
}

/* What a store refused at once came back before what it failed to write. */
static void
put_in_order(struct bus *b)
{
	size_t n = 0, count = b->moved.count;
	struct outbox_item **items = xmalloc((count + 1) * sizeof(*items));

	for (struct outbox_item *i = outbox_next(&b->moved, NULL); i != NULL;
	     i = outbox_next(&b->moved, i))
		items[n++] = i;
	qsort(items, n, sizeof(*items), by_seq);
	for (size_t i = 0; i < n; i++)
		outbox_move(items[i], &b->moved);
	free(items);
	b->muddled = false;
}

void
bus_moved_back(struct bus_link *l, uint64_t seq)
{
	struct bus *b = l->bus;
	struct outbox_item *item = outbox_find(&b->outbox, seq);

	if (item == NULL || outbox_queue_of(item) != &l->sent)
		return;
	park(b, item);
}

/* Of a link that is up, what is under way will be answered, or come back. */
void
bus_moved_lost(struct bus_link *l)
{
	struct bus *b = l->bus;
	unsigned self = (unsigned)(l - b->links);
	struct outbox_item *i, *next;

	if (l->state == UP)
		return;
	for (i = outbox_next(&l->sent, NULL); i != NULL; i = next) {
		unsigned owner = b->owner[outbox_shard(i)];

		next = outbox_next(&l->sent, i);
		if (owner != NOBODY && owner != self)
			park(b, i);
	}
}

void
bus_moved_wait(struct bus *b, struct msg *m, struct ticket *t)
{
	unsigned shard = bus_shard(b, m);

	b->parked[shard]++;
	outbox_add(&b->outbox, &(struct outbox_add){&b->later, m, t, shard});
}

static void
mark_busy(const struct outbox_queue *q, bool *busy)
{
	for (struct outbox_item *i = outbox_next(q, NULL); i != NULL;
	     i = outbox_next(q, i))
		busy[outbox_shard(i)] = true;
}

/* A store that sent something back takes nothing of that shard but what was
 * said knowing so: what it reads behind our acknowledgement. */
static void
acknowledge(struct bus *b)
{
	for (unsigned l = 0; l < b->count; l++) {
		struct bus_link *link = &b->links[l];

		if (link->state == UP && link->link.told != link->link.seen)
			bus_link_flush(link);
	}
}

/* Everything of the shards that have nothing under way, in order. */
static void
send_from(struct bus *b, struct outbox_queue *from, const bool *busy)
{
	struct outbox_item *i, *next;

	for (i = outbox_next(from, NULL); i != NULL; i = next) {
		next = outbox_next(from, i);
		if (busy[outbox_shard(i)])
			continue;
		b->parked[outbox_shard(i)]--;
		outbox_move(i, &bus_link_for(b, outbox_shard(i))->sent);
		bus_link_write(i, bus_link_for(b, outbox_shard(i)));
	}
}

void
bus_moved_again(struct bus *b)
{
	bool busy[SHARDS_MAX] = {0};

	if (b->moved.count == 0 && b->later.count == 0 && !b->straying)
		return;
	for (unsigned l = 0; l < b->count; l++)
		mark_busy(&b->links[l].sent, busy);
	b->straying = false;
	for (unsigned s = 0; s < b->shards; s++) {
		b->strays[s] = b->strays[s] && busy[s];
		b->straying = b->straying || b->strays[s];
	}
	if (b->muddled)
		put_in_order(b);
	if (b->moved.count != 0)
		acknowledge(b);
	send_from(b, &b->moved, busy);
	send_from(b, &b->later, busy);
}

/* A shard whose old owner still has to answer something takes nothing new. */
void
bus_moved_owner(struct bus *b, unsigned shard)
{
	for (unsigned l = 0; l < b->count; l++) {
		struct bus_link *link = &b->links[l];

		if (l == b->owner[shard])
			continue;
		bus_moved_lost(link);
		for (struct outbox_item *i = outbox_next(&link->sent, NULL);
		     i != NULL; i = outbox_next(&link->sent, i))
			if (outbox_shard(i) == shard)
				b->strays[shard] = b->straying = true;
	}
}

static bool
owes_others(const struct bus_link *l)
{
	unsigned self = (unsigned)(l - l->bus->links);

	for (struct outbox_item *i = outbox_next(&l->sent, NULL); i != NULL;
	     i = outbox_next(&l->sent, i)) {
		unsigned owner = l->bus->owner[outbox_shard(i)];

		if (owner != NOBODY && owner != self)
			return true;
	}
	return false;
}

/* Another store has what it still has to answer, and it says nothing at all:
 * it will hardly wake to do so, and everything for its shards waits. */
void
bus_moved_tick(struct bus *b)
{
	for (unsigned i = 0; i < b->count; i++) {
		struct bus_link *l = &b->links[i];

		if (!l->pending && !b->held)
			l->quiet++;
		if (b->straying && l->state == UP && l->quiet >= QUIET_TICKS &&
		    owes_others(l))
			bus_link_reset(l, "silent, and another has its shards");
	}
}

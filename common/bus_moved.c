/*
 * bus_moved.c - publishes whose shard has another owner.
 *
 * What is answered `moved` is published again to whoever owns the shard by
 * then, with a new number.  So that a channel's order survives, everything
 * else for that shard waits meanwhile: first goes what came back, in its old
 * order, and only when nothing of the shard is under way any more, for that
 * may come back, too; then what was never sent.
 */
#include "common/bus_link.h"
#include "common/channel.h"
#include "common/must.h"

static struct msg
publish_of(const struct outbox_item *item)
{
	const char *why;
	struct msg m;

	must(msg_decode(outbox_frame(item), &m, &why) > 0);
	return m;
}

static unsigned
shard_of(const struct bus *b, const struct msg *m)
{
	return channel_shard(msg_home(m), b->shards);
}

void
bus_moved_back(struct bus_link *l, uint64_t seq)
{
	struct outbox_item *item = outbox_take(&l->outbox, seq);
	struct bus *b = l->bus;
	struct msg m;

	if (item == NULL)
		return;
	m = publish_of(item);
	b->parked[shard_of(b, &m)]++;
	outbox_add(&b->moved, &m, outbox_item_ticket(item));
	outbox_item_free(item);
}

void
bus_moved_wait(struct bus *b, struct msg *m, struct ticket *t)
{
	b->parked[shard_of(b, m)]++;
	outbox_add(&b->later, m, t);
}

/* Everything of the shards that have nothing under way, in order. */
static void
publish_from(struct bus *b, struct outbox *from, const bool *busy)
{
	struct outbox_item *i, *next;

	for (i = outbox_next(from, NULL); i != NULL; i = next) {
		struct msg m = publish_of(i);
		uint64_t seq = *msg_seq(&m);
		unsigned shard = shard_of(b, &m);

		next = outbox_next(from, i);
		if (busy[shard])
			continue;
		must(outbox_take(from, seq) == i);
		b->parked[shard]--;
		bus_publish_now(b, &m, outbox_item_ticket(i));
		outbox_item_free(i);
	}
}

void
bus_moved_again(struct bus *b)
{
	bool busy[SHARDS_MAX] = {0};

	if (b->moved.count == 0 && b->later.count == 0)
		return;
	for (unsigned l = 0; l < b->count; l++) {
		const struct outbox *o = &b->links[l].outbox;

		for (struct outbox_item *i = outbox_next(o, NULL); i != NULL;
		     i = outbox_next(o, i)) {
			struct msg m = publish_of(i);

			busy[shard_of(b, &m)] = true;
		}
	}
	publish_from(b, &b->moved, busy);
	publish_from(b, &b->later, busy);
}

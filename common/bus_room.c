/*
 * bus_room.c - how much may be on its way to the stores.
 *
 * Each store has a queue of its own, so that one that hangs is waited for by
 * those who write to its shards, and by nobody else.  Where shards move, one
 * thing more is bounded: the numbers from the oldest that is unanswered to the
 * newest, for who takes a shard over knows what it saw of a publisher by the
 * last numbers only.
 */
#include "common/bus_link.h"
#include "common/channel.h"

static bool
spans_too_much(const struct bus *b)
{
	return b->moves && b->outbox.seq + 1 - b->oldest >= OUTBOX_ITEMS;
}

/* What a write of that shard would be put into. */
static const struct outbox_queue *
queue_of(const struct bus *b, unsigned shard)
{
	unsigned owner = b->owner[shard];

	if (b->parked[shard] != 0 || b->strays[shard])
		return &b->later;
	return &b->links[owner != NOBODY ? owner : 0].sent;
}

bool
bus_can_publish(const struct bus *b)
{
	if (b->shards == 0 || spans_too_much(b) || !outbox_room(&b->moved) ||
	    !outbox_room(&b->later))
		return false;
	for (unsigned i = 0; i < b->count; i++)
		if (!outbox_room(&b->links[i].sent))
			return false;
	return true;
}

bool
bus_may_publish(const struct bus *b)
{
	if (b->shards == 0 || spans_too_much(b))
		return false;
	for (unsigned i = 0; i < b->count; i++)
		if (outbox_room(&b->links[i].sent))
			return true;
	return false;
}

bool
bus_has_room(const struct bus *b, struct slice home)
{
	return b->shards != 0 && !spans_too_much(b) &&
	       outbox_room(queue_of(b, channel_shard(home, b->shards)));
}

uint64_t
bus_rooms(const struct bus *b)
{
	return b->rooms;
}

void
bus_room_used(struct bus *b, const struct outbox_queue *q)
{
	bool spans = spans_too_much(b), room = outbox_room(q);

	b->publishable = b->publishable && room && !spans;
	b->span_full = b->span_full || spans;
	if (q == &b->later)
		b->later_full = b->later_full || !room;
	for (unsigned i = 0; !room && i < b->count; i++)
		b->links[i].full = b->links[i].full || q == &b->links[i].sent;
}

/* Again there is. */
static void
look(struct bus *b, bool *full, bool room)
{
	b->rooms += *full && room;
	*full = !room;
}

void
bus_room_look(struct bus *b)
{
	uint64_t first = outbox_first(&b->moved);

	if (first > outbox_first(&b->later))
		first = outbox_first(&b->later);
	for (unsigned i = 0; i < b->count; i++) {
		struct bus_link *l = &b->links[i];

		if (first > outbox_first(&l->sent))
			first = outbox_first(&l->sent);
		look(b, &l->full, outbox_room(&l->sent));
	}
	b->oldest = first != UINT64_MAX ? first : b->outbox.seq + 1;
	look(b, &b->later_full, outbox_room(&b->later));
	look(b, &b->span_full, !spans_too_much(b));
}

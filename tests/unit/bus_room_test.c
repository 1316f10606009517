/* bus_room_test.c - a store that does not answer is waited for by those who
 * write to its shards, and by nobody else. */
#include "common/bus_link.h"
#include "common/channel.h"
#include "common/must.h"
#include "tests/unit/test.h"

/* A bus of two stores, of which each owns one of two shards. */
static struct bus *
open_bus(void)
{
	struct bus *b = xcalloc(1, sizeof(*b));

	outbox_init(&b->outbox);
	outbox_queue_init(&b->moved);
	outbox_queue_init(&b->later);
	b->count = b->shards = 2;
	for (unsigned i = 0; i < b->count; i++) {
		outbox_queue_init(&b->links[i].sent);
		b->owner[i] = (uint8_t)i;
	}
	b->publishable = true;
	bus_room_look(b);
	return b;
}

static void
close_bus(struct bus *b)
{
	for (unsigned i = 0; i < b->count; i++)
		outbox_queue_free(&b->outbox, &b->links[i].sent);
	outbox_queue_free(&b->outbox, &b->later);
	outbox_free(&b->outbox);
	free(b);
}

/* A name of that shard. */
static struct slice
home(unsigned shard)
{
	static const char *const names[] = {"/a/public/1", "/a/public/2",
	    "/a/public/3", "/a/public/4", "/a/public/5"};
	unsigned i = 0;

	while (channel_shard(slice_of(names[i]), 2) != shard)
		i++;
	return slice_of(names[i]);
}

static void
publish(struct bus *b, struct outbox_queue *q, unsigned shard)
{
	struct msg m = {.id = MSG_publish, .publish = {.channel = home(shard)}};

	outbox_add(&b->outbox, &(struct outbox_add){q, &m, NULL, shard});
	bus_room_used(b, q);
}

static void
answer_first(struct bus *b, struct outbox_queue *q)
{
	const struct msg_published ok = {.code = 0};

	outbox_answer(&b->outbox, outbox_next(q, NULL), &ok);
}

static void
a_full_queue_holds_its_own_shards_only(void **state)
{
	struct bus *b = open_bus();
	uint64_t rooms = bus_rooms(b);

	(void)state;
	for (unsigned i = 0; i < OUTBOX_ITEMS; i++) {
		assert_true(bus_has_room(b, home(0)));
		publish(b, &b->links[0].sent, 0);
	}
	assert_false(bus_has_room(b, home(0)));
	assert_false(bus_can_publish(b));
	assert_false(b->publishable);
	assert_true(bus_has_room(b, home(1)));
	assert_true(bus_may_publish(b));
	/* however long that lasts */
	for (unsigned i = 0; i < 3 * OUTBOX_ITEMS; i++) {
		publish(b, &b->links[1].sent, 1);
		answer_first(b, &b->links[1].sent);
		bus_room_look(b);
	}
	assert_true(bus_has_room(b, home(1)));
	assert_int_equal(bus_rooms(b), rooms);
	answer_first(b, &b->links[0].sent);
	bus_room_look(b);
	assert_true(bus_has_room(b, home(0)));
	assert_true(bus_can_publish(b));
	assert_int_equal(bus_rooms(b), rooms + 1);
	close_bus(b);
}

static void
all_full_is_nothing_may_be_published(void **state)
{
	struct bus *b = open_bus();

	(void)state;
	for (unsigned s = 0; s < 2; s++)
		for (unsigned i = 0; i < OUTBOX_ITEMS; i++)
			publish(b, &b->links[s].sent, s);
	assert_false(bus_may_publish(b));
	answer_first(b, &b->links[1].sent);
	assert_true(bus_may_publish(b));
	assert_false(bus_has_room(b, home(0)));
	close_bus(b);
}

/* What waits for it to move waits in a queue of its own. */
static void
a_shard_that_moves_has_the_room_of_those(void **state)
{
	struct bus *b = open_bus();

	(void)state;
	b->parked[0] = 1;
	for (unsigned i = 0; i < OUTBOX_ITEMS; i++)
		publish(b, &b->later, 0);
	assert_false(bus_has_room(b, home(0)));
	assert_true(bus_has_room(b, home(1)));
	close_bus(b);
}

/* Or its new owner would not know whether it saw the oldest. */
static void
where_shards_move_the_numbers_span_no_more_than_stores_remember(void **state)
{
	struct bus *b = open_bus();
	uint64_t rooms;

	(void)state;
	b->moves = true;
	publish(b, &b->links[0].sent, 0);
	for (unsigned i = 1; i < OUTBOX_ITEMS; i++) {
		assert_true(bus_has_room(b, home(1)));
		publish(b, &b->links[1].sent, 1);
		answer_first(b, &b->links[1].sent);
		bus_room_look(b);
	}
	assert_false(bus_has_room(b, home(1)));
	assert_false(bus_can_publish(b));
	assert_false(bus_may_publish(b));
	rooms = bus_rooms(b);
	answer_first(b, &b->links[0].sent);
	bus_room_look(b);
	assert_true(bus_has_room(b, home(1)));
	assert_int_equal(bus_rooms(b), rooms + 1);
	close_bus(b);
}

TESTS(unit(a_full_queue_holds_its_own_shards_only),
    unit(all_full_is_nothing_may_be_published),
    unit(a_shard_that_moves_has_the_room_of_those),
    unit(where_shards_move_the_numbers_span_no_more_than_stores_remember))

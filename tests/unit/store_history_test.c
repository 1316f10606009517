/*
 * store_history_test.c - who comes back gets what was kept, in order, and is
 * told what cannot be had.
 */
#include "tests/unit/store_world.h"

static void
what_has_expired_is_refused_and_not_replayed(void **state)
{
	struct world *w = *state;
	struct msg m = {.id = MSG_publish,
	    .publish = {
		.seq = 1, .channel = SLICE("/a/public/x"), .expires = 1}};

	open_store(w, "/**=10", 1);
	greet(w, w->publisher);
	peer_send(w->publisher, &m);
	await(w, w->publisher, MSG_published, 1);
	assert_int_equal(
	    peer_nth(w->publisher, MSG_published, 0)->published.code,
	    CODE_expired);
	m.publish.seq = 2;
	m.publish.expires = loop_unix_ms(w->loop) + 40;
	peer_send(w->publisher, &m);
	publish(w, 3, "/a/public/x", SLICE("stays"));
	await(w, w->publisher, MSG_published, 3);
	greet(w, w->hub);
	w->not_before = m.publish.expires;
	await(w, w->publisher, MSG_published, 3);
	join(w->hub, "/a/public/x", 7000, 0);
	await(w, w->hub, MSG_joined, 1);
	assert_int_equal(peer_count(w->hub, MSG_gap), 0);
	assert_int_equal(peer_count(w->hub, MSG_deliver), 1);
	assert_int_equal(peer_nth(w->hub, MSG_deliver, 0)->deliver.prev, 0);
}

/* Live, kept or not, and out of history. */
static void
an_envelope_goes_where_its_message_goes(void **state)
{
	static const struct slice envelope = SLICE_INIT("{\"data\":\0}");
	struct msg m = {.id = MSG_publish,
	    .publish = {.seq = 1,
		.channel = SLICE("/a/public/x"),
		.body = SLICE("1"),
		.envelope = envelope}};
	struct world *w = *state;

	open_store(w, "/a/public/**=10", 1);
	greet(w, w->publisher);
	greet(w, w->hub);
	join(w->hub, "/a/public/x", 0, 0);
	join(w->hub, "/a/private/x", 0, 0);
	await(w, w->hub, MSG_joined, 2);
	peer_send(w->publisher, &m);
	m.publish.seq = 2;
	m.publish.channel = SLICE("/a/private/x");
	peer_send(w->publisher, &m);
	publish(w, 3, "/a/private/x", SLICE("1"));
	await(w, w->publisher, MSG_published, 3);
	await(w, w->hub, MSG_deliver, 3);
	join(w->hub, "/a/public/*", 7000, 0);
	await(w, w->hub, MSG_joined, 3);
	assert_int_equal(peer_count(w->hub, MSG_deliver), 4);
	for (unsigned i = 0; i < 4; i++)
		assert_true(
		    slice_eq(peer_nth(w->hub, MSG_deliver, i)->deliver.envelope,
			i != 2 ? envelope : SLICE("")));
}

static void
a_join_from_a_position_gets_history_and_then_live(void **state)
{
	struct world *w = *state;
	char text[16];

	open_store(w, "/**=1000", 1);
	greet(w, w->publisher);
	greet(w, w->hub);
	for (unsigned i = 1; i <= 700; i++) {
		snprintf(text, sizeof(text), "%u", i);
		publish(w, i, i % 2 != 0 ? "/a/public/x" : "/a/public/y",
		    slice_of(text));
	}
	await(w, w->publisher, MSG_published, 700);
	join(w->hub, "/a/public/**", 7000, 100);
	publish(w, 701, "/a/public/x", SLICE("live"));
	await(w, w->hub, MSG_joined, 1);
	await(w, w->hub, MSG_deliver, 601);
	for (unsigned i = 0; i < 601; i++) {
		const struct msg *m = peer_nth(w->hub, MSG_deliver, i);

		assert_int_equal(m->deliver.offset, 101 + i);
		assert_true(m->deliver.prev <= 100 + i);
	}
	assert_int_equal(peer_count(w->hub, MSG_gap), 0);
}

static void
holes_are_told_exactly(void **state)
{
	struct world *w = *state;
	const struct msg *m;

	open_store(w, "/**=2 /a/private/**=0", 1);
	greet(w, w->publisher);
	greet(w, w->hub);
	for (unsigned i = 1; i <= 5; i++)
		publish(w, i, "/a/public/x", SLICE("b"));
	publish(w, 6, "/a/private/e", SLICE("b"));
	await(w, w->publisher, MSG_published, 6);
	join(w->hub, "/a/public/x", 7000, 1);
	await(w, w->hub, MSG_joined, 1);
	m = peer_nth(w->hub, MSG_gap, 0);
	assert_int_equal(m->gap.from, 1);
	assert_int_equal(m->gap.to, 3);
	assert_int_equal(m->gap.reason, GAP_TRIMMED);
	assert_int_equal(peer_count(w->hub, MSG_deliver), 2);
	join(w->hub, "/a/private/e", 7000, 1);
	await(w, w->hub, MSG_joined, 2);
	m = peer_nth(w->hub, MSG_gap, 1);
	assert_int_equal(m->gap.to, 6);
	assert_int_equal(m->gap.reason, GAP_NOT_KEPT);
	join(w->hub, "/a/public/never", 7000, 1);
	await(w, w->hub, MSG_joined, 3);
	assert_int_equal(peer_count(w->hub, MSG_gap), 2);
	join(w->hub, "/a/public/*", 7000, 3);
	await(w, w->hub, MSG_joined, 4);
	assert_int_equal(peer_count(w->hub, MSG_gap), 2);
	assert_int_equal(peer_count(w->hub, MSG_deliver), 4);
	join(w->hub, "/a/public/**", 7000, 2);
	await(w, w->hub, MSG_joined, 5);
	m = peer_nth(w->hub, MSG_gap, 2);
	assert_int_equal(m->gap.from, 2);
	assert_int_equal(m->gap.to, 3);
}

static void
another_epoch_is_a_gap_and_then_all_there_is(void **state)
{
	struct world *w = *state;
	const struct msg *m;

	open_store(w, "/**=10", 1);
	greet(w, w->publisher);
	greet(w, w->hub);
	publish(w, 1, "/a/public/x", SLICE("b"));
	await(w, w->publisher, MSG_published, 1);
	join(w->hub, "/a/public/x", 6000, 900);
	await(w, w->hub, MSG_joined, 1);
	m = peer_nth(w->hub, MSG_gap, 0);
	assert_int_equal(m->gap.reason, GAP_EPOCH);
	assert_int_equal(m->gap.epoch, 6000);
	assert_int_equal(m->gap.from, 900);
	assert_int_equal(m->gap.to_epoch, 7000);
	assert_int_equal(m->gap.to, 0);
	assert_int_equal(peer_count(w->hub, MSG_deliver), 1);
	assert_int_equal(peer_nth(w->hub, MSG_joined, 0)->joined.top, 1);
}

static void
a_hub_that_does_not_read_lags_and_recovers_without_loss(void **state)
{
	struct world *w = *state;
	struct slice body = {xcalloc(1, 1 << 20), 1 << 20};
	uint64_t last = 0;
	unsigned delivered;

	open_store(w, "/**=1000,5m,100m", 1);
	greet(w, w->publisher);
	greet(w, w->hub);
	join(w->hub, "/a/public/x", 0, 0);
	await(w, w->hub, MSG_joined, 1);
	w->hub->deaf = true;
	for (unsigned i = 1; i <= 30; i++)
		publish(w, i, "/a/public/x", body);
	await(w, w->publisher, MSG_published, 30);
	assert_int_equal(
	    peer_nth(w->publisher, MSG_published, 0)->published.hubs, 1);
	assert_int_equal(
	    peer_nth(w->publisher, MSG_published, 29)->published.hubs, 0);
	w->hub->deaf = false;
	await(w, w->hub, MSG_lag, 1);
	assert_int_equal(peer_nth(w->hub, MSG_lag, 0)->lag.top, 30);
	delivered = peer_count(w->hub, MSG_deliver);
	assert_in_range(delivered, 4, 29);
	publish(w, 31, "/a/public/x", SLICE("while it rests"));
	await(w, w->publisher, MSG_published, 31);
	join(w->hub, "/a/public/x", 7000, delivered);
	await(w, w->hub, MSG_joined, 2);
	publish(w, 32, "/a/public/x", SLICE("live again"));
	await(w, w->hub, MSG_deliver, 32);
	for (unsigned i = 0; i < 32; i++, last++)
		assert_int_equal(
		    peer_nth(w->hub, MSG_deliver, i)->deliver.offset, last + 1);
	free((char *)(uintptr_t)body.p);
}

static void
an_engine_that_blocks_changes_nothing_but_the_time(void **state)
{
	struct world *w = *state;

	w->blocking = true;
	open_store(w, "/**=1000", 1);
	greet(w, w->publisher);
	greet(w, w->hub);
	for (unsigned i = 1; i <= 300; i++)
		publish(w, i, "/a/public/x", SLICE("b"));
	await(w, w->publisher, MSG_published, 300);
	assert_int_equal(
	    peer_nth(w->publisher, MSG_published, 0)->published.kept,
	    KEPT_FSYNC);
	join(w->hub, "/a/public/x", 7000, 100);
	await(w, w->hub, MSG_joined, 1);
	publish(w, 301, "/a/public/x", SLICE("live"));
	await(w, w->hub, MSG_deliver, 201);
	for (unsigned i = 0; i < 201; i++)
		assert_int_equal(
		    peer_nth(w->hub, MSG_deliver, i)->deliver.offset, 101 + i);
}

static void
history_is_read_up_to_a_limit(void **state)
{
	struct world *w = *state;
	struct msg m = {.id = MSG_read,
	    .read = {.ref = 3, .channel = SLICE("/a/public/x"), .limit = 2}};
	const struct msg *e;

	open_store(w, "/**=3", 1);
	greet(w, w->publisher);
	for (unsigned i = 1; i <= 5; i++)
		publish(w, i, "/a/public/x", SLICE("b"));
	await(w, w->publisher, MSG_published, 5);
	peer_send(w->publisher, &m);
	await(w, w->publisher, MSG_read_end, 1);
	e = peer_nth(w->publisher, MSG_read_end, 0);
	assert_int_equal(e->read_end.offset, 4);
	assert_int_equal(e->read_end.more, 1);
	assert_int_equal(e->read_end.lost, GAP_NONE);
	assert_int_equal(peer_nth(w->publisher, MSG_entry, 0)->entry.offset, 3);
	m.read.epoch = 7000;
	m.read.after = 1;
	m.read.limit = 100;
	peer_send(w->publisher, &m);
	await(w, w->publisher, MSG_read_end, 2);
	e = peer_nth(w->publisher, MSG_read_end, 1);
	assert_int_equal(e->read_end.offset, 5);
	assert_int_equal(e->read_end.more, 0);
	assert_int_equal(e->read_end.lost, GAP_TRIMMED);
	assert_int_equal(e->read_end.lost_to, 2);
	assert_int_equal(peer_count(w->publisher, MSG_entry), 5);
}

/* The end that is asked for is a position of the shard: the channel may have
 * gone on since, and that is no hole. */
static void
history_up_to_a_position_tells_no_hole_where_none_is(void **state)
{
	struct world *w = *state;
	struct msg m = {.id = MSG_join,
	    .join = {
		.channel = SLICE("/a/public/x"),
		.generation = 6,
		.resume = RESUME_HISTORY,
		.epoch = 7000,
		.offset = 1,
		.upto = 3,
	    }};

	open_store(w, "/**=10 /a/public/t=1", 1);
	greet(w, w->publisher);
	greet(w, w->hub);
	publish(w, 1, "/a/public/x", SLICE("b"));
	publish(w, 2, "/a/public/x", SLICE("b"));
	publish(w, 3, "/a/public/y", SLICE("b"));
	publish(w, 4, "/a/public/x", SLICE("b"));
	for (unsigned i = 5; i <= 7; i++)
		publish(w, i, "/a/public/t", SLICE("b"));
	await(w, w->publisher, MSG_published, 7);
	peer_send(w->hub, &m);
	await(w, w->hub, MSG_joined, 1);
	assert_int_equal(peer_count(w->hub, MSG_deliver), 1);
	assert_int_equal(peer_count(w->hub, MSG_gap), 0);
	m.join.channel = SLICE("/a/public/t");
	m.join.offset = 5;
	m.join.upto = 6;
	peer_send(w->hub, &m);
	await(w, w->hub, MSG_joined, 2);
	assert_int_equal(peer_count(w->hub, MSG_gap), 1);
	assert_int_equal(peer_nth(w->hub, MSG_gap, 0)->gap.to, 6);
}

TESTS(whole(history_up_to_a_position_tells_no_hole_where_none_is),
    whole(what_has_expired_is_refused_and_not_replayed),
    whole(an_envelope_goes_where_its_message_goes),
    whole(a_join_from_a_position_gets_history_and_then_live),
    whole(holes_are_told_exactly),
    whole(another_epoch_is_a_gap_and_then_all_there_is),
    whole(a_hub_that_does_not_read_lags_and_recovers_without_loss),
    whole(an_engine_that_blocks_changes_nothing_but_the_time),
    whole(history_is_read_up_to_a_limit))

/*
 * store_test.c - a whole store on a real bus, with scripted peers: what is
 * accepted is told once and answered once.
 */
#include "common/channel.h"
#include "tests/unit/store_world.h"

static void
hello_is_answered_with_owners_keys_and_welcome(void **state)
{
	struct world *w = *state;
	const struct msg *m;

	open_store(w, "/**=10", 1);
	greet(w, w->hub);
	m = peer_nth(w->hub, MSG_key, 0);
	assert_true(slice_is(m->key.secret, "secret"));
	m = peer_nth(w->hub, MSG_owner, 0);
	assert_true(slice_is(m->owner.name, "store.1"));
	assert_int_equal(m->owner.last, 0);
	assert_int_equal(w->hub->seen[w->hub->count - 1].id, MSG_welcome);
	assert_int_equal(w->hub->seen[w->hub->count - 1].welcome.shards, 1);
	w->other->stage = "tap";
	greet(w, w->other);
	assert_int_equal(peer_count(w->other, MSG_key), 0);
}

static void
a_publish_reaches_who_joined_and_is_answered(void **state)
{
	struct world *w = *state;
	const struct msg *m;

	open_store(w, "/**=0", 1);
	greet(w, w->hub);
	greet(w, w->other);
	greet(w, w->publisher);
	join(w->hub, "/a/public/x", 0, 0);
	join(w->hub, "/a/public/*", 0, 0);
	join(w->other, "/a/public/**", 0, 0);
	await(w, w->hub, MSG_joined, 2);
	await(w, w->other, MSG_joined, 1);
	publish(w, 1, "/a/public/x", SLICE("one"));
	publish(w, 2, "/a/public/y/z", SLICE("two"));
	publish(w, 3, "bad", SLICE("three"));
	await(w, w->publisher, MSG_published, 3);
	m = peer_nth(w->publisher, MSG_published, 0);
	assert_int_equal(m->published.code, CODE_ok);
	assert_int_equal(m->published.epoch, 7000);
	assert_int_equal(m->published.offset, 1);
	assert_int_equal(m->published.hubs, 2);
	assert_int_equal(m->published.kept, KEPT_NOT);
	m = peer_nth(w->publisher, MSG_published, 1);
	assert_int_equal(m->published.hubs, 1);
	m = peer_nth(w->publisher, MSG_published, 2);
	assert_int_equal(m->published.code, CODE_bad_channel);
	await(w, w->other, MSG_deliver, 2);
	await(w, w->hub, MSG_deliver, 1);
	assert_int_equal(peer_count(w->hub, MSG_deliver), 1);
	m = peer_nth(w->hub, MSG_deliver, 0);
	assert_true(slice_is(m->deliver.body, "one"));
	assert_int_equal(m->deliver.offset, 1);
	assert_int_equal(m->deliver.generation, 0);
}

static void
a_publish_sent_again_by_a_new_link_is_answered_and_not_repeated(void **state)
{
	struct world *w = *state;
	const struct msg *m;

	open_store(w, "/**=10", 1);
	greet(w, w->hub);
	greet(w, w->publisher);
	join(w->hub, "/a/public/x", 0, 0);
	await(w, w->hub, MSG_joined, 1);
	publish(w, 41, "/a/public/x", SLICE("one"));
	publish(w, 42, "/a/public/x", SLICE("two"));
	await(w, w->publisher, MSG_published, 2);
	peer_close(w->publisher);
	greet(w, w->publisher);
	m = peer_nth(w->publisher, MSG_welcome, 0);
	assert_int_equal(m->welcome.mark, 42);
	publish(w, 42, "/a/public/x", SLICE("two"));
	publish(w, 43, "/a/public/x", SLICE("three"));
	await(w, w->publisher, MSG_published, 2);
	m = peer_nth(w->publisher, MSG_published, 0);
	assert_int_equal(m->published.seq, 42);
	assert_int_equal(m->published.offset, 2);
	assert_int_equal(m->published.hubs, 1);
	assert_int_equal(m->published.kept, KEPT_MEMORY);
	m = peer_nth(w->publisher, MSG_published, 1);
	assert_int_equal(m->published.offset, 3);
	await(w, w->hub, MSG_deliver, 3);
	for (unsigned i = 0; i < 3; i++) {
		m = peer_nth(w->hub, MSG_deliver, i);
		assert_int_equal(m->deliver.offset, i + 1);
		assert_int_equal(m->deliver.prev, i);
	}
}

/* What asks to be stored is refused, and takes no number, where nothing is
 * kept; where it is, the answer says how. */
static void
a_stored_receipt_is_for_channels_that_keep(void **state)
{
	struct world *w = *state;
	struct msg m = {.id = MSG_publish,
	    .publish = {.seq = 1,
		.channel = SLICE("/a/public/plain"),
		.receipt = RECEIPT_STORED,
		.body = SLICE("b")}};
	const struct msg *got;

	open_store(w, "/**=10 /a/public/plain=0", 1);
	greet(w, w->publisher);
	peer_send(w->publisher, &m);
	m.publish.seq = 2;
	m.publish.receipt = RECEIPT_ROUTED;
	peer_send(w->publisher, &m);
	m.publish.seq = 3;
	m.publish.receipt = RECEIPT_STORED;
	peer_send(w->publisher, &m);
	m.publish.seq = 4;
	m.publish.channel = SLICE("/a/public/kept");
	peer_send(w->publisher, &m);
	await(w, w->publisher, MSG_published, 4);
	got = peer_nth(w->publisher, MSG_published, 0);
	assert_int_equal(got->published.code, CODE_not_kept);
	got = peer_nth(w->publisher, MSG_published, 1);
	assert_int_equal(got->published.code, CODE_ok);
	assert_int_equal(got->published.offset, 1);
	assert_int_equal(got->published.kept, KEPT_NOT);
	got = peer_nth(w->publisher, MSG_published, 2);
	assert_int_equal(got->published.code, CODE_not_kept);
	got = peer_nth(w->publisher, MSG_published, 3);
	assert_int_equal(got->published.code, CODE_ok);
	assert_int_equal(got->published.offset, 2);
	assert_int_equal(got->published.kept, KEPT_MEMORY);
}

static void
an_id_names_one_message(void **state)
{
	struct world *w = *state;
	struct msg m = {.id = MSG_publish,
	    .publish = {.seq = 1,
		.channel = SLICE("/a/public/x"),
		.id = SLICE("once"),
		.body = SLICE("b")}};

	open_store(w, "/**=10", 1);
	greet(w, w->publisher);
	peer_send(w->publisher, &m);
	m.publish.seq = 2;
	peer_send(w->publisher, &m);
	m.publish.seq = 3;
	m.publish.channel = SLICE("/a/public/y");
	peer_send(w->publisher, &m);
	await(w, w->publisher, MSG_published, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(
		    peer_nth(w->publisher, MSG_published, i)->published.offset,
		    i < 2 ? 1 : 2);
}

static void
a_failed_write_is_told_and_its_numbers_come_again(void **state)
{
	struct world *w = *state;
	const struct msg *m;

	w->blocking = true;
	open_store(w, "/**=10 /a/private/**=0", 1);
	greet(w, w->publisher);
	greet(w, w->hub);
	join(w->hub, "/a/public/*", 0, 0);
	await(w, w->hub, MSG_joined, 1);
	w->scripted.code = CODE_full;
	publish(w, 1, "/a/public/x", SLICE("lost"));
	publish(w, 2, "/a/public/x", SLICE("lost"));
	await(w, w->publisher, MSG_published, 2);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(
		    peer_nth(w->publisher, MSG_published, i)->published.code,
		    CODE_full);
	w->scripted.code = CODE_ok;
	publish(w, 3, "/a/public/x", SLICE("kept"));
	await(w, w->hub, MSG_deliver, 1);
	m = peer_nth(w->hub, MSG_deliver, 0);
	assert_true(slice_is(m->deliver.body, "kept"));
	assert_int_equal(m->deliver.offset, 1);
	assert_int_equal(m->deliver.prev, 0);
}

static void
what_belongs_to_another_store_is_answered_moved(void **state)
{
	struct world *w = *state;
	struct msg m = {.id = MSG_read, .read = {.limit = 1}};
	char name[32];
	unsigned i = 0;

	snprintf(w->stores, sizeof(w->stores),
	    "ipc://%s/store ipc://%s/elsewhere", w->dir, w->dir);
	open_store(w, "/**=3", 4);
	greet(w, w->publisher);
	greet(w, w->hub);
	assert_int_equal(peer_count(w->hub, MSG_owner), 2);
	assert_int_equal(peer_nth(w->hub, MSG_owner, 1)->owner.first, 2);
	assert_int_equal(peer_nth(w->hub, MSG_owner, 1)->owner.last, 3);
	do
		snprintf(name, sizeof(name), "/a/public/%u", ++i);
	while (channel_shard(slice_of(name), 4) != 3);
	publish(w, 1, name, SLICE("b"));
	m.read.channel = slice_of(name);
	peer_send(w->publisher, &m);
	m = (struct msg){
	    .id = MSG_join, .join = {.channel = slice_of(name), .shard = 3}};
	peer_send(w->hub, &m);
	await(w, w->publisher, MSG_published, 1);
	await(w, w->publisher, MSG_read_end, 1);
	await(w, w->hub, MSG_joined, 1);
	assert_int_equal(
	    peer_nth(w->publisher, MSG_published, 0)->published.code,
	    CODE_moved);
	assert_int_equal(
	    peer_nth(w->publisher, MSG_read_end, 0)->read_end.code, CODE_moved);
	assert_int_equal(
	    peer_nth(w->hub, MSG_joined, 0)->joined.code, CODE_moved);
}

static void
a_tap_gets_copies_and_an_ingress_the_counters(void **state)
{
	struct world *w = *state;
	struct msg m = {.id = MSG_watch,
	    .watch = {
		.frame = SLICE("publish"), .channel = SLICE("/a/public/*")}};
	const struct msg *got;
	bool found = false;

	open_store(w, "/**=3", 1);
	w->other->stage = "tap";
	greet(w, w->other);
	greet(w, w->publisher);
	greet(w, w->hub);
	peer_send(w->other, &m);
	m = (struct msg){.id = MSG_stat,
	    .stat = {.metric = SLICE("connections"), .value = 17}};
	peer_send(w->hub, &m);
	publish(w, 1, "/a/private/x", SLICE("no"));
	await(w, w->publisher, MSG_published, 1);
	publish(w, 2, "/a/public/x", SLICE("yes"));
	await(w, w->other, MSG_publish, 1);
	got = peer_nth(w->other, MSG_publish, 0);
	assert_true(slice_is(got->publish.body, "yes"));
	assert_int_equal(got->publish.seq, 2);
	m = (struct msg){.id = MSG_stats, .stats = {.ref = 9}};
	peer_send(w->publisher, &m);
	await(w, w->publisher, MSG_stats_end, 1);
	for (unsigned i = 0; i < peer_count(w->publisher, MSG_stat); i++) {
		got = peer_nth(w->publisher, MSG_stat, i);
		assert_int_equal(got->stat.ref, 9);
		found =
		    found || (slice_is(got->stat.stage, "hub") &&
				 slice_is(got->stat.metric, "connections") &&
				 got->stat.value == 17);
	}
	assert_true(found);
}

static void
a_peer_that_is_gone_is_sent_nothing_and_a_drain_ends(void **state)
{
	struct world *w = *state;
	struct msg bye = {.id = MSG_bye, .bye = {.boot = 11}};

	open_store(w, "/**=3", 1);
	greet(w, w->publisher);
	greet(w, w->hub);
	join(w->hub, "/a/public/x", 0, 0);
	await(w, w->hub, MSG_joined, 1);
	peer_send(w->hub, &bye);
	publish(w, 1, "/a/public/y", SLICE("b"));
	await(w, w->publisher, MSG_published, 1);
	peer_close(w->hub);
	publish(w, 2, "/a/public/x", SLICE("b"));
	await(w, w->publisher, MSG_published, 2);
	assert_int_equal(
	    peer_nth(w->publisher, MSG_published, 1)->published.hubs, 0);
	core_drain(w->core);
	await(w, NULL, MSG_unknown, 0);
	assert_int_equal(w->drained, 1);
}

TESTS(whole(hello_is_answered_with_owners_keys_and_welcome),
    whole(a_publish_reaches_who_joined_and_is_answered),
    whole(a_publish_sent_again_by_a_new_link_is_answered_and_not_repeated),
    whole(a_stored_receipt_is_for_channels_that_keep),
    whole(an_id_names_one_message),
    whole(a_failed_write_is_told_and_its_numbers_come_again),
    whole(what_belongs_to_another_store_is_answered_moved),
    whole(a_tap_gets_copies_and_an_ingress_the_counters),
    whole(a_peer_that_is_gone_is_sent_nothing_and_a_drain_ends))

/*
 * boxes_failure_test.c - what a failing disk, a full memory and a restart
 * leave of a box.
 */
#include "common/stats.h"
#include "tests/unit/boxes_world.h"

/* What was refused because of a put that then failed was not refused for
 * good: it fails as well. */
static void
a_failed_commit_takes_back_what_was_decided(void **state)
{
	struct world *w = *state;

	open_blocking(w);
	put(w, 1, (struct msg_put){.key = SLICE("k"), .version = 1});
	assert_int_equal(answer(w, 1), CODE_ok);
	w->scripted.code = CODE_full;
	put(w, 2, (struct msg_put){.key = SLICE("k"), .version = 9});
	put(w, 3,
	    (struct msg_put){.key = SLICE("k"), .version = 8, .newer = 1});
	drop(w, 4, "", 0);
	drop(w, 5, "k", 1);
	assert_int_equal(answer(w, 5), CODE_full);
	for (uint64_t seq = 2; seq < 5; seq++)
		assert_int_equal(answer(w, seq), CODE_full);
	w->scripted.code = CODE_ok;
	holds(w, "k=1 ");
	put(w, 6,
	    (struct msg_put){.key = SLICE("k"), .version = 2, .newer = 1});
	assert_int_equal(answer(w, 6), CODE_ok);
	holds(w, "k=2 ");
	/* jobs, keys, two reads, two lists */
	assert_int_equal(w->scripted.scans, 6);
}

static void
a_put_that_failed_is_told_to_nobody(void **state)
{
	struct world *w = *state;
	const struct msg *m;

	open_blocking(w);
	greet(w, w->hub);
	greet(w, w->other);
	join(w->hub, BOX, 0, 0);
	await(w, w->hub, MSG_joined, 1);
	warm(w);
	w->scripted.code = CODE_full;
	put(w, 1, (struct msg_put){.key = SLICE("k"), .tell = 1});
	publish(w, 2, BOX, SLICE("behind it"));
	assert_int_equal(answer(w, 2), CODE_full);
	w->scripted.code = CODE_ok;
	put(w, 3,
	    (struct msg_put){
		.key = SLICE("k"), .tell = 1, .body = SLICE("yes")});
	await(w, w->hub, MSG_deliver, 1);
	m = peer_nth(w->hub, MSG_deliver, 0);
	assert_true(slice_is(m->deliver.body, "yes"));
	assert_int_equal(m->deliver.offset, 1);
	assert_int_equal(m->deliver.prev, 0);
}

static void
a_box_that_cannot_be_read_refuses_and_recovers(void **state)
{
	struct world *w = *state;

	open_blocking(w);
	w->scripted.scan_code = CODE_internal;
	put(w, 1, (struct msg_put){.key = SLICE("k"), .version = 1});
	assert_int_equal(answer(w, 1), CODE_internal);
	w->scripted.scan_code = CODE_ok;
	put(w, 2, (struct msg_put){.key = SLICE("k"), .version = 2});
	assert_int_equal(answer(w, 2), CODE_ok);
	holds(w, "k=2 ");
}

static void
idle_directories_make_room(void **state)
{
	struct world *w = *state;
	char name[64];

	open_blocking(w);
	for (unsigned i = 1; i <= 2000; i++) {
		snprintf(name, sizeof(name), "/push/private/%u", i);
		put(w, i,
		    (struct msg_put){.box = slice_of(name), .key = SLICE("k")});
	}
	assert_int_equal(answer(w, 2000), CODE_ok);
	assert_in_range(stats_get(STAT_boxes), 1, 1500);
	put(w, 2001,
	    (struct msg_put){.box = SLICE("/push/private/1"),
		.key = SLICE("k"),
		.newer = 1});
	assert_int_equal(answer(w, 2001), CODE_older);
}

static void
what_is_told_of_a_channel_with_history_is_kept(void **state)
{
	struct world *w = *state;
	uint64_t epoch;

	w->blocking = true;
	open_store(w, "/**=10", 1);
	greet(w, w->publisher);
	publish(w, 1, BOX, SLICE("1"));
	put(w, 2,
	    (struct msg_put){.key = SLICE("k"), .tell = 1, .body = SLICE("2")});
	assert_int_equal(answer(w, 2), CODE_ok);
	epoch = peer_nth(w->publisher, MSG_published, 0)->published.epoch;
	greet(w, w->hub);
	join(w->hub, BOX, epoch, 1);
	await(w, w->hub, MSG_joined, 1);
	assert_int_equal(peer_count(w->hub, MSG_gap), 0);
	await(w, w->hub, MSG_deliver, 1);
	assert_true(
	    slice_is(peer_nth(w->hub, MSG_deliver, 0)->deliver.body, "2"));
}

TESTS(whole(a_failed_commit_takes_back_what_was_decided),
    whole(a_put_that_failed_is_told_to_nobody),
    whole(a_box_that_cannot_be_read_refuses_and_recovers),
    whole(idle_directories_make_room),
    whole(what_is_told_of_a_channel_with_history_is_kept))

/*
 * store_track_test.c - a whole store and messages that are tracked: the number
 * goes with every copy, and what hubs tell comes back to who asks.
 */
#include "tests/unit/store_world.h"

#define X "/a/public/x"

static void
publish_as(struct world *w, uint64_t seq, const char *id, bool track)
{
	struct msg m = {.id = MSG_publish,
	    .publish = {
		.seq = seq,
		.channel = SLICE(X),
		.body = SLICE("1"),
		.id = slice_of(id),
		.track = track,
	    }};

	peer_send(w->publisher, &m);
}

static const struct msg_deliver *
delivered(struct world *w, struct peer *hub, unsigned n)
{
	await(w, hub, MSG_deliver, n + 1);
	return &peer_nth(hub, MSG_deliver, n)->deliver;
}

/* The last answer to a question. */
static const struct msg_message_is *
ask(struct world *w, const char *id)
{
	struct msg m = {.id = MSG_message,
	    .message = {.ref = 1, .app = SLICE("a"), .id = slice_of(id)}};
	unsigned ends = peer_count(w->publisher, MSG_message_end);
	unsigned before = peer_count(w->publisher, MSG_message_is), n;

	peer_send(w->publisher, &m);
	await(w, w->publisher, MSG_message_end, ends + 1);
	n = peer_count(w->publisher, MSG_message_is);
	return n == before
	           ? NULL
	           : &peer_nth(w->publisher, MSG_message_is, n - 1)->message_is;
}

static void
tell(struct peer *hub, uint64_t track, unsigned delivered)
{
	struct msg m = {.id = MSG_fates,
	    .fates = {.track = track, .recipients = 3, .delivered = delivered}};

	peer_send(hub, &m);
}

static bool
wait_for(struct world *w, const char *id, unsigned delivered)
{
	const struct msg_message_is *is;

	do
		is = ask(w, id);
	while (is != NULL && is->delivered != delivered);
	return is != NULL;
}

static void
all_join(struct world *w, const char *history)
{
	open_store(w, history, 1);
	greet(w, w->hub);
	greet(w, w->other);
	greet(w, w->publisher);
	join(w->hub, X, 0, 0);
	join(w->other, "/a/public/*", 0, 0);
	await(w, w->hub, MSG_joined, 1);
	await(w, w->other, MSG_joined, 1);
}

static void
the_number_goes_with_each_copy_and_the_fates_come_back(void **state)
{
	struct world *w = *state;
	uint64_t track;

	all_join(w, "/**=0");
	publish_as(w, 1, "i", true);
	publish_as(w, 2, "plain", false);
	publish_as(w, 3, "", true); /* nobody could ask */
	publish_as(w, 4, "i", true);
	await(w, w->publisher, MSG_published, 4);
	track = delivered(w, w->hub, 0)->track;
	assert_true(track != 0);
	assert_true(delivered(w, w->other, 0)->track == track);
	assert_int_equal(delivered(w, w->hub, 1)->track, 0);
	assert_int_equal(delivered(w, w->hub, 2)->track, 0);
	assert_null(ask(w, "plain"));
	assert_int_equal(ask(w, "i")->sent, 2);
	assert_int_equal(ask(w, "i")->offset, 1);
	assert_int_equal(ask(w, "i")->kept, KEPT_NOT);
	tell(w->hub, track, 1);
	tell(w->other, track, 3);
	assert_true(wait_for(w, "i", 4));
	tell(w->hub, track, 2);
	assert_true(wait_for(w, "i", 5));
	assert_int_equal(ask(w, "i")->recipients, 6);
	assert_int_equal(stats_get(STAT_tracks), 1);
}

static void
what_is_kept_is_tracked_when_it_is_safe_and_out_of_history(void **state)
{
	struct world *w = *state;
	struct peer *late = w->other;
	uint64_t track;

	w->blocking = true;
	open_store(w, "/**=10", 1);
	greet(w, w->hub);
	greet(w, w->publisher);
	join(w->hub, X, 0, 0);
	await(w, w->hub, MSG_joined, 1);
	publish_as(w, 1, "i", true);
	publish_as(w, 2, "plain", false);
	track = delivered(w, w->hub, 0)->track;
	assert_true(track != 0);
	assert_int_equal(delivered(w, w->hub, 1)->track, 0);
	await(w, w->publisher, MSG_published, 2);
	assert_int_equal(ask(w, "i")->kept, KEPT_FSYNC);
	greet(w, late);
	join(late, X, peer_nth(w->publisher, MSG_published, 0)->published.epoch,
	    0);
	assert_true(delivered(w, late, 0)->track == track);
	assert_int_equal(delivered(w, late, 1)->track, 0);
	assert_int_equal(ask(w, "i")->sent, 2);
	assert_int_equal(ask(w, "i")->told, 0);
}

static void
what_is_refused_is_not_tracked(void **state)
{
	struct world *w = *state;

	w->blocking = true;
	w->scripted.code = CODE_full;
	open_store(w, "/**=10", 1);
	greet(w, w->publisher);
	publish_as(w, 1, "i", true);
	await(w, w->publisher, MSG_published, 1);
	assert_int_equal(
	    peer_nth(w->publisher, MSG_published, 0)->published.code,
	    CODE_full);
	assert_null(ask(w, "i"));
}

/* Neither a lost report nor one that comes twice counts, and a hub may know
 * messages of a life of the store that is over. */
static void
a_hub_that_comes_back_tells_all_again(void **state)
{
	struct world *w = *state;
	uint64_t track;

	all_join(w, "/**=0");
	publish_as(w, 1, "i", true);
	track = delivered(w, w->hub, 0)->track;
	tell(w->hub, track, 1);
	assert_true(wait_for(w, "i", 1));
	peer_close(w->hub);
	greet(w, w->hub);
	tell(w->hub, track, 2);
	tell(w->hub, track, 2);
	tell(w->hub, track + 77, 3);
	await(w, w->hub, MSG_untrack, 1);
	assert_int_equal(
	    peer_nth(w->hub, MSG_untrack, 0)->untrack.track, track + 77);
	assert_true(wait_for(w, "i", 2));
	assert_int_equal(ask(w, "i")->recipients, 3);
	assert_int_equal(ask(w, "i")->lost, 0);
}

TESTS(whole(the_number_goes_with_each_copy_and_the_fates_come_back),
    whole(what_is_kept_is_tracked_when_it_is_safe_and_out_of_history),
    whole(what_is_refused_is_not_tracked),
    whole(a_hub_that_comes_back_tells_all_again))

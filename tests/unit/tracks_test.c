/*
 * tracks_test.c - tracked messages in a store, against scripted hubs.
 */
#include "store/tracks.h"

#include "common/fate.h"
#include "common/must.h"
#include "common/stats.h"
#include "tests/unit/test.h"

enum { SAID = 64 };

struct world {
	struct wire wire;
	struct tracks *tracks;
	struct bus_peer hub, other, ingress;
	struct said {
		const struct bus_peer *to;
		struct msg m;
		char channel[64];
	} said[SAID];
	unsigned count;
	uint64_t offset, now;
};

static void
hear(struct wire *wire, struct bus_peer *peer, const struct msg *m)
{
	struct world *w = container_of(wire, struct world, wire);
	struct said *s = &w->said[w->count];

	must(++w->count < SAID);
	s->to = peer;
	s->m = *m;
	if (m->id != MSG_message_is)
		return;
	must(m->message_is.channel.n < sizeof(s->channel));
	memcpy(s->channel, m->message_is.channel.p, m->message_is.channel.n);
	s->m.message_is.channel.p = s->channel;
}

static int
set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	for (unsigned i = 0; i < STATS; i++)
		stats_set((enum stat_id)i, 0);
	w->wire.send = hear;
	w->now = 1000;
	w->hub.boot = 11;
	w->other.boot = 12;
	w->ingress.boot = 13;
	w->tracks = tracks_new(&(struct tracks_setup){&w->wire, 3, 60000});
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	assert_int_equal(stats_get(STAT_tracks_begun),
	    stats_get(STAT_tracks) + stats_get(STAT_tracks_full) +
		stats_get(STAT_tracks_old) + stats_get(STAT_tracks_replaced) +
		stats_get(STAT_tracks_left));
	tracks_free(&w->tracks);
	assert_int_equal(stats_get(STAT_tracks), 0);
	free(w);
	return 0;
}

static uint64_t
begin(struct world *w, const char *channel, const char *id)
{
	struct msg_deliver m = {.channel = slice_of(channel),
	    .id = slice_of(id),
	    .epoch = 7,
	    .offset = ++w->offset,
	    .expires = 99};

	return tracks_begin(w->tracks,
	    &(struct track_new){&m, 0, KEPT_FSYNC, w->now, 5000 + w->now});
}

/* All messages of an id of the application a; how many there are. */
static unsigned
ask(struct world *w, const char *id, const char *channel)
{
	struct msg_message m = {.ref = 8,
	    .app = SLICE("a"),
	    .id = slice_of(id),
	    .channel = slice_of(channel)};

	w->count = 0;
	tracks_ask(w->tracks, &w->ingress, &m, w->now);
	assert_int_equal(w->said[w->count - 1].m.id, MSG_message_end);
	assert_int_equal(w->said[w->count - 1].m.message_end.ref, 8);
	assert_int_equal(w->said[w->count - 1].m.message_end.code, CODE_ok);
	return w->count - 1;
}

static struct msg_message_is
the(struct world *w, const char *id)
{
	struct msg_message_is is;
	uint64_t sum = 0;

	assert_int_equal(ask(w, id, ""), 1);
	assert_ptr_equal(w->said[0].to, &w->ingress);
	is = w->said[0].m.message_is;
	for (unsigned i = 0; i < FATES; i++)
		sum += *message_is_at(&is, (enum fate)i);
	assert_true(sum <= is.recipients);
	return is;
}

static void
tell(struct world *w, struct bus_peer *hub, const struct msg_fates *m)
{
	tracks_fates(w->tracks, hub, m);
}

/* What was told to whom last. */
static void
assert_untracked(struct world *w, const struct bus_peer *to, uint64_t track)
{
	for (unsigned i = 0; i < w->count; i++)
		if (w->said[i].m.id == MSG_untrack && w->said[i].to == to &&
		    w->said[i].m.untrack.track == track)
			return;
	fail_msg("nobody was told to forget");
}

static void
what_hubs_tell_is_summed_and_told_as_often_as_they_like(void **state)
{
	struct world *w = *state;
	uint64_t track = begin(w, "/a/public/x", "i");
	struct msg_fates one = {
	    .track = track, .recipients = 5, .delivered = 3, .slow = 1};
	struct msg_fates two = {
	    .track = track, .recipients = 2, .skipped = 1, .expired = 1};
	struct msg_message_is is;

	assert_true(track != 0);
	tracks_sent(w->tracks, track, &w->hub);
	tracks_sent(w->tracks, track, &w->other);
	is = the(w, "i");
	assert_int_equal(is.sent, 2);
	assert_int_equal(is.told, 0);
	assert_int_equal(is.recipients, 0);
	tell(w, &w->hub, &one);
	for (unsigned i = 0; i < 3; i++)
		tell(w, &w->other, &two);
	is = the(w, "i");
	assert_true(slice_is(is.channel, "/a/public/x"));
	assert_int_equal(is.ref, 8);
	assert_int_equal(is.epoch, 7);
	assert_int_equal(is.offset, 1);
	assert_int_equal(is.at, 6000);
	assert_int_equal(is.expires, 99);
	assert_int_equal(is.kept, KEPT_FSYNC);
	assert_int_equal(is.told, 2);
	assert_int_equal(is.recipients, 7);
	assert_int_equal(is.delivered, 3);
	assert_int_equal(is.slow, 1);
	assert_int_equal(is.skipped, 1);
	assert_int_equal(is.expired, 1);
	one.delivered = 4;
	tell(w, &w->hub, &one);
	assert_int_equal(the(w, "i").delivered, 4);
	assert_int_equal(ask(w, "j", ""), 0);
}

static void
what_waits_in_a_hub_that_is_gone_is_lost_until_it_is_back(void **state)
{
	struct world *w = *state;
	uint64_t track = begin(w, "/a/public/x", "i");
	struct msg_fates one = {
	    .track = track, .recipients = 5, .delivered = 3};
	struct bus_peer again = {.boot = w->hub.boot};

	tracks_sent(w->tracks, track, &w->hub);
	tell(w, &w->hub, &one);
	tracks_gone(w->tracks, &w->hub, w->now);
	w->now += TRACKS_LOST_MS - 1;
	assert_int_equal(the(w, "i").hub_lost, 0);
	w->now += 1;
	assert_int_equal(the(w, "i").hub_lost, 2);
	assert_int_equal(the(w, "i").lost, 1);
	assert_int_equal(the(w, "i").delivered, 3);
	/* the same life, by a new link */
	tracks_came(w->tracks, &again);
	assert_int_equal(the(w, "i").hub_lost, 0);
	one.delivered = 5;
	tell(w, &again, &one);
	assert_int_equal(the(w, "i").delivered, 5);
	assert_int_equal(the(w, "i").sent, 1);
	assert_int_equal(the(w, "i").lost, 0);
}

/* The new link of a life may come before the old one goes. */
static void
a_link_that_ends_late_loses_nothing(void **state)
{
	struct world *w = *state;
	uint64_t track = begin(w, "/a/public/x", "i");
	struct bus_peer again = {.boot = w->hub.boot};

	tracks_sent(w->tracks, track, &w->hub);
	tracks_came(w->tracks, &again);
	tracks_gone(w->tracks, &w->hub, w->now);
	w->now += 10 * TRACKS_LOST_MS;
	assert_int_equal(the(w, "i").lost, 0);
}

static void
too_many_and_too_old_ones_are_forgotten_and_hubs_are_told(void **state)
{
	struct world *w = *state;
	uint64_t first = begin(w, "/a/public/x", "1"), second;

	tracks_sent(w->tracks, first, &w->hub);
	w->now += 1000;
	second = begin(w, "/a/public/x", "2");
	tracks_sent(w->tracks, second, &w->hub);
	tracks_sent(w->tracks, second, &w->other);
	tracks_gone(w->tracks, &w->other, w->now);
	begin(w, "/a/public/x", "3");
	begin(w, "/a/public/x", "4");
	assert_untracked(w, &w->hub, first);
	assert_int_equal(stats_get(STAT_tracks_full), 1);
	assert_int_equal(ask(w, "1", ""), 0);
	assert_int_equal(ask(w, "2", ""), 1);
	w->count = 0;
	tracks_tick(w->tracks, w->now + 59999);
	assert_int_equal(w->count, 0);
	tracks_tick(w->tracks, w->now + 60000);
	assert_untracked(w, &w->hub, second);
	assert_int_equal(w->count, 1); /* nobody is told who is not there */
	assert_int_equal(stats_get(STAT_tracks_old), 3);
	assert_int_equal(ask(w, "4", ""), 0);
}

static void
a_hub_that_tells_of_what_is_not_known_is_to_forget_it(void **state)
{
	struct world *w = *state;

	tell(w, &w->hub, &(struct msg_fates){.track = 123456, .recipients = 1});
	assert_int_equal(w->count, 1);
	assert_untracked(w, &w->hub, 123456);
}

static void
a_newer_message_takes_the_name_on_its_channel_only(void **state)
{
	struct world *w = *state;
	uint64_t old = begin(w, "/a/public/x", "i");

	begin(w, "/a/public/y", "i");
	tracks_sent(w->tracks, old, &w->hub);
	begin(w, "/a/public/x", "i");
	assert_untracked(w, &w->hub, old);
	assert_int_equal(stats_get(STAT_tracks_replaced), 1);
	assert_int_equal(ask(w, "i", ""), 2);
	assert_int_equal(w->said[0].m.message_is.offset, 3);
	assert_true(slice_is(w->said[1].m.message_is.channel, "/a/public/y"));
	assert_int_equal(ask(w, "i", "/a/public/y"), 1);
	assert_int_equal(w->said[0].m.message_is.offset, 2);
	begin(w, "/b/public/x", "i"); /* of another application */
	assert_int_equal(ask(w, "i", ""), 2);
}

static void
out_of_history_it_is_the_same_message(void **state)
{
	struct world *w = *state;
	struct msg_deliver m = {.channel = SLICE("/a/public/x"),
	    .id = SLICE("i"),
	    .epoch = 7,
	    .offset = 1};
	struct record *same = record_new(&m), *other, *nameless;
	uint64_t track;

	m.offset = 2;
	other = record_new(&m);
	m.id.n = 0;
	nameless = record_new(&m);
	assert_int_equal(tracks_replay(w->tracks, same, &w->hub), 0);
	track = begin(w, "/a/public/x", "i");
	assert_true(tracks_replay(w->tracks, same, &w->hub) == track);
	assert_int_equal(tracks_replay(w->tracks, other, &w->hub), 0);
	assert_int_equal(tracks_replay(w->tracks, nameless, &w->hub), 0);
	assert_int_equal(the(w, "i").sent, 1);
	tracks_expired(w->tracks, same);
	tracks_expired(w->tracks, other);
	assert_int_equal(the(w, "i").expired, 1);
	assert_int_equal(the(w, "i").recipients, 1);
	record_unref(&same);
	record_unref(&other);
	record_unref(&nameless);
}

static void
a_shard_that_leaves_takes_its_messages_along(void **state)
{
	struct world *w = *state;
	uint64_t track = begin(w, "/a/public/x", "i");

	tracks_sent(w->tracks, track, &w->hub);
	tracks_leave(w->tracks, 1);
	assert_int_equal(ask(w, "i", ""), 1);
	tracks_leave(w->tracks, 0);
	assert_int_equal(ask(w, "i", ""), 0);
	assert_int_equal(stats_get(STAT_tracks_left), 1);
}

/* Many lives of hubs, one after the other, are bounded, too. */
static void
lives_of_one_message_are_bounded(void **state)
{
	struct world *w = *state;
	uint64_t track = begin(w, "/a/public/x", "i");

	for (unsigned i = 0; i <= TRACKS_HUBS; i++) {
		struct bus_peer life = {.boot = 1000 + i};

		tracks_sent(w->tracks, track, &life);
		tracks_gone(w->tracks, &life, w->now);
	}
	assert_int_equal(the(w, "i").sent, TRACKS_HUBS);
	assert_int_equal(stats_get(STAT_drop_overflow), 1);
}

static void
none_is_tracked_where_none_may_be(void **state)
{
	struct world *w = *state;

	tracks_free(&w->tracks);
	w->tracks = tracks_new(&(struct tracks_setup){&w->wire, 0, 60000});
	assert_int_equal(begin(w, "/a/public/x", "i"), 0);
	assert_int_equal(ask(w, "i", ""), 0);
}

#define story(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

TESTS(story(what_hubs_tell_is_summed_and_told_as_often_as_they_like),
    story(what_waits_in_a_hub_that_is_gone_is_lost_until_it_is_back),
    story(a_link_that_ends_late_loses_nothing),
    story(too_many_and_too_old_ones_are_forgotten_and_hubs_are_told),
    story(a_hub_that_tells_of_what_is_not_known_is_to_forget_it),
    story(a_newer_message_takes_the_name_on_its_channel_only),
    story(out_of_history_it_is_the_same_message),
    story(a_shard_that_leaves_takes_its_messages_along),
    story(lives_of_one_message_are_bounded),
    story(none_is_tracked_where_none_may_be))

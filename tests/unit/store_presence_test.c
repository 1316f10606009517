/*
 * store_presence_test.c - presence in a whole store: its events are messages
 * of the channel, kept and told like any other.
 */
#include "tests/unit/store_world.h"

static void
enter(struct peer *p, const char *channel, const char *user)
{
	peer_send(p, &(struct msg){.id = MSG_enter,
			 .enter = {.channel = slice_of(channel),
			     .session = SLICE("1"),
			     .user = slice_of(user)}});
}

static void
reentered(struct peer *p)
{
	peer_send(p, &(struct msg){.id = MSG_reentered});
}

static void
an_event_is_a_message_of_its_channel(void **state)
{
	struct world *w = *state;
	const struct msg *m;

	w->blocking = true;
	open_store(w, "/**=10", 1);
	greet(w, w->hub);
	greet(w, w->other);
	join(w->other, "/a/presence/x", 0, 0);
	await(w, w->other, MSG_joined, 1);
	reentered(w->hub);
	enter(w->hub, "/a/presence/x", "ann");
	await(w, w->other, MSG_deliver, 1);
	m = peer_nth(w->other, MSG_deliver, 0);
	assert_int_equal(m->deliver.offset, 1);
	assert_true(slice_is(
	    m->deliver.type, "application/vnd.posthorn.presence+json"));
	assert_true(slice_is(m->deliver.body, "{\"join\":{\"ann\":{}}}"));
	peer_send(w->hub,
	    &(struct msg){.id = MSG_read,
		.read = {
		    .ref = 5, .channel = SLICE("/a/presence/x"), .limit = 9}});
	await(w, w->hub, MSG_read_end, 1);
	assert_int_equal(peer_count(w->hub, MSG_entry), 1);
	/* a lost link ends it: here nothing lingers */
	peer_close(w->hub);
	await(w, w->other, MSG_deliver, 2);
	m = peer_nth(w->other, MSG_deliver, 1);
	assert_true(slice_is(m->deliver.body, "{\"leave\":{\"ann\":null}}"));
}

static void
nobody_else_publishes_what_looks_like_one(void **state)
{
	struct world *w = *state;

	open_store(w, "/**=10", 1);
	greet(w, w->publisher);
	peer_send(w->publisher,
	    &(struct msg){.id = MSG_publish,
		.publish = {.seq = 1,
		    .channel = SLICE("/a/presence/x"),
		    .type = SLICE("application/vnd.posthorn.presence+json"),
		    .body = SLICE("{}")}});
	await(w, w->publisher, MSG_published, 1);
	assert_int_equal(
	    peer_nth(w->publisher, MSG_published, 0)->published.code,
	    CODE_bad_field);
}

static void
what_cannot_be_entered_is_answered(void **state)
{
	struct world *w = *state;
	const struct msg *m;

	open_store(w, "/**=10", 1);
	greet(w, w->hub);
	enter(w->hub, "nowhere", "ann");
	enter(w->hub, "/a/presence/x", "");
	enter(w->hub, "/a/presence/x", "ann");
	peer_send(w->hub,
	    &(struct msg){.id = MSG_roster,
		.roster = {
		    .ref = 7, .channel = SLICE("/a/presence/x"), .limit = 9}});
	peer_send(
	    w->hub, &(struct msg){.id = MSG_roster,
			.roster = {.ref = 8, .channel = SLICE("nowhere")}});
	await(w, w->hub, MSG_roster_end, 2);
	assert_int_equal(peer_count(w->hub, MSG_entered), 2);
	m = peer_nth(w->hub, MSG_entered, 0);
	assert_int_equal(m->entered.code, CODE_bad_channel);
	m = peer_nth(w->hub, MSG_entered, 1);
	assert_int_equal(m->entered.code, CODE_missing_field);
	m = peer_nth(w->hub, MSG_present, 0);
	assert_true(slice_is(m->present.user, "ann"));
	m = peer_nth(w->hub, MSG_roster_end, 0);
	assert_int_equal(m->roster_end.users, 1);
	m = peer_nth(w->hub, MSG_roster_end, 1);
	assert_int_equal(m->roster_end.code, CODE_bad_channel);
}

static void
a_roster_waits_for_the_events_that_made_it(void **state)
{
	struct world *w = *state;
	struct msg ask = {.id = MSG_roster,
	    .roster = {.channel = SLICE("/a/presence/x"), .limit = 9}};
	const struct msg *m;

	w->blocking = true;
	open_store(w, "/**=10", 1);
	greet(w, w->hub);
	reentered(w->hub);
	enter(w->hub, "/a/presence/x", "ann");
	ask.roster.ref = 5;
	peer_send(w->hub, &ask);
	await(w, w->hub, MSG_roster_end, 1);
	m = peer_nth(w->hub, MSG_present, 0);
	assert_true(slice_is(m->present.user, "ann"));
	m = peer_nth(w->hub, MSG_roster_end, 0);
	assert_int_equal(m->roster_end.ref, 5);
	assert_int_equal(m->roster_end.code, CODE_ok);
	/* his own arrival is behind him */
	peer_send(w->hub, &(struct msg){.id = MSG_read,
			      .read = {.ref = 6,
				  .channel = SLICE("/a/presence/x"),
				  .epoch = m->roster_end.epoch,
				  .after = m->roster_end.offset - 1,
				  .limit = 9}});
	await(w, w->hub, MSG_read_end, 1);
	m = peer_nth(w->hub, MSG_entry, 0);
	assert_true(slice_is(m->entry.body, "{\"join\":{\"ann\":{}}}"));
}

/* Its events are on their way to the disk. */
static void
a_roster_whose_peer_leaves_while_it_waits_is_told_to_nobody(void **state)
{
	struct world *w = *state;
	struct msg ask = {.id = MSG_roster,
	    .roster = {
		.ref = 5, .channel = SLICE("/a/presence/x"), .limit = 9}};

	w->blocking = true;
	open_store(w, "/**=10", 1);
	greet(w, w->hub);
	greet(w, w->other);
	join(w->other, "/a/presence/x", 0, 0);
	await(w, w->other, MSG_joined, 1);
	/* one message of the bus: the store sees all of it in one turn */
	reentered(w->hub);
	enter(w->hub, "/a/presence/x", "ann");
	peer_send(w->hub, &ask);
	peer_send(w->hub, &(struct msg){.id = MSG_bye});
	await(w, w->other, MSG_deliver, 2); /* she came, and went */
	peer_send(w->other, &ask);
	await(w, w->other, MSG_roster_end, 1);
	assert_int_equal(
	    peer_nth(w->other, MSG_roster_end, 0)->roster_end.users, 0);
	assert_int_equal(peer_count(w->hub, MSG_roster_end), 0);
	assert_int_equal(peer_count(w->hub, MSG_present), 0);
}

#define story(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
TESTS(story(an_event_is_a_message_of_its_channel),
    story(nobody_else_publishes_what_looks_like_one),
    story(what_cannot_be_entered_is_answered),
    story(a_roster_waits_for_the_events_that_made_it),
    story(a_roster_whose_peer_leaves_while_it_waits_is_told_to_nobody))

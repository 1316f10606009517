/*
 * resume_test.c - clients that come back, stores that lag or die: no hole, and
 * nothing twice.
 */
#include "tests/unit/subs_world.h"

static void
a_cursor_brings_the_history_and_then_what_came_meanwhile(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w), *b = client_new(w);
	uint64_t g;

	subscribe(a, "/a/public/x");
	joined(w, 5);
	resume(b, "/a/public/x", 2);
	assert_int_equal(last_said(w)->join.resume, RESUME_HISTORY);
	assert_int_equal(last_said(w)->join.offset, 2);
	assert_int_equal(last_said(w)->join.upto, 5);
	g = last_said(w)->join.generation;
	deliver(w, "/a/public/x", 6, 0);
	deliver(w, "/a/public/x", 3, g);
	deliver(w, "/a/public/x", 5, g);
	flush(w);
	deliver(w, "/a/public/x", 7, 0);
	joined(w, 5);
	deliver(w, "/a/public/x", 8, 0);
	assert_string_equal(heard(b), "R35678");
	assert_string_equal(heard(a), "+678");
	assert_int_equal(b->live, 1);
}

static void
all_who_wait_share_one_request(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w), *b = client_new(w),
		      *c = client_new(w);
	uint64_t g;

	resume(a, "/a/public/x", 4);
	resume(b, "/a/public/x", 1);
	joined(w, 5); /* the join */
	assert_int_equal(w->count, 2);
	assert_int_equal(last_said(w)->join.offset, 1);
	g = last_said(w)->join.generation;
	resume(c, "/a/public/x", 3); /* the next round */
	assert_int_equal(w->count, 2);
	for (uint64_t i = 2; i <= 5; i++)
		deliver(w, "/a/public/x", i, g);
	joined(w, 5);
	assert_string_equal(heard(a), "R5");
	assert_string_equal(heard(b), "R2345");
	assert_int_equal(w->count, 3);
	g = last_said(w)->join.generation;
	deliver(w, "/a/public/x", 4, g);
	deliver(w, "/a/public/x", 5, g);
	joined(w, 5);
	assert_string_equal(heard(c), "R45");
}

static void
who_has_all_is_live_at_once(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w), *b = client_new(w);

	resume(a, "/a/public/x", 5);
	joined(w, 5);
	resume(b, "/a/public/x", 5);
	assert_int_equal(w->count, 1);
	assert_string_equal(heard(a), "R");
	assert_string_equal(heard(b), "R");
}

/* Another hub, or the answer to a publish, was faster than our link. */
static void
who_is_ahead_of_us_hears_nothing_twice(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w), *b = client_new(w);

	resume(a, "/a/public/x", 5);
	joined(w, 5);
	resume(b, "/a/public/x", 7);
	assert_int_equal(w->count, 2);
	assert_int_equal(last_said(w)->join.resume, RESUME_HISTORY);
	assert_int_equal(last_said(w)->join.offset, 7);
	deliver(w, "/a/public/x", 6, 0);
	deliver(w, "/a/public/x", 7, 0);
	deliver(w, "/a/public/x", 8, 0);
	joined(w, 5);
	deliver(w, "/a/public/x", 9, 0);
	assert_string_equal(heard(a), "R6789");
	assert_string_equal(heard(b), "R89");
}

static void
a_hole_is_told_to_those_it_concerns(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w), *b = client_new(w);

	resume(a, "/a/public/x", 1);
	resume(b, "/a/public/x", 4);
	joined(w, 6);
	gap(w, 1, 3);
	deliver(w, "/a/public/x", 4, last_said(w)->join.generation);
	deliver(w, "/a/public/x", 6, last_said(w)->join.generation);
	joined(w, 6);
	assert_string_equal(heard(a), "+G46");
	assert_string_equal(heard(b), "R6");
}

/* A store tells a pattern's hole when it passes it: behind a message of
 * another channel, and, if the link died in between, not at all. */
static void
a_hole_of_a_pattern_is_told_though_later_messages_came_first(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w);

	resume(a, "/a/public/*", 1);
	joined(w, 9);
	deliver(w, "/a/public/x", 5, last_said(w)->join.generation);
	gap(w, 1, 3);
	deliver(w, "/a/public/y", 7, last_said(w)->join.generation);
	joined(w, 9);
	assert_string_equal(heard(a), "R5G7");
}

static void
a_pattern_that_was_interrupted_begins_again_where_it_began(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w);

	resume(a, "/a/public/*", 1);
	joined(w, 9);
	deliver(w, "/a/public/x", 5, last_said(w)->join.generation);
	w->down = true;
	subs_down(w->subs);
	w->down = false;
	subs_up(w->subs);
	joined(w, 9);
	assert_int_equal(last_said(w)->join.resume, RESUME_HISTORY);
	assert_int_equal(last_said(w)->join.offset, 1);
	deliver(w, "/a/public/x", 5, last_said(w)->join.generation);
	gap(w, 1, 3);
	deliver(w, "/a/public/y", 7, last_said(w)->join.generation);
	joined(w, 9);
	assert_string_equal(heard(a), "R5G7");
}

static void
a_lagging_channel_is_recovered_for_everybody_in_order(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w);
	uint64_t g;

	subscribe(a, "/a/public/x");
	g = last_said(w)->join.generation;
	joined(w, 0);
	deliver(w, "/a/public/x", 1, 0);
	subs_lag(w->subs, &(struct msg_lag){.channel = SLICE("/a/public/x"),
			      .generation = g,
			      .epoch = 5,
			      .top = 3});
	assert_int_equal(last_said(w)->join.resume, RESUME_POSITION);
	assert_int_equal(last_said(w)->join.offset, 1);
	g = last_said(w)->join.generation;
	deliver(w, "/a/public/x", 2, g);
	deliver(w, "/a/public/x", 3, g);
	joined(w, 3);
	deliver(w, "/a/public/x", 3, 0); /* had it */
	deliver(w, "/a/public/x", 4, 0);
	assert_string_equal(heard(a), "+1234");
}

static void
a_hole_in_the_numbers_is_recovered_too(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w);

	subscribe(a, "/a/public/x");
	joined(w, 0);
	deliver(w, "/a/public/x", 3, 0); /* its prev is 2 */
	assert_int_equal(last_said(w)->join.resume, RESUME_POSITION);
	gap(w, 0, 2);
	deliver(w, "/a/public/x", 3, last_said(w)->join.generation);
	joined(w, 3);
	assert_string_equal(heard(a), "+G3");
}

static void
after_a_lost_link_all_is_joined_again_from_where_it_stood(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w), *b = client_new(w);
	uint64_t g;

	subscribe(a, "/a/public/x");
	joined(w, 2);
	resume(b, "/a/public/x", 1);
	deliver(w, "/a/public/x", 3, 0);
	w->down = true;
	subs_down(w->subs);
	w->down = false;
	subs_up(w->subs);
	assert_int_equal(last_said(w)->join.resume, RESUME_POSITION);
	assert_int_equal(last_said(w)->join.offset, 3);
	g = last_said(w)->join.generation;
	deliver(w, "/a/public/x", 4, g);
	joined(w, 4);
	assert_string_equal(heard(a), "+34");
	assert_int_equal(last_said(w)->join.resume, RESUME_HISTORY);
	assert_int_equal(last_said(w)->join.offset, 1);
	assert_int_equal(last_said(w)->join.upto, 4);
	g = last_said(w)->join.generation;
	for (uint64_t i = 2; i <= 4; i++)
		deliver(w, "/a/public/x", i, g);
	joined(w, 4);
	assert_string_equal(heard(b), "R234");
}

static void
what_cannot_be_held_is_told_as_a_gap(void **state)
{
	struct world *w = *state;
	char *big = xcalloc(1, SUBS_HOLD_MAX / 2);
	struct client *a = client_new(w);

	memset(big, ' ', SUBS_HOLD_MAX / 2);
	big[0] = '7';
	resume(a, "/a/public/x", 1);
	joined(w, 2);
	for (uint64_t i = 3; i <= 5; i++)
		subs_deliver(w->subs,
		    &(struct msg_deliver){.channel = SLICE("/a/public/x"),
			.epoch = 5,
			.offset = i,
			.prev = i - 1,
			.body = {big, SUBS_HOLD_MAX / 2}});
	deliver(w, "/a/public/x", 2, last_said(w)->join.generation);
	joined(w, 2);
	deliver(w, "/a/public/x", 6, 0);
	assert_string_equal(heard(a), "R27G6");
	free(big);
}

static uint64_t
position(const struct sub *s)
{
	struct cursor_part parts[CURSOR_PARTS];

	assert_int_equal(sub_position(s, parts), 1);
	assert_int_equal(parts[0].epoch, 5);
	return parts[0].offset;
}

/* The way of a client that is moved or comes back: what it takes along is the
 * place before which it was told of all holes. */
static void
a_pattern_that_is_cut_off_goes_on_elsewhere_before_its_hole(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w), *b = client_new(w);
	struct sub *s;
	uint64_t at;

	s = resume(a, "/a/public/*", 1);
	joined(w, 9);
	assert_false(sub_divided(s));
	deliver(w, "/a/public/x", 5, last_said(w)->join.generation);
	assert_true(sub_divided(s)); /* so it is not moved now */
	at = position(s);
	assert_int_equal(at, 1);
	client_end(a);
	s = resume(b, "/a/public/*", at);
	assert_int_equal(last_said(w)->join.offset, 1);
	deliver(w, "/a/public/x", 5, last_said(w)->join.generation);
	gap(w, 1, 6);
	assert_false(sub_divided(s));
	assert_int_equal(position(s), 6);
	client_end(b);
	client_init(b, w);
	resume(b, "/a/public/*", 6);
	deliver(w, "/a/public/y", 7, last_said(w)->join.generation);
	joined(w, 9);
	assert_string_equal(heard(b), "R7");
}

/* The same when it is the hub that lost its link in the middle. */
static void
a_live_pattern_that_is_joined_anew_misses_no_hole(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w);
	struct sub *s;

	s = subscribe(a, "/a/public/*");
	joined(w, 1);
	w->down = true;
	subs_down(w->subs);
	w->down = false;
	subs_up(w->subs);
	deliver(w, "/a/public/x", 5, last_said(w)->join.generation);
	assert_int_equal(position(s), 1);
	w->down = true;
	subs_down(w->subs);
	w->down = false;
	subs_up(w->subs);
	assert_int_equal(last_said(w)->join.resume, RESUME_POSITION);
	assert_int_equal(last_said(w)->join.offset, 1);
	deliver(w, "/a/public/x", 5, last_said(w)->join.generation);
	gap(w, 1, 3);
	deliver(w, "/a/public/y", 7, last_said(w)->join.generation);
	joined(w, 9);
	deliver(w, "/a/public/y", 10, 0);
	assert_string_equal(heard(a), "+5G70");
	assert_non_null(strstr(a->got.p, "\"gap\":{\"from\":\"5.1\""));
	assert_int_equal(position(s), 10);
}

/* The shard moves to another store, which numbers anew, while the old one is
 * still asked for history. */
static void
a_round_that_a_new_epoch_overtakes_is_asked_again(void **state)
{
	struct world *w = *state;
	struct msg_deliver m = {.channel = SLICE("/a/public/x"), .epoch = 6};
	struct client *a = client_new(w), *b = client_new(w);
	uint64_t round, join;

	subscribe(a, "/a/public/x");
	joined(w, 5);
	resume(b, "/a/public/x", 3);
	round = last_said(w)->join.generation;
	deliver(w, "/a/public/x", 4, round);
	m.offset = 1;
	m.body = SLICE("8");
	subs_deliver(w->subs, &m); /* of the new store, live */
	assert_int_equal(last_said(w)->join.resume, RESUME_POSITION);
	join = last_said(w)->join.generation;
	subs_gap(w->subs, &(struct msg_gap){.generation = join,
			      .epoch = 5,
			      .from = 5,
			      .to_epoch = 6,
			      .reason = GAP_EPOCH});
	m.generation = join;
	subs_deliver(w->subs, &m);
	subs_joined(w->subs, &(struct msg_joined){.generation = round,
				 .epoch = 5,
				 .top = 5}); /* of the old one */
	subs_joined(w->subs,
	    &(struct msg_joined){.generation = join, .epoch = 6, .top = 1});
	assert_int_equal(last_said(w)->join.resume, RESUME_HISTORY);
	assert_int_equal(last_said(w)->join.epoch, 5);
	assert_int_equal(last_said(w)->join.offset, 4);
	round = last_said(w)->join.generation;
	subs_gap(w->subs, &(struct msg_gap){.generation = round,
			      .epoch = 5,
			      .from = 4,
			      .to_epoch = 6,
			      .reason = GAP_EPOCH});
	m.generation = round;
	subs_deliver(w->subs, &m);
	subs_joined(w->subs,
	    &(struct msg_joined){.generation = round, .epoch = 6, .top = 1});
	m.generation = 0;
	m.offset = 2;
	m.prev = 1;
	m.body = SLICE("9");
	subs_deliver(w->subs, &m);
	assert_string_equal(heard(b), "R4G89");
	assert_string_equal(heard(a), "+G89");
}

TESTS(story(a_cursor_brings_the_history_and_then_what_came_meanwhile),
    story(all_who_wait_share_one_request), story(who_has_all_is_live_at_once),
    story(who_is_ahead_of_us_hears_nothing_twice),
    story(a_hole_is_told_to_those_it_concerns),
    story(a_hole_of_a_pattern_is_told_though_later_messages_came_first),
    story(a_pattern_that_was_interrupted_begins_again_where_it_began),
    story(a_lagging_channel_is_recovered_for_everybody_in_order),
    story(a_hole_in_the_numbers_is_recovered_too),
    story(after_a_lost_link_all_is_joined_again_from_where_it_stood),
    story(what_cannot_be_held_is_told_as_a_gap),
    story(a_pattern_that_is_cut_off_goes_on_elsewhere_before_its_hole),
    story(a_live_pattern_that_is_joined_anew_misses_no_hole),
    story(a_round_that_a_new_epoch_overtakes_is_asked_again))

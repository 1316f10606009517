/*
 * resume_test.c - clients that come back, stores that lag or die: no hole, and
 * nothing twice.
 */
#include "tests/unit/subs_world.h"

static void
a_cursor_brings_the_history_and_then_what_came_meanwhile(void **state)
{
	struct world *w = *state;
	struct client a, b;
	uint64_t g;

	client_init(&a, w);
	client_init(&b, w);
	subscribe(&a, "/a/public/x");
	joined(w, 5);
	resume(&b, "/a/public/x", 2);
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
	assert_string_equal(heard(&b), "R35678");
	assert_string_equal(heard(&a), "+678");
	assert_int_equal(b.live, 1);
	client_end(&a);
	client_end(&b);
}

static void
all_who_wait_share_one_request(void **state)
{
	struct world *w = *state;
	struct client a, b, c;
	uint64_t g;

	client_init(&a, w);
	client_init(&b, w);
	client_init(&c, w);
	resume(&a, "/a/public/x", 4);
	resume(&b, "/a/public/x", 1);
	joined(w, 5); /* the join */
	assert_int_equal(w->count, 2);
	assert_int_equal(last_said(w)->join.offset, 1);
	g = last_said(w)->join.generation;
	resume(&c, "/a/public/x", 3); /* the next round */
	assert_int_equal(w->count, 2);
	for (uint64_t i = 2; i <= 5; i++)
		deliver(w, "/a/public/x", i, g);
	joined(w, 5);
	assert_string_equal(heard(&a), "R5");
	assert_string_equal(heard(&b), "R2345");
	assert_int_equal(w->count, 3);
	g = last_said(w)->join.generation;
	deliver(w, "/a/public/x", 4, g);
	deliver(w, "/a/public/x", 5, g);
	joined(w, 5);
	assert_string_equal(heard(&c), "R45");
	client_end(&a);
	client_end(&b);
	client_end(&c);
}

static void
who_has_all_is_live_at_once(void **state)
{
	struct world *w = *state;
	struct client a, b;

	client_init(&a, w);
	client_init(&b, w);
	resume(&a, "/a/public/x", 5);
	joined(w, 5);
	resume(&b, "/a/public/x", 5);
	assert_int_equal(w->count, 1);
	assert_string_equal(heard(&a), "R");
	assert_string_equal(heard(&b), "R");
	client_end(&a);
	client_end(&b);
}

/* Another hub, or the answer to a publish, was faster than our link. */
static void
who_is_ahead_of_us_hears_nothing_twice(void **state)
{
	struct world *w = *state;
	struct client a, b;

	client_init(&a, w);
	client_init(&b, w);
	resume(&a, "/a/public/x", 5);
	joined(w, 5);
	resume(&b, "/a/public/x", 7);
	assert_int_equal(w->count, 2);
	assert_int_equal(last_said(w)->join.resume, RESUME_HISTORY);
	assert_int_equal(last_said(w)->join.offset, 7);
	deliver(w, "/a/public/x", 6, 0);
	deliver(w, "/a/public/x", 7, 0);
	deliver(w, "/a/public/x", 8, 0);
	joined(w, 5);
	deliver(w, "/a/public/x", 9, 0);
	assert_string_equal(heard(&a), "R6789");
	assert_string_equal(heard(&b), "R89");
	client_end(&a);
	client_end(&b);
}

static void
a_hole_is_told_to_those_it_concerns(void **state)
{
	struct world *w = *state;
	struct client a, b;

	client_init(&a, w);
	client_init(&b, w);
	resume(&a, "/a/public/x", 1);
	resume(&b, "/a/public/x", 4);
	joined(w, 6);
	gap(w, 1, 3);
	deliver(w, "/a/public/x", 4, last_said(w)->join.generation);
	deliver(w, "/a/public/x", 6, last_said(w)->join.generation);
	joined(w, 6);
	assert_string_equal(heard(&a), "+G46");
	assert_string_equal(heard(&b), "R6");
	client_end(&a);
	client_end(&b);
}

/* A store tells a pattern's hole when it passes it: behind a message of
 * another channel, and, if the link died in between, not at all. */
static void
a_hole_of_a_pattern_is_told_though_later_messages_came_first(void **state)
{
	struct world *w = *state;
	struct client a;

	client_init(&a, w);
	resume(&a, "/a/public/*", 1);
	joined(w, 9);
	deliver(w, "/a/public/x", 5, last_said(w)->join.generation);
	gap(w, 1, 3);
	deliver(w, "/a/public/y", 7, last_said(w)->join.generation);
	joined(w, 9);
	assert_string_equal(heard(&a), "R5G7");
	client_end(&a);
}

static void
a_pattern_that_was_interrupted_begins_again_where_it_began(void **state)
{
	struct world *w = *state;
	struct client a;

	client_init(&a, w);
	resume(&a, "/a/public/*", 1);
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
	assert_string_equal(heard(&a), "R5G7");
	client_end(&a);
}

static void
a_lagging_channel_is_recovered_for_everybody_in_order(void **state)
{
	struct world *w = *state;
	struct client a;
	uint64_t g;

	client_init(&a, w);
	subscribe(&a, "/a/public/x");
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
	assert_string_equal(heard(&a), "+1234");
	client_end(&a);
}

static void
a_hole_in_the_numbers_is_recovered_too(void **state)
{
	struct world *w = *state;
	struct client a;

	client_init(&a, w);
	subscribe(&a, "/a/public/x");
	joined(w, 0);
	deliver(w, "/a/public/x", 3, 0); /* its prev is 2 */
	assert_int_equal(last_said(w)->join.resume, RESUME_POSITION);
	gap(w, 0, 2);
	deliver(w, "/a/public/x", 3, last_said(w)->join.generation);
	joined(w, 3);
	assert_string_equal(heard(&a), "+G3");
	client_end(&a);
}

static void
after_a_lost_link_all_is_joined_again_from_where_it_stood(void **state)
{
	struct world *w = *state;
	struct client a, b;
	uint64_t g;

	client_init(&a, w);
	client_init(&b, w);
	subscribe(&a, "/a/public/x");
	joined(w, 2);
	resume(&b, "/a/public/x", 1);
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
	assert_string_equal(heard(&a), "+34");
	assert_int_equal(last_said(w)->join.resume, RESUME_HISTORY);
	assert_int_equal(last_said(w)->join.offset, 1);
	assert_int_equal(last_said(w)->join.upto, 4);
	g = last_said(w)->join.generation;
	for (uint64_t i = 2; i <= 4; i++)
		deliver(w, "/a/public/x", i, g);
	joined(w, 4);
	assert_string_equal(heard(&b), "R234");
	client_end(&a);
	client_end(&b);
}

static void
what_cannot_be_held_is_told_as_a_gap(void **state)
{
	struct world *w = *state;
	char *big = xcalloc(1, SUBS_HOLD_MAX / 2);
	struct client a;

	memset(big, ' ', SUBS_HOLD_MAX / 2);
	big[0] = '7';
	client_init(&a, w);
	resume(&a, "/a/public/x", 1);
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
	assert_string_equal(heard(&a), "R27G6");
	client_end(&a);
	free(big);
}

static void
who_comes_back_at_once_is_given_what_the_hub_has_had(void **state)
{
	struct world *w = *state;
	struct client a, b;

	client_init(&a, w);
	client_init(&b, w);
	subscribe(&a, "/a/public/x");
	joined(w, 5);
	for (uint64_t i = 6; i <= 8; i++)
		deliver(w, "/a/public/x", i, 0);
	resume(&b, "/a/public/x", 6); /* within the same turn */
	deliver(w, "/a/public/x", 9, 0);
	assert_int_equal(w->count, 1);
	assert_string_equal(heard(&b), "R789");
	assert_string_equal(heard(&a), "+6789");
	assert_int_equal(b.live, 1);
	client_end(&b);
	client_init(&b, w);
	resume(&b, "/a/public/x", 4); /* it has not had that */
	assert_int_equal(w->count, 2);
	assert_int_equal(last_said(w)->join.resume, RESUME_HISTORY);
	client_end(&a);
	client_end(&b);
}

static void
what_comes_while_nobody_listens_is_remembered_too(void **state)
{
	struct world *w = *state;
	struct client a;

	client_init(&a, w);
	subscribe(&a, "/a/public/x");
	joined(w, 5);
	client_end(&a);
	deliver(w, "/a/public/x", 6, 0);
	client_init(&a, w);
	resume(&a, "/a/public/x", 5);
	assert_int_equal(w->count, 1);
	assert_string_equal(heard(&a), "R6");
	client_end(&a);
}

static void
who_is_near_need_not_wait_for_who_is_far(void **state)
{
	struct world *w = *state;
	struct client a, b;
	uint64_t g;

	client_init(&a, w);
	client_init(&b, w);
	resume(&a, "/a/public/x", 1);
	joined(w, 5);
	g = last_said(w)->join.generation;
	deliver(w, "/a/public/x", 6, 0);
	resume(&b, "/a/public/x", 5);
	deliver(w, "/a/public/x", 7, 0);
	assert_string_equal(heard(&b), "R67");
	for (uint64_t i = 2; i <= 5; i++)
		deliver(w, "/a/public/x", i, g);
	joined(w, 5);
	assert_string_equal(heard(&a), "R234567");
	assert_int_equal(w->count, 2);
	client_end(&a);
	client_end(&b);
}

static void
behind_a_hole_nothing_before_it_is_remembered(void **state)
{
	struct world *w = *state;
	struct client a, b;

	client_init(&a, w);
	client_init(&b, w);
	subscribe(&a, "/a/public/x");
	joined(w, 0);
	deliver(w, "/a/public/x", 1, 0);
	deliver(w, "/a/public/x", 4, 0); /* its prev is 3 */
	deliver(w, "/a/public/x", 2, last_said(w)->join.generation);
	gap(w, 2, 3);
	deliver(w, "/a/public/x", 4, last_said(w)->join.generation);
	joined(w, 4);
	resume(&b, "/a/public/x", 3);
	assert_string_equal(heard(&b), "R4");
	assert_string_equal(heard(&a), "+12G4");
	client_end(&b);
	client_init(&b, w);
	resume(&b, "/a/public/x", 1);
	assert_int_equal(last_said(w)->join.resume, RESUME_HISTORY);
	client_end(&a);
	client_end(&b);
}

/* A channel that was joined anew for nobody has missed what came before. */
static void
a_join_from_now_on_remembers_nothing_of_before(void **state)
{
	struct world *w = *state;
	struct client a;

	client_init(&a, w);
	subscribe(&a, "/a/public/x");
	joined(w, 0);
	deliver(w, "/a/public/x", 1, 0);
	client_end(&a);
	deliver(w, "/a/public/x", 3, 0); /* its prev is 2 */
	assert_int_equal(last_said(w)->join.resume, RESUME_NOW);
	joined(w, 3);
	deliver(w, "/a/public/x", 4, 0);
	client_init(&a, w);
	resume(&a, "/a/public/x", 1);
	assert_int_equal(last_said(w)->join.resume, RESUME_HISTORY);
	assert_int_equal(last_said(w)->join.offset, 1);
	client_end(&a);
}

static void
who_takes_nothing_is_given_nothing_that_is_remembered(void **state)
{
	struct world *w = *state;
	struct client a, b;

	client_init(&a, w);
	client_init(&b, w);
	subscribe(&a, "/a/public/x");
	joined(w, 0);
	deliver(w, "/a/public/x", 1, 0);
	b.reader.choked = true;
	resume(&b, "/a/public/x", 0);
	deliver(w, "/a/public/x", 2, 0);
	assert_string_equal(heard(&b), "");
	reader_choke(w->subs, &b.reader, false);
	deliver(w, "/a/public/x", 3, 0);
	assert_string_equal(heard(&b), "R123");
	assert_int_equal(w->count, 1);
	client_end(&a);
	client_end(&b);
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
    story(who_comes_back_at_once_is_given_what_the_hub_has_had),
    story(what_comes_while_nobody_listens_is_remembered_too),
    story(who_is_near_need_not_wait_for_who_is_far),
    story(behind_a_hole_nothing_before_it_is_remembered),
    story(a_join_from_now_on_remembers_nothing_of_before),
    story(who_takes_nothing_is_given_nothing_that_is_remembered))

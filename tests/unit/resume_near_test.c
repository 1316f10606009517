/*
 * resume_near_test.c - clients that come back so soon that the hub still has
 * what they missed.
 */
#include "tests/unit/subs_world.h"

static void
who_comes_back_at_once_is_given_what_the_hub_has_had(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w), *b = client_new(w);

	subscribe(a, "/a/public/x");
	joined(w, 5);
	for (uint64_t i = 6; i <= 8; i++)
		deliver(w, "/a/public/x", i, 0);
	resume(b, "/a/public/x", 6); /* within the same turn */
	deliver(w, "/a/public/x", 9, 0);
	assert_int_equal(w->count, 1);
	assert_string_equal(heard(b), "R789");
	assert_string_equal(heard(a), "+6789");
	assert_int_equal(b->live, 1);
	client_end(b);
	client_init(b, w);
	resume(b, "/a/public/x", 4); /* it has not had that */
	assert_int_equal(w->count, 2);
	assert_int_equal(last_said(w)->join.resume, RESUME_HISTORY);
}

static void
what_comes_while_nobody_listens_is_remembered_too(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w);

	subscribe(a, "/a/public/x");
	joined(w, 5);
	client_end(a);
	deliver(w, "/a/public/x", 6, 0);
	client_init(a, w);
	resume(a, "/a/public/x", 5);
	assert_int_equal(w->count, 1);
	assert_string_equal(heard(a), "R6");
}

static void
who_is_near_need_not_wait_for_who_is_far(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w), *b = client_new(w);
	uint64_t g;

	resume(a, "/a/public/x", 1);
	joined(w, 5);
	g = last_said(w)->join.generation;
	deliver(w, "/a/public/x", 6, 0);
	resume(b, "/a/public/x", 5);
	deliver(w, "/a/public/x", 7, 0);
	assert_string_equal(heard(b), "R67");
	for (uint64_t i = 2; i <= 5; i++)
		deliver(w, "/a/public/x", i, g);
	joined(w, 5);
	assert_string_equal(heard(a), "R234567");
	assert_int_equal(w->count, 2);
}

static void
behind_a_hole_nothing_before_it_is_remembered(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w), *b = client_new(w);

	subscribe(a, "/a/public/x");
	joined(w, 0);
	deliver(w, "/a/public/x", 1, 0);
	deliver(w, "/a/public/x", 4, 0); /* its prev is 3 */
	deliver(w, "/a/public/x", 2, last_said(w)->join.generation);
	gap(w, 2, 3);
	deliver(w, "/a/public/x", 4, last_said(w)->join.generation);
	joined(w, 4);
	resume(b, "/a/public/x", 3);
	assert_string_equal(heard(b), "R4");
	assert_string_equal(heard(a), "+12G4");
	client_end(b);
	client_init(b, w);
	resume(b, "/a/public/x", 1);
	assert_int_equal(last_said(w)->join.resume, RESUME_HISTORY);
}

/* A channel that was joined anew for nobody has missed what came before. */
static void
a_join_from_now_on_remembers_nothing_of_before(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w);

	subscribe(a, "/a/public/x");
	joined(w, 0);
	deliver(w, "/a/public/x", 1, 0);
	client_end(a);
	deliver(w, "/a/public/x", 3, 0); /* its prev is 2 */
	assert_int_equal(last_said(w)->join.resume, RESUME_NOW);
	joined(w, 3);
	deliver(w, "/a/public/x", 4, 0);
	client_init(a, w);
	resume(a, "/a/public/x", 1);
	assert_int_equal(last_said(w)->join.resume, RESUME_HISTORY);
	assert_int_equal(last_said(w)->join.offset, 1);
}

static void
who_takes_nothing_is_given_nothing_that_is_remembered(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w), *b = client_new(w);

	subscribe(a, "/a/public/x");
	joined(w, 0);
	deliver(w, "/a/public/x", 1, 0);
	b->reader.choked = true;
	resume(b, "/a/public/x", 0);
	deliver(w, "/a/public/x", 2, 0);
	assert_string_equal(heard(b), "");
	reader_choke(w->subs, &b->reader, false);
	deliver(w, "/a/public/x", 3, 0);
	assert_string_equal(heard(b), "R123");
	assert_int_equal(w->count, 1);
}

TESTS(story(who_comes_back_at_once_is_given_what_the_hub_has_had),
    story(what_comes_while_nobody_listens_is_remembered_too),
    story(who_is_near_need_not_wait_for_who_is_far),
    story(behind_a_hole_nothing_before_it_is_remembered),
    story(a_join_from_now_on_remembers_nothing_of_before),
    story(who_takes_nothing_is_given_nothing_that_is_remembered))

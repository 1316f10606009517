/*
 * subs_moved_test.c - a shard has another owner: joins are said again, from
 * where they stood, and nobody misses or hears twice what came meanwhile.
 */
#include "tests/unit/subs_world.h"

static void
moves(struct world *w)
{
	subs_owner(w->subs, 0);
	subs_owner(w->subs, 0); /* he who leaves says so, and he who gains */
	subs_moved(w->subs);
}

static void
a_join_is_said_again_from_where_it_stood(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w);
	uint64_t g;

	subscribe(a, "/a/public/x");
	joined(w, 5);
	g = last_said(w)->join.generation;
	deliver(w, "/a/public/x", 6, 0);
	moves(w);
	assert_int_equal(w->count, 2);
	assert_int_equal(last_said(w)->id, MSG_join);
	assert_int_equal(last_said(w)->join.epoch, 5);
	assert_int_equal(last_said(w)->join.offset, 6);
	assert_true(last_said(w)->join.generation > g);
	g = last_said(w)->join.generation;
	deliver(w, "/a/public/x", 7, g); /* history */
	joined(w, 7);
	deliver(w, "/a/public/x", 8, 0);
	assert_string_equal(heard(a), "+678");
}

/* Polls that are due wait for it, whosever channel was the last. */
static void
it_is_told_when_nobody_misses_anything_any_more(void **state)
{
	struct world *w = *state;

	w->face.settled = note_settled;
	subscribe(client_new(w), "/a/public/x");
	joined(w, 5);
	moves(w);
	assert_int_equal(w->settled, 0);
	joined(w, 5);
	assert_int_equal(w->settled, 1);
}

static void
what_the_old_owner_still_says_is_void(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w);
	uint64_t old;

	subscribe(a, "/a/public/x");
	joined(w, 5);
	old = last_said(w)->join.generation;
	moves(w);
	deliver(w, "/a/public/x", 6, 0);
	deliver(w, "/a/public/x", 6, old);
	assert_string_equal(heard(a), "+");
	deliver(w, "/a/public/x", 6, last_said(w)->join.generation);
	joined(w, 6);
	deliver(w, "/a/public/x", 6, 0);
	assert_string_equal(heard(a), "+6");
}

/* Its answer would come from who has it no more. */
static void
a_join_under_way_is_said_again(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w);

	subscribe(a, "/a/public/x");
	assert_int_equal(w->count, 1);
	moves(w);
	assert_int_equal(w->count, 2);
	joined(w, 9);
	deliver(w, "/a/public/x", 10, 0);
	assert_string_equal(heard(a), "+0");
}

static void
what_is_said_after_the_move_was_heard_of_stays(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w);

	subs_owner(w->subs, 0);
	subscribe(a, "/a/public/x");
	assert_int_equal(w->count, 1);
	subs_moved(w->subs);
	assert_int_equal(w->count, 1);
	joined(w, 5);
	subs_moved(w->subs);
	assert_int_equal(w->count, 1);
}

static void
nobody_is_asked_while_the_new_owner_is_away(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w);

	subscribe(a, "/a/public/x");
	joined(w, 5);
	w->down = true;
	moves(w);
	assert_int_equal(w->count, 1);
	w->down = false;
	subs_up(w->subs);
	assert_int_equal(w->count, 2);
	assert_int_equal(last_said(w)->join.offset, 5);
}

static void
what_nobody_wants_any_more_is_not_joined_again(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w);

	subscribe(a, "/a/public/x");
	joined(w, 5);
	client_end(a);
	client_init(a, w);
	moves(w);
	assert_int_equal(w->count, 1);
	subscribe(a, "/a/public/x");
	assert_int_equal(w->count, 2);
}

TESTS(story(a_join_is_said_again_from_where_it_stood),
    story(it_is_told_when_nobody_misses_anything_any_more),
    story(what_the_old_owner_still_says_is_void),
    story(a_join_under_way_is_said_again),
    story(what_is_said_after_the_move_was_heard_of_stays),
    story(nobody_is_asked_while_the_new_owner_is_away),
    story(what_nobody_wants_any_more_is_not_joined_again))

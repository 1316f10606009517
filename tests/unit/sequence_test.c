/*
 * sequence_test.c - numbers only grow, a failure gives them back, and what
 * is forgotten leaves a floor; marks and ids see a repeat.
 */
#include "common/must.h"
#include "store/id.h"
#include "store/publisher.h"
#include "store/sequence.h"
#include "tests/unit/test.h"

struct world {
	struct sequence_setup setup;
	struct sequence *sequence;
	unsigned forgotten;
};

static void
forgets(struct sequence_setup *setup, struct topic *t)
{
	(void)t;
	container_of(setup, struct world, setup)->forgotten++;
}

static int
set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	struct slice bad;
	const char *why;

	w->setup = (struct sequence_setup){.shards = 1,
	    .most = 3,
	    .policies = policies_new(SLICE("/a/public/**=5"), &why, &bad),
	    .forgets = forgets};
	w->sequence = sequence_new(&w->setup);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;
	struct policies *p = (struct policies *)(uintptr_t)w->setup.policies;

	sequence_free(&w->sequence);
	policies_free(&p);
	free(w);
	return 0;
}

static struct topic *
topic(struct world *w, const char *name)
{
	struct slice s = slice_of(name);
	struct topic *t = sequence_find(w->sequence, s, table_hash(s));

	return t != NULL ? t : sequence_add(w->sequence, s, table_hash(s));
}

static uint64_t
next(struct world *w, const char *name, uint64_t *prev)
{
	struct topic *t = topic(w, name);
	uint64_t offset = sequence_next(w->sequence, t, prev);

	sequence_released(w->sequence, t, offset);
	return offset;
}

static void
offsets_are_the_shards_and_prev_the_channels(void **state)
{
	struct world *w = *state;
	uint64_t prev;

	assert_int_equal(next(w, "/a/public/x", &prev), 1);
	assert_int_equal(prev, 0);
	assert_int_equal(next(w, "/a/public/y", &prev), 2);
	assert_int_equal(prev, 0);
	assert_int_equal(next(w, "/a/public/x", &prev), 3);
	assert_int_equal(prev, 1);
	assert_int_equal(sequence_shard(w->sequence, 0)->top, 3);
	assert_int_equal(topic(w, "/a/public/x")->policy->count, 5);
	assert_int_equal(topic(w, "/a/private/x")->policy->count, 0);
}

static void
refused_numbers_are_given_again(void **state)
{
	struct world *w = *state;
	uint64_t prev, first;
	struct topic *x;

	next(w, "/a/public/x", &prev);
	x = topic(w, "/a/public/x");
	assert_int_equal(sequence_next(w->sequence, x, &first), 2);
	assert_int_equal(sequence_next(w->sequence, x, &prev), 3);
	sequence_refused(x, first);
	sequence_refused(x, prev);
	sequence_return(w->sequence, 0);
	assert_int_equal(x->last, 1);
	assert_int_equal(next(w, "/a/public/x", &prev), 2);
	assert_int_equal(prev, 1);
}

static void
the_idle_channel_is_forgotten_and_the_floor_says_so(void **state)
{
	struct world *w = *state;
	uint64_t prev;

	next(w, "/a/public/1", &prev);
	next(w, "/a/public/2", &prev);
	next(w, "/a/public/3", &prev);
	next(w, "/a/public/1", &prev);
	next(w, "/a/public/4", &prev);
	assert_int_equal(w->forgotten, 1);
	assert_int_equal(sequence_shard(w->sequence, 0)->floor, 2);
	assert_null(sequence_find(w->sequence, SLICE("/a/public/2"),
	    table_hash(SLICE("/a/public/2"))));
	assert_int_equal(topic(w, "/a/public/2")->base, 3);
}

static void
a_channel_with_something_pending_is_not_forgotten(void **state)
{
	struct world *w = *state;
	uint64_t prev;

	next(w, "/a/public/1", &prev);
	topic(w, "/a/public/1")->pending = 1;
	next(w, "/a/public/2", &prev);
	next(w, "/a/public/3", &prev);
	next(w, "/a/public/4", &prev);
	assert_int_equal(topic(w, "/a/public/1")->last, 1);
	assert_int_equal(sequence_shard(w->sequence, 0)->floor, 2);
}

static void
what_a_pattern_lost_is_found_by_what_was_published_since(void **state)
{
	struct world *w = *state;
	struct slice all = SLICE("/a/**");
	uint64_t prev;

	next(w, "/a/private/x", &prev); /* keeps nothing */
	next(w, "/a/public/x", &prev);
	assert_int_equal(sequence_lost(w->sequence, 0, all, 0), 1);
	assert_int_equal(sequence_lost(w->sequence, 0, all, 1), 0);
	assert_int_equal(
	    sequence_lost(w->sequence, 0, SLICE("/a/public/*"), 0), 0);
	next(w, "/a/private/x", &prev);
	assert_int_equal(sequence_lost(w->sequence, 0, all, 1), 3);
}

/* --- publishers --- */

static void
a_mark_sees_repeats_and_remembers_16384_answers(void **state)
{
	struct publishers *all = publishers_new();
	struct bus_peer peer = {.boot = 9};
	struct publisher *p = publishers_join(all, &peer);
	const struct answer *again;

	(void)state;
	for (uint64_t seq = 1; seq <= 20000; seq++) {
		assert_int_equal(publisher_see(p, seq, &again), ANSWER_NONE);
		assert_int_equal(publisher_see(p, seq, &again), ANSWER_PENDING);
		publisher_answer(
		    p, seq, &(struct answer){.offset = seq * 2, .state = 1});
	}
	for (uint64_t seq = 20000 - 16383; seq <= 20000; seq++) {
		assert_int_equal(publisher_see(p, seq, &again), ANSWER_GIVEN);
		assert_non_null(again);
		assert_int_equal(again->offset, seq * 2);
		assert_int_equal(answer_kept(again), 1);
	}
	assert_int_equal(publisher_see(p, 20000 - 16384, &again), ANSWER_GIVEN);
	assert_null(again);
	assert_int_equal(p->mark, 20000);
	publishers_free(&all);
}

static void
what_an_earlier_life_answered_is_known_and_nothing_else(void **state)
{
	struct publishers *all = publishers_new();
	struct bus_peer peer = {.boot = 9};
	const struct answer *again;
	struct publisher *p;

	(void)state;
	for (uint64_t seq = 100; seq <= 300; seq += 2)
		publishers_recall(all,
		    &(struct recalled){9, seq, {.offset = seq * 3, .state = 2}},
		    5000);
	p = publishers_join(all, &peer);
	assert_int_equal(p->mark, 300);
	assert_int_equal(publisher_see(p, 200, &again), ANSWER_GIVEN);
	assert_int_equal(again->offset, 600);
	assert_int_equal(answer_kept(again), 2);
	assert_int_equal(publisher_see(p, 201, &again), ANSWER_NONE);
	publisher_answer(p, 201, &(struct answer){.offset = 1});
	assert_int_equal(publisher_see(p, 201, &again), ANSWER_GIVEN);
	assert_int_equal(publisher_see(p, 301, &again), ANSWER_NONE);
	publishers_leave(all, p, 6000);
	publishers_tick(all, 6000 + PUBLISHER_FORGET_MS);
	publishers_free(&all);
}

static void
numbers_may_begin_anywhere(void **state)
{
	struct publishers *all = publishers_new();
	struct bus_peer peer = {.boot = 9};
	struct publisher *p = publishers_join(all, &peer);
	const struct answer *again;

	(void)state;
	assert_int_equal(publisher_see(p, 1000000, &again), ANSWER_NONE);
	assert_int_equal(publisher_see(p, 1000003, &again), ANSWER_NONE);
	assert_int_equal(publisher_see(p, 1000000, &again), ANSWER_PENDING);
	assert_int_equal(publisher_see(p, 1000001, &again), ANSWER_NONE);
	assert_int_equal(publisher_see(p, 1000001, &again), ANSWER_PENDING);
	assert_int_equal(publisher_see(p, UINT64_MAX, &again), ANSWER_NONE);
	assert_int_equal(publisher_see(p, 0, &again), ANSWER_GIVEN);
	publishers_free(&all);
}

static void
a_publisher_is_forgotten_minutes_after_its_link(void **state)
{
	struct publishers *all = publishers_new();
	struct bus_peer peer = {.boot = 9};
	struct publisher *p = publishers_join(all, &peer);
	const struct answer *again;

	(void)state;
	publisher_see(p, 5, &again);
	publishers_leave(all, p, 1000);
	publishers_tick(all, 1000 + PUBLISHER_FORGET_MS);
	assert_ptr_equal(publishers_join(all, &peer), p); /* one is pending */
	publisher_answer(p, 5, &(struct answer){.offset = 1});
	publishers_leave(all, p, 1000);
	publishers_tick(all, 999 + PUBLISHER_FORGET_MS);
	assert_int_equal(publishers_join(all, &peer)->mark, 5);
	publishers_leave(all, p, 1000);
	publishers_tick(all, 1000 + PUBLISHER_FORGET_MS);
	assert_int_equal(publishers_join(all, &peer)->mark, 0);
	publishers_free(&all);
}

/* --- ids --- */

static struct id *
see(struct ids *ids, const char *text, uint64_t now, bool *repeat)
{
	return ids_see(ids, &(struct id_scope){SLICE("/a/b/c"), slice_of(text)},
	    now, repeat);
}

static void
an_id_is_remembered_for_five_minutes(void **state)
{
	struct ids *ids = ids_new(100);
	bool repeat;
	struct id *one = see(ids, "one", 1000, &repeat);

	(void)state;
	assert_false(repeat);
	assert_null(id_settle(one, &(struct answer){.offset = 4}));
	assert_ptr_equal(see(ids, "one", 1000 + ID_MS - 1, &repeat), one);
	assert_true(repeat);
	assert_int_equal(one->answer.offset, 4);
	ids_see(ids, &(struct id_scope){SLICE("/a/b/d"), SLICE("one")}, 1000,
	    &repeat);
	assert_false(repeat);
	see(ids, "one", 1000 + ID_MS, &repeat);
	assert_false(repeat);
	ids_free(&ids);
}

static void
a_repeat_of_a_pending_one_waits_and_a_failure_forgets(void **state)
{
	struct ids *ids = ids_new(100);
	struct id_waiter *w;
	bool repeat;
	struct id *one = see(ids, "one", 1, &repeat);

	(void)state;
	assert_ptr_equal(see(ids, "one", 2 + ID_MS, &repeat), one);
	assert_true(repeat && one->pending);
	id_wait(one, NULL, 8);
	w = id_fail(ids, one);
	assert_int_equal(w->seq, 8);
	assert_null(w->next);
	free(w);
	id_wait(see(ids, "one", 3, &repeat), NULL, 9); /* freed with the rest */
	assert_false(repeat);
	ids_free(&ids);
}

static void
the_oldest_ids_go_when_there_are_too_many(void **state)
{
	struct ids *ids = ids_new(10);
	char text[8];
	bool repeat;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "%u", i);
		id_settle(see(ids, text, 1, &repeat), &(struct answer){0});
	}
	see(ids, "15", 1, &repeat);
	assert_true(repeat);
	see(ids, "5", 1, &repeat);
	assert_false(repeat);
	ids_free(&ids);
}

#define numbered(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

TESTS(numbered(offsets_are_the_shards_and_prev_the_channels),
    numbered(refused_numbers_are_given_again),
    numbered(the_idle_channel_is_forgotten_and_the_floor_says_so),
    numbered(a_channel_with_something_pending_is_not_forgotten),
    numbered(what_a_pattern_lost_is_found_by_what_was_published_since),
    unit(a_mark_sees_repeats_and_remembers_16384_answers),
    unit(what_an_earlier_life_answered_is_known_and_nothing_else),
    unit(numbers_may_begin_anywhere),
    unit(a_publisher_is_forgotten_minutes_after_its_link),
    unit(an_id_is_remembered_for_five_minutes),
    unit(a_repeat_of_a_pending_one_waits_and_a_failure_forgets),
    unit(the_oldest_ids_go_when_there_are_too_many))

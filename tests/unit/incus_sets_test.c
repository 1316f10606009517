/* incus_sets_test.c - what a hub tells Redis of Incus' clients, and when. */
#include "tests/unit/incus_sets_world.h"

static void
begin(struct world *w)
{
	pass(w, 0);
	asked(w, VERB_incus_begin, "");
	pass(w, 0);
}

static void
it_begins_before_it_tells_what_is_so(void **state)
{
	struct world *w = *state;
	struct incus_stay *a = come(w, "ann"), *b = come(w, "ann");

	pass(w, 0);
	assert_int_equal(w->verb, VERB_incus_begin);
	answer_with(w, CODE_ok, "7"); /* so much is to be forgotten yet */
	w->verb = VERB_none;
	begin(w);
	asked(w, VERB_incus_sets, "4:uann1:2");
	assert_int_equal(stats_get(STAT_incus_sets_waiting), 0);
	incus_stay_end(w->sets, &a);
	pass(w, 250);
	asked(w, VERB_incus_sets, "4:uann1:1");
	incus_stay_end(w->sets, &b);
	pass(w, 250);
	asked(w, VERB_incus_sets, "4:uann1:0");
	assert_null(b);
}

static void
who_goes_and_comes_back_at_once_is_not_told(void **state)
{
	struct world *w = *state;
	struct incus_stay *a;

	begin(w);
	for (int i = 0; i < 1000; i++) {
		char user[16];

		snprintf(user, sizeof(user), "u%d", i);
		a = come(w, user);
		incus_stay_page(w->sets, a, SLICE("/p"));
		incus_stay_present(w->sets, a, slice_of(user));
		incus_stay_end(w->sets, &a);
	}
	assert_int_equal(stats_get(STAT_incus_sets_waiting), 0);
	pass(w, 1000);
	assert_int_equal(w->asks, 1);
}

static void
a_page_is_left_for_another(void **state)
{
	struct world *w = *state;
	struct incus_stay *a;

	begin(w);
	a = come(w, "ann");
	incus_stay_page(w->sets, a, SLICE("/p"));
	assert_true(slice_is(incus_stay_user(a), "ann"));
	assert_true(slice_is(incus_stay_on(a), "/p"));
	pass(w, 250);
	asked(w, VERB_incus_sets, "4:uann1:13:p/p1:1");
	incus_stay_page(w->sets, a, SLICE("/p"));
	pass(w, 250);
	assert_int_equal(w->verb, VERB_none);
	incus_stay_page(w->sets, a, SLICE("/q"));
	pass(w, 250);
	asked(w, VERB_incus_sets, "3:p/q1:13:p/p1:0");
	incus_stay_end(w->sets, &a);
	pass(w, 250);
	asked(w, VERB_incus_sets, "3:p/q1:04:uann1:0");
}

static void
who_is_present_is_told_again_and_again(void **state)
{
	struct world *w = *state;
	struct incus_stay *a;

	begin(w); /* at 5 s */
	a = come(w, "ann");
	incus_stay_present(w->sets, a, SLICE("s1"));
	pass(w, 250);
	asked(w, VERB_incus_sets, "4:uann1:13:hs114:1700000005 ann");
	pass(w, 1000);
	incus_stay_present(w->sets, a, SLICE("s1")); /* says so again */
	pass(w, 250);
	asked(w, VERB_incus_sets, "3:hs114:1700000006 ann");
	pass(w, 18500); /* the sweep, before it is old */
	asked(w, VERB_incus_sweep, "");
	pass(w, 0);
	assert_int_equal(w->verb, VERB_none);
	pass(w, 20000);
	asked(w, VERB_incus_sweep, "");
	pass(w, 0);
	asked(w, VERB_incus_sets, "3:hs114:1700000045 ann");
	incus_stay_absent(w->sets, a);
	pass(w, 250);
	asked(w, VERB_incus_sets, "3:hs10:");
	incus_stay_absent(w->sets, a);
	incus_stay_end(w->sets, &a);
	pass(w, 250);
	asked(w, VERB_incus_sets, "4:uann1:0");
}

static void
what_was_not_done_is_told_as_it_is_then(void **state)
{
	struct world *w = *state;
	struct incus_stay *a, *b;
	uint64_t ref;

	begin(w);
	a = come(w, "ann");
	b = come(w, "bob");
	pass(w, 250);
	answer_with(w, CODE_unavailable, "");
	incus_stay_end(w->sets, &a); /* Redis never heard of her */
	assert_int_equal(stats_get(STAT_incus_sets_waiting), 1);
	pass(w, 250);
	assert_string_equal(w->value.p, "4:ubob1:1");
	ref = w->ref;
	incus_stay_end(w->sets, &b);
	answer_with(w, CODE_timeout, ""); /* it may have */
	pass(w, 500);
	assert_string_equal(w->value.p, "4:ubob1:0");
	incus_sets_told(w->sets,
	    &(struct msg_told_redis){
		.ref = ref, .kind = REDIS_IS_NUMBER, .value = SLICE("1")});
	assert_int_equal(stats_get(STAT_incus_sets_waiting), 1);
	asked(w, VERB_incus_sets, "4:ubob1:0");
	assert_int_equal(stats_get(STAT_incus_sets_waiting), 0);
}

static void
silence_and_errors_are_doubts(void **state)
{
	struct world *w = *state;
	struct incus_stay *a;

	begin(w);
	a = come(w, "ann");
	pass(w, 250);
	pass(w, INCUS_SETS_LATE_MS);
	incus_stay_end(w->sets, &a);
	pass(w, 250);
	assert_string_equal(w->value.p, "4:uann1:0");
	incus_sets_told(w->sets,
	    &(struct msg_told_redis){
		.ref = w->ref, .kind = REDIS_IS_ERROR, .value = SLICE("OOM")});
	pass(w, 500);
	assert_int_equal(w->asks, 4);
	incus_sets_lost(w->sets);
	pass(w, 1000);
	assert_int_equal(w->asks, 5);
	asked(w, VERB_incus_sets, "4:uann1:0");
}

static void
while_nobody_can_be_asked_only_the_difference_is_kept(void **state)
{
	struct world *w = *state;
	struct incus_stay *a, *b;
	uint64_t began = w->now;

	w->away = true;
	pass(w, 60000);
	a = come(w, "ann");
	for (int i = 0; i < 1000; i++) {
		b = come(w, "bob");
		incus_stay_page(w->sets, b, SLICE("/p"));
		incus_stay_end(w->sets, &b);
	}
	assert_int_equal(stats_get(STAT_incus_sets_waiting), 1);
	pass(w, 60000);
	assert_int_equal(w->asks, 0);
	assert_in_range(w->step - w->now, 0, 5000); /* it goes on trying */
	w->away = false;
	incus_sets_again(w->sets);
	begin(w);
	assert_int_equal(w->now - began, 120000); /* and at once when told */
	asked(w, VERB_incus_sets, "4:uann1:1");
	incus_stay_end(w->sets, &a);
}

static void
who_is_forgotten_begins_another_life_and_says_all(void **state)
{
	struct world *w = *state;
	struct incus_stay *a, *b;
	char life[32];

	begin(w);
	a = come(w, "ann");
	b = come(w, "bob");
	incus_stay_present(w->sets, a, SLICE("s"));
	pass(w, 250);
	snprintf(
	    life, sizeof(life), "%.*s", (int)strcspn(w->field, ":"), w->field);
	asked(w, VERB_incus_sets, "4:uann1:14:ubob1:12:hs14:1700000005 ann");
	incus_stay_end(w->sets, &b);
	pass(w, 250);
	answer_with(w, CODE_ok, "0");
	assert_int_equal(w->asks, 3);
	pass(w, 250);
	assert_int_equal(w->verb, VERB_incus_begin);
	assert_string_not_equal(w->field, life);
	begin(w);
	assert_int_equal(w->verb, VERB_incus_sets);
	assert_null(strstr(w->value.p, "bob"));
	assert_non_null(strstr(w->value.p, "4:uann1:1"));
	assert_non_null(strstr(w->value.p, "2:hs14:1700000005 ann"));
	incus_stay_end(w->sets, &a);
}

static void
lists_are_bounded_and_follow_each_other(void **state)
{
	struct world *w = *state;
	struct incus_stay *all[500];
	char user[16];

	begin(w);
	for (size_t i = 0; i < LENGTH(all); i++) {
		snprintf(user, sizeof(user), "u%zu", i);
		all[i] = come(w, user);
	}
	pass(w, 250);
	for (int i = 0; i < 2; i++) {
		answer_with(w, CODE_ok, "1");
		pass(w, i == 0 ? 0 : 250); /* what is left is not much */
	}
	assert_int_equal(w->asks, 1 + 3);
	assert_int_equal(stats_get(STAT_incus_sets_waiting), 100);
	answer_with(w, CODE_ok, "1");
	assert_int_equal(stats_get(STAT_incus_sets_waiting), 0);
	for (size_t i = 0; i < LENGTH(all); i++)
		incus_stay_end(w->sets, &all[i]);
}

static void
a_list_of_long_names_ends_sooner(void **state)
{
	struct world *w = *state;
	struct incus_stay *all[200];
	char user[4097];

	begin(w);
	memset(user, 'x', sizeof(user));
	user[sizeof(user) - 1] = '\0';
	for (unsigned i = 0; i < LENGTH(all); i++) {
		user[0] = (char)('A' + i % 20);
		user[1] = (char)('A' + i / 20);
		all[i] = come(w, user);
	}
	pass(w, 250);
	assert_in_range(
	    w->value.n, INCUS_SETS_BYTES, INCUS_SETS_BYTES + 4096 + 64);
	for (unsigned i = 0; i < LENGTH(all); i++)
		incus_stay_end(w->sets, &all[i]);
}

static void
who_leaves_says_so_when_all_is_told(void **state)
{
	struct world *w = *state;
	struct incus_stay *a;

	begin(w);
	a = come(w, "ann");
	pass(w, 250);
	asked(w, VERB_incus_sets, "4:uann1:1");
	incus_stay_end(w->sets, &a);
	assert_false(incus_sets_leave(w->sets));
	pass(w, 0);
	asked(w, VERB_incus_sets, "4:uann1:0");
	assert_false(incus_sets_leave(w->sets));
	pass(w, 0);
	assert_int_equal(w->verb, VERB_incus_end);
	answer_with(w, CODE_ok, "3"); /* by and by */
	pass(w, 0);
	assert_false(incus_sets_leave(w->sets));
	answer_with(w, CODE_ok, "0");
	assert_true(incus_sets_leave(w->sets));
	pass(w, 60000);
	assert_int_equal(w->asks, 5);
}

static void
who_leaves_does_not_wait_for_nobody(void **state)
{
	struct world *w = *state;

	begin(w);
	assert_false(incus_sets_leave(w->sets));
	pass(w, 0);
	assert_int_equal(w->verb, VERB_incus_end);
	answer_with(w, CODE_unavailable, "");
	assert_true(incus_sets_leave(w->sets));
}

TESTS(story(it_begins_before_it_tells_what_is_so),
    story(who_goes_and_comes_back_at_once_is_not_told),
    story(a_page_is_left_for_another),
    story(who_is_present_is_told_again_and_again),
    story(what_was_not_done_is_told_as_it_is_then),
    story(silence_and_errors_are_doubts),
    story(while_nobody_can_be_asked_only_the_difference_is_kept),
    story(who_is_forgotten_begins_another_life_and_says_all),
    story(lists_are_bounded_and_follow_each_other),
    story(a_list_of_long_names_ends_sooner),
    story(who_leaves_says_so_when_all_is_told),
    story(who_leaves_does_not_wait_for_nobody))

/* incus_sets_test.c - what a hub tells Redis of Incus' clients, and what a
 * Redis has of it in the end, whatever became of the asks. */
#include "common/code.h"
#include "common/log.h"
#include "common/must.h"
#include "common/redis_reader.h"
#include "common/stats.h"
#include "common/verb.h"
#include "hub/incus_sets.h"
#include "tests/unit/test.h"

enum { NAMES = 24 };

struct world {
	struct incus_sets_face face;
	struct incus_sets *sets;
	uint64_t now, step; /* ms; when the next step is due */
	bool away;          /* nobody can be asked */
	/* the last ask */
	unsigned asks;
	uint64_t ref;
	enum verb verb;
	char field[128];
	struct buf value;
	/* a Redis */
	char life[32];
	uint64_t last;
	unsigned has[NAMES]; /* sockets of the user of that number */
};

static bool
ask(struct incus_sets_face *f, const struct msg *m)
{
	struct world *w = container_of(f, struct world, face);

	assert_true(slice_is(m->ask_redis.key, "hub.1@here"));
	if (w->away)
		return false;
	w->asks++;
	w->ref = m->ask_redis.ref;
	w->verb = (enum verb)m->ask_redis.verb;
	snprintf(
	    w->field, sizeof(w->field), "%.*s", SLICE_ARGS(m->ask_redis.field));
	buf_clear(&w->value);
	buf_put(&w->value, m->ask_redis.value);
	buf_chr(&w->value, '\0');
	return true;
}

static void
wake(struct incus_sets_face *f, uint64_t ms)
{
	struct world *w = container_of(f, struct world, face);

	w->step = w->now + ms;
}

static uint64_t
now(struct incus_sets_face *f)
{
	return container_of(f, struct world, face)->now;
}

static uint64_t
unix_s(struct incus_sets_face *f)
{
	return 1700000000 + container_of(f, struct world, face)->now / 1000;
}

/* Let so much time pass. */
static void
pass(struct world *w, uint64_t ms)
{
	uint64_t until = w->now + ms;

	while (w->step <= until) {
		w->now = w->step;
		w->step = UINT64_MAX;
		incus_sets_step(w->sets);
	}
	w->now = until;
}

static void
answer_with(struct world *w, enum code code, const char *number)
{
	incus_sets_told(w->sets, &(struct msg_told_redis){.ref = w->ref,
				     .code = code,
				     .kind = REDIS_IS_NUMBER,
				     .value = slice_of(number)});
}

/* The ask was this, and is answered. */
static void
asked(struct world *w, enum verb verb, const char *value)
{
	assert_int_equal(w->verb, verb);
	assert_string_equal(w->value.p, value);
	answer_with(w, CODE_ok, verb == VERB_incus_begin ? "0" : "1");
	w->verb = VERB_none;
}

static int
set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	log_open("test", "stderr", LEVEL_ERR);
	w->now = 5000;
	w->face = (struct incus_sets_face){ask, wake, now, unix_s};
	w->sets = incus_sets_new(&w->face, SLICE("hub.1@here"));
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	incus_sets_free(&w->sets);
	buf_free(&w->value);
	free(w);
	return 0;
}

static void
begin(struct world *w)
{
	pass(w, 0);
	asked(w, VERB_incus_begin, "");
	pass(w, 0);
}

static struct incus_stay *
come(struct world *w, const char *user)
{
	return incus_stay_new(w->sets, slice_of(user));
}

/* ---- One thing each */

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
		char user[8];

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
	struct incus_stay *all[1200];
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
	assert_int_equal(stats_get(STAT_incus_sets_waiting), 200);
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

/* ---- All of them, by chance: a Redis as the scripts of verb.def make it */

static uint64_t chance;

static unsigned
any(unsigned n)
{
	chance = chance * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(chance >> 33) % n;
}

static unsigned
word(const char **at)
{
	char *end, number[16] = "";
	unsigned long n = strtoul(*at, &end, 10);

	assert_int_equal(*end, ':');
	assert_in_range(n, 1, sizeof(number) - 1);
	memcpy(number, end + 1, n);
	*at = end + 1 + n;
	return (unsigned)strtoul(number + (number[0] == 'u'), NULL, 10);
}

/* Do what was asked; what is answered. */
static unsigned
redis_does(struct world *w, const char *field, const char *value)
{
	char life[32];
	unsigned long long done, number;
	int n = sscanf(field, "%31[0-9a-f]:%llu:%llu", life, &done, &number);

	if (n == 1) {
		memcpy(w->life, life, sizeof(life));
		w->last = 0;
		memset(w->has, 0, sizeof(w->has));
		return 0;
	}
	assert_int_equal(n, 3);
	if (strcmp(life, w->life) != 0 || w->last < done)
		return 0;
	if (w->last >= number)
		return 1;
	w->last = number;
	while (*value != '\0') {
		unsigned user = word(&value);

		assert_in_range(user, 0, NAMES - 1);
		w->has[user] = word(&value);
	}
	return 1;
}

/* An ask that is on its way for long, and may be done much later. */
struct late {
	char field[128];
	char *value;
};

static void
any_fate(struct world *w, struct late *late)
{
	char said[16];

	if (any(8) == 0 && late->value == NULL) {
		memcpy(late->field, w->field, sizeof(late->field));
		late->value = strdup(w->value.p);
		incus_sets_lost(w->sets);
		return;
	}
	if (any(6) == 0) { /* not done, and that is known or not */
		answer_with(w, any(2) ? CODE_unavailable : CODE_timeout, "");
		return;
	}
	snprintf(said, sizeof(said), "%u", redis_does(w, w->field, w->value.p));
	if (any(6) == 0)
		incus_sets_lost(w->sets);
	else
		answer_with(w, CODE_ok, said);
}

static void
what_is_late_is_done(struct world *w, struct late *late)
{
	if (late->value != NULL)
		redis_does(w, late->field, late->value);
	free(late->value);
	late->value = NULL;
}

static void
redis_has_what_is_so_in_the_end(void **state)
{
	struct world *w = *state;
	struct incus_stay *stays[200] = {NULL};
	unsigned is[NAMES] = {0}, user[LENGTH(stays)], answered = 0;
	struct late late = {.value = NULL};
	char name[16];

	chance = 42;
	for (unsigned step = 0; step < 60000; step++) {
		unsigned i = any(LENGTH(stays));

		if (stays[i] != NULL) {
			is[user[i]]--;
			incus_stay_end(w->sets, &stays[i]);
		} else if (any(3) == 0) {
			is[user[i] = any(NAMES)]++;
			snprintf(name, sizeof(name), "%u", user[i]);
			stays[i] = come(w, name);
		}
		w->away = any(50) == 0;
		pass(w, any(300));
		if (w->asks != answered) {
			answered = w->asks;
			any_fate(w, &late);
		}
		if (any(40) == 0)
			what_is_late_is_done(w, &late);
		if (any(5000) == 0) { /* it lost all */
			w->life[0] = '\0';
			memset(w->has, 0, sizeof(w->has));
		}
	}
	what_is_late_is_done(w, &late);
	w->away = false;
	for (unsigned quiet = 0; quiet < 200; quiet++) {
		pass(w, 250);
		if (w->asks == answered)
			continue;
		answered = w->asks;
		snprintf(name, sizeof(name), "%u",
		    redis_does(w, w->field, w->value.p));
		answer_with(w, CODE_ok, name);
	}
	for (unsigned i = 0; i < NAMES; i++)
		assert_int_equal(w->has[i], is[i]);
	assert_true(stats_get(STAT_incus_sets_begun) > 5);
	for (unsigned i = 0; i < LENGTH(stays); i++)
		incus_stay_end(w->sets, &stays[i]);
}

#define story(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

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
    story(who_leaves_does_not_wait_for_nobody),
    story(redis_has_what_is_so_in_the_end))

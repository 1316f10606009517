/*
 * core_errand_test.c - what a hub would have Redis do goes to a bridge, and
 * is answered whatever becomes of that one.
 */
#include "tests/unit/store_world.h"

#include "common/verb.h"

enum { MOST = 4096, SOON_MS = 50 };

static void
open_both(struct world *w)
{
	w->other->stage = "bridge";
	open_store(w, "/**=10", 1);
	greet(w, w->hub);
	greet(w, w->other);
}

static void
ask(struct peer *p, uint64_t ref)
{
	peer_send(p, &(struct msg){.id = MSG_ask_redis,
			 .ask_redis = {.ref = ref,
			     .verb = VERB_publish,
			     .key = SLICE("k"),
			     .field = SLICE("f"),
			     .value = SLICE("v")}});
}

/* With one errand that the bridge has. */
static void
open_asked(struct world *w)
{
	open_both(w);
	ask(w->hub, 7);
	await(w, w->other, MSG_ask_redis, 1);
}

static void
greet_second_bridge(struct world *w)
{
	w->publisher->stage = "bridge";
	greet(w, w->publisher);
}

static void
tell(struct peer *p, uint64_t ref, enum code code)
{
	peer_send(p, &(struct msg){.id = MSG_told_redis,
			 .told_redis = {.ref = ref,
			     .code = code,
			     .kind = 4,
			     .value = SLICE("said")}});
}

/* As the bridge knows the n-th it was asked. */
static uint64_t
number(struct world *w, unsigned n)
{
	return peer_nth(w->other, MSG_ask_redis, n)->ask_redis.ref;
}

static void
told(struct world *w, unsigned n, uint64_t ref, enum code code)
{
	const struct msg *m;

	await(w, w->hub, MSG_told_redis, n + 1);
	m = peer_nth(w->hub, MSG_told_redis, n);
	assert_int_equal(m->told_redis.ref, ref);
	assert_int_equal(m->told_redis.code, code);
}

static void
it_goes_to_a_bridge_and_its_answer_comes_back(void **state)
{
	struct world *w = *state;
	const struct msg *m;

	open_both(w);
	ask(w->hub, 7);
	ask(w->hub, 8);
	await(w, w->other, MSG_ask_redis, 2);
	m = peer_nth(w->other, MSG_ask_redis, 0);
	assert_int_equal(m->ask_redis.verb, VERB_publish);
	assert_true(slice_is(m->ask_redis.key, "k"));
	assert_true(slice_is(m->ask_redis.field, "f"));
	assert_true(slice_is(m->ask_redis.value, "v"));
	tell(w->other, number(w, 1), CODE_too_large);
	tell(w->other, number(w, 0), CODE_ok);
	told(w, 0, 8, CODE_too_large);
	told(w, 1, 7, CODE_ok);
	m = peer_nth(w->hub, MSG_told_redis, 1);
	assert_int_equal(m->told_redis.kind, 4);
	assert_true(slice_is(m->told_redis.value, "said"));
}

static void
without_a_bridge_it_is_refused_at_once(void **state)
{
	struct world *w = *state;

	open_store(w, "/**=10", 1);
	greet(w, w->hub);
	greet(w, w->publisher); /* an ingress is none */
	ask(w->hub, 7);
	told(w, 0, 7, CODE_unavailable);
	assert_int_equal(stats_get(STAT_incus_messages_failed), 1);
	peer_send(w->hub,
	    &(struct msg){.id = MSG_ask_redis,
		.ask_redis = {.ref = 8, .verb = VERB_get, .key = SLICE("k")}});
	told(w, 1, 8, CODE_unavailable);
	assert_int_equal(stats_get(STAT_incus_messages_failed), 1);
}

static void
a_bridge_that_dies_leaves_it_in_doubt(void **state)
{
	struct world *w = *state;

	open_both(w);
	ask(w->hub, 7);
	ask(w->hub, 8);
	await(w, w->other, MSG_ask_redis, 2);
	tell(w->other, number(w, 0), CODE_ok);
	told(w, 0, 7, CODE_ok);
	peer_close(w->other);
	told(w, 1, 8, CODE_timeout);
	ask(w->hub, 9);
	told(w, 2, 9, CODE_unavailable);
}

static void
a_bridge_that_is_silent_leaves_it_in_doubt_in_time(void **state)
{
	struct world *w = *state;
	uint64_t from;

	open_both(w);
	w->setup.errand_ms = SOON_MS; /* the core borrows it */
	from = loop_now(w->loop);
	ask(w->hub, 7);
	await(w, w->other, MSG_ask_redis, 1);
	told(w, 0, 7, CODE_timeout);
	assert_true(loop_now(w->loop) >= from + SOON_MS);
	/* what comes later is nobody's */
	tell(w->other, number(w, 0), CODE_ok);
	ask(w->hub, 8);
	await(w, w->other, MSG_ask_redis, 2);
	tell(w->other, number(w, 1), CODE_ok);
	told(w, 1, 8, CODE_ok);
	assert_int_equal(stats_get(STAT_redis_asks_late), 1);
}

static void
who_asked_may_go_and_what_he_asked_is_done_nevertheless(void **state)
{
	struct world *w = *state;

	open_both(w);
	greet(w, w->publisher);
	ask(w->publisher, 7);
	await(w, w->other, MSG_ask_redis, 1);
	peer_close(w->publisher);
	ask(w->hub, 8);
	await(w, w->other, MSG_ask_redis, 2);
	tell(w->other, number(w, 0), CODE_ok);
	tell(w->other, number(w, 1), CODE_ok);
	told(w, 0, 8, CODE_ok);
	assert_int_equal(peer_count(w->hub, MSG_told_redis), 1);
}

static void
who_wants_no_answer_gets_none(void **state)
{
	struct world *w = *state;

	open_both(w);
	ask(w->hub, 0);
	ask(w->hub, 8);
	await(w, w->other, MSG_ask_redis, 2);
	tell(w->other, number(w, 0), CODE_ok);
	tell(w->other, number(w, 1), CODE_ok);
	told(w, 0, 8, CODE_ok);
}

static void
only_the_bridge_that_was_asked_may_answer(void **state)
{
	struct world *w = *state;

	open_asked(w);
	greet_second_bridge(w);
	tell(w->publisher, number(w, 0), CODE_busy);
	ask(w->hub, 8);
	await(w, w->other, MSG_ask_redis, 2);
	tell(w->other, number(w, 1), CODE_ok);
	told(w, 0, 8, CODE_ok);
	tell(w->other, number(w, 0), CODE_ok);
	told(w, 1, 7, CODE_ok);
}

/* Two bridges would do it in any order. */
static void
one_asker_has_one_bridge_as_long_as_anything_is_on_its_way(void **state)
{
	struct world *w = *state;

	open_asked(w);
	greet_second_bridge(w);
	for (uint64_t ref = 8; ref < 12; ref++)
		ask(w->hub, ref);
	await(w, w->other, MSG_ask_redis, 5);
	assert_int_equal(peer_count(w->publisher, MSG_ask_redis), 0);
	peer_close(w->other);
	told(w, 4, 11, CODE_timeout);
	ask(w->hub, 12);
	await(w, w->publisher, MSG_ask_redis, 1);
}

static void
another_asker_is_given_the_bridge_with_the_least_to_do(void **state)
{
	struct world *w = *state;

	open_asked(w);
	greet_second_bridge(w);
	peer_close(w->hub);
	w->hub->boot = 21;
	greet(w, w->hub);
	ask(w->hub, 8);
	await(w, w->publisher, MSG_ask_redis, 1);
}

static void
a_bridge_without_redis_is_the_last_choice(void **state)
{
	struct world *w = *state;

	open_asked(w);
	tell(w->other, number(w, 0), CODE_unavailable);
	told(w, 0, 7, CODE_unavailable);
	greet_second_bridge(w);
	for (uint64_t ref = 8; ref < 12; ref++)
		ask(w->hub, ref);
	await(w, w->publisher, MSG_ask_redis, 4);
	assert_int_equal(peer_count(w->other, MSG_ask_redis), 1);
	peer_close(w->publisher);
	told(w, 4, 11, CODE_timeout);
	ask(w->hub, 12);
	await(w, w->other, MSG_ask_redis, 2);
}

static void
only_so_many_are_on_their_way(void **state)
{
	struct world *w = *state;

	open_both(w);
	for (uint64_t ref = 1; ref <= MOST + 1; ref++)
		ask(w->hub, ref);
	await(w, w->other, MSG_ask_redis, MOST);
	told(w, 0, MOST + 1, CODE_busy);
	tell(w->other, number(w, 0), CODE_ok);
	told(w, 1, 1, CODE_ok);
	ask(w->hub, MOST + 2);
	await(w, w->other, MSG_ask_redis, MOST + 1);
}

static int
end_and_count(void **state)
{
	int rc = tear_down(state);

	assert_int_equal(stats_get(STAT_redis_asks_pending), 0);
	return rc;
}

#define story(f) cmocka_unit_test_setup_teardown(f, set_up, end_and_count)
TESTS(story(it_goes_to_a_bridge_and_its_answer_comes_back),
    story(without_a_bridge_it_is_refused_at_once),
    story(a_bridge_that_dies_leaves_it_in_doubt),
    story(a_bridge_that_is_silent_leaves_it_in_doubt_in_time),
    story(who_asked_may_go_and_what_he_asked_is_done_nevertheless),
    story(who_wants_no_answer_gets_none),
    story(only_the_bridge_that_was_asked_may_answer),
    story(one_asker_has_one_bridge_as_long_as_anything_is_on_its_way),
    story(another_asker_is_given_the_bridge_with_the_least_to_do),
    story(a_bridge_without_redis_is_the_last_choice),
    story(only_so_many_are_on_their_way))

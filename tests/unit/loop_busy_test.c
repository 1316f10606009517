/* loop_busy_test.c - what a loop tells of its turns. */
#include "common/loop.h"
#include "common/must.h"
#include "tests/unit/test.h"

enum { BUSY_US = 20000, IDLE_MS = 60 };

struct world {
	struct loop *loop;
	struct timer busy, end;
	struct loop_busy told;
};

static void
works_long(struct timer *t)
{
	uint64_t until = clock_us() + BUSY_US;

	(void)t;
	while (clock_us() < until)
		continue;
}

static void
ends(struct timer *t)
{
	struct world *w = container_of(t, struct world, end);

	w->told = loop_busy(w->loop);
	loop_stop(w->loop, 0);
}

static void
the_longest_turn_is_told_and_sleep_is_none(void **state)
{
	struct world w = {.loop = loop_new()};

	(void)state;
	timer_init(&w.busy, works_long);
	timer_init(&w.end, ends);
	loop_arm(w.loop, &w.busy, 1);
	loop_arm(w.loop, &w.end, 1 + IDLE_MS);
	loop_run(w.loop);
	assert_true(w.told.turns >= 2);
	assert_true(w.told.longest_us >= BUSY_US);
	assert_int_equal(loop_busy(w.loop).longest_us, 0);
	loop_free(&w.loop);
}

static void
a_loop_that_sleeps_is_not_busy(void **state)
{
	struct world w = {.loop = loop_new()};
	uint64_t began = clock_us();

	(void)state;
	timer_init(&w.end, ends);
	loop_arm(w.loop, &w.end, IDLE_MS);
	loop_run(w.loop);
	/* It slept for most of it, however late it was woken. */
	assert_true(w.told.longest_us < clock_us() - began);
	assert_true(w.told.turns >= 1);
	loop_free(&w.loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_longest_turn_is_told_and_sleep_is_none),
	    cmocka_unit_test(a_loop_that_sleeps_is_not_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

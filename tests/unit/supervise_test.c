/* supervise_test.c - what dies comes back, ever more patiently; what must
 * stop stops. */
#include "common/must.h"
#include "common/supervise.h"
#include "tests/unit/test.h"

static const struct supervise_times times = {100, 10000, 10000, 5000};

/* A child in the wanted state at time 1000. */
static struct supervise
in_state(enum supervise_state state)
{
	static const enum supervise_event path[SUPERVISE_STATES][3] = {
	    [SUPERVISE_STARTING] = {SUPERVISE_TICK},
	    [SUPERVISE_READY] = {SUPERVISE_TICK, SUPERVISE_IS_READY},
	    [SUPERVISE_STOPPING] = {SUPERVISE_TICK, SUPERVISE_STOP},
	    [SUPERVISE_KILLED] = {SUPERVISE_TICK, SUPERVISE_STOP_NOW},
	    [SUPERVISE_FAILED] = {SUPERVISE_TICK, SUPERVISE_REFUSED},
	    [SUPERVISE_STOPPED] = {SUPERVISE_STOP},
	};
	struct supervise s;

	supervise_init(&s, &times, 1000);
	for (size_t i = 0; i < 3 && s.state != state; i++)
		supervise_step(&s, path[state][i], 1000);
	assert_int_equal(s.state, state);
	return s;
}

static void
the_first_tick_starts_it_once(void **state)
{
	struct supervise s;

	(void)state;
	supervise_init(&s, &times, 1000);
	assert_int_equal(s.due, 1000);
	assert_int_equal(
	    supervise_step(&s, SUPERVISE_TICK, 1000), SUPERVISE_START);
	assert_int_equal(s.state, SUPERVISE_STARTING);
	assert_true(s.due == UINT64_MAX);
	assert_int_equal(
	    supervise_step(&s, SUPERVISE_TICK, 2000), SUPERVISE_NOTHING);
	supervise_step(&s, SUPERVISE_IS_READY, 2000);
	assert_int_equal(s.state, SUPERVISE_READY);
}

static void
the_wait_doubles_up_to_its_limit(void **state)
{
	static const unsigned waits[] = {
	    100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000};
	struct supervise s;
	uint64_t now = 1000;

	(void)state;
	supervise_init(&s, &times, now);
	for (size_t i = 0; i < LENGTH(waits); i++) {
		assert_int_equal(
		    supervise_step(&s, SUPERVISE_TICK, now), SUPERVISE_START);
		now += 7;
		supervise_step(&s, SUPERVISE_DIED, now);
		assert_int_equal(s.state, SUPERVISE_WAITING);
		assert_int_equal(s.due, now + waits[i]);
		assert_int_equal(supervise_step(&s, SUPERVISE_TICK, s.due - 1),
		    SUPERVISE_NOTHING);
		now = s.due;
	}
}

static void
a_healthy_life_forgives_former_deaths(void **state)
{
	struct supervise s = in_state(SUPERVISE_READY);

	(void)state;
	s.wait = 3200;
	supervise_step(&s, SUPERVISE_DIED, 1000 + 9999);
	assert_int_equal(s.due, 1000 + 9999 + 3200);
	supervise_step(&s, SUPERVISE_TICK, 20000);
	supervise_step(&s, SUPERVISE_DIED, 20000 + 10000);
	assert_int_equal(s.due, 30000 + 100);
}

static void
what_was_refused_stays_dead_until_somebody_retries(void **state)
{
	struct supervise s = in_state(SUPERVISE_READY);

	(void)state;
	supervise_step(&s, SUPERVISE_REFUSED, 2000);
	assert_int_equal(s.state, SUPERVISE_FAILED);
	assert_true(supervise_over(&s) && s.due == UINT64_MAX);
	assert_int_equal(
	    supervise_step(&s, SUPERVISE_TICK, 999999), SUPERVISE_NOTHING);
	supervise_step(&s, SUPERVISE_RETRY, 3000);
	assert_false(supervise_over(&s));
	assert_int_equal(
	    supervise_step(&s, SUPERVISE_TICK, 3000), SUPERVISE_START);
}

static void
stopping_asks_and_then_kills(void **state)
{
	struct supervise s = in_state(SUPERVISE_READY);

	(void)state;
	assert_int_equal(
	    supervise_step(&s, SUPERVISE_STOP, 2000), SUPERVISE_TERMINATE);
	assert_int_equal(
	    supervise_step(&s, SUPERVISE_STOP, 2500), SUPERVISE_NOTHING);
	assert_int_equal(s.due, 7000);
	assert_int_equal(
	    supervise_step(&s, SUPERVISE_TICK, 6999), SUPERVISE_NOTHING);
	assert_int_equal(
	    supervise_step(&s, SUPERVISE_TICK, 7000), SUPERVISE_KILL);
	assert_int_equal(
	    supervise_step(&s, SUPERVISE_TICK, 9000), SUPERVISE_NOTHING);
	supervise_step(&s, SUPERVISE_DIED, 7001);
	assert_int_equal(s.state, SUPERVISE_STOPPED);
}

/* Each (state, event) pair: where it leads, and what is to be done. */
static void
every_event_in_every_state_has_its_answer(void **state)
{
	enum { W, S, R, G, K, F, E }; /* E has ended: SUPERVISE_STOPPED */
	enum { no = 0, st = 16, te = 32, ki = 48 };
	/* clang-format off */
	static const int want[SUPERVISE_STATES][SUPERVISE_EVENTS] = {
		/*     TICK    READY   DIED    REFUSED RETRY   STOP    NOW */
		[W] = { S|st,  W|no,   W|no,   W|no,   W|no,   E|no,   E|no },
		[S] = { S|no,  R|no,   W|no,   F|no,   S|no,   G|te,   K|ki },
		[R] = { R|no,  R|no,   W|no,   F|no,   R|no,   G|te,   K|ki },
		[G] = { G|no,  G|no,   E|no,   E|no,   G|no,   G|no,   K|ki },
		[K] = { K|no,  K|no,   E|no,   E|no,   K|no,   K|no,   K|no },
		[F] = { F|no,  F|no,   F|no,   F|no,   W|no,   E|no,   E|no },
		[E] = { E|no,  E|no,   E|no,   E|no,   E|no,   E|no,   E|no },
	};
	/* clang-format on */

	(void)state;
	for (int i = 0; i < SUPERVISE_STATES; i++) {
		for (int e = 0; e < SUPERVISE_EVENTS; e++) {
			struct supervise s = in_state((enum supervise_state)i);
			enum supervise_action act =
			    supervise_step(&s, (enum supervise_event)e, 1000);

			assert_int_equal(
			    (int)s.state | (int)act * st, want[i][e]);
		}
	}
}

TESTS(unit(the_first_tick_starts_it_once),
    unit(the_wait_doubles_up_to_its_limit),
    unit(a_healthy_life_forgives_former_deaths),
    unit(what_was_refused_stays_dead_until_somebody_retries),
    unit(stopping_asks_and_then_kills),
    unit(every_event_in_every_state_has_its_answer))

/* wheel_test.c - never early, never forgotten, whatever the distance. */
#include "common/backoff.h"
#include "common/must.h"
#include "common/wheel.h"
#include "tests/unit/cpu.h"
#include "tests/unit/test.h"

static struct wheel *wheel;
static uint64_t now;
static unsigned fired;

struct alarm {
	struct timer timer;
	uint64_t fired_at;
	unsigned times;
};

static void
ring(struct timer *t)
{
	struct alarm *a = container_of(t, struct alarm, timer);

	assert_false(timer_armed(t));
	a->fired_at = now;
	a->times++;
	fired++;
}

static void
advance(uint64_t to)
{
	now = to;
	wheel_advance(wheel, to);
}

static void
start(uint64_t at)
{
	now = at;
	fired = 0;
	wheel = wheel_new(at);
}

/* Starts right before each carry of the digits, as well as nowhere special. */
static const uint64_t starts[] = {0, 1, 255, 256, 65535, 1u << 24, 0xffffffu,
    0xffffffffu, 0x100000000u, 0x1fffffff0u, 123456789012u};

static void
fires_at_its_ms_and_not_before(void **state)
{
	static const uint64_t waits[] = {1, 2, 254, 255, 256, 257, 511, 65535,
	    65536, 65537, 1u << 24, (1u << 24) + 1, UINT32_MAX - 1, UINT32_MAX};

	(void)state;
	for (unsigned s = 0; s < LENGTH(starts); s++) {
		for (unsigned i = 0; i < LENGTH(waits); i++) {
			struct alarm a = {.times = 0};

			start(starts[s]);
			timer_init(&a.timer, ring);
			wheel_arm(wheel, &a.timer, now + waits[i]);
			assert_true(wheel_wait(wheel) <= waits[i]);
			advance(starts[s] + waits[i] - 1);
			assert_int_equal(a.times, 0);
			assert_int_equal(wheel_wait(wheel), 1);
			advance(starts[s] + waits[i]);
			assert_int_equal(a.times, 1);
			assert_true(wheel_wait(wheel) == UINT64_MAX);
			wheel_free(&wheel);
		}
	}
}

static void
following_the_wait_is_never_late(void **state)
{
	enum { N = 500 };
	static struct alarm alarms[N];
	uint64_t seed = 88172645463325252u;

	(void)state;
	memset(alarms, 0, sizeof(alarms));
	start(0xfffffe00u);
	for (unsigned i = 0; i < N; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		timer_init(&alarms[i].timer, ring);
		wheel_arm(wheel, &alarms[i].timer,
		    now + 1 + (seed >> 20) % ((uint64_t)1 << (1 + i % 32)));
	}
	while (wheel_wait(wheel) != UINT64_MAX)
		advance(now + wheel_wait(wheel));
	assert_int_equal(fired, N);
	for (unsigned i = 0; i < N; i++)
		assert_true(alarms[i].fired_at == alarms[i].timer.due);
	wheel_free(&wheel);
}

static void
one_great_leap_fires_all_in_order(void **state)
{
	struct alarm a[4] = {{.times = 0}};
	static const uint64_t due[] = {70000, 3, 300, 20000000};

	(void)state;
	start(0);
	for (unsigned i = 0; i < 4; i++) {
		timer_init(&a[i].timer, ring);
		wheel_arm(wheel, &a[i].timer, due[i]);
	}
	assert_true(wheel_advance_some(wheel, 1u << 30, 1));
	assert_int_equal(a[1].times, 1);
	assert_true(wheel_advance_some(wheel, 1u << 30, 1));
	assert_int_equal(a[2].times, 1);
	assert_true(wheel_advance_some(wheel, 1u << 30, 1));
	assert_int_equal(a[0].times, 1);
	assert_int_equal(a[3].times, 0);
	advance(1u << 30);
	assert_int_equal(a[3].times, 1);
	wheel_free(&wheel);
}

static void
cancelled_and_moved_timers_do_as_told(void **state)
{
	struct alarm a = {.times = 0}, b = {.times = 0};

	(void)state;
	start(1000);
	timer_init(&a.timer, ring);
	timer_init(&b.timer, ring);
	timer_cancel(&a.timer);
	wheel_arm(wheel, &a.timer, 1010);
	wheel_arm(wheel, &b.timer, 1010);
	timer_cancel(&a.timer);
	assert_false(timer_armed(&a.timer));
	wheel_arm(wheel, &b.timer, 5000);
	advance(4999);
	assert_int_equal(fired, 0);
	wheel_arm(wheel, &b.timer, 5001);
	advance(5000);
	assert_int_equal(fired, 0);
	advance(5001);
	assert_int_equal(b.times, 1);
	assert_int_equal(a.times, 0);
	wheel_free(&wheel);
}

static struct alarm victim;

static void
ring_and_change_the_world(struct timer *t)
{
	ring(t);
	timer_cancel(&victim.timer);
	wheel_arm(wheel, t, now); /* due at once: but not in this advance */
}

static void
firing_may_cancel_others_and_arm_itself(void **state)
{
	struct alarm a = {.times = 0};

	(void)state;
	start(10);
	victim = (struct alarm){.times = 0};
	timer_init(&a.timer, ring_and_change_the_world);
	timer_init(&victim.timer, ring);
	wheel_arm(wheel, &a.timer, 20);
	wheel_arm(wheel, &victim.timer, 20);
	advance(30);
	assert_int_equal(a.times, 1);
	assert_int_equal(victim.times, 0);
	assert_int_equal(wheel_wait(wheel), 0);
	advance(30);
	assert_int_equal(a.times, 2);
	timer_cancel(&a.timer);
	wheel_free(&wheel);
}

static void
a_due_time_in_the_past_fires_at_the_next_advance(void **state)
{
	struct alarm a = {.times = 0};

	(void)state;
	start(100);
	timer_init(&a.timer, ring);
	wheel_arm(wheel, &a.timer, 0);
	assert_int_equal(wheel_wait(wheel), 0);
	assert_int_equal(a.times, 0);
	advance(100);
	assert_int_equal(a.times, 1);
	wheel_free(&wheel);
}

static void
a_timer_beyond_the_wheel_is_not_early(void **state)
{
	struct alarm a = {.times = 0};

	(void)state;
	start(5);
	timer_init(&a.timer, ring);
	wheel_arm(wheel, &a.timer, ((uint64_t)3 << 32) + 7);
	while (wheel_wait(wheel) != UINT64_MAX) {
		assert_int_equal(a.times, 0);
		advance(now + wheel_wait(wheel));
	}
	assert_true(a.fired_at == ((uint64_t)3 << 32) + 7);
	wheel_arm(wheel, &a.timer, UINT64_MAX); /* never, practically */
	advance(now + 1000);
	assert_int_equal(a.times, 1);
	wheel_free(&wheel);
}

static void
a_timer_is_small(void **state)
{
	(void)state;
	assert_true(sizeof(struct timer) <= 40);
}

/* Looking at each of them in each ms would take a minute or more. */
static void
a_million_timers_cost_nothing_before_they_are_due(void **state)
{
	enum { MILLION = 1000000, HOUR = 3600000, MS = 10000 };
	struct alarm *all = xcalloc(MILLION, sizeof(*all));
	uint64_t from;

	(void)state;
	start(123456789);
	for (unsigned i = 0; i < MILLION; i++) {
		timer_init(&all[i].timer, ring);
		wheel_arm(wheel, &all[i].timer, now + HOUR + i);
	}
	from = cpu_us();
	for (unsigned i = 0; i < MS; i++)
		advance(now + 1);
	assert_int_equal(fired, 0);
	assert_in_range(cpu_us() - from, 0, 1000000);
	advance(now + HOUR + MILLION);
	assert_int_equal(fired, MILLION);
	wheel_free(&wheel);
	free(all);
}

static void
failures_double_the_wait_and_success_resets_it(void **state)
{
	struct backoff b;

	(void)state;
	backoff_init(&b, 100, 1000);
	assert_int_equal(backoff_failed(&b), 100);
	assert_int_equal(backoff_failed(&b), 200);
	assert_int_equal(backoff_failed(&b), 400);
	assert_int_equal(backoff_failed(&b), 800);
	assert_int_equal(backoff_failed(&b), 1000);
	assert_int_equal(backoff_failed(&b), 1000);
	backoff_worked(&b);
	assert_int_equal(backoff_failed(&b), 100);
	backoff_init(&b, 1, ~0u);
	for (unsigned i = 0; i < 40; i++)
		assert_true(backoff_failed(&b) != 0);
	assert_true(backoff_failed(&b) == ~0u);
}

TESTS(unit(fires_at_its_ms_and_not_before),
    unit(following_the_wait_is_never_late),
    unit(one_great_leap_fires_all_in_order),
    unit(cancelled_and_moved_timers_do_as_told),
    unit(firing_may_cancel_others_and_arm_itself),
    unit(a_due_time_in_the_past_fires_at_the_next_advance),
    unit(a_timer_beyond_the_wheel_is_not_early), unit(a_timer_is_small),
    unit(a_million_timers_cost_nothing_before_they_are_due),
    unit(failures_double_the_wait_and_success_resets_it))

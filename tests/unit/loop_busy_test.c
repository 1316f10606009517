/* loop_busy_test.c - what a loop tells of its turns. */
#include "common/http_date.h"
#include "common/loop.h"
#include "common/must.h"
#include "tests/unit/test.h"

#include <sys/timerfd.h>
#include <unistd.h>

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

struct sleeper {
	struct loop *loop;
	struct watch watch;
	uint64_t now, unix_ms;
};

static void
woken(struct watch *watch, unsigned events)
{
	struct sleeper *s = container_of(watch, struct sleeper, watch);

	(void)events;
	s->now = loop_now(s->loop);
	s->unix_ms = loop_unix_ms(s->loop);
	loop_stop(s->loop, 0);
}

/* Not that from before a long pause: what is to live a second would be too old
 * when it comes. */
static void
who_is_woken_is_told_the_time(void **state)
{
	struct itimerspec rings = {.it_value = {.tv_nsec = IDLE_MS * 1000000}};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct sleeper s = {.loop = loop_new(), .watch = {.ready = woken}};
	uint64_t now = loop_now(s.loop), unix_ms = loop_unix_ms(s.loop);

	(void)state;
	assert_int_equal(timerfd_settime(fd, 0, &rings, NULL), 0);
	loop_watch(s.loop, &s.watch, fd, LOOP_READ);
	loop_run(s.loop);
	assert_true(s.now - now >= IDLE_MS - 1);
	assert_true(s.unix_ms - unix_ms >= IDLE_MS - 1);
	loop_unwatch(s.loop, &s.watch);
	close(fd);
	loop_free(&s.loop);
}

struct dated {
	struct loop *loop;
	struct turn turn;
	struct buf seen; /* the date a turn ago */
};

static bool
looks(struct turn *t)
{
	struct dated *d = container_of(t, struct dated, turn);
	struct buf b = {0};

	buf_str(&b, "Date: ");
	http_date(&b, loop_unix_ms(d->loop) / 1000);
	buf_str(&b, "\r\n");
	assert_true(slice_eq(loop_date(d->loop), buf_slice(&b)));
	if (d->seen.n != 0 && !slice_eq(buf_slice(&b), buf_slice(&d->seen)))
		loop_stop(d->loop, 0);
	buf_free(&d->seen);
	d->seen = b;
	return true; /* at once again */
}

static void
the_date_is_that_of_the_turn_in_every_second(void **state)
{
	struct dated d = {.loop = loop_new(), .turn = {.end = looks}};

	(void)state;
	loop_add_turn(d.loop, &d.turn);
	loop_run(d.loop); /* until it was another */
	buf_free(&d.seen);
	loop_free(&d.loop);
}

TESTS(unit(the_longest_turn_is_told_and_sleep_is_none),
    unit(a_loop_that_sleeps_is_not_busy), unit(who_is_woken_is_told_the_time),
    unit(the_date_is_that_of_the_turn_in_every_second))

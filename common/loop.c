/*
 * loop.c - libev, and nothing else knows it.
 *
 * The turn is ours rather than libev's: hooks must run in a fixed order
 * around the sleep, and the sleep must know whether anybody has work left.
 */
#include "common/loop.h"

#include "common/http_date.h"
#include "common/must.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <ev.h>

struct loop {
	struct ev_loop *ev;
	ev_timer alarm; /* bounds the sleep */
	ev_async first; /* see open_ev */
	int epoll;      /* libev's own, or -1; borrowed */
	struct wheel *wheel;
	struct list turns;
	uint64_t now, unix_ms;
	time_t date_s; /* of the date */
	struct buf date;
	uint64_t us;      /* as now */
	uint64_t woke_us; /* from the last sleep, which may have been none */
	struct loop_busy busy;
	bool stopped;
	int status;
};

_Static_assert(sizeof(ev_io) <= sizeof(((struct watch *)0)->opaque), "watch");
_Static_assert(
    sizeof(ev_signal) <= sizeof(((struct signal_watch *)0)->opaque), "sig");
_Static_assert(sizeof(ev_async) <= sizeof(((struct waker *)0)->opaque), "wake");

uint64_t
clock_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void
write_date(struct loop *l, time_t unix_s)
{
	l->date_s = unix_s;
	buf_clear(&l->date);
	buf_str(&l->date, "Date: ");
	http_date(&l->date, (uint64_t)unix_s);
	buf_str(&l->date, "\r\n");
}

static void
read_clocks(struct loop *l)
{
	struct timespec t;

	l->us = clock_us();
	l->now = l->us / 1000;
	clock_gettime(CLOCK_REALTIME, &t);
	l->unix_ms = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
	if (t.tv_sec != l->date_s)
		write_date(l, t.tv_sec);
}

static void
alarm_rang(struct ev_loop *ev, ev_timer *w, int events)
{
	(void)ev;
	(void)w;
	(void)events;
}

static bool
is_epoll(int fd)
{
	char path[64], what[32];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, what, sizeof(what) - 1);
	what[n > 0 ? n : 0] = '\0';
	return strcmp(what, "anon_inode:[eventpoll]") == 0;
}

static void
woke(struct ev_loop *ev, ev_async *w, int events)
{
	(void)ev;
	(void)w;
	(void)events;
}

/* Signals by a descriptor: a handler would break off whatever the thread is
 * at, and ZeroMQ gives up in the middle of any of its calls then.
 * libev does not tell its epoll descriptor, but it opens it first, so it is
 * the lowest that was free.
 * And it opens what wakes it at the first waker, and ends the process if it
 * cannot: so that is now. */
static void
open_ev(struct loop *l)
{
	int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (lowest >= 0)
		close(lowest);
	l->ev = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV | EVFLAG_SIGNALFD);
	must(l->ev != NULL);
	l->epoll = lowest >= 0 && is_epoll(lowest) ? lowest : -1;
	ev_async_init(&l->first, woke);
	ev_async_start(l->ev, &l->first);
}

static void
falls_asleep(struct ev_loop *ev)
{
	(void)ev;
}

static void
wakes_up(struct ev_loop *ev)
{
	struct loop *l = ev_userdata(ev);

	read_clocks(l); /* for who is called next: it may have been a while */
	l->woke_us = l->us;
}

static void
turn_over(struct loop *l)
{
	uint64_t us = l->us - l->woke_us;

	l->busy.turns++;
	if (us > l->busy.longest_us)
		l->busy.longest_us = us;
}

struct loop_busy
loop_busy(struct loop *l)
{
	struct loop_busy was = l->busy;

	l->busy = (struct loop_busy){0, 0};
	return was;
}

struct loop *
loop_new(void)
{
	struct loop *l = xcalloc(1, sizeof(*l));

	open_ev(l);
	ev_set_userdata(l->ev, l);
	ev_set_loop_release_cb(l->ev, falls_asleep, wakes_up);
	ev_init(&l->alarm, alarm_rang);
	list_init(&l->turns);
	read_clocks(l);
	l->woke_us = l->us;
	l->wheel = wheel_new(l->now);
	return l;
}

void
loop_free(struct loop **lp)
{
	struct loop *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	ev_timer_stop(l->ev, &l->alarm);
	ev_async_stop(l->ev, &l->first);
	wheel_free(&l->wheel);
	buf_free(&l->date);
	ev_loop_destroy(l->ev);
	free(l);
}

static bool
end_turn(struct loop *l)
{
	bool more = false;

	for (struct list *at = l->turns.prev, *prev; at != &l->turns;
	     at = prev) {
		struct turn *t = container_of(at, struct turn, node);

		prev = at->prev;
		if (t->end != NULL && t->end(t))
			more = true;
	}
	return more;
}

static void
work_turn(struct loop *l)
{
	list_each_safe (at, &l->turns) {
		struct turn *t = container_of(at, struct turn, node);

		if (t->work != NULL)
			t->work(t);
	}
}

/* Sleep until something is ready, a timer is due, or not at all. */
static void
sleep_and_serve(struct loop *l, bool busy)
{
	uint64_t wait = wheel_wait(l->wheel);

	if (busy || wait == 0) {
		ev_run(l->ev, EVRUN_NOWAIT);
		return;
	}
	if (wait != UINT64_MAX) {
		ev_now_update(l->ev);
		ev_timer_set(&l->alarm, (double)wait / 1000.0, 0);
		ev_timer_start(l->ev, &l->alarm);
	}
	ev_run(l->ev, EVRUN_ONCE);
	ev_timer_stop(l->ev, &l->alarm);
}

int
loop_run(struct loop *l)
{
	l->stopped = false;
	while (!l->stopped) {
		bool busy = end_turn(l);

		if (l->stopped)
			break;
		read_clocks(l);
		turn_over(l);
		sleep_and_serve(l, busy);
		read_clocks(l);
		wheel_advance(l->wheel, l->now);
		work_turn(l);
	}
	return l->status;
}

void
loop_stop(struct loop *l, int status)
{
	l->stopped = true;
	l->status = status;
}

uint64_t
loop_now(const struct loop *l)
{
	return l->now;
}

uint64_t
loop_unix_ms(const struct loop *l)
{
	return l->unix_ms;
}

struct slice
loop_date(const struct loop *l)
{
	return buf_slice(&l->date);
}

static void
io_ready(struct ev_loop *ev, ev_io *io, int events)
{
	struct watch *w =
	    container_of((uint64_t *)(void *)io, struct watch, opaque[0]);
	unsigned what = 0;

	(void)ev;
	if ((events & EV_READ) != 0)
		what |= LOOP_READ;
	if ((events & EV_WRITE) != 0)
		what |= LOOP_WRITE;
	w->ready(w, what);
}

void
loop_watch(struct loop *l, struct watch *w, int fd, unsigned events)
{
	ev_io *io = (ev_io *)(void *)w->opaque;
	int want = ((events & LOOP_READ) != 0 ? EV_READ : 0) |
	           ((events & LOOP_WRITE) != 0 ? EV_WRITE : 0);

	if (ev_is_active(io)) {
		if (io->fd == fd && (io->events & (EV_READ | EV_WRITE)) == want)
			return;
		ev_io_stop(l->ev, io);
	}
	ev_io_init(io, io_ready, fd, want);
	if (want != 0)
		ev_io_start(l->ev, io);
}

void
loop_unwatch(struct loop *l, struct watch *w)
{
	ev_io *io = (ev_io *)(void *)w->opaque;

	ev_io_stop(l->ev, io);
}

/* libev forgets a descriptor by itself when an event comes that nobody wants,
 * and makes a new epoll when that cannot be done because it is closed. */
void
loop_release(struct loop *l, struct watch *w, int fd)
{
	ev_io *io = (ev_io *)(void *)w->opaque;

	ev_io_stop(l->ev, io);
	if (l->epoll >= 0)
		epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
}

struct wheel *
loop_wheel(struct loop *l)
{
	return l->wheel;
}

void
loop_arm(struct loop *l, struct timer *t, uint64_t in_ms)
{
	wheel_arm(l->wheel, t, l->now + in_ms);
}

void
loop_add_turn(struct loop *l, struct turn *t)
{
	list_append(&l->turns, &t->node);
}

static void
signal_caught(struct ev_loop *ev, ev_signal *s, int events)
{
	struct signal_watch *w =
	    container_of((uint64_t *)(void *)s, struct signal_watch, opaque[0]);

	(void)ev;
	(void)events;
	w->caught(w, s->signum);
}

void
loop_signal(struct loop *l, struct signal_watch *w, int signo)
{
	ev_signal *s = (ev_signal *)(void *)w->opaque;

	ev_signal_init(s, signal_caught, signo);
	ev_signal_start(l->ev, s);
}

static void
async_woken(struct ev_loop *ev, ev_async *a, int events)
{
	struct waker *w =
	    container_of((uint64_t *)(void *)a, struct waker, opaque[0]);

	(void)ev;
	(void)events;
	w->woken(w);
}

void
loop_add_waker(struct loop *l, struct waker *w)
{
	ev_async *a = (ev_async *)(void *)w->opaque;

	w->loop = l;
	ev_async_init(a, async_woken);
	ev_async_start(l->ev, a);
}

void
waker_wake(struct waker *w)
{
	ev_async_send(w->loop->ev, (ev_async *)(void *)w->opaque);
}

void
loop_remove_waker(struct waker *w)
{
	ev_async_stop(w->loop->ev, (ev_async *)(void *)w->opaque);
}

/*
 * redis_world.h - a Redis that says what the test tells it to, over a real
 * socket, and our connection to it on one loop.
 */
#ifndef TESTS_UNIT_REDIS_WORLD_H
#define TESTS_UNIT_REDIS_WORLD_H

#include "common/buf.h"
#include "common/log.h"
#include "common/must.h"
#include "common/net.h"
#include "common/stats.h"
#include "ingress/redis.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WORLD_DEADLINE_MS = 20000, CAME_MAX = 16 };

struct world {
	struct loop *loop;
	struct turn turn;
	struct timer deadline;
	bool late;
	bool (*done)(struct world *);
	const char *wanted;
	size_t count; /* for a done() of the test's */
	/* the server */
	char dir[64], address[96];
	int listener, fd;
	struct watch listening, watch;
	unsigned came;
	uint64_t came_at[CAME_MAX]; /* ms of the loop */
	bool slam;                  /* close whoever comes */
	struct buf got;
	/* ours */
	struct redis *redis;
	struct redis_face face;
	unsigned ups, downs, pushes;
	char pushed[64];
};

static inline bool
world_turn(struct turn *t)
{
	struct world *w = container_of(t, struct world, turn);

	if (w->done != NULL && w->done(w))
		loop_stop(w->loop, 0);
	return false;
}

static inline void
world_late(struct timer *t)
{
	struct world *w = container_of(t, struct world, deadline);

	w->late = true;
	loop_stop(w->loop, 1);
}

static inline bool
world_until(struct world *w, bool (*done)(struct world *))
{
	w->done = done;
	loop_arm(w->loop, &w->deadline, WORLD_DEADLINE_MS);
	loop_run(w->loop);
	timer_cancel(&w->deadline);
	return !w->late;
}
#define until(w, condition) assert_true(world_until(w, condition))

static inline void
server_hang_up(struct world *w)
{
	if (w->fd < 0)
		return;
	loop_unwatch(w->loop, &w->watch);
	close(w->fd);
	w->fd = -1;
}

static inline void
server_read(struct watch *watch, unsigned events)
{
	struct world *w = container_of(watch, struct world, watch);
	char room[4096];
	ssize_t n = read(w->fd, room, sizeof(room));

	(void)events;
	if (n > 0)
		buf_add(&w->got, room, (size_t)n);
	else if (n == 0 || errno != EAGAIN)
		server_hang_up(w);
}

static inline void
server_accept(struct watch *watch, unsigned events)
{
	struct world *w = container_of(watch, struct world, listening);
	int fd = accept4(w->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	if (fd < 0)
		return;
	must(w->came < CAME_MAX);
	w->came_at[w->came++] = loop_now(w->loop);
	if (w->slam) {
		close(fd);
		return;
	}
	server_hang_up(w);
	w->fd = fd;
	loop_watch(w->loop, &w->watch, fd, LOOP_READ);
}

static inline bool
server_heard(struct world *w)
{
	return w->got.n != 0 &&
	       memmem(w->got.p, w->got.n, w->wanted, strlen(w->wanted)) != NULL;
}

/* Wait until the server was told this, and forget all up to it. */
static inline void
server_hear(struct world *w, const char *text)
{
	w->wanted = text;
	if (!world_until(w, server_heard))
		fail_msg("wanted: %s\nheard: %.*s", text, (int)w->got.n,
		    w->got.n != 0 ? w->got.p : "");
	buf_drop(&w->got,
	    (size_t)((char *)memmem(w->got.p, w->got.n, text, strlen(text)) -
		     w->got.p) +
		strlen(text));
}

static inline void
server_say(struct world *w, const char *text)
{
	size_t n = strlen(text);

	assert_int_equal(send(w->fd, text, n, MSG_NOSIGNAL), n);
}

static inline void
face_up(struct redis_face *f)
{
	container_of(f, struct world, face)->ups++;
}

static inline void
face_down(struct redis_face *f)
{
	container_of(f, struct world, face)->downs++;
}

static inline void
face_pushed(struct redis_face *f, const struct redis_reply *r)
{
	struct world *w = container_of(f, struct world, face);
	struct slice text = r->n != 0 ? r->items[r->n - 1].text : r->text;

	w->pushes++;
	snprintf(w->pushed, sizeof(w->pushed), "%.*s", SLICE_ARGS(text));
}

static inline bool
is_up(struct world *w)
{
	return redis_is_up(w->redis) && w->ups == w->count;
}

static inline void
redis_begin(struct world *w, struct redis_setup setup)
{
	setup.loop = w->loop;
	setup.face = &w->face;
	setup.address = w->address;
	setup.label = "test";
	setup.user = setup.user != NULL ? setup.user : "";
	setup.password = setup.password != NULL ? setup.password : "";
	w->redis = redis_new(&setup);
	redis_open(w->redis);
}

/* Greeted without a password: what most tests begin with. */
static inline void
redis_begin_up(struct world *w)
{
	redis_begin(w, (struct redis_setup){.db = 0});
	server_hear(w, "SELECT\r\n$1\r\n0\r\n");
	server_say(w, "+OK\r\n");
	w->count = 1;
	until(w, is_up);
}

static inline int
set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	log_open("test", "stderr", LEVEL_ERR);
	snprintf(w->dir, sizeof(w->dir), "/tmp/redis_test.XXXXXX");
	must(mkdtemp(w->dir) != NULL);
	snprintf(w->address, sizeof(w->address), "unix:%s/redis", w->dir);
	w->loop = loop_new();
	w->turn.end = world_turn;
	loop_add_turn(w->loop, &w->turn);
	timer_init(&w->deadline, world_late);
	w->fd = -1;
	w->listener = net_listen(w->address);
	must(w->listener >= 0);
	w->listening.ready = server_accept;
	w->watch.ready = server_read;
	loop_watch(w->loop, &w->listening, w->listener, LOOP_READ);
	w->face = (struct redis_face){
	    .up = face_up, .down = face_down, .pushed = face_pushed};
	*state = w;
	return 0;
}

static inline int
tear_down(void **state)
{
	struct world *w = *state;

	redis_free(&w->redis);
	server_hang_up(w);
	loop_unwatch(w->loop, &w->listening);
	close(w->listener);
	loop_free(&w->loop);
	unlink(w->address + 5);
	rmdir(w->dir);
	buf_free(&w->got);
	free(w);
	return 0;
}

#define story(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif

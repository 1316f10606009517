/*
 * bus_world.h - a store that answers publishes when told to, a stage that
 * counts, and the loop they share; for tests of the bus.
 */
#ifndef TESTS_UNIT_BUS_WORLD_H
#define TESTS_UNIT_BUS_WORLD_H

#include "common/bus.h"
#include "common/bus_server.h"
#include "common/code.h"
#include "common/must.h"
#include "common/stats.h"
#include "tests/unit/test.h"

#include <unistd.h>

enum { DEADLINE_MS = 20000 }; /* reached by a failure only */

/* A store that answers publishes when told to, and a stage that counts. */
struct world {
	struct loop *loop;
	char dir[64], endpoint[96];
	struct bus_server *server;
	struct bus_server_face server_face;
	struct bus_keys server_keys, keys;
	struct bus_peer *peer; /* the last that said hello */
	unsigned hellos, gones, rooms;
	uint64_t seqs[64]; /* publishes, as they came */
	char bodies[64];   /* the first byte of each */
	unsigned published;
	bool mute;      /* do not answer */
	enum code code; /* the answer */
	struct bus *bus;
	struct bus_face face;
	unsigned ups, downs, frames, want;
	struct turn turn; /* ends the loop when `done` */
	bool (*done)(struct world *);
	struct timer deadline;
	bool late;
	struct timer passed; /* see pass() */
	unsigned turns;
};

struct request {
	struct ticket ticket;
	unsigned answers;
};

static bool
check_done(struct turn *t)
{
	struct world *w = container_of(t, struct world, turn);

	w->turns++;
	if (w->done != NULL && w->done(w))
		loop_stop(w->loop, 0);
	return false;
}

static void
too_late(struct timer *t)
{
	struct world *w = container_of(t, struct world, deadline);

	w->late = true;
	loop_stop(w->loop, 1);
}

#define until(w, cond) assert_true(run_until(w, cond))
static bool
run_until(struct world *w, bool (*done)(struct world *))
{
	w->done = done;
	loop_arm(w->loop, &w->deadline, DEADLINE_MS);
	loop_run(w->loop);
	timer_cancel(&w->deadline);
	return !w->late;
}

static void
time_passed(struct timer *t)
{
	loop_stop(container_of(t, struct world, passed)->loop, 0);
}

/* Let some time pass and count the turns in it, for what must NOT happen. */
static inline void
pass(struct world *w, uint64_t ms)
{
	w->done = NULL;
	w->turns = 0;
	timer_init(&w->passed, time_passed);
	loop_arm(w->loop, &w->passed, ms);
	loop_run(w->loop);
}

static void
server_hello(struct bus_server_face *f, struct bus_peer *p)
{
	struct world *w = container_of(f, struct world, server_face);
	struct msg m = {.id = MSG_owner,
	    .owner = {
		.term = 1, .first = 0, .last = 0, .name = SLICE("store.1")}};

	w->peer = p;
	w->hellos++;
	bus_server_send(w->server, p, &m);
	bus_server_welcome(w->server, p, 1, 0);
}

static void
server_answer(struct world *w, uint64_t seq)
{
	struct msg m = {
	    .id = MSG_published, .published = {.seq = seq, .code = w->code}};

	bus_server_send(w->server, w->peer, &m);
}

static void
server_frame(struct bus_server_face *f, struct bus_peer *p, const struct msg *m)
{
	struct world *w = container_of(f, struct world, server_face);

	(void)p;
	if (m->id != MSG_publish)
		return;
	if (w->published < sizeof(w->bodies) - 1 && m->publish.body.n != 0)
		w->bodies[w->published] = m->publish.body.p[0];
	w->seqs[w->published++ % LENGTH(w->seqs)] = m->publish.seq;
	if (!w->mute)
		server_answer(w, m->publish.seq);
}

static void
server_room_again(struct bus_server_face *f, struct bus_peer *p)
{
	(void)p;
	container_of(f, struct world, server_face)->rooms++;
}

static void
server_gone(struct bus_server_face *f, struct bus_peer *p)
{
	(void)p;
	container_of(f, struct world, server_face)->gones++;
}

static void
stage_up(struct bus_face *f, struct bus_link *l)
{
	(void)l;
	container_of(f, struct world, face)->ups++;
}

static void
stage_down(struct bus_face *f, struct bus_link *l)
{
	(void)l;
	container_of(f, struct world, face)->downs++;
}

static void
stage_frame(struct bus_face *f, struct bus_link *l, const struct msg *m)
{
	(void)l;
	(void)m;
	container_of(f, struct world, face)->frames++;
}

static void
open_server(struct world *w)
{
	const char *why;

	w->server = bus_server_open(&(struct bus_server_setup){.loop = w->loop,
					.keys = w->server_keys,
					.face = &w->server_face,
					.endpoint = w->endpoint,
					.name = "store.1"},
	    &why);
	if (w->server == NULL)
		fail_msg("%s", why);
}

static int
set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	snprintf(w->dir, sizeof(w->dir), "/tmp/bus_test.XXXXXX");
	must(mkdtemp(w->dir) != NULL);
	snprintf(w->endpoint, sizeof(w->endpoint), "ipc://%s/store", w->dir);
	w->loop = loop_new();
	w->turn.end = check_done;
	loop_add_turn(w->loop, &w->turn);
	timer_init(&w->deadline, too_late);
	w->server_face = (struct bus_server_face){.hello = server_hello,
	    .frame = server_frame,
	    .room = server_room_again,
	    .gone = server_gone};
	w->face = (struct bus_face){
	    .up = stage_up, .down = stage_down, .frame = stage_frame};
	*state = w;
	return 0;
}

static inline void
open_bus(struct world *w)
{
	const char *why;

	w->bus = bus_open(&(struct bus_setup){.loop = w->loop,
			      .face = &w->face,
			      .stores = w->endpoint,
			      .stage = "test",
			      .keys = w->keys,
			      .name = "test.1"},
	    &why);
	if (w->bus == NULL)
		fail_msg("%s", why);
}

static int
tear_down(void **state)
{
	struct world *w = *state;
	char path[128];

	bus_close(&w->bus);
	bus_server_close(&w->server);
	loop_free(&w->loop);
	snprintf(path, sizeof(path), "%s/store", w->dir);
	unlink(path);
	rmdir(w->dir);
	free(w);
	return 0;
}

static void
request_answered(struct ticket *t, const struct msg_published *p)
{
	(void)p;
	container_of(t, struct request, ticket)->answers++;
}

static void
publish_text(struct world *w, struct request *r, const char *body)
{
	struct msg m = {.id = MSG_publish,
	    .publish = {
		.channel = SLICE("/a/public/x"), .body = slice_of(body)}};

	*r = (struct request){.ticket = {.answered = request_answered}};
	bus_publish(w->bus, &m, &r->ticket);
}

static inline void
publish(struct world *w, struct request *r)
{
	publish_text(w, r, "1");
}

static bool
is_up(struct world *w)
{
	return bus_ready(w->bus);
}

static inline bool
all_answered(struct world *w)
{
	return bus_unanswered(w->bus) == 0;
}

#define story(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif

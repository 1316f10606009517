/*
 * bus_test.c - a stage and a store over a real socket: links die and come
 * back, and nothing that was published is lost or said twice.
 */
#include "common/bus.h"
#include "common/bus_server.h"
#include "common/code.h"
#include "common/must.h"
#include "common/stats.h"
#include "tests/unit/test.h"

#include <unistd.h>

#include <zmq.h>

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
};

struct request {
	struct ticket ticket;
	unsigned answers;
};

static bool
check_done(struct turn *t)
{
	struct world *w = container_of(t, struct world, turn);

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

static void
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
publish(struct world *w, struct request *r)
{
	struct msg m = {.id = MSG_publish,
	    .publish = {.channel = SLICE("/a/public/x"), .body = SLICE("1")}};

	*r = (struct request){.ticket = {.answered = request_answered}};
	bus_publish(w->bus, &m, &r->ticket);
}

static bool
is_up(struct world *w)
{
	return bus_ready(w->bus);
}

static bool
up_twice(struct world *w)
{
	return w->ups == 2 && bus_ready(w->bus);
}

static bool
all_answered(struct world *w)
{
	return bus_unanswered(w->bus) == 0;
}

static bool
two_came(struct world *w)
{
	return w->published == 2;
}

static bool
peer_is_gone(struct world *w)
{
	return w->gones == 1;
}

static bool
all_delivered(struct world *w)
{
	return w->frames == w->want && w->rooms != 0;
}

static void
a_publish_is_answered(void **state)
{
	struct world *w = *state;
	struct request r[3];

	open_server(w);
	open_bus(w);
	assert_false(bus_can_publish(w->bus));
	until(w, is_up);
	assert_int_equal(bus_shards(w->bus), 1);
	assert_true(bus_can_publish(w->bus));
	for (size_t i = 0; i < LENGTH(r); i++)
		publish(w, &r[i]);
	until(w, all_answered);
	for (size_t i = 0; i < LENGTH(r); i++) {
		assert_int_equal(r[i].answers, 1);
		assert_int_equal(w->seqs[i], i + 1);
	}
}

static void
a_stage_may_start_before_its_store(void **state)
{
	struct world *w = *state;

	open_bus(w);
	w->done = NULL;
	open_server(w);
	until(w, is_up);
	assert_int_equal(w->hellos, 1);
}

static void
unanswered_publishes_are_sent_again_to_a_new_store(void **state)
{
	struct world *w = *state;
	struct request r[3];

	open_server(w);
	open_bus(w);
	until(w, is_up);
	w->mute = true;
	publish(w, &r[0]);
	publish(w, &r[1]);
	until(w, two_came);
	bus_server_close(&w->server);
	w->mute = false;
	open_server(w);
	publish(w, &r[2]);
	until(w, all_answered);
	assert_int_equal(w->ups, 2);
	assert_int_equal(w->downs, 1);
	assert_int_equal(w->published, 5);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(w->seqs[2 + i], i + 1);
		assert_int_equal(r[i].answers, 1);
	}
}

static void
a_stage_that_leaves_says_bye(void **state)
{
	struct world *w = *state;

	open_server(w);
	open_bus(w);
	until(w, is_up);
	bus_leave(w->bus);
	until(w, peer_is_gone);
}

static void
a_full_window_stops_the_store_until_the_stage_reads(void **state)
{
	static char body[65536];
	struct world *w = *state;
	struct msg m = {
	    .id = MSG_deliver, .deliver = {.body = {body, sizeof(body)}}};
	unsigned sent = 0;

	open_server(w);
	open_bus(w);
	until(w, is_up);
	bus_hold(w->bus, true);
	for (; bus_server_room(w->peer); sent++)
		bus_server_send(w->server, w->peer, &m);
	assert_in_range(sent, 60, 70);
	bus_hold(w->bus, false);
	w->want = sent;
	until(w, all_delivered);
	assert_int_equal(w->rooms, 1);
}

static struct bus_socket *
stranger(struct world *w, struct bus_context *c)
{
	const char *why;
	struct bus_socket *s =
	    bus_socket_connect(c, w->endpoint, &(struct bus_keys){0}, &why);

	assert_non_null(s);
	return s;
}

static void
say(struct bus_socket *s, uint64_t n, const struct msg *m)
{
	struct buf b = {0};

	must(buf_room(&b, 64) != NULL);
	b.n = MSG_HEADER;
	msg_header_write(b.p, n, 0);
	msg_encode(&b, m);
	assert_true(bus_socket_send(s, 0, buf_slice(&b)));
}

static uint64_t dropped_before;
static bool
dropped_one(struct world *w)
{
	(void)w;
	return stats_get(STAT_drop_link) == dropped_before + 1;
}

static bool
said_hello(struct world *w)
{
	return w->hellos == 1;
}

static void
a_link_without_hello_is_answered_who(void **state)
{
	struct world *w = *state;
	struct bus_context *c = bus_context_new();
	struct msg beat = {.id = MSG_beat}, got;
	struct bus_socket *s;
	struct bus_packet p;
	const char *why;

	open_server(w);
	s = stranger(w, c);
	dropped_before = stats_get(STAT_drop_link);
	say(s, 1, &beat);
	until(w, dropped_one);
	while (!bus_socket_receive(s, &p))
		;
	assert_true(
	    msg_decode(slice_from(p.bytes, MSG_HEADER), &got, &why) > 0);
	assert_int_equal(got.id, MSG_who);
	bus_packet_free(&p);
	assert_int_equal(w->hellos, 0);
	bus_socket_close(&s);
	bus_context_free(&c);
}

static void
a_hole_in_the_numbers_ends_a_link(void **state)
{
	struct world *w = *state;
	struct bus_context *c = bus_context_new();
	struct msg hello = {.id = MSG_hello,
	    .hello = {.stage = SLICE("t"), .name = SLICE("t.1"), .boot = 9}};
	struct msg beat = {.id = MSG_beat};
	struct bus_socket *s;

	open_server(w);
	s = stranger(w, c);
	say(s, 1, &hello);
	until(w, said_hello);
	say(s, 3, &beat);
	until(w, peer_is_gone);
	bus_socket_close(&s);
	bus_context_free(&c);
}

static void
a_stage_the_store_forgot_comes_back(void **state)
{
	struct world *w = *state;
	struct request r;

	open_server(w);
	open_bus(w);
	until(w, is_up);
	/* the same life by another connection: the store drops the first */
	w->peer->link.seen += 5;
	publish(w, &r);
	until(w, up_twice);
	until(w, all_answered);
	assert_int_equal(r.answers, 1);
}

static void
a_bind_beyond_loopback_needs_keys(void **state)
{
	struct world *w = *state;
	struct bus_server_setup setup = {.loop = w->loop,
	    .face = &w->server_face,
	    .endpoint = "tcp://0.0.0.0:0",
	    .name = "store.1"};
	const char *why = NULL;

	assert_null(bus_server_open(&setup, &why));
	assert_non_null(why);
}

/* Key pairs as people keep them: text. */
struct pair {
	char public[41], secret[41];
};

static struct pair
pair_new(void)
{
	struct pair p;

	must(zmq_curve_keypair(p.public, p.secret) == 0);
	return p;
}

static bool
refused_one(struct world *w)
{
	(void)w;
	return stats_get(STAT_bus_refused) != 0;
}

static void
only_listed_keys_come_in(void **state)
{
	struct world *w = *state;
	struct pair store = pair_new(), friend = pair_new(), other = pair_new();
	struct request r;

	if (zmq_has("curve") == 0)
		skip();
	w->server_keys =
	    (struct bus_keys){.secret = store.secret, .clients = friend.public};
	w->keys = (struct bus_keys){.server = store.public,
	    .public = other.public,
	    .secret = other.secret};
	open_server(w);
	open_bus(w);
	until(w, refused_one);
	assert_int_equal(w->hellos, 0);
	bus_close(&w->bus);
	w->keys.public = friend.public;
	w->keys.secret = friend.secret;
	open_bus(w);
	until(w, is_up);
	publish(w, &r);
	until(w, all_answered);
}

static void
a_key_needs_a_list_of_friends(void **state)
{
	struct world *w = *state;
	struct pair store = pair_new();
	struct bus_server_setup setup = {.loop = w->loop,
	    .face = &w->server_face,
	    .endpoint = w->endpoint,
	    .name = "store.1",
	    .keys = {.secret = store.secret}};
	const char *why = NULL;

	assert_null(bus_server_open(&setup, &why));
	assert_non_null(strstr(why, "bus_clients"));
	setup.keys.clients = "too short";
	assert_null(bus_server_open(&setup, &why));
	assert_non_null(strstr(why, "Z85"));
}

#define story(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
TESTS(story(a_publish_is_answered), story(a_stage_may_start_before_its_store),
    story(unanswered_publishes_are_sent_again_to_a_new_store),
    story(a_stage_that_leaves_says_bye),
    story(a_full_window_stops_the_store_until_the_stage_reads),
    story(a_link_without_hello_is_answered_who),
    story(a_hole_in_the_numbers_ends_a_link),
    story(a_stage_the_store_forgot_comes_back),
    story(a_bind_beyond_loopback_needs_keys), story(only_listed_keys_come_in),
    story(a_key_needs_a_list_of_friends))

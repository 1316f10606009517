/*
 * bus_test.c - a stage and a store over a real socket: links die and come
 * back, and nothing that was published is lost or said twice.
 */
#include "common/bus_link.h"
#include "tests/unit/bus_world.h"

static bool
up_twice(struct world *w)
{
	return w->ups == 2 && bus_ready(w->bus);
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
a_stage_that_leaves_says_all_it_had_to_say(void **state)
{
	struct msg m = {.id = MSG_publish,
	    .publish = {.channel = SLICE("/a/public/x"),
		.body = {xcalloc(1, 1 << 20), 1 << 20}}};
	struct world *w = *state;

	open_server(w);
	open_bus(w);
	until(w, is_up);
	w->mute = true;
	for (unsigned i = 0; i < 3; i++)
		bus_publish(w->bus, &m, NULL);
	bus_leave(w->bus);
	bus_close(&w->bus); /* at once, as at the end of a process */
	until(w, peer_is_gone);
	assert_int_equal(w->published, 3);
	free((char *)(uintptr_t)m.publish.body.p);
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

/* Publishes from inside the call, as a stage with a backlog does. */
static void
fill_again(struct bus_face *f)
{
	struct world *w = container_of(f, struct world, face);

	while (bus_can_publish(w->bus) && w->frames < 3 * OUTBOX_ITEMS) {
		struct msg m = {.id = MSG_publish,
		    .publish = {
			.channel = SLICE("/a/public/x"), .body = SLICE("1")}};

		bus_publish(w->bus, &m, NULL);
		w->frames++;
	}
}

static bool
all_filled(struct world *w)
{
	return w->frames == 3 * OUTBOX_ITEMS && all_answered(w);
}

static void
a_publisher_that_fills_the_bus_when_told_is_told_again(void **state)
{
	struct world *w = *state;

	w->face.publishable = fill_again;
	open_server(w);
	open_bus(w);
	until(w, all_filled);
}

static void
answer_with(struct world *w, uint64_t seq, enum code code)
{
	w->code = code;
	server_answer(w, seq);
	w->code = CODE_ok;
}

static bool
one_parked(struct world *w)
{
	return w->bus->moved.count == 1;
}

static bool
five_came(struct world *w)
{
	return w->published == 5;
}

/* A comes back while B is under way; C is published then.  B comes back at
 * last, and all three go again as they came. */
static void
what_moved_is_published_again_in_order(void **state)
{
	struct world *w = *state;
	struct request a, b, c;

	open_server(w);
	open_bus(w);
	until(w, is_up);
	w->mute = true;
	publish_text(w, &a, "A");
	publish_text(w, &b, "B");
	until(w, two_came);
	answer_with(w, 1, CODE_moved);
	until(w, one_parked);
	publish_text(w, &c, "C");
	assert_int_equal(bus_unanswered(w->bus), 3);
	pass(w, 600); /* B may come back: nothing goes again */
	assert_int_equal(w->published, 2);
	answer_with(w, 2, CODE_moved);
	w->mute = false;
	until(w, five_came);
	until(w, all_answered);
	assert_string_equal(w->bodies, "ABABC");
	assert_int_equal(a.answers + b.answers + c.answers, 3);
}

static bool
answer_waits(struct world *w)
{
	return bus_socket_readable(w->bus->links[0].socket);
}

static bool
link_broke(struct world *w)
{
	return w->bus->links[0].lost || w->downs != 0;
}

static void
answers_that_came_before_the_link_broke_are_heard(void **state)
{
	struct world *w = *state;
	struct request r;

	open_server(w);
	open_bus(w);
	until(w, is_up);
	bus_hold(w->bus, true);
	publish(w, &r);
	until(w, answer_waits);
	bus_server_close(&w->server);
	until(w, link_broke);
	w->mute = true;
	open_server(w);
	bus_hold(w->bus, false);
	until(w, up_twice);
	assert_int_equal(r.answers, 1);
	assert_int_equal(w->published, 1);
	assert_int_equal(bus_unanswered(w->bus), 0);
}

static void
a_stage_that_holds_sleeps_whatever_waits(void **state)
{
	struct msg m = {
	    .id = MSG_deliver, .deliver = {.channel = SLICE("/a/public/x")}};
	struct world *w = *state;

	open_server(w);
	open_bus(w);
	until(w, is_up);
	bus_hold(w->bus, true);
	bus_server_send(w->server, w->peer, &m);
	pass(w, 400);
	assert_in_range(w->turns, 1, 100);
	assert_int_equal(w->frames, 0);
}

TESTS(story(a_publish_is_answered), story(a_stage_may_start_before_its_store),
    story(unanswered_publishes_are_sent_again_to_a_new_store),
    story(a_stage_that_leaves_says_all_it_had_to_say),
    story(a_full_window_stops_the_store_until_the_stage_reads),
    story(a_link_without_hello_is_answered_who),
    story(what_moved_is_published_again_in_order),
    story(answers_that_came_before_the_link_broke_are_heard),
    story(a_stage_that_holds_sleeps_whatever_waits),
    story(a_hole_in_the_numbers_ends_a_link),
    story(a_stage_the_store_forgot_comes_back),
    story(a_publisher_that_fills_the_bus_when_told_is_told_again))

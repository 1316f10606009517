/*
 * bus_test.c - a stage and a store over a real socket: links die and come
 * back, and nothing that was published is lost or said twice.
 */
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

static bool
down_before_a_beat(struct world *w)
{
	return w->downs == 1;
}

/* Within the first beat: silence alone would take four. */
static void
a_store_that_died_is_noticed_at_once(void **state)
{
	struct world *w = *state;

	open_server(w);
	open_bus(w);
	until(w, is_up);
	w->sent_before = stats_get(STAT_bus_messages_out);
	bus_server_close(&w->server);
	until(w, down_before_a_beat);
	/* only the new hello went out since */
	assert_in_range(
	    stats_get(STAT_bus_messages_out) - w->sent_before, 1, 2);
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

TESTS(story(a_publish_is_answered), story(a_stage_may_start_before_its_store),
    story(unanswered_publishes_are_sent_again_to_a_new_store),
    story(a_store_that_died_is_noticed_at_once),
    story(a_stage_that_leaves_says_bye),
    story(a_full_window_stops_the_store_until_the_stage_reads),
    story(a_link_without_hello_is_answered_who),
    story(a_hole_in_the_numbers_ends_a_link),
    story(a_stage_the_store_forgot_comes_back))

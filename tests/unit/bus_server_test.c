/*
 * bus_server_test.c - peers that die at the worst moment: while the store
 * sends to them, or walks over them.
 */
#include "common/bus_link.h"
#include "tests/unit/bus_world.h"

enum { STRANGERS = 3 };

struct strangers {
	struct bus_context *context;
	struct bus_socket *sockets[STRANGERS];
};

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

static void
open_strangers(struct world *w, struct strangers *all)
{
	const char *why;

	all->context = bus_context_new();
	for (unsigned i = 0; i < STRANGERS; i++) {
		struct msg hello = {.id = MSG_hello,
		    .hello = {.stage = SLICE("t"),
			.name = SLICE("t.1"),
			.boot = 100 + i}};

		all->sockets[i] = bus_socket_connect(
		    all->context, w->endpoint, &(struct bus_keys){0}, &why);
		assert_non_null(all->sockets[i]);
		say(all->sockets[i], 1, &hello);
	}
}

static bool
all_said_hello(struct world *w)
{
	return w->hellos == STRANGERS;
}

static void
kill_strangers(struct strangers *all)
{
	for (unsigned i = 0; i < STRANGERS; i++)
		bus_socket_close(&all->sockets[i]);
	bus_context_free(&all->context);
}

/* A message that leaves at once, because it is as large as one may get. */
static void
send_large(struct world *w, struct bus_peer *p)
{
	static char bytes[LINK_MESSAGE_BYTES];
	struct msg m = {
	    .id = MSG_deliver, .deliver = {.body = {bytes, sizeof(bytes)}}};

	bus_server_send(w->server, p, &m);
}

/* Whoever hears that one is gone tells all others so, as a store tells who
 * waits: then these are found dead as well. */
static void
gone_tells_all(struct bus_server_face *f, struct bus_peer *p)
{
	struct world *w = container_of(f, struct world, server_face);

	(void)p;
	w->gones++;
	for (struct bus_peer *to = bus_server_next(w->server, NULL); to != NULL;
	     to = bus_server_next(w->server, to))
		send_large(w, to);
}

static bool
all_gone(struct world *w)
{
	return w->gones == STRANGERS;
}

static void
many_that_die_at_once_are_each_gone_once(void **state)
{
	struct strangers all;
	struct world *w = *state;

	w->server_face.gone = gone_tells_all;
	open_server(w);
	open_strangers(w, &all);
	until(w, all_said_hello);
	kill_strangers(&all);
	until(w, all_gone);
	assert_null(bus_server_next(w->server, NULL));
}

static bool
peer_is_gone(struct world *w)
{
	return w->gones == 1;
}

/* The store walks over all peers and sends to one that is dead: it is not
 * gone before the walk is over. */
static void
a_walk_survives_the_death_of_whom_it_tells(void **state)
{
	struct strangers all;
	struct world *w = *state;
	unsigned walked = 0;

	open_server(w);
	open_strangers(w, &all);
	until(w, all_said_hello);
	kill_strangers(&all);
	for (unsigned tries = 0; tries < 1000000 && walked == 0; tries++) {
		struct bus_peer *first = bus_server_next(w->server, NULL);

		send_large(w, first);
		if (!first->dead)
			continue;
		for (struct bus_peer *p = first; p != NULL;
		     p = bus_server_next(w->server, p))
			walked++;
	}
	assert_int_equal(walked, STRANGERS);
	assert_int_equal(w->gones, 0);
	until(w, all_gone);
}

/* Said before it died, and heard although an answer to it finds it dead. */
static void
what_a_peer_said_before_it_died_is_heard(void **state)
{
	struct msg m = {.id = MSG_publish,
	    .publish = {.channel = SLICE("/a/public/x"),
		.body = {xcalloc(1, 1 << 20), 1 << 20}}};
	struct world *w = *state;

	open_server(w);
	open_bus(w);
	until(w, is_up);
	for (unsigned i = 0; i < 8; i++)
		bus_publish(w->bus, &m, NULL);
	bus_leave(w->bus);
	bus_close(&w->bus);
	until(w, peer_is_gone);
	assert_int_equal(w->published, 8);
	free((char *)(uintptr_t)m.publish.body.p);
}

TESTS(story(many_that_die_at_once_are_each_gone_once),
    story(a_walk_survives_the_death_of_whom_it_tells),
    story(what_a_peer_said_before_it_died_is_heard))

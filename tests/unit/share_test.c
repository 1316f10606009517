/* share_test.c - what many clients of a hub have in common is made once, and
 * what they must not do at once is spread. */
#include "hub/conn.h"
#include "hub/drain.h"
#include "tests/unit/hub_world.h"

enum { CLIENTS = 3, BODY = 900000 };

#define OFFER "Sec-WebSocket-Extensions: permessage-deflate\r\n"

/* All owe something that their sockets did not take. */
static bool
all_are_owed(struct world *w)
{
	size_t n = 0;

	list_each (at, &w->hub.conns)
		n += !out_empty(&container_of(at, struct conn, node)->out);
	return n == CLIENTS;
}

/* Letters that pack to three quarters, and no further. */
static char *
noise(void)
{
	char *body = xcalloc(1, BODY + 1);
	uint32_t x = 1;

	for (size_t i = 0; i < BODY; i++) {
		x = x * 1664525 + 1013904223;
		body[i] = (char)('0' + (x >> 24) % 10);
	}
	body[0] = '1';
	return body;
}

static void
a_message_is_packed_once_for_all(void **state)
{
	struct world *w = *state;
	struct run *run = NULL;
	char *body = noise();
	int fds[CLIENTS];

	for (unsigned i = 0; i < CLIENTS; i++) {
		fds[i] = client_ws(w, "/v1/ws", OFFER);
		say_text(fds[i], "{\"op\":\"subscribe\","
				 "\"channel\":\"/demo/public/x\"}");
		hear(w, fds[i], "\"ok\":true");
	}
	world_message(w, "/demo/public/x", body);
	until(w, all_are_owed);
	list_each (at, &w->hub.conns) {
		struct conn *c = container_of(at, struct conn, node);

		assert_true(run == NULL || c->out.first.run == run);
		run = c->out.first.run;
	}
	assert_true(run->bytes.n < BODY * 3 / 4);
	for (unsigned i = 0; i < CLIENTS; i++)
		close(fds[i]);
	free(body);
}

static unsigned long
told_to_wait(struct world *w, int fd)
{
	hear(w, fd, "\x03\xf4{\"reconnect\":");
	return strtoul(hear(w, fd, "}"), NULL, 10);
}

static void
who_is_sent_away_comes_back_at_different_times(void **state)
{
	struct world *w = *state;
	unsigned long most = 0, least = 1000;
	int fds[20];

	for (unsigned i = 0; i < LENGTH(fds); i++)
		fds[i] = client_ws(w, "/v1/ws", "");
	w->hub.d.draining = true;
	drain_begin(&w->hub);
	for (unsigned i = 0; i < LENGTH(fds); i++) {
		unsigned long ms = told_to_wait(w, fds[i]);

		most = ms > most ? ms : most;
		least = ms < least ? ms : least;
		close(fds[i]);
	}
	assert_in_range(most, least + 200, 1000);
}

/* One of them was sent away: its state says so. */
static bool
one_is_closing(struct world *w)
{
	list_each (at, &w->hub.conns)
		if (container_of(at, struct conn, node)->state != CONN_OPEN)
			return true;
	return false;
}

static void
not_all_are_sent_away_at_once(void **state)
{
	struct world *w = *state;
	unsigned open = 0;
	int fds[20];

	w->hub.limits.spread = 1000000;
	for (unsigned i = 0; i < LENGTH(fds); i++)
		fds[i] = client_ws(w, "/v1/ws", "");
	w->hub.d.draining = true;
	drain_begin(&w->hub);
	w->hub.drain_began -= 100000; /* a tenth of the time has passed */
	until(w, one_is_closing);
	list_each (at, &w->hub.conns)
		open += container_of(at, struct conn, node)->state == CONN_OPEN;
	assert_in_range(open, 16, 18);
	w->hub.limits.spread = 0;
	for (unsigned i = 0; i < LENGTH(fds); i++) {
		told_to_wait(w, fds[i]);
		close(fds[i]);
	}
}

TESTS(story(a_message_is_packed_once_for_all),
    story(who_is_sent_away_comes_back_at_different_times),
    story(not_all_are_sent_away_at_once))

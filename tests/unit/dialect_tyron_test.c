/* dialect_tyron_test.c - polls of Tyron in a hub: one message each, nothing
 * left behind, and the same in another hub. */
#include "common/routes.h"
#include "common/stats.h"
#include "hub/state.h"
#include "tests/unit/hub_world.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define C         "/tyron/public/c"

static int
tyron_up(void **state)
{
	int failed = set_up(state);
	struct world *w = *state;

	w->hub.limits.personas = PERSONA_SET(tyron);
	w->hub.limits.tyron = (struct tyron_rules){.text = SLICE("text/plain"),
	    .timeout = 10000,
	    .prefix = SLICE(TYRON_CHANNEL)};
	return failed;
}
#define polls(f) cmocka_unit_test_setup_teardown(f, tyron_up, tear_down)

static bool
nobody_is_left(struct world *w)
{
	return w->hub.conns_n == 0;
}

static bool
two_are_there(struct world *w)
{
	return stats_get(STAT_subscriptions) == 2 && w->joins != 0;
}

static struct conn *
only_conn(struct world *w)
{
	return container_of(w->hub.conns.next, struct conn, node);
}

static void
each_poll_takes_one_message(void **state)
{
	struct world *w = *state;
	uint64_t left = stats_get(STAT_drop_left);
	int fd = client(w);

	say(fd, GET("/c/") GET("/c/"));
	until(w, world_joined);
	world_message(w, C, "\"one\"");
	world_message(w, C, "\"two\"");
	hear(w, fd, "200 OK\r\n");
	hear(w, fd, "Content-Length: 3\r\n");
	hear(w, fd, "\r\n\r\none");
	assert_int_equal(stats_get(STAT_drop_left), left + 1);
	world_message(w, C, "\"three\"");
	hear(w, fd, "\r\n\r\nthree");
	close(fd);
	until(w, nobody_is_left);
}

static void
polls_of_another_prefix_hear_what_stands_there(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	w->hub.limits.tyron.prefix = SLICE("/incus/public/page/");
	say(fd, GET("/a/b/"));
	until(w, world_joined);
	world_message(w, "/incus/public/page/a%2Fb", "{\"event\":1}");
	hear(w, fd, "Content-Type: application/json; charset=UTF-8\r\n");
	hear(w, fd, "\r\n\r\n{\"event\":1}");
	close(fd);
}

static void
who_leaves_leaves_no_trace(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	say(fd, GET("/c/"));
	until(w, world_joined);
	assert_int_equal(stats_get(STAT_subscriptions), 1);
	close(fd);
	until(w, nobody_is_left);
	assert_int_equal(stats_get(STAT_subscriptions), 0);
}

static void
a_poll_ends_with_nothing_before_its_time(void **state)
{
	struct world *w = *state;
	int fd = client(w);
	uint64_t began = loop_now(w->hub.d.loop);

	w->hub.limits.tyron.timeout = 1200;
	say(fd, GET("/c/"));
	hear(w, fd, "200 OK\r\n");
	hear(w, fd, "Content-Length: 0\r\n");
	hear(w, fd, "\r\n\r\n");
	assert_in_range(loop_now(w->hub.d.loop) - began, 200, 1200);
	w->hub.limits.tyron.timeout = 0;
	say(fd, GET("/c/") GET("/c/"));
	hear(w, fd, "200 OK\r\n");
	hear(w, fd, "200 OK\r\n");
	assert_int_equal(w->joins, 1);
	close(fd);
}

static void
a_hole_ends_no_poll(void **state)
{
	struct world *w = *state;
	struct msg gap = {.id = MSG_gap,
	    .gap = {.epoch = 5,
		.from = 0,
		.to_epoch = 5,
		.to = 1,
		.reason = GAP_TRIMMED}};
	int fd = client(w);

	say(fd, GET("/c/"));
	until(w, world_joined);
	gap.gap.generation = w->join;
	bus_server_send(w->server, w->peer, &gap);
	world_message(w, C, "7");
	hear(w, fd, "\r\n\r\n7");
	close(fd);
}

static void
a_refusal_is_told_in_tyrons_words(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	w->answer = CODE_full;
	say(fd, GET("/c/"));
	hear(w, fd, "507 Insufficient Storage\r\nConnection: close\r\n");
	hear(w, fd, "<html><title>507: Insufficient Storage</title>");
	hear(w, fd, NULL);
	close(fd);
}

static void
a_drain_answers_all_and_takes_none(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	say(fd, GET("/c/"));
	until(w, world_joined);
	drain_begin(&w->hub);
	hear(w, fd, "200 OK\r\nConnection: close\r\n");
	hear(w, fd, NULL);
	close(fd);
}

static void
a_poll_is_answered_by_another_hub(void **state)
{
	struct world *w = *state;
	struct buf first = {0}, second = {0};
	int fd = client(w), other[2];
	struct conn *c;

	say(fd, "GET /c/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
		"If-None-Match: \"0\"\r\n\r\n");
	until(w, world_joined);
	assert_true(state_save(only_conn(w), &first));
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		 other) == 0);
	c = conn_open(&w->hub, &(struct conn_offer){.fd = other[1]});
	assert_null(state_load(c, buf_slice(&first)));
	until(w, two_are_there);
	assert_true(state_save(c, &second));
	assert_int_equal(first.n, second.n);
	world_message(w, C, "\"x\"");
	hear(w, other[0], "Connection: close\r\n");
	hear(w, other[0],
	    "Etag: \"11f6ad8ec52a2984abaafd7c3b516503785c2072\"\r\n");
	hear(w, other[0], "\r\n\r\nx");
	hear(w, other[0], NULL);
	buf_free(&first);
	buf_free(&second);
	close(fd);
	close(other[0]);
}

TESTS(polls(each_poll_takes_one_message),
    polls(polls_of_another_prefix_hear_what_stands_there),
    polls(who_leaves_leaves_no_trace),
    polls(a_poll_ends_with_nothing_before_its_time), polls(a_hole_ends_no_poll),
    polls(a_refusal_is_told_in_tyrons_words),
    polls(a_drain_answers_all_and_takes_none),
    polls(a_poll_is_answered_by_another_hub))

/*
 * door_test.c - sockets go to hubs that can take them, with every byte that
 * was read, and come back.
 */
#include "tests/unit/door_guest.h"

static void
a_listener_is_passed_with_what_was_read(void **state)
{
	struct house *h = *state;
	struct guest g;

	door_at(h, 0);
	visit(h, &g);
	offer(&g, "hub.1", 1);
	h->count = 1;
	until(h, a_hub_is_here);
	dial_as(h, (struct client_setup){.secure = true});
	say(h, SSE "more");
	receive_soon(h, &g);
	assert_true(g.got >= 0);
	assert_true(slice_is(g.m.pass.bytes, SSE "more"));
	assert_true(slice_is(g.m.pass.listener, "4000"));
	assert_true(slice_is(g.m.pass.address, "::"));
	assert_int_equal(g.m.pass.secure, 1);
	assert_int_equal(write(g.got, "hello", 5), 5);
	hear(h, "hello");
	assert_int_equal(h->front.nclients, 0);
	leave(&g);
}

static void
what_is_owed_is_answered_before_the_socket_goes(void **state)
{
	struct house *h = *state;
	struct guest g;

	open_all(h);
	h->mute = true;
	door_at(h, 0);
	visit(h, &g);
	offer(&g, "hub.1", 1);
	h->count = 1;
	until(h, a_hub_is_here);
	dial(h);
	say(h, POST "Content-Length: 37\r\n\r\n"
		    "{\"channel\":\"/demo/public/x\",\"data\":1}" SSE);
	few_turns(h);
	assert_false(receive(&g));
	while (h->published == 0)
		few_turns(h);
	server_answer(h, 1);
	hear(h, "\"hubs\":2}");
	receive_soon(h, &g);
	assert_true(slice_is(g.m.pass.bytes, SSE));
	leave(&g);
}

static void
a_socket_waits_for_credit(void **state)
{
	struct house *h = *state;
	struct guest g;

	door_at(h, DEADLINE_MS);
	visit(h, &g);
	offer(&g, "hub.1", 0);
	few_turns(h);
	assert_int_equal(door_hubs(h->front.door), 0); /* not ready */
	dial(h);
	say(h, SSE);
	few_turns(h);
	assert_false(receive(&g));
	assert_int_equal(stats_get(STAT_door_waiting), 1);
	offer(&g, "hub.1", 1);
	receive_soon(h, &g);
	assert_int_equal(stats_get(STAT_door_waiting), 0);
	leave(&g);
}

static void
a_socket_waits_for_a_hub_but_not_for_ever(void **state)
{
	struct house *h = *state;
	uint64_t refused = stats_get(STAT_connections_refused);

	door_at(h, 1);
	dial(h);
	say(h, SSE);
	hear(h, "HTTP/1.1 503 Service Unavailable\r\n");
	hear(h, "Retry-After: 2\r\n");
	hear(h, "{\"error\":{\"code\":\"unavailable\"");
	hear_end(h);
	assert_int_equal(stats_get(STAT_connections_refused), refused + 1);
}

static void
a_hub_that_restarts_is_waited_for_two_seconds(void **state)
{
	struct house *h = *state;
	uint64_t asked;

	door_at(h, 0);
	dial(h);
	few_turns(h);
	asked = loop_now(h->loop);
	say(h, SSE);
	hear(h, "HTTP/1.1 503 Service Unavailable\r\n");
	assert_in_range(loop_now(h->loop) - asked, 2000, 3999);
	hear_end(h);
}

/* The door's socket is full, whatever credit there is: what does not fit
 * waits until the hub reads on, and arrives in order. */
static void
a_door_that_is_full_is_tried_again(void **state)
{
	struct house *h = *state;
	struct buf head = {0};
	unsigned sent = 0;
	struct guest g;

	door_at(h, DEADLINE_MS);
	visit(h, &g);
	offer(&g, "hub.1", 1000);
	h->count = 1;
	until(h, a_hub_is_here);
	for (; stats_get(STAT_door_waiting) < 3; sent++) {
		assert_in_range(sent, 0, 200);
		buf_clear(&head);
		buf_printf(&head,
		    "GET /v1/sse?channel=/a/public/%u HTTP/1.1\r\n"
		    "Host: x\r\nPad: %08000d\r\n\r\n",
		    sent, 0);
		dial(h);
		say_bytes(h, buf_slice(&head));
	}
	for (unsigned i = 0; i < sent; i++) {
		char line[64];

		receive_soon(h, &g);
		snprintf(line, sizeof(line),
		    "GET /v1/sse?channel=/a/public/%u HTTP", i);
		assert_true(slice_starts(g.m.pass.bytes, slice_of(line)));
		close(g.got);
		g.got = -1;
	}
	assert_int_equal(stats_get(STAT_door_waiting), 0);
	buf_free(&head);
	leave(&g);
}

static void
more_than_may_wait_are_told_at_once(void **state)
{
	struct house *h = *state;
	struct handover way = {
	    .address = SLICE("192.0.2.7"), .bytes = SLICE(SSE)};
	int pair[2];

	assert_true(net_raise_limit() > 2 * DOOR_WAITING);
	door_at(h, DEADLINE_MS);
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	for (unsigned i = 0; i < DOOR_WAITING; i++) {
		way.fd = dup(pair[1]);
		assert_true(way.fd >= 0);
		door_pass(h->front.door, &way);
	}
	dial(h);
	say(h, SSE);
	hear(h, "HTTP/1.1 503 Service Unavailable\r\n");
	assert_int_equal(stats_get(STAT_door_waiting), DOOR_WAITING);
	close(pair[0]);
	close(pair[1]);
}

static void
the_hub_with_the_fewest_connections_gets_it(void **state)
{
	struct house *h = *state;
	struct guest a, b;
	struct msg m = {.id = MSG_offer,
	    .offer = {.name = SLICE("hub.1"), .credit = 9, .connections = 3}};

	door_at(h, 0);
	visit(h, &a);
	visit(h, &b);
	send_frame(&a, &m, -1);
	m.offer.name = SLICE("hub.2");
	m.offer.connections = 1;
	send_frame(&b, &m, -1);
	h->count = 2;
	until(h, a_hub_is_here);
	for (unsigned i = 0; i < 2; i++) { /* 1 and 2 are fewer than 3 */
		dial(h);
		say(h, SSE);
		receive_soon(h, &b);
		close(b.got);
		b.got = -1;
	}
	dial(h);
	say(h, SSE);
	receive_soon(h, &a); /* 3 and 3: the first that came */
	leave(&a);
	leave(&b);
}

static void
a_hub_that_is_leaving_gets_none(void **state)
{
	struct house *h = *state;
	struct guest a, b;
	struct msg m = {
	    .id = MSG_offer, .offer = {.name = SLICE("hub.1"), .credit = 9}};

	door_at(h, 0);
	visit(h, &a);
	visit(h, &b);
	send_frame(&a, &m, -1);
	offer(&b, "hub.2", 9);
	h->count = 2;
	until(h, a_hub_is_here);
	m.offer.draining = 1;
	send_frame(&a, &m, -1);
	h->count = 1;
	until(h, a_hub_is_here);
	dial(h);
	say(h, SSE);
	receive_soon(h, &b);
	leave(&a);
	leave(&b);
}

static void
a_hub_that_died_is_forgotten(void **state)
{
	struct house *h = *state;
	struct guest a, b;

	door_at(h, DEADLINE_MS);
	visit(h, &a);
	offer(&a, "hub.1", 9);
	h->count = 1;
	until(h, a_hub_is_here);
	leave(&a);
	dial(h);
	say(h, SSE);
	h->count = 0;
	until(h, a_hub_is_here);
	visit(h, &b);
	offer(&b, "hub.1", 9);
	receive_soon(h, &b);
	assert_true(slice_is(b.m.pass.bytes, SSE));
	leave(&b);
}

static void
a_socket_that_comes_back_is_served_on(void **state)
{
	struct house *h = *state;
	struct guest g;
	struct msg m = {.id = MSG_pass,
	    .pass = {
		.listener = SLICE("4000"),
		.address = SLICE("192.0.2.7"),
		.bytes = SLICE("GET /healthz HT"),
	    }};

	door_at(h, 0);
	visit(h, &g);
	offer(&g, "hub.1", 1);
	h->count = 1;
	until(h, a_hub_is_here);
	dial(h);
	say(h, SSE);
	receive_soon(h, &g);
	send_frame(&g, &m, g.got);
	close(g.got);
	g.got = -1;
	say(h, "TP/1.1\r\nHost: x\r\n\r\n");
	hear(h, "{\"healthy\":true}");
	leave(&g);
}

static void
a_way_through_a_hub_leads_round_no_limit(void **state)
{
	struct house *h = *state;
	struct guest g;
	struct msg m = {.id = MSG_pass,
	    .pass = {.listener = SLICE("4000"), .address = SLICE("192.0.2.7")}};
	int pair[2], other[2];

	h->front.limits.per_address = 1;
	door_at(h, 0);
	visit(h, &g);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, other) == 0);
	send_frame(&g, &m, pair[1]);
	send_frame(&g, &m, other[1]);
	close(pair[1]);
	close(other[1]);
	take_end(h, other[0]);
	hear(h, "HTTP/1.1 429 Too Many Requests\r\n");
	hear_end(h);
	close(pair[0]);
	leave(&g);
}

static void
a_record_that_makes_no_sense_is_dropped(void **state)
{
	struct house *h = *state;
	struct msg m = {.id = MSG_pass, .pass = {.bytes = SLICE("x")}};
	uint64_t before = stats_get(STAT_drop_bad_frame);
	struct guest g;

	door_at(h, 0);
	visit(h, &g);
	assert_int_equal(pass_send(g.fd, -1, SLICE("\xc1")), PASSED);
	send_frame(&g, &m, -1); /* a pass without a socket */
	offer(&g, "hub.1", 1);
	h->count = 1;
	until(h, a_hub_is_here);
	assert_int_equal(stats_get(STAT_drop_bad_frame), before + 2);
	leave(&g);
}

static void
a_stale_door_is_replaced(void **state)
{
	struct house *h = *state;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/door.1", h->dir);
	fd = net_listen_door(path);
	assert_true(fd >= 0);
	close(fd); /* the file stays, as after kill -9 */
	door_at(h, 0);
}

/* What the kernel watches for epolls of this process. */
static unsigned
watched(void)
{
	unsigned count = 0;
	char path[64], line[256];

	for (int fd = 3; fd < 256; fd++) {
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
		if ((f = fopen(path, "r")) == NULL)
			continue;
		while (fgets(line, sizeof(line), f) != NULL)
			count += strncmp(line, "tfd:", 4) == 0;
		fclose(f);
	}
	return count;
}

static void
a_socket_that_was_passed_is_not_watched_here(void **state)
{
	struct house *h = *state;
	struct guest g;
	unsigned before;

	door_at(h, 0);
	visit(h, &g);
	offer(&g, "hub.1", 1);
	h->count = 1;
	until(h, a_hub_is_here);
	dial(h);
	few_turns(h);
	before = watched();
	assert_true(before >= 3); /* both ends, and the door */
	say(h, SSE);
	receive_soon(h, &g);
	few_turns(h);
	assert_int_equal(watched(), before - 1);
	leave(&g);
}

TESTS(story(a_socket_that_was_passed_is_not_watched_here),
    story(a_listener_is_passed_with_what_was_read),
    story(what_is_owed_is_answered_before_the_socket_goes),
    story(a_socket_waits_for_credit),
    story(a_socket_waits_for_a_hub_but_not_for_ever),
    story(a_hub_that_restarts_is_waited_for_two_seconds),
    story(a_door_that_is_full_is_tried_again),
    story(more_than_may_wait_are_told_at_once),
    story(the_hub_with_the_fewest_connections_gets_it),
    story(a_hub_that_is_leaving_gets_none), story(a_hub_that_died_is_forgotten),
    story(a_socket_that_comes_back_is_served_on),
    story(a_way_through_a_hub_leads_round_no_limit),
    story(a_record_that_makes_no_sense_is_dropped),
    story(a_stale_door_is_replaced))

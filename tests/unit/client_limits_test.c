/*
 * client_limits_test.c - what is slow, too much or too large ends in a
 * documented answer, and pressure from the store reaches who publishes.
 */
#include "ingress/client_own.h"
#include "tests/unit/front_world.h"

#define HELLO  "{\"channel\":\"/demo/public/x\",\"data\":1}" /* 37 bytes */
#define HEALTH "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

enum { SOON_MS = 1 };

static bool
pipeline_is_full(struct house *h)
{
	return h->published >= h->count;
}

/* As a store would have, had it been there. */
static void
tell_key_to_front(struct house *h)
{
	const struct msg_key key = {
	    .app = SLICE("demo"),
	    .id = SLICE("k"),
	    .alg = SLICE("HS256"),
	    .secret = SLICE("s"),
	    .rights = 7,
	};

	assert_null(auth_told(h->front.auth, &key));
}

static void
a_head_that_does_not_end_is_answered_408(void **state)
{
	struct house *h = *state;

	h->front.limits.head_ms = SOON_MS;
	dial(h);
	say(h, "GET /healthz HTT");
	hear(h, "HTTP/1.1 408 Request Timeout\r\n");
	hear(h, "{\"error\":{\"code\":\"request_timeout\"");
	hear_end(h);
}

static void
a_connection_without_a_word_is_closed(void **state)
{
	struct house *h = *state;

	h->front.limits.head_ms = SOON_MS;
	dial(h);
	hear_end(h);
	assert_int_equal(h->got.n, 0);
}

static void
a_connection_that_is_not_used_is_closed(void **state)
{
	struct house *h = *state;

	h->front.limits.idle_ms = SOON_MS;
	dial(h);
	say(h, HEALTH);
	hear(h, "{\"healthy\":true}\n");
	hear_end(h);
	assert_int_equal(h->got.n, 0);
}

static void
a_body_that_does_not_end_is_answered_408(void **state)
{
	struct house *h = *state;

	open_all(h);
	h->front.limits.body_ms = SOON_MS;
	dial(h);
	say(h, POST "Content-Length: 37\r\n\r\n{");
	hear(h, "HTTP/1.1 408 Request Timeout\r\n");
	hear_end(h);
}

static void
a_silent_stream_of_lines_is_told_so(void **state)
{
	struct house *h = *state;

	open_all(h);
	h->front.limits.stream_ms = SOON_MS;
	dial(h);
	say(h, POST "Content-Type: application/x-ndjson\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n");
	hear(h, "200 OK");
	hear(h, "{\"error\":{\"code\":\"request_timeout\"");
	hear(h, "\r\n0\r\n\r\n");
	hear_end(h);
}

static void
a_store_that_does_not_answer_is_a_504(void **state)
{
	struct house *h = *state;

	open_all(h);
	h->mute = true;
	h->front.limits.answer_ms = SOON_MS;
	dial(h);
	say(h, POST "Content-Length: 37\r\n\r\n" HELLO HEALTH);
	hear(h, "HTTP/1.1 504 Gateway Timeout\r\n");
	hear(h, "{\"error\":{\"code\":\"timeout\"");
	hear(h, "{\"healthy\":true}");
}

static void
an_answer_after_its_deadline_is_nobodys(void **state)
{
	struct house *h = *state;

	open_all(h);
	h->mute = true;
	h->front.limits.answer_ms = SOON_MS;
	dial(h);
	say(h, POST "Content-Length: 37\r\n\r\n" HELLO);
	hear(h, "504");
	server_answer(h, 1);
	say(h, HEALTH);
	hear(h, "{\"healthy\":true}\n");
	assert_int_equal(h->got.n, 0);
}

static void
a_store_that_never_came_is_a_503(void **state)
{
	struct house *h = *state;

	open_bus(h);
	h->front.limits.answer_ms = SOON_MS;
	tell_key_to_front(h);
	dial(h);
	say(h, POST "Content-Length: 37\r\n\r\n" HELLO HEALTH);
	hear(h, "HTTP/1.1 503 Service Unavailable\r\n");
	hear(h, "Retry-After: ");
	hear(h, "{\"error\":{\"code\":\"unavailable\"");
	hear(h, "{\"healthy\":true}");
}

static void
who_comes_before_the_store_is_served_when_it_is_there(void **state)
{
	struct house *h = *state;

	open_bus(h);
	tell_key_to_front(h);
	dial(h);
	say(h, POST "Content-Length: 37\r\n\r\n" HELLO);
	open_server(h);
	hear(h, "200 OK");
}

static void
a_body_may_be_as_large_as_the_limit_and_no_larger(void **state)
{
	struct house *h = *state;
	struct buf b = {0};

	open_all(h);
	h->front.limits.body_max = 100000;
	dial(h);
	for (size_t n = 99990; n <= 100001; n += 11) {
		buf_clear(&b);
		buf_printf(&b,
		    "POST /v1/publish?channel=/demo/public/x HTTP/1.1\r\n"
		    "Host: x\r\n" KEY "Transfer-Encoding: chunked\r\n\r\n"
		    "%zx\r\n",
		    n);
		memset(buf_room(&b, n), 'x', n);
		b.n += n;
		buf_str(&b, "\r\n0\r\n\r\n");
		say_bytes(h, buf_slice(&b));
		hear(h, n <= 100000 ? "200 OK" : "413 Content Too Large");
	}
	hear(h, "too_large");
	hear_end(h);
	buf_free(&b);
}

static bool
store_is_full(struct house *h)
{
	return !bus_can_publish(h->bus) && h->published >= h->count;
}

/* Each message is half a megabyte, the window four; the ninth waits in the
 * kernel, not here. */
static void
a_full_window_stops_the_reading(void **state)
{
	enum { EACH = 1 << 19, MANY = 12 };
	struct house *h = *state;
	struct buf b = {0};
	unsigned before;

	open_all(h);
	h->mute = true;
	dial(h);
	buf_printf(&b,
	    "POST /v1/publish?channel=/demo/public/x HTTP/1.1\r\n"
	    "Host: x\r\n" KEY "Content-Length: %d\r\n\r\n",
	    EACH);
	memset(buf_room(&b, EACH), 'x', EACH);
	b.n += EACH;
	for (unsigned i = 0; i < 8; i++)
		say_bytes(h, buf_slice(&b));
	h->count = 8;
	until(h, store_is_full);
	before = h->published;
	assert_int_equal(before, 8);
	say_bytes(h, (struct slice){b.p, b.n / 64});
	few_turns(h);
	assert_int_equal(h->published, before);
	h->mute = false;
	for (uint64_t seq = 1; seq <= before; seq++)
		server_answer(h, seq);
	say_bytes(h, slice_from(buf_slice(&b), b.n / 64));
	for (unsigned i = 0; i < 9; i++)
		hear(h, "200 OK");
	assert_int_equal(h->published, 9);
	buf_free(&b);
}

static void
no_more_than_so_many_requests_wait_for_answers(void **state)
{
	struct house *h = *state;

	open_all(h);
	h->mute = true;
	dial(h);
	for (unsigned i = 0; i < PIPELINE_MAX + 10; i++)
		say(h, POST "Content-Length: 37\r\n\r\n" HELLO);
	h->count = PIPELINE_MAX;
	few_turns(h);
	until(h, pipeline_is_full);
	few_turns(h);
	assert_int_equal(h->published, PIPELINE_MAX);
	h->mute = false;
	for (uint64_t seq = 1; seq <= PIPELINE_MAX; seq++)
		server_answer(h, seq);
	for (unsigned i = 0; i < PIPELINE_MAX + 10; i++)
		hear(h, "200 OK");
}

static void
who_closed_half_gets_all_of_a_long_answer(void **state)
{
	struct house *h = *state;
	static const char ask[] =
	    "GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n";
	struct client *c;
	int small = 1;

	dial(h);
	c = container_of(h->front.clients.next, struct client, node);
	setsockopt(c->stream.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	must(send(h->fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL) > 0);
	shutdown(h->fd, SHUT_WR);
	hear_end(h);
	assert_string_equal(h->got.p + h->got.n - 3, "\n}\n");
}

static void
a_proxy_header_comes_before_the_request(void **state)
{
	struct house *h = *state;
	static const char text[] =
	    "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" HEALTH;

	for (size_t cut = 1; cut < sizeof(text) - 1; cut++) {
		dial_as(h, (struct client_setup){.proxy = true});
		say_bytes(h, (struct slice){text, cut});
		say(h, text + cut);
		hear(h, "{\"healthy\":true}");
	}
}

static void
a_missing_proxy_header_ends_the_connection(void **state)
{
	struct house *h = *state;

	dial_as(h, (struct client_setup){.proxy = true});
	say(h, HEALTH);
	hear_end(h);
	assert_int_equal(h->got.n, 0);
}

static void
an_address_has_so_many_connections(void **state)
{
	struct house *h = *state;
	struct ip one, two;

	assert_true(ip_parse(SLICE("192.0.2.1"), &one));
	assert_true(ip_parse(SLICE("192.0.2.2"), &two));
	for (unsigned i = 0; i < 10; i++)
		assert_true(peers_enter(&h->front, &one));
	assert_false(peers_enter(&h->front, &one));
	assert_true(peers_enter(&h->front, &two));
	peers_leave(&h->front, &one);
	assert_true(peers_enter(&h->front, &one));
	dial_as(h, (struct client_setup){.counted = true, .address = two});
	hang_up(h);
	for (unsigned i = 0; i < 10; i++)
		peers_leave(&h->front, &one);
}

static void
who_comes_by_a_proxy_is_counted_by_what_it_tells(void **state)
{
	struct house *h = *state;

	h->front.limits.per_address = 1;
	dial_as(h, (struct client_setup){.proxy = true});
	say(h, "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" HEALTH);
	hear(h, "200 OK");
	loop_unwatch(h->loop, &h->watch);
	h->count = (size_t)h->fd; /* stays open */
	h->fd = -1;
	dial_as(h, (struct client_setup){.proxy = true});
	say(h, "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" HEALTH);
	hear(h, "HTTP/1.1 429 Too Many Requests\r\n");
	hear(h, "{\"error\":{\"code\":\"too_many\"");
	hear_end(h);
	dial_as(h, (struct client_setup){.proxy = true});
	say(h, "PROXY TCP4 192.0.2.9 192.0.2.2 1 2\r\n" HEALTH);
	hear(h, "200 OK");
	close((int)h->count);
}

static void
only_a_connection_that_is_not_used_gives_way(void **state)
{
	struct house *h = *state;

	open_all(h);
	h->mute = true;
	dial(h);
	say(h, POST "Content-Length: 37\r\n\r\n" HELLO);
	h->count = 1;
	until(h, pipeline_is_full);
	assert_false(front_shed(&h->front));
	server_answer(h, 1);
	hear(h, "200 OK");
	few_turns(h);
	assert_true(front_shed(&h->front));
	hear_end(h);
}

static bool
nobody_is_left(struct house *h)
{
	return h->front.nclients == 0;
}

static void
a_drain_answers_what_is_owed_and_closes(void **state)
{
	struct house *h = *state;

	open_all(h);
	h->mute = true;
	dial(h);
	say(h, POST "Content-Length: 37\r\n\r\n" HELLO);
	h->count = 1;
	until(h, pipeline_is_full);
	h->front.draining = true;
	list_each_safe (at, &h->front.clients)
		client_drain(container_of(at, struct client, node));
	server_answer(h, 1);
	hear(h, "200 OK");
	hear(h, "Connection: close");
	hear_end(h);
	hang_up(h);
	until(h, nobody_is_left);
}

static void
a_drain_ends_a_stream_after_the_answers_it_owes(void **state)
{
	struct house *h = *state;

	open_all(h);
	h->mute = true;
	dial(h);
	say(h, POST "Content-Type: application/x-ndjson\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n26\r\n" HELLO "\n\r\n");
	h->count = 1;
	until(h, pipeline_is_full);
	client_drain(container_of(h->front.clients.next, struct client, node));
	few_turns(h);
	assert_null(strstr(h->got.p, "draining"));
	server_answer(h, 1);
	hear(h, "\"hubs\":2}\n{\"error\":{\"code\":\"draining\"");
	hear(h, "\r\n0\r\n\r\n");
	hear_end(h);
}

static bool
two_ms_passed(struct house *h)
{
	h->turns = 1; /* nobody sleeps */
	return loop_now(h->loop) > h->count + 2;
}

static void
a_slow_body_is_not_a_slow_store(void **state)
{
	struct house *h = *state;

	open_all(h);
	h->front.limits.answer_ms = SOON_MS;
	dial(h);
	say(h, POST "Content-Length: 37\r\n\r\n{");
	h->count = loop_now(h->loop);
	until(h, two_ms_passed);
	h->turns = 0;
	h->front.limits.answer_ms = DEADLINE_MS;
	say(h, &HELLO[1]);
	hear(h, "200 OK");
}

TESTS(story(who_closed_half_gets_all_of_a_long_answer),
    story(who_comes_by_a_proxy_is_counted_by_what_it_tells),
    story(only_a_connection_that_is_not_used_gives_way),
    story(a_slow_body_is_not_a_slow_store),
    story(a_drain_ends_a_stream_after_the_answers_it_owes),
    story(a_head_that_does_not_end_is_answered_408),
    story(a_connection_without_a_word_is_closed),
    story(a_connection_that_is_not_used_is_closed),
    story(a_body_that_does_not_end_is_answered_408),
    story(a_silent_stream_of_lines_is_told_so),
    story(a_store_that_does_not_answer_is_a_504),
    story(an_answer_after_its_deadline_is_nobodys),
    story(a_store_that_never_came_is_a_503),
    story(who_comes_before_the_store_is_served_when_it_is_there),
    story(a_body_may_be_as_large_as_the_limit_and_no_larger),
    story(a_full_window_stops_the_reading),
    story(no_more_than_so_many_requests_wait_for_answers),
    story(a_proxy_header_comes_before_the_request),
    story(a_missing_proxy_header_ends_the_connection),
    story(an_address_has_so_many_connections),
    story(a_drain_answers_what_is_owed_and_closes))

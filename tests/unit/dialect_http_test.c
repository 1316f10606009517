/* dialect_http_test.c - event streams, long polls, echo, and requests that
 * are none of these. */
#include "tests/unit/hub_world.h"

static void
a_stream_begins_with_its_place_and_goes_on_with_events(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	w->top = 2;
	say(fd, "GET /v1/sse?channel=/demo/public/x HTTP/1.1\r\nHost: a\r\n"
		"\r\n");
	hear(w, fd, "retry: 2000\n\nid: 5.2\n\n");
	world_message(w, "/demo/public/x", "[\n1]");
	hear(w, fd,
	    "id: 5.3\ndata: {\"channel\":\"/demo/public/x\","
	    "\"cursor\":\"5.3\",\"data\":[1]}\n\n");
	close(fd);
}

static void
history_deliver(struct world *w, const char *channel, uint64_t offset)
{
	struct msg m = {.id = MSG_deliver,
	    .deliver = {.channel = slice_of(channel),
		.epoch = 5,
		.offset = offset,
		.generation = w->history,
		.body = SLICE("1")}};

	bus_server_send(w->server, w->peer, &m);
}

static bool
asked_twice(struct world *w)
{
	return w->histories == 2;
}

static void
ids_wait_until_all_channels_have_caught_up(void **state)
{
	struct world *w = *state;
	const char *got;
	int fd = client(w);

	w->top = 5;
	say(fd, "GET /v1/sse?channel=/demo/public/x HTTP/1.1\r\nHost: a\r\n"
		"\r\n");
	hear(w, fd, "id: 5.5\n\n"); /* x is known here now */
	close(fd);
	fd = client(w);
	say(fd, "GET /v1/sse?channel=/demo/public/x&channel=/demo/public/x/y "
		"HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 5.4\r\n\r\n");
	w->mute = true;
	until(w, world_asked);
	history_deliver(w, "/demo/public/x", 5);
	hear(w, fd, "\ndata: {\"channel\":\"/demo/public/x\"");
	world_message(w, "/demo/public/x", "6");
	answer_join(w, w->history);
	got = hear(w, fd, "\"cursor\":\"5.6\"");
	assert_null(strstr(got, "id: "));
	answer_join(w, w->join); /* the other channel's */
	until(w, asked_twice);
	answer_join(w, w->history);
	hear(w, fd, "id: 5.6\n\n");
	close(fd);
}

static bool
joined_twice(struct world *w)
{
	return w->joins == 2;
}

/* What the hub itself remembers comes at once, though another channel is not
 * joined yet: its place is not that of the stream. */
static void
what_is_remembered_comes_without_id_while_another_channel_is_behind(
    void **state)
{
	struct world *w = *state;
	const char *got;
	int fd = client(w);

	w->top = 5;
	say(fd, "GET /v1/sse?channel=/demo/public/x HTTP/1.1\r\nHost: a\r\n"
		"\r\n");
	hear(w, fd, "id: 5.5\n\n");
	world_message(w, "/demo/public/x", "6");
	hear(w, fd, "\"cursor\":\"5.6\"");
	close(fd);
	fd = client(w);
	w->mute = true;
	say(fd, "GET /v1/sse?channel=/demo/public/x&channel=/demo/public/y "
		"HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 5.5\r\n\r\n");
	got = hear(w, fd, "\"cursor\":\"5.6\"");
	assert_null(strstr(got, "id: "));
	assert_int_equal(w->histories, 0);
	until(w, joined_twice);
	answer_join(w, w->join);
	until(w, world_asked);
	answer_join(w, w->history);
	hear(w, fd, "id: 5.6\n\n");
	close(fd);
}

/* A hole of a pattern may be told behind messages of the same range: who is cut
 * off in between must come back from before it. */
static void
a_pattern_has_no_id_until_its_holes_are_told(void **state)
{
	struct world *w = *state;
	struct msg m = {.id = MSG_gap,
	    .gap = {.epoch = 5,
		.from = 1,
		.to_epoch = 5,
		.to = 6,
		.reason = GAP_TRIMMED}};
	const char *got;
	int fd = client(w);

	w->top = 7;
	say(fd, "GET /v1/sse?channel=/demo/public/* HTTP/1.1\r\nHost: a\r\n"
		"Last-Event-ID: 5.1\r\n\r\n");
	until(w, world_asked);
	history_deliver(w, "/demo/public/x", 5);
	m.gap.generation = w->history;
	bus_server_send(w->server, w->peer, &m);
	history_deliver(w, "/demo/public/x", 7);
	got = hear(w, fd, "\"cursor\":\"5.5\"");
	assert_null(strstr(got, "id: "));
	hear(w, fd, "id: 5.6\nevent: gap\n");
	got = hear(w, fd, "\"cursor\":\"5.7\"");
	assert_null(strstr(got, "id: "));
	answer_join(w, w->history);
	hear(w, fd, "id: 5.7\n\n");
	close(fd);
}

static void
a_gap_is_an_event_of_its_own(void **state)
{
	struct world *w = *state;
	struct msg m = {.id = MSG_gap,
	    .gap = {.epoch = 5,
		.from = 1,
		.to_epoch = 5,
		.to = 3,
		.reason = GAP_TRIMMED}};
	int fd = client(w);

	w->top = 3;
	w->mute = true;
	say(fd, "GET /v1/sse?channel=/demo/public/x&cursor=5.1 HTTP/1.1\r\n"
		"Host: a\r\n\r\n");
	hear(w, fd, "retry: ");
	until(w, world_joined);
	answer_join(w, w->join);
	until(w, world_asked);
	m.gap.generation = w->history;
	bus_server_send(w->server, w->peer, &m);
	hear(w, fd,
	    "id: 5.3\nevent: gap\ndata: {\"channel\":\"/demo/public/x\","
	    "\"gap\":{\"from\":\"5.1\",\"to\":\"5.3\","
	    "\"reason\":\"trimmed\"}}\n\n");
	close(fd);
}

static void
a_poll_is_answered_when_something_comes_and_may_ask_again(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	say(fd, "GET /v1/poll?channel=/demo/public/x HTTP/1.1\r\nHost: a\r\n"
		"\r\nGET /v1/poll?channel=/demo/public/x&timeout=0 HTTP/1.1"
		"\r\nHost: a\r\n\r\n");
	until(w, world_joined);
	world_message(w, "/demo/public/x", "1");
	world_message(w, "/demo/public/x", "\"\xc3\xa9\"");
	hear(w, fd,
	    "{\"messages\":[{\"channel\":\"/demo/public/x\",\"cursor\":"
	    "\"5.1\",\"data\":1},{\"channel\":\"/demo/public/x\",\"cursor\":"
	    "\"5.2\",\"data\":\"\xc3\xa9\"}],\"cursor\":\"5.2\"}");
	hear(w, fd, "{\"messages\":[],\"cursor\":\"5.2\"}");
	assert_int_equal(w->joins, 1); /* it lingers between polls */
	close(fd);
}

static void
much_behind_a_poll_is_answered_after_it(void **state)
{
	struct world *w = *state;
	struct buf b = {0};
	int fd = client(w);

	buf_str(&b, "GET /v1/poll?channel=/demo/public/x HTTP/1.1\r\nHost: a"
		    "\r\n\r\n");
	for (unsigned i = 0; i < 40; i++) {
		buf_str(&b, "OPTIONS /v1/poll HTTP/1.1\r\nHost: a\r\nPad: ");
		for (unsigned k = 0; k < 1200; k++)
			buf_chr(&b, 'x');
		buf_str(&b, "\r\n\r\n");
	}
	assert_int_equal(send(fd, b.p, b.n, MSG_NOSIGNAL), b.n);
	buf_free(&b);
	w->client = fd;
	until(w, world_taken);
	until(w, world_joined);
	world_message(w, "/demo/public/x", "1");
	hear(w, fd, "\"cursor\":\"5.1\"}");
	for (unsigned i = 0; i < 40; i++)
		hear(w, fd, "HTTP/1.1 204");
	say(fd, "OPTIONS /v1/poll HTTP/1.1\r\nHost: a\r\n\r\n");
	hear(w, fd, "HTTP/1.1 204");
	close(fd);
}

static void
a_poll_may_name_its_place_as_etag(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	w->top = 7;
	say(fd, "GET /v1/poll?channel=/demo/public/x&timeout=0 HTTP/1.1\r\n"
		"Host: a\r\nIf-None-Match: W/\"5.7\"\r\n\r\n");
	hear(w, fd, "ETag: \"5.7\"\r\n");
	hear(w, fd, "{\"messages\":[],\"cursor\":\"5.7\"}");
	close(fd);
}

static void
refusals_say_what_is_wrong(void **state)
{
	static const char *const cases[][2] = {
	    {"GET /v1/sse", "{\"error\":{\"code\":\"missing_field\","
			    "\"message\":\"a field is missing\","
			    "\"field\":\"channel\"}}"},
	    {"GET /v1/sse?channel=/demo/private/x", "\"unauthorized\""},
	    {"GET /v1/poll?channel=%zz", "\"bad_request\""},
	    {"GET /v1/poll?channel=nope", "\"bad_channel\""},
	    {"GET /v1/poll?channel=/demo/public/x&cursor=%00",
		"\"bad_cursor\""},
	    {"GET /v1/poll?channel=/demo/public/x&cursor=1.1&cursor=1.2",
		"\"bad_field\""},
	    {"GET /v1/poll?channel=/demo/public/x&timeout=0&timeout=9",
		"\"given twice\",\"field\":\"timeout\""},
	    {"GET /v1/poll?channel=/demo/public/x&token=x", "\"bad_token\""},
	    {"GET /nowhere", "\"not_found\""},
	};
	struct world *w = *state;
	int fd = client(w);

	for (size_t i = 0; i < LENGTH(cases); i++) {
		say(fd, cases[i][0]);
		say(fd, " HTTP/1.1\r\nHost: a\r\n\r\n");
		hear(w, fd, cases[i][1]);
	}
	say(fd, "POST /v1/poll HTTP/1.1\r\nHost: a\r\n\r\n");
	hear(w, fd, "Allow: ");
	hear(w, fd, NULL);
	close(fd);
	fd = client(w);
	say(fd, "GET / HTTP/1.1\nHost: a\r\n\r\n");
	hear(w, fd, "HTTP/1.1 400");
	hear(w, fd, NULL);
	close(fd);
}

static void
an_origin_that_is_not_named_is_refused(void **state)
{
	struct world *w = *state;
	const char *head;
	int fd = client(w);

	w->hub.limits.origins = "https://a.example,https://b.example";
	say(fd, "GET /v1/poll?channel=/demo/public/x&timeout=0 HTTP/1.1\r\n"
		"Host: a\r\nOrigin: https://b.example\r\n\r\n");
	hear(w, fd, "Access-Control-Allow-Origin: https://b.example\r\n");
	hear(w, fd, "\"cursor\"");
	say(fd, "GET /v1/poll?channel=/demo/public/x HTTP/1.1\r\n"
		"Host: a\r\nOrigin: https://c.example\r\n\r\n");
	hear(w, fd, "403 Forbidden\r\n");
	head = hear(w, fd, "\r\n\r\n");
	assert_non_null(strstr(head, "\r\nVary: Origin\r\n"));
	assert_null(strstr(head, "Access-Control-Allow-Origin"));
	hear(w, fd, "\"field\":\"Origin\"");
	say(fd, "GET /v1/poll?channel=/demo/public/x&timeout=0 HTTP/1.1\r\n"
		"Host: a\r\n\r\n");
	hear(w, fd, "200 OK\r\n");
	head = hear(w, fd, "\r\n\r\n");
	assert_non_null(strstr(head, "\r\nVary: Origin\r\n"));
	close(fd);
}

static void
a_poll_that_fails_late_may_be_read_by_its_page(void **state)
{
	struct world *w = *state;
	const char *head;
	int fd = client(w);

	w->hub.limits.origins = "https://a.example https://b.example";
	w->hub.limits.pong = 1;
	w->mute = true;
	say(fd, "GET /v1/poll?channel=/demo/public/x&timeout=0 HTTP/1.1\r\n"
		"Host: a\r\nOrigin: https://b.example\r\n\r\n");
	hear(w, fd, "HTTP/1.1 503 Service Unavailable\r\n");
	head = hear(w, fd, "\r\n\r\n");
	assert_non_null(
	    strstr(head, "Access-Control-Allow-Origin: https://b.example\r\n"));
	assert_non_null(strstr(head, "\r\nVary: Origin\r\n"));
	assert_non_null(strstr(head, "\r\nRetry-After: "));
	hear(w, fd, "\"unavailable\"");
	close(fd);
}

static void
an_address_may_not_take_all_connections(void **state)
{
	struct world *w = *state;
	struct slice address = SLICE("192.0.2.7");
	int pairs[4][2];

	for (unsigned i = 0; i < 4; i++) {
		struct conn_offer o = {.address = address};
		struct conn *c;

		must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
			 pairs[i]) == 0);
		o.fd = pairs[i][1];
		c = conn_open(&w->hub, &o);
		assert_int_equal(c != NULL, i < 3);
	}
	hear(w, pairs[3][0], "HTTP/1.1 429 ");
	for (unsigned i = 0; i < 4; i++)
		close(pairs[i][0]);
}

static bool
lets_in(struct world *w, const char *address, int *mine)
{
	struct conn_offer o = {.address = slice_of(address)};
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	o.fd = pair[1];
	*mine = pair[0];
	return conn_open(&w->hub, &o) != NULL;
}

static void
of_ipv6_the_64_counts_and_mapped_ipv4_is_ipv4(void **state)
{
	static const struct {
		const char *address;
		bool in;
	} rows[] = {
	    {"2001:db8::1", true},
	    {"2001:db8::2", true},
	    {"2001:db8::/64", true}, /* as a hub writes it */
	    {"2001:db8:0:0:ffff::4", false},
	    {"2001:db8:0:1::1", true},
	    {"192.0.2.7", true},
	    {"::ffff:192.0.2.7", true},
	    {"192.0.2.7", true},
	    {"::ffff:192.0.2.7", false},
	    {"192.0.2.8", true},
	};
	struct world *w = *state;
	int fds[LENGTH(rows)];

	for (size_t i = 0; i < LENGTH(rows); i++)
		assert_int_equal(
		    lets_in(w, rows[i].address, &fds[i]), rows[i].in);
	for (size_t i = 0; i < LENGTH(rows); i++)
		close(fds[i]);
}

/* A unix socket is this host, ::1. */
static void
a_trusted_proxy_tells_each_request_s_address(void **state)
{
#define FROM(who)                                                              \
	"OPTIONS /v1/poll HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: " who        \
	"\r\n\r\n"
	struct world *w = *state;
	struct slice bad;
	int fds[5];

	assert_null(trust_read(&w->hub.limits.trusted, SLICE("::1"), &bad));
	for (unsigned i = 0; i < 5; i++)
		fds[i] = client(w);
	for (unsigned i = 0; i < 3; i++) {
		say(fds[i], FROM("6.6.6.6, 192.0.2.7"));
		hear(w, fds[i], "HTTP/1.1 204");
	}
	say(fds[3], FROM("192.0.2.8"));
	hear(w, fds[3], "HTTP/1.1 204");
	say(fds[3], FROM("192.0.2.7"));
	hear(w, fds[3], "HTTP/1.1 429");
	say(fds[0], FROM("192.0.2.9")); /* one of the three is another's */
	hear(w, fds[0], "HTTP/1.1 204");
	say(fds[4], FROM("192.0.2.7"));
	hear(w, fds[4], "HTTP/1.1 204");
	for (unsigned i = 0; i < 5; i++)
		close(fds[i]);
#undef FROM
}

static void
echo_gives_back_text_bytes_and_fragments(void **state)
{
	struct world *w = *state;
	int fd = client_ws(w, "/v1/echo", "");

	say_frame(fd, 0x81, SLICE("text"));
	hear(w, fd, "\x81\x04text");
	say_frame(fd, 0x02, SLICE("by"));
	say_frame(fd, 0x80, SLICE("tes"));
	hear(w, fd,
	    "\x82\x05"
	    "bytes");
	say_frame(fd, 0x88,
	    SLICE("\x03\xe8"
		  "bye"));
	hear(w, fd,
	    "\x88\x05\x03\xe8"
	    "bye");
	close(fd);
}

static void
echo_is_not_there_unless_asked_for(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	w->hub.limits.echo = false;
	say(fd, "GET /v1/echo" UPGRADE "\r\n");
	hear(w, fd, "HTTP/1.1 404 ");
	close(fd);
}

TESTS(story(a_stream_begins_with_its_place_and_goes_on_with_events),
    story(ids_wait_until_all_channels_have_caught_up),
    story(what_is_remembered_comes_without_id_while_another_channel_is_behind),
    story(a_pattern_has_no_id_until_its_holes_are_told),
    story(a_gap_is_an_event_of_its_own),
    story(a_poll_is_answered_when_something_comes_and_may_ask_again),
    story(much_behind_a_poll_is_answered_after_it),
    story(a_poll_may_name_its_place_as_etag), story(refusals_say_what_is_wrong),
    story(an_origin_that_is_not_named_is_refused),
    story(a_poll_that_fails_late_may_be_read_by_its_page),
    story(an_address_may_not_take_all_connections),
    story(of_ipv6_the_64_counts_and_mapped_ipv4_is_ipv4),
    story(a_trusted_proxy_tells_each_request_s_address),
    story(echo_gives_back_text_bytes_and_fragments),
    story(echo_is_not_there_unless_asked_for))

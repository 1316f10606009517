/* dialect_incus_test.c - Incus' WebSocket: who may come in, and what ends it. */
#include "tests/unit/incus_world.h"

static bool
drained_of(struct world *w)
{
	(void)w;
	return stats_get(STAT_incus_sockets) == 0;
}

/* ---- Handshake */

static void
the_101_has_three_headers_and_no_subprotocol(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	say(fd, "GET /socket?x=y" UPGRADE "Origin: https://far.example\r\n"
		"Sec-WebSocket-Protocol: a, b\r\n"
		"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
	assert_string_equal(hear(w, fd, "\r\n\r\n"),
	    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\n"
	    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
	close(fd);
}

static void
a_key_of_any_length_will_do(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	say(fd, "GET /socket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
		"Connection: keep-alive, Upgrade\r\n"
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: k\r\n\r\n");
	/* SHA-1 of k and the salt */
	hear(w, fd, "Sec-WebSocket-Accept: cai0HFWL7DEHZkyHxdyv1Pn3R6M=\r\n");
	close(fd);
}

static void
what_is_no_handshake_is_told_so_and_the_connection_goes_on(void **state)
{
	static const char *const heads[] = {
	    "GET /socket HTTP/1.1\r\nHost: a\r\n\r\n",
	    "GET /socket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
	    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: k\r\n\r\n",
	    "GET /socket HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
	    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: k\r\n\r\n",
	    "GET /socket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
	    "Connection: upgrade\r\nSec-WebSocket-Version: 8\r\n"
	    "Sec-WebSocket-Key: k\r\n\r\n",
	    "GET /socket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
	    "Connection: upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n",
	};
	struct world *w = *state;
	int fd = client(w);

	for (size_t i = 0; i < LENGTH(heads); i++) {
		const char *head;

		say(fd, heads[i]);
		hear(w, fd, "HTTP/1.1 400 Bad Request\r\n");
		head = hear(w, fd, "\r\n\r\n");
		assert_non_null(
		    strstr(head, "X-Content-Type-Options: nosniff\r\n"));
		assert_non_null(strstr(
		    head, "Content-Type: text/plain; charset=utf-8\r\n"));
		assert_non_null(strstr(head, " GMT\r\n"));
		assert_non_null(strstr(head, "Content-Length: 26\r\n"));
		hear(w, fd, "Not a websocket handshake\n");
	}
	close(fd);
}

static void
other_methods_are_not_allowed_and_their_bodies_are_read(void **state)
{
	static const char *const requests[] = {
	    "POST /socket HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
	    "DELETE /socket HTTP/1.1\r\nHost: a\r\n\r\n",
	    "OPTIONS /socket HTTP/1.1\r\nHost: a\r\n\r\n",
	    "BREW /socket HTTP/1.1\r\nHost: a\r\n\r\n",
	    ("PUT /socket HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked"
	     "\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nA: b\r\n\r\n"),
	};
	struct world *w = *state;
	int fd = client(w);

	for (size_t i = 0; i < LENGTH(requests); i++) {
		say(fd, requests[i]);
		hear(w, fd, "HTTP/1.1 405 Method Not Allowed\r\n");
		hear(w, fd, "\r\nContent-Length: 19\r\n");
		hear(w, fd, "\r\nMethod not allowed\n");
	}
	say(fd, "HEAD /socket HTTP/1.1\r\nHost: a\r\n\r\n"
		"GET /socket HTTP/1.1\r\nHost: a\r\n\r\n");
	hear(w, fd, "405 Method Not Allowed\r\n");
	assert_null(strstr(hear(w, fd, "400 Bad Request\r\n"), "allowed\n"));
	close(fd);
}

static void
a_body_is_waited_for_and_100_is_said_once(void **state)
{
	struct world *w = *state;
	const char *got;
	int fd = client(w);

	say(fd, "POST /socket HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n"
		"Expect: 100-continue\r\n\r\n");
	hear(w, fd, "HTTP/1.1 100 Continue\r\n\r\n");
	say(fd, "abc");
	w->client = fd;
	until(w, world_taken);
	say(fd, "def");
	got = hear(w, fd, "Method not allowed\n");
	assert_null(strstr(got, "100"));
	close(fd);
}

static void
a_body_that_is_too_large_is_413_and_the_end(void **state)
{
	struct world *w = *state;
	struct buf b = {0};
	int fd = client(w);

	say(fd, "POST /socket HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n"
		"\r\n");
	hear(w, fd, "HTTP/1.1 413 ");
	hear(w, fd, NULL);
	close(fd);
	fd = client(w);
	buf_str(&b, "POST /socket HTTP/1.1\r\nHost: a\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n");
	for (unsigned i = 0; i < 40; i++) {
		buf_str(&b, "400\r\n");
		for (unsigned k = 0; k < 1024; k++)
			buf_chr(&b, 'x');
		buf_str(&b, "\r\n");
	}
	assert_int_equal(send(fd, b.p, b.n, MSG_NOSIGNAL), b.n);
	buf_free(&b);
	hear(w, fd, "HTTP/1.1 413 ");
	hear(w, fd, NULL);
	close(fd);
}

static void
a_bad_chunk_is_400_and_the_end(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	say(fd, "POST /socket HTTP/1.1\r\nHost: a\r\n"
		"Transfer-Encoding: chunked\r\n\r\nzz\r\n");
	hear(w, fd, "HTTP/1.1 400 ");
	hear(w, fd, "bad_chunk_size");
	hear(w, fd, NULL);
	close(fd);
}

static void
frames_behind_the_handshake_are_read(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	say(fd, "GET /socket" UPGRADE "\r\n");
	say_text(fd, AUTH("a"));
	say_frame(fd, 0x89, SLICE("hi"));
	hear(w, fd, "\x8a\x02hi");
	assert_int_equal(stats_get(STAT_incus_sockets), 1);
	close(fd);
}

/* ---- Who it is */

static void
anything_else_first_is_the_end_with_1011(void **state)
{
	static const char *const firsts[] = {"", "x", "{}", "null", "[]", "{",
	    "{\"command\":{\"command\":\"setpage\",\"page\":\"p\"}}",
	    "{\"command\":{\"command\":\"authenticate\"}}", AUTH(""),
	    "{\"command\":{\"command\":\"authenticate\",\"user\":null}}",
	    "{\"command\":{\"command\":\"authenticate\",\"user\":[\"a\"]}}",
	    "{\"command\":{\"command\":\"authenticate\",\"user\":true}}",
	    "{\"command\":{\"command\":7,\"user\":\"a\"}}",
	    "{\"command\":\"authenticate\"}"};
	struct world *w = *state;

	for (size_t i = 0; i < LENGTH(firsts); i++) {
		int fd = client_ws(w, "/socket", "");

		say_text(fd, firsts[i]);
		hear(w, fd, "\x88\x02\x03\xf3");
		hear(w, fd, NULL);
		close(fd);
	}
	assert_int_equal(stats_get(STAT_incus_sockets), 0);
}

static void
nothing_first_is_the_end_too_in_the_end(void **state)
{
	struct world *w = *state;
	int fd;

	w->hub.limits.first = 20;
	fd = client_ws(w, "/socket", "");
	hear(w, fd, "\x88\x02\x03\xf3");
	hear(w, fd, NULL);
	close(fd);
}

static void
authenticating_says_nothing_and_joins_all_and_the_user(void **state)
{
	struct world *w = *state;
	int fd = come(w, AUTH("a b"), 3);

	say_frame(fd, 0x89, SLICE(""));
	hear(w, fd, "\x8a");
	tell(w, USER "a%20b", "{\"event\":\"e\",\"data\":{}}");
	hear(w, fd, "{\"event\":\"e\",\"data\":{}");
	tell(w, INCUS_ALL, "{\"event\":\"f\",\"data\":{}}");
	hear(w, fd, "{\"event\":\"f\",\"data\":{}");
	close(fd);
}

static void
a_number_is_a_user_too_and_letters_are_of_any_case(void **state)
{
	struct world *w = *state;
	int fd = come(
	    w, "{\"COMMAND\":{\"command\":\"AuthenTicate\",\"user\":42}}", 3);

	tell(w, USER "42", "{\"event\":\"e\",\"data\":{}}");
	hear(w, fd, "\"event\":\"e\"");
	say_text(fd, AUTH("other")); /* it stays who it is */
	say_frame(fd, 0x89, SLICE(""));
	hear(w, fd, "\x8a");
	assert_int_equal(w->joins, 3);
	close(fd);
}

/* ---- What ends it, and what does not */

static void
what_is_no_envelope_ends_it_with_1000(void **state)
{
	static const char *const bad[] = {"", "x", "{", "[]", "7", "\"s\"",
	    "{\"command\":{\"command\":\"setpage\",\"page\":7}}",
	    "{\"command\":{\"x\":{}}}", "{\"command\":{\"x\":true}}",
	    "{\"command\":{},\"message\":\"s\"}",
	    "{\"command\":{},\"message\":[]}", "{\"command\":{},\"message\":7}",
	    "{\"command\":[]}"};
	struct world *w = *state;

	for (size_t i = 0; i < LENGTH(bad); i++) {
		int fd = come(w, AUTH("a"), 3);

		say_text(fd, bad[i]);
		hear(w, fd, "\x88\x02\x03\xe8");
		hear(w, fd, NULL);
		close(fd);
	}
	until(w, drained_of);
}

static void
what_is_no_command_is_ignored(void **state)
{
	static const char *const odd[] = {"null", "{}", "{\"command\":{}}",
	    "{\"command\":null}", "{\"x\":1}",
	    "{\"command\":{\"command\":\"nothing\"}}",
	    "{\"command\":{\"command\":null}}",
	    "{\"command\":{\"command\":\"push\",\"push_type\":\"ios\"}}",
	    "{\"command\":{\"command\":\"pushios\"}}",
	    "{\"command\":{\"command\":\"pushandroid\"}}",
	    "{\"command\":{\"command\":\"pushormessage\",\"user\":\"a\"}}",
	    "{\"command\":{\"command\":\"setpage\"}}",
	    "{\"command\":{\"command\":\"setpage\",\"page\":\"\"}}",
	    "{\"command\":{\"command\":\"setpresence\"}}",
	    "{\"command\":{\"command\":\"setpresence\"},"
	    "\"message\":{\"presence\":\"true\"}}",
	    "{\"command\":{\"command\":\"setpresence\"},"
	    "\"message\":{\"present\":true}}"};
	struct world *w = *state;
	int fd = come(w, AUTH("a"), 3);

	for (size_t i = 0; i < LENGTH(odd); i++) {
		say_text(fd, odd[i]);
		say_frame(fd, 0x89, SLICE("?"));
		hear(w, fd, "\x8a\x01?");
	}
	assert_int_equal(w->joins, 3);
	assert_int_equal(w->publishes + w->entered, 0);
	close(fd);
}

static void
what_frames_do_wrong_is_1002_in_incus_words(void **state)
{
	static const struct {
		struct slice bytes;
		const char *why;
	} rows[] = {
	    {SLICE_INIT("\x81\x01x"), "incorrect mask flag"},
	    {SLICE_INIT("\xc1\x80mask"), "unexpected reserved bits 4"},
	    {SLICE_INIT("\xb1\x80mask"), "unexpected reserved bits 3"},
	    {SLICE_INIT("\x83\x80mask"), "unknown opcode 3"},
	    {SLICE_INIT("\x8b\x80mask"), "unknown opcode 11"},
	    {SLICE_INIT("\x80\x80mask"),
		"continuation after final message frame"},
	    {SLICE_INIT("\x01\x80mask\x01\x80mask"),
		"message start before final message frame"},
	    {SLICE_INIT("\x09\x80mask"), "control frame not final"},
	    {SLICE_INIT("\x89\xfe\x01\x00mask"), "control frame length > 125"},
	};
	struct world *w = *state;

	for (size_t i = 0; i < LENGTH(rows); i++) {
		int fd = come(w, AUTH("a"), 3);
		char want[64];

		assert_int_equal(send(fd, rows[i].bytes.p, rows[i].bytes.n, 0),
		    rows[i].bytes.n);
		snprintf(want, sizeof(want), "\x88%c\x03\xea%s",
		    (char)(2 + strlen(rows[i].why)), rows[i].why);
		hear(w, fd, want);
		hear(w, fd, NULL);
		close(fd);
	}
}

static void
a_close_is_answered_with_an_empty_one(void **state)
{
	struct world *w = *state;
	int fd = come(w, AUTH("a"), 3);

	say_frame(fd, 0x88, SLICE("\x0f\xa0why"));
	hear(w, fd, "\x88");
	hear(w, fd, NULL);
	assert_int_equal(w->in.n, 1); /* and nothing behind it */
	assert_int_equal(w->in.p[0], 0);
	close(fd);
}

static void
bytes_fragments_and_garbage_behind_are_read(void **state)
{
	struct world *w = *state;
	int fd = client_ws(w, "/socket", "");

	say_frame(fd, 0x02, SLICE("{\"command\":{\"command\":"));
	say_frame(fd, 0x89, SLICE("in"));
	say_frame(fd, 0x00, SLICE("\"authenticate\",\"user\""));
	say_frame(fd, 0x80, SLICE(":\"a\"}} and more"));
	w->wanted_joins = 3;
	until(w, joined_all);
	hear(w, fd, "\x8a\x02in");
	assert_int_equal(stats_get(STAT_incus_sockets), 1);
	close(fd);
}

/* ---- Pings */

static unsigned
pings(const char *p, size_t n)
{
	unsigned count = 0;

	for (size_t i = 0; i + 1 < n; i++)
		count += p[i] == '\x89' && p[i + 1] == 0;
	return count;
}

static bool
pinged_thrice(struct world *w)
{
	char got[64];
	ssize_t n = recv(w->client, got, sizeof(got), MSG_DONTWAIT);

	if (n > 0)
		buf_add(&w->in, got, (size_t)n);
	return w->in.n != 0 && pings(w->in.p, w->in.n) >= 3;
}

static void
who_answers_no_ping_stays(void **state)
{
	struct world *w = *state;
	int fd;

	w->hub.limits.incus.ping = 10;
	fd = come(w, AUTH("a"), 3);
	buf_clear(&w->in);
	w->client = fd;
	until(w, pinged_thrice);
	assert_int_equal(stats_get(STAT_incus_sockets), 1);
	close(fd);
}

static void
empty_texts_may_go_besides(void **state)
{
	struct world *w = *state;
	int fd;

	w->hub.limits.incus.empty_beat = true;
	fd = client_ws(w, "/socket", "");
	say_text(fd, AUTH("a"));
	hear(w, fd, "\x81");
	assert_int_equal(w->in.n, 2);
	close(fd);
}

#define PLACED(user, more, cursor)                                             \
	"{\"command\":{\"command\":\"authenticate\",\"user\":\"" user          \
	"\"" more ",\"cursor\":\"" cursor "\"}}"

static void
who_names_a_place_is_told_the_places(void **state)
{
	struct world *w = *state;
	int fd = come(w, PLACED("a", "", ""), 3);

	hear(w, fd, "{\"cursor\":\"5.0\"}\n");
	tell(w, USER "a", "{\"event\":\"e\",\"data\":{}}");
	hear(w, fd, "{\"event\":\"e\",\"data\":{},\"time\":");
	hear(w, fd, ",\"cursor\":\"5.1\"}\n");
	close(fd);
	fd = come(w, AUTH("a"), 3);
	tell(w, USER "a", "{\"event\":\"f\",\"data\":{}}");
	assert_null(strstr(hear(w, fd, "}\n"), "cursor"));
	close(fd);
}

static void
who_comes_back_is_told_what_was_said_meanwhile(void **state)
{
	struct world *w = *state;
	int fd = come(w, PLACED("a", ",\"page\":\"p\"", ""), 4);

	hear(w, fd, "{\"cursor\":\"5.0\"}\n");
	tell(w, USER "a", "{\"event\":\"1\",\"data\":{}}");
	hear(w, fd, "\"cursor\":\"5.1\"}\n");
	close(fd);
	fd = come(w, PLACED("b", "", ""), 5); /* keeps everybody's channel */
	tell(w, PAGE "p", "{\"event\":\"2\",\"data\":{}}");
	tell(w, INCUS_ALL, "{\"event\":\"3\",\"data\":{}}");
	hear(w, fd, "\"3\"");
	close(fd);
	fd = come(w, PLACED("a", ",\"page\":\"p\"", "5.1"), 5);
	hear(w, fd, "\"event\":\"2\"");
	hear(w, fd, "\"event\":\"3\"");
	close(fd);
}

static void
what_is_no_place_is_a_gap_and_goes_on_from_now(void **state)
{
	struct world *w = *state;
	int fd = come(w, PLACED("a", "", "nowhere"), 3);

	hear(w, fd, "{\"gap\":{\"reason\":\"bad_cursor\"}}\n");
	hear(w, fd, "{\"cursor\":\"5.0\"}\n");
	close(fd);
}

TESTS(story(the_101_has_three_headers_and_no_subprotocol),
    story(a_key_of_any_length_will_do),
    story(what_is_no_handshake_is_told_so_and_the_connection_goes_on),
    story(other_methods_are_not_allowed_and_their_bodies_are_read),
    story(a_body_is_waited_for_and_100_is_said_once),
    story(a_body_that_is_too_large_is_413_and_the_end),
    story(a_bad_chunk_is_400_and_the_end),
    story(frames_behind_the_handshake_are_read),
    story(anything_else_first_is_the_end_with_1011),
    story(nothing_first_is_the_end_too_in_the_end),
    story(authenticating_says_nothing_and_joins_all_and_the_user),
    story(a_number_is_a_user_too_and_letters_are_of_any_case),
    story(what_is_no_envelope_ends_it_with_1000),
    story(what_is_no_command_is_ignored),
    story(what_frames_do_wrong_is_1002_in_incus_words),
    story(a_close_is_answered_with_an_empty_one),
    story(bytes_fragments_and_garbage_behind_are_read),
    story(who_answers_no_ping_stays), story(empty_texts_may_go_besides),
    story(who_names_a_place_is_told_the_places),
    story(who_comes_back_is_told_what_was_said_meanwhile),
    story(what_is_no_place_is_a_gap_and_goes_on_from_now))

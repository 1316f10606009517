/* dialect_ws_test.c - a native WebSocket client, from handshake to close. */
#include "common/crypto.h"
#include "common/jwt.h"
#include "hub/subscribe.h"
#include "tests/unit/hub_world.h"

static bool
nobody_is_here(struct world *w)
{
	return w->hub.conns_n == 0;
}

static void
subscribes_and_hears_what_is_published(void **state)
{
	struct world *w = *state;
	int fd = client_ws(w, "/v1/ws", "");

	w->top = 3;
	say_text(fd, "{\"op\":\"subscribe\",\"ref\":1,"
		     "\"channel\":\"/demo/public/x\"}");
	hear(w, fd,
	    "{\"ref\":1,\"ok\":true,\"channel\":\"/demo/public/x\","
	    "\"cursor\":\"5.3\",\"recovered\":false}");
	world_message(w, "/demo/public/x", "{\"n\":1}");
	hear(w, fd,
	    "{\"channel\":\"/demo/public/x\",\"cursor\":\"5.4\","
	    "\"data\":{\"n\":1}}");
	say_text(fd, "{\"op\":\"unsubscribe\",\"ref\":\"b\","
		     "\"channel\":\"/demo/public/x\"}");
	hear(w, fd, "{\"ref\":\"b\",\"ok\":true");
	close(fd);
}

static void
a_command_may_come_a_byte_at_a_time(void **state)
{
	struct world *w = *state;
	static const char request[] = "GET /v1/ws" UPGRADE "\r\n";
	int fd = w->client = client(w);

	for (const char *p = request; *p != '\0'; p++) {
		char one[2] = {*p, '\0'};

		say(fd, one);
		until(w, world_taken);
	}
	hear(w, fd, "101 Switching Protocols");
	for (unsigned i = 0; i < 6 + 13; i++) {
		static const char ping[] = "\x81\x8d\0\0\0\0{\"op\":\"ping\"}";

		assert_int_equal(send(fd, ping + i, 1, MSG_NOSIGNAL), 1);
		until(w, world_taken);
	}
	hear(w, fd, "{\"ok\":true}");
	close(fd);
}

static void
publishes_with_a_key_and_is_told_the_place(void **state)
{
	struct world *w = *state;
	int fd =
	    client_ws(w, "/v1/ws", "Authorization: Basic a2lkOnNlY3JldA==\r\n");

	say_text(fd, "{\"op\":\"publish\",\"ref\":1,\"id\":\"i\","
		     "\"channel\":\"/demo/public/x\",\"data\":[1.0, 2]}");
	hear(w, fd,
	    "{\"ref\":1,\"ok\":true,\"id\":\"i\",\"channel\":"
	    "\"/demo/public/x\",\"cursor\":\"5.1\",\"hubs\":1}");
	assert_true(slice_is(buf_slice(&w->published), "[1.0, 2]"));
	w->answer = CODE_full;
	say_text(fd, "{\"op\":\"publish\",\"ref\":2,"
		     "\"channel\":\"/demo/public/x\",\"text\":\"t\"}");
	hear(w, fd, "{\"ref\":2,\"ok\":false,\"error\":{\"code\":\"full\"");
	close(fd);
}

static void
errors_name_the_field_and_keep_the_ref(void **state)
{
	static const char *const cases[][2] = {
	    {"[]", "\"bad_json\""},
	    {"{\"op\":", "a value is missing at byte 6\""},
	    {"{\"op\":\"publish\",\"channel\":\"/demo/meta/x\","
	     "\"data\":1}",
		"\"forbidden\""},
	    {"{\"op\":\"publish\",\"channel\":\"/demo/public/x\","
	     "\"base64\":7}",
		"\"field\":\"base64\""},
	    {"{\"ref\":1}", "{\"ref\":1,\"ok\":false,\"error\":{\"code\":"
			    "\"missing_field\""},
	    {"{\"op\":\"dance\"}", "\"unknown_op\""},
	    {"{\"op\":\"subscribe\",\"ref\":2}", "\"field\":\"channel\""},
	    {"{\"op\":\"subscribe\",\"ref\":2,\"channel\":7}",
		"{\"ref\":2,\"ok\":false,\"error\":{\"code\":\"bad_field\""},
	    {"{\"op\":\"subscribe\",\"channel\":\"x\"}", "\"bad_channel\""},
	    {"{\"op\":\"subscribe\",\"channel\":\"/demo/private/x\"}",
		"\"unauthorized\""},
	    {"{\"op\":\"subscribe\",\"channel\":\"/demo/private/x\","
	     "\"token\":\"x.y.z\"}",
		"\"field\":\"token\""},
	    {"{\"op\":\"subscribe\",\"channel\":\"/demo/public/x\","
	     "\"cursor\":\"?\"}",
		"\"bad_cursor\""},
	    {"{\"op\":\"unsubscribe\",\"channel\":\"/demo/public/x\"}",
		"\"not_found\""},
	    {"{\"op\":\"publish\",\"channel\":\"/demo/public/x\","
	     "\"data\":1}",
		"\"unauthorized\""},
	    {"{\"op\":\"ping\",\"ref\":{}}", "\"field\":\"ref\""},
	};
	struct world *w = *state;
	int fd = client_ws(w, "/v1/ws", "");

	for (size_t i = 0; i < LENGTH(cases); i++) {
		say_text(fd, cases[i][0]);
		hear(w, fd, cases[i][1]);
	}
	assert_int_equal(w->joins, 0);
	close(fd);
}

static void
no_more_subscriptions_than_allowed(void **state)
{
	struct world *w = *state;
	int fd = client_ws(w, "/v1/ws", "");
	char text[96];

	for (unsigned i = 0; i < 5; i++) {
		snprintf(text, sizeof(text),
		    "{\"op\":\"subscribe\",\"channel\":\"/demo/public/%u\"}",
		    i);
		say_text(fd, text);
	}
	hear(w, fd, "\"too_many\"");
	close(fd);
}

static void
a_subscribe_that_is_undone_before_its_answer_is_answered(void **state)
{
	struct world *w = *state;
	int fd = client_ws(w, "/v1/ws", "");

	w->mute = true;
	say_text(fd, "{\"op\":\"subscribe\",\"ref\":1,"
		     "\"channel\":\"/demo/public/x\"}");
	say_text(fd, "{\"op\":\"unsubscribe\",\"ref\":2,"
		     "\"channel\":\"/demo/public/x\"}");
	hear(w, fd,
	    "{\"ref\":1,\"ok\":false,\"channel\":\"/demo/public/x\","
	    "\"error\":{\"code\":\"not_found\",");
	hear(w, fd, "{\"ref\":2,\"ok\":true");
	close(fd);
}

static void
a_ping_is_answered_between_fragments(void **state)
{
	struct world *w = *state;
	int fd = client_ws(w, "/v1/ws", "");

	say_frame(fd, 0x01, SLICE("{\"op\":"));
	say_frame(fd, 0x89, SLICE("hello"));
	hear(w, fd, "\x8a\x05hello");
	say_frame(fd, 0x80, SLICE("\"ping\"}"));
	hear(w, fd, "{\"ok\":true}");
	close(fd);
}

static void
close_is_answered_with_its_code_and_errors_with_theirs(void **state)
{
	struct world *w = *state;
	int fd = client_ws(w, "/v1/ws", "");

	say_frame(fd, 0x88, SLICE("\x03\xe8"));
	hear(w, fd, "\x88\x02\x03\xe8");
	hear(w, fd, NULL);
	close(fd);
	fd = client_ws(w, "/v1/ws", "");
	say_frame(fd, 0xf1, SLICE("x"));
	hear(w, fd, "\x03\xea"); /* 1002 */
	close(fd);
	fd = client_ws(w, "/v1/ws", "");
	say_frame(fd, 0x82, SLICE("x"));
	hear(w, fd, "\x03\xeb"); /* 1003: JSON is text */
	close(fd);
}

static void
msgpack_is_spoken_by_who_asks_for_it(void **state)
{
	struct world *w = *state;
	int fd = client_ws(
	    w, "/v1/ws", "Sec-WebSocket-Protocol: posthorn.v1.msgpack\r\n");

	say_frame(fd, 0x82,
	    SLICE("\x83\xa2op\xa9subscribe\xa3ref\7\xa7"
		  "channel\xae/demo/public/x"));
	hear(w, fd,
	    "\xa7"
	    "channel\xae/demo/public/x\xa6"
	    "cursor");
	world_message(w, "/demo/public/x", "{\"n\":[-1]}");
	hear(w, fd,
	    "\xa4"
	    "data\xdf");
	close(fd);
}

static void
a_request_that_is_no_upgrade_is_refused(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	say(fd, "GET /v1/ws HTTP/1.1\r\nHost: a\r\n\r\n");
	hear(w, fd, "HTTP/1.1 4");
	hear(w, fd, NULL);
	close(fd);
}

/* Nothing is read from this client until it has been given up. */
static void
a_slow_reader_is_disconnected_and_others_are_not(void **state)
{
	struct world *w = *state;
	char *big = xcalloc(1, 60001);
	int slow = client_ws(w, "/v1/ws", ""), fast;

	fast = client_ws(w, "/v1/ws", "");
	say_text(slow, "{\"op\":\"subscribe\",\"channel\":\"/demo/public/x\"}");
	hear(w, slow, "\"ok\":true");
	say_text(fast, "{\"op\":\"subscribe\",\"channel\":\"/demo/public/x\"}");
	hear(w, fast, "\"ok\":true");
	memset(big, '1', 60000);
	for (unsigned i = 0; i < 60 && w->hub.conns_n == 2; i++) {
		world_message(w, "/demo/public/x", big);
		hear(w, fast, "111}");
	}
	assert_int_equal(w->hub.conns_n, 1);
	close(fast);
	close(slow);
	free(big);
}

static void
a_reader_that_may_skip_is_told_what_it_missed(void **state)
{
	struct world *w = *state;
	char *big = xcalloc(1, 60001);
	int fd = client_ws(w, "/v1/ws", ""), other;

	w->hub.limits.slow = SLOW_SKIP;
	other = client_ws(w, "/v1/ws", "");
	say_text(fd, "{\"op\":\"subscribe\",\"channel\":\"/demo/public/x\"}");
	hear(w, fd, "\"ok\":true");
	say_text(
	    other, "{\"op\":\"subscribe\",\"channel\":\"/demo/public/x\"}");
	hear(w, other, "\"ok\":true");
	memset(big, '1', 60000);
	for (unsigned i = 0; i < 40; i++) {
		world_message(w, "/demo/public/x", big);
		hear(w, other, "111}");
	}
	assert_int_equal(w->hub.conns_n, 2);
	hear(w, fd, "\"to\":\"5.40\",\"reason\":\"slow\"}}");
	world_message(w, "/demo/public/x", "7");
	hear(w, fd, "\"cursor\":\"5.41\",\"data\":7}");
	close(other);
	close(fd);
	free(big);
}

static void
who_says_goodbye_and_sends_no_more_gets_what_it_is_owed(void **state)
{
	struct world *w = *state;
	char *big = xcalloc(1, 60001);
	int fd = client_ws(w, "/v1/ws", ""), small = 1;
	struct conn *c = container_of(w->hub.conns.prev, struct conn, node);

	setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	say_text(fd, "{\"op\":\"subscribe\",\"channel\":\"/demo/public/x\"}");
	hear(w, fd, "\"ok\":true");
	memset(big, '1', 60000);
	world_message(w, "/demo/public/x", big);
	hear(w, fd, "\"cursor\":\"5.1\"");
	say_frame(fd, 0x88, SLICE("\x03\xe8"));
	shutdown(fd, SHUT_WR);
	hear(w, fd, "111}\x88\x02\x03\xe8");
	hear(w, fd, NULL);
	close(fd);
	free(big);
}

/* Its place would stand for what was left out. */
static void
who_skips_one_channel_skips_all_until_it_was_told(void **state)
{
	struct world *w = *state;
	char *big = xcalloc(1, 60001);
	int fd, other;

	w->hub.limits.slow = SLOW_SKIP;
	fd = client_ws(w, "/v1/ws", "");
	other = client_ws(w, "/v1/ws", "");
	say_text(fd, "{\"op\":\"subscribe\",\"channel\":\"/demo/public/x\"}");
	hear(w, fd, "\"ok\":true");
	say_text(fd, "{\"op\":\"subscribe\",\"channel\":\"/demo/public/y/*\"}");
	hear(w, fd, "\"ok\":true");
	say_text(
	    other, "{\"op\":\"subscribe\",\"channel\":\"/demo/public/**\"}");
	hear(w, other, "\"ok\":true");
	memset(big, '1', 60000);
	for (unsigned i = 0; i < 40; i++) {
		world_message(w, "/demo/public/x", big);
		hear(w, other, "111}");
	}
	world_message(w, "/demo/public/y/z", "7");
	hear(w, other, "\"data\":7}");
	hear(w, fd, "\"reason\":\"slow\"}}");
	assert_null(memmem(w->in.p, w->used, "\"data\":7", 8));
	close(other);
	close(fd);
	free(big);
}

static void
put_token(struct world *w, struct buf *b, uint64_t expires)
{
	struct crypto_key *key;
	struct buf claims = {0};

	(void)w;
	buf_printf(&claims, "{\"channel\":\"/demo/private/x\",\"exp\":%llu}",
	    (unsigned long long)expires);
	assert_null(crypto_key_secret(&key, CRYPTO_HS256, SLICE("secret")));
	assert_true(jwt_sign(
	    b, key, &(struct jwt_draft){SLICE("kid"), buf_slice(&claims)}));
	crypto_key_free(&key);
	buf_free(&claims);
}

static void
a_token_ends_though_it_came_in_its_leeway_or_lasts_long(void **state)
{
	struct world *w = *state;
	uint64_t now = hub_unix_s(&w->hub);
	const struct {
		uint64_t expires, from, upto; /* s from now that it ends */
	} rows[] = {
	    {now - 30, 20, 30}, {now + 500, 490, 500},
	    {now + 36893488147419104, 1000000, UINT64_MAX}, /* 2^64 / 500 */
	};

	for (unsigned i = 0; i < LENGTH(rows); i++) {
		int fd = client_ws(w, "/v1/ws", "");
		struct conn *c =
		    container_of(w->hub.conns.prev, struct conn, node);
		struct buf b = {0};
		uint64_t in;

		buf_str(&b, "{\"op\":\"subscribe\",\"channel\":"
			    "\"/demo/private/x\",\"token\":\"");
		put_token(w, &b, rows[i].expires);
		buf_str(&b, "\"}");
		say_frame(fd, 0x81, buf_slice(&b));
		hear(w, fd, "\"ok\":true");
		in =
		    c->reader.subs->extra->expiry.due - loop_now(w->hub.d.loop);
		assert_in_range(in / 1000, rows[i].from - 1, rows[i].upto);
		buf_free(&b);
		close(fd);
		until(w, nobody_is_here);
	}
}

static void
a_drain_sends_it_away_with_the_time_to_come_back(void **state)
{
	struct world *w = *state;
	int fd = client_ws(w, "/v1/ws", "");

	w->hub.d.draining = true;
	drain_begin(&w->hub);
	hear(w, fd, "\x03\xf4{\"reconnect\":"); /* 1012 */
	close(fd);
}

TESTS(story(subscribes_and_hears_what_is_published),
    story(a_command_may_come_a_byte_at_a_time),
    story(publishes_with_a_key_and_is_told_the_place),
    story(errors_name_the_field_and_keep_the_ref),
    story(no_more_subscriptions_than_allowed),
    story(a_subscribe_that_is_undone_before_its_answer_is_answered),
    story(a_ping_is_answered_between_fragments),
    story(close_is_answered_with_its_code_and_errors_with_theirs),
    story(msgpack_is_spoken_by_who_asks_for_it),
    story(a_request_that_is_no_upgrade_is_refused),
    story(a_slow_reader_is_disconnected_and_others_are_not),
    story(a_reader_that_may_skip_is_told_what_it_missed),
    story(who_says_goodbye_and_sends_no_more_gets_what_it_is_owed),
    story(who_skips_one_channel_skips_all_until_it_was_told),
    story(a_token_ends_though_it_came_in_its_leeway_or_lasts_long),
    story(a_drain_sends_it_away_with_the_time_to_come_back))

/* dialect_bayeux_test.c - Bayeux by requests: who is answered what, and when. */
#include "tests/unit/answer_date.h"
#include "tests/unit/bayeux_world.h"

/* ---- Requests */

static void
what_is_no_message_is_a_bad_request_and_the_connection_goes_on(void **state)
{
	static const char *const bodies[] = {
	    "", "nonsense", "7", "\"x\"", "true", "{\"id\":1,\"id\":2}", "[{]"};
	struct world *w = *state;
	int fd = client(w);

	for (size_t i = 0; i < LENGTH(bodies); i++) {
		post(fd, bodies[i]);
		hear(w, fd, "HTTP/1.1 400 Bad Request\r\n");
		hear(w, fd, "Content-Type: text/plain; charset=utf-8\r\n");
		hear(w, fd, "\r\n\r\nBad request");
	}
	post(fd, "null");
	hear(w, fd, "Content-Length: 2\r\n\r\n[]");
	post(fd, "[]");
	hear(w, fd, "Content-Length: 2\r\n\r\n[]");
	post(fd, "[null]");
	hear(w, fd, "Content-Length: 2\r\n\r\n[]");
	post(fd, "[7,{}]");
	hear(w, fd,
	    "[{\"successful\":false,\"error\":\"402:data:Missing "
	    "required parameter\"},{\"successful\":false,\"error\":"
	    "\"402:data:Missing required parameter\"}]");
	say(fd, "PUT /push HTTP/1.1\r\nHost: a\r\n\r\n"
		"GET /push HTTP/1.1\r\nHost: a\r\n\r\n"
		"GET /push?message=%5B%5D&jsonp=a..b HTTP/1.1\r\nHost: a\r\n"
		"\r\nGET /push/x.js HTTP/1.1\r\nHost: a\r\n\r\n");
	for (unsigned i = 0; i < 3; i++)
		hear(w, fd, "HTTP/1.1 400 ");
	hear(w, fd, "HTTP/1.1 404 ");
	close(fd);
}

static void
heads_have_the_lines_of_the_original_in_its_order(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	say(fd, "POST /push/a/b HTTP/1.1\r\nHost: a\r\nOrigin: http://o\r\n"
		"Content-Length: 12\r\n\r\nmessage=%5B]");
	hear(w, fd, "[]");
	assert_string_equal(date_cut(w->heard),
	    "HTTP/1.1 200 OK\r\n"
	    "Content-Type: application/json; charset=utf-8\r\n"
	    "Cache-Control: no-cache, no-store\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "Access-Control-Allow-Credentials: true\r\n"
	    "Access-Control-Allow-Origin: http://o\r\n"
	    "Content-Length: 2\r\n\r\n[]");
	say(fd, "GET /push.json?jsonp=a.$b&message=%5B%5D HTTP/1.1\r\n"
		"Host: a\r\n\r\n");
	hear(w, fd, ");");
	assert_string_equal(date_cut(w->heard),
	    "HTTP/1.1 200 OK\r\n"
	    "Content-Type: text/javascript; charset=utf-8\r\n"
	    "Cache-Control: no-cache, no-store\r\n"
	    "X-Content-Type-Options: nosniff\r\n"
	    "Content-Disposition: attachment; filename=f.txt\r\n"
	    "Content-Length: 13\r\n\r\n/**/a.$b([]);");
	say(fd, "POST /push HTTP/1.1\r\nHost: a\r\nReferer: http://r/x\r\n"
		"Access-Control-Request-Method: POST\r\n\r\n");
	hear(w, fd, "Content-Length: 0\r\n\r\n");
	assert_string_equal(date_cut(w->heard),
	    "HTTP/1.1 200 OK\r\n"
	    "Access-Control-Allow-Credentials: true\r\n"
	    "Access-Control-Allow-Headers: Accept, Authorization, "
	    "Content-Type, Pragma, X-Requested-With\r\n"
	    "Access-Control-Allow-Methods: POST, GET\r\n"
	    "Access-Control-Allow-Origin: http://r/x\r\n"
	    "Access-Control-Max-Age: 86400\r\n"
	    "Content-Length: 0\r\n\r\n");
	close(fd);
}

static void
a_script_has_no_line_ends_of_its_own(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	say(fd, "GET /push?message=%7B%22id%22%3A%22%E2%80%A8%E2%80%A9%E2%80%AA"
		"%22%7D HTTP/1.1\r\nHost: a\r\n\r\n");
	hear(w, fd,
	    "/**/jsonpcallback([{\"id\":\"\\u2028\\u2029\xe2\x80\xaa\","
	    "\"successful\":false,");
	hear(w, fd, "}]);");
	close(fd);
}

/* ---- Meta messages */

static void
failed_handshakes_say_what_is_missing_and_give_no_name(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	post(fd, "{\"id\":\"1\",\"clientId\":\"x\",\"channel\":\"/meta/"
		 "handshake\"}");
	hear(w, fd,
	    "[{\"id\":\"1\",\"channel\":\"/meta/handshake\",\"successful\":"
	    "false,\"version\":\"1.0\","
	    "\"supportedConnectionTypes\":" BAYEUX_TYPES
	    ",\"error\":\"402:supportedConnectionTypes:Missing "
	    "required parameter\",\"advice\":{\"reconnect\":\"handshake\"}}]");
	post(fd, "{\"channel\":\"/meta/handshake\","
		 "\"supportedConnectionTypes\":[\"websocket\"]}");
	hear(w, fd, "\"402:version:Missing required parameter\"");
	post(fd, "{\"channel\":\"/meta/handshake\",\"version\":\"1\","
		 "\"supportedConnectionTypes\":[\"foo\",\"bar\"]}");
	hear(w, fd, "\"301:foo,bar:Connection types not supported\"");
	assert_true(nobody_is_left(w));
	close(fd);
}

static void
an_address_has_so_many_sessions_and_all_have(void **state)
{
	static const char shake_it[] =
	    "{\"channel\":\"/meta/handshake\",\"version\":\"1.0\","
	    "\"supportedConnectionTypes\":[\"long-polling\"]}";
	struct world *w = *state;
	int pair[2], fd;

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		 pair) == 0);
	conn_open(&w->hub,
	    &(struct conn_offer){.fd = pair[1], .address = SLICE("192.0.2.1")});
	for (unsigned i = 0; i < 3; i++)
		shake(w, pair[0]);
	post(pair[0], shake_it);
	hear(w, pair[0],
	    "\"429:clients:Too many\",\"advice\":"
	    "{\"reconnect\":\"handshake\"}}]");
	fd = client(w);
	shake(w, fd);
	w->hub.limits.bayeux.sessions = 4;
	post(fd, shake_it);
	hear(w, fd, "\"429:clients:Too many\"");
	say_as(fd, id_of(w), "\"channel\":\"/meta/disconnect\"", false);
	hear(w, fd, "\"successful\":true}]");
	shake(w, fd);
	close(pair[0]);
	close(fd);
}

static void
what_is_wrong_with_a_connect_is_said_in_fayes_order(void **state)
{
	struct world *w = *state;
	int fd = client(w);
	const char *id = shake(w, fd);

	post(fd, "{\"channel\":\"/meta/connect\",\"id\":\"1\"}");
	hear(w, fd,
	    "[{\"id\":\"1\",\"channel\":\"/meta/connect\","
	    "\"successful\":false,\"error\":\"402:connectionType:"
	    "Missing required parameter\",\"advice\":"
	    "{\"reconnect\":\"handshake\"}}]");
	post(fd, "{\"channel\":\"/meta/connect\",\"clientId\":\"zzz\","
		 "\"connectionType\":\"websocket\"}");
	hear(w, fd,
	    "[{\"channel\":\"/meta/connect\",\"successful\":false,"
	    "\"error\":\"401:zzz:Unknown client\"");
	post(fd,
	    "{\"channel\":\"/meta/connect\",\"connectionType\":\"websocket\"}");
	hear(w, fd, "\"402:clientId:Missing required parameter\"");
	say_as(fd, id, "\"channel\":\"/meta/connect\",\"connectionType\":\"x\"",
	    false);
	hear(w, fd, "\"301:x:Connection types not supported\"");
	post(fd, "{\"channel\":\"/meta/nothing\",\"clientId\":\"q\"}");
	hear(w, fd,
	    "[{\"clientId\":\"q\",\"channel\":\"/meta/nothing\","
	    "\"successful\":false,\"error\":"
	    "\"403:/meta/nothing:Forbidden channel\"}]");
	close(fd);
}

static void
a_bad_channel_of_a_list_leaves_those_before_it(void **state)
{
	struct world *w = *state;
	int fd = client(w);
	const char *id = shake(w, fd);

	say_as(fd, id,
	    SUBSCRIBE("[\"/demo/public/a\",\"/demo/public/a.b\","
		      "\"/demo/public/c\"],\"id\":\"7\""),
	    false);
	hear(w, fd,
	    "\"successful\":false,\"subscription\":[\"/demo/public/a\","
	    "\"/demo/public/a.b\",\"/demo/public/c\"],\"error\":"
	    "\"405:/demo/public/a.b:Invalid channel\"}]");
	assert_non_null(strstr(w->heard, id));
	say_as(fd, id, SUBSCRIBE("\"/demo/private/a\""), false);
	hear(w, fd,
	    "\"error\":\"No auth supplied\",\"successful\":false,"
	    "\"subscription\":\"/demo/private/a\"}]");
	say_as(fd, id, SUBSCRIBE("\"/**\""), false);
	hear(w, fd, "\"Invalid channel name\"");
	say_as(fd, id, SUBSCRIBE("[]"), false);
	hear(w, fd, "\"successful\":true,\"subscription\":[]}]");
	say_as(fd, id, SUBSCRIBE("\"\""), false);
	hear(w, fd, "\"subscription\":[],\"error\":\"402:subscription:");
	until(w, world_joined); /* of the first alone */
	assert_int_equal(w->joins, 1);
	close(fd);
}

static void
a_publish_needs_no_client_but_a_right_and_data(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	post(fd, "{\"channel\":\"/demo/public/x\",\"id\":\"1\",\"data\":null}");
	hear(w, fd,
	    "[{\"id\":\"1\",\"channel\":\"/demo/public/x\",\"error\":"
	    "\"No auth supplied\",\"successful\":false}]");
	post(fd, "{\"channel\":\"/demo/public/x\",\"id\":\"1\"}");
	hear(w, fd,
	    "\"error\":\"402:data:Missing required parameter\","
	    "\"successful\":false}]");
	post(fd, "{\"channel\":\"/demo/public/x\",\"clientId\":\"c\",\"data\":"
		 "null,\"id\":3," KEY "}");
	hear(w, fd,
	    "[{\"id\":3,\"clientId\":\"c\",\"channel\":"
	    "\"/demo/public/x\",\"successful\":true}]");
	post(fd, "[{\"channel\":\"/demo/public/x\",\"data\":{\"__auth\":{"
		 "\"key\":\"kid\",\"secret\":\"secret\"},\"a\":1.0}}]");
	hear(w, fd, "\"successful\":true}]");
	assert_int_equal(w->publishes, 2);
	buf_chr(&w->published, '\0');
	assert_string_equal(w->published.p, "null{\"a\":1.0}");
	close(fd);
}

/* ---- Polls */

static void
a_poll_is_answered_with_all_that_came_in_a_turn(void **state)
{
	struct world *w = *state;
	int fd = client(w);
	const char *id = shake(w, fd);

	say_as(fd, id, SUBSCRIBE("\"/demo/public/x\""), false);
	hear(
	    w, fd, "\"successful\":true,\"subscription\":\"/demo/public/x\"}]");
	say_as(fd, id, CONNECT(",\"id\":\"9\""), false);
	world_message(w, "/demo/public/x", "1");
	world_message(w, "/demo/public/x", "{\"b\": 2}");
	hear(w, fd, "[{\"id\":\"9\",\"clientId\":\"");
	hear(w, fd,
	    "\"timeout\":30000}},{\"channel\":\"/demo/public/x\","
	    "\"data\":1,\"id\":\"1\"}");
	w->wanted_joins = 0;
	close(fd);
}

static void
a_poll_that_is_given_up_loses_nothing(void **state)
{
	struct world *w = *state;
	int fd = client(w), other;
	char id[BAYEUX_ID + 1];

	snprintf(id, sizeof(id), "%s", shake(w, fd));
	say_as(fd, id, SUBSCRIBE("\"/demo/public/x\""), false);
	hear(w, fd, "\"/demo/public/x\"}]");
	say_as(fd, id, CONNECT(""), false);
	w->client = fd;
	until(w, world_taken);
	close(fd);
	other = client(w);
	shake(w, other);
	world_message(w, "/demo/public/x", "\"late\"");
	w->wanted_joins = 1;
	until(w, one_waits);
	say_as(other, id, CONNECT(""), false);
	hear(w, other, "\"data\":\"late\"");
	close(other);
}

static void
of_two_connects_the_older_is_answered_at_once(void **state)
{
	struct world *w = *state;
	int fd = client(w), other = client(w);
	const char *id = shake(w, fd);

	say_as(fd, id, SUBSCRIBE("\"/demo/public/x\""), false);
	hear(w, fd, "\"/demo/public/x\"}]");
	say_as(fd, id, CONNECT(",\"id\":\"old\""), false);
	w->client = fd;
	until(w, world_taken);
	say_as(other, id, CONNECT(",\"id\":\"new\""), false);
	hear(w, fd, "{\"id\":\"old\",");
	hear(w, fd,
	    "\"successful\":true,\"advice\":{\"reconnect\":\"retry\","
	    "\"interval\":0,\"timeout\":30000}}]");
	world_message(w, "/demo/public/x", "5");
	hear(w, other, "{\"id\":\"new\",");
	hear(w, other, "\"data\":5,");
	close(fd);
	close(other);
}

static void
a_batch_is_answered_when_its_last_is(void **state)
{
	struct world *w = *state;
	int fd = client(w);
	const char *id = shake(w, fd);
	char text[1024];

	snprintf(text, sizeof(text),
	    "[{\"clientId\":\"%s\"," CONNECT(
		",\"id\":\"1\",\"advice\":"
		"{\"timeout\":0}") "},"
				   "{\"clientId\":\"%s\"," SUBSCRIBE(
				       "\"/demo/public/x\"") ",\"id\":\"2\"},{"
							     "\"channel\":\"/"
							     "demo/public/"
							     "x\",\"data\":1,"
							     "\"id\":\"3\"," KEY
							     "}]",
	    id, id);
	post(fd, text);
	hear(w, fd, "[{\"id\":\"1\",");
	hear(w, fd, "{\"id\":\"3\",");
	hear(w, fd, "}]");
	close(fd);
}

static void
who_is_silent_is_forgotten(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	w->hub.limits.bayeux.timeout = 50;
	post(fd, "{\"channel\":\"/meta/handshake\",\"version\":\"1.0\","
		 "\"supportedConnectionTypes\":[\"long-polling\"]}");
	hear(w, fd, "\"timeout\":50}}]");
	say_as(fd, id_of(w), SUBSCRIBE("\"/demo/public/x\""), false);
	hear(w, fd, "\"/demo/public/x\"}]");
	until(w, nobody_is_left);
	assert_int_equal(stats_get(STAT_subscriptions), 0);
	close(fd);
}

static void
a_queue_that_is_too_long_is_the_end_of_its_client(void **state)
{
	struct world *w = *state;
	uint64_t slow = stats_get(STAT_slow_disconnects);
	uint64_t lost = stats_get(STAT_bayeux_lost);
	uint64_t dropped = stats_get(STAT_drop_slow);
	struct buf large = {0};
	int fd = client(w);

	w->hub.limits.backlog = 10000;
	say_as(fd, shake(w, fd), SUBSCRIBE("\"/demo/public/x\""), false);
	hear(w, fd, "\"/demo/public/x\"}]");
	buf_chr(&large, '"');
	for (unsigned i = 0; i < 6000; i++)
		buf_chr(&large, 'x');
	buf_str(&large, "\"");
	buf_chr(&large, '\0');
	world_message(w, "/demo/public/x", large.p);
	world_message(w, "/demo/public/x", large.p);
	until(w, nobody_is_left);
	assert_int_equal(stats_get(STAT_slow_disconnects), slow + 1);
	assert_int_equal(stats_get(STAT_bayeux_lost), lost + 1);
	assert_int_equal(stats_get(STAT_drop_slow), dropped + 2);
	buf_free(&large);
	close(fd);
}

TESTS(story(what_is_no_message_is_a_bad_request_and_the_connection_goes_on),
    story(heads_have_the_lines_of_the_original_in_its_order),
    story(a_script_has_no_line_ends_of_its_own),
    story(failed_handshakes_say_what_is_missing_and_give_no_name),
    story(an_address_has_so_many_sessions_and_all_have),
    story(what_is_wrong_with_a_connect_is_said_in_fayes_order),
    story(a_bad_channel_of_a_list_leaves_those_before_it),
    story(a_publish_needs_no_client_but_a_right_and_data),
    story(a_poll_is_answered_with_all_that_came_in_a_turn),
    story(a_poll_that_is_given_up_loses_nothing),
    story(of_two_connects_the_older_is_answered_at_once),
    story(a_batch_is_answered_when_its_last_is),
    story(who_is_silent_is_forgotten),
    story(a_queue_that_is_too_long_is_the_end_of_its_client))

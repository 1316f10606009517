/* dialect_bayeux_socket_test.c - Bayeux by WebSockets and EventSources, and
 * the end of all. */
#include "tests/unit/bayeux_world.h"

/* ---- Sockets */

static int
socket_of(struct world *w, const char *id)
{
	int fd = client_ws(w, "/push/x", "");

	say_as(fd, id,
	    "\"channel\":\"/meta/connect\",\"connectionType\":\"websocket\","
	    "\"id\":\"held\"",
	    true);
	w->client = fd;
	until(w, world_taken);
	return fd;
}

static void
a_socket_is_handed_each_message_as_an_array(void **state)
{
	struct world *w = *state;
	int fd = client(w), ws;
	const char *id = shake(w, fd);

	say_as(fd, id, SUBSCRIBE("\"/demo/public/x\""), false);
	hear(w, fd, "\"/demo/public/x\"}]");
	world_message(w, "/demo/public/x", "\"early\"");
	w->wanted_joins = 1;
	until(w, one_waits);
	ws = socket_of(w, id);
	hear(w, ws,
	    "[{\"channel\":\"/demo/public/x\",\"data\":\"early\","
	    "\"id\":\"1\"}]");
	world_message(w, "/demo/public/x", "\"late\"");
	hear(w, ws,
	    "[{\"channel\":\"/demo/public/x\",\"data\":\"late\","
	    "\"id\":\"2\"}]");
	say_text(ws, "[]");
	hear(w, ws, "\x81\x02[]");
	say_text(ws, "garbage");
	say_frame(ws, 0x82, SLICE("[{\"id\":5}]"));
	hear(w, ws, "[{\"id\":5,\"successful\":false");
	close(fd);
	close(ws);
}

static void
disconnect_is_answered_then_the_connect_then_it_is_closed(void **state)
{
	struct world *w = *state;
	int fd = client(w), ws;
	const char *id = shake(w, fd);

	ws = socket_of(w, id);
	say_as(ws, id, "\"channel\":\"/meta/disconnect\",\"id\":\"bye\"", true);
	hear(w, ws, "[{\"id\":\"bye\",");
	hear(w, ws, "[{\"id\":\"held\",");
	hear(w, ws, "\x88\x02\x03\xe8");
	hear(w, ws, NULL);
	until(w, nobody_is_left);
	close(fd);
	close(ws);
}

/* A client by that socket, which listens and has its connect held. */
static void
come_by(struct world *w, int ws, const char *id, const char *channel)
{
	char text[256];

	snprintf(text, sizeof(text), SUBSCRIBE("\"%s\""), channel);
	say_as(ws, id, text, true);
	hear(w, ws, "\"successful\":true,");
	snprintf(text, sizeof(text), CONNECT(",\"id\":\"on %s\""), channel);
	say_as(ws, id, text, true);
	w->client = ws;
	until(w, world_taken);
}

/* The first on its channel. */
static void
tell(struct world *w, const char *channel, const char *body)
{
	world_send(w, (struct msg_deliver){.channel = slice_of(channel),
			  .body = slice_of(body)});
}

static void
each_client_of_a_socket_holds_a_connect(void **state)
{
	struct world *w = *state;
	int fd = client(w), ws = client_ws(w, "/push", "");
	char one[BAYEUX_ID + 1];
	const char *two;

	snprintf(one, sizeof(one), "%s", shake(w, fd));
	two = shake(w, fd);
	come_by(w, ws, one, "/demo/public/1");
	come_by(w, ws, two, "/demo/public/2");
	tell(w, "/demo/public/2", "\"at once\"");
	tell(w, "/demo/public/1", "\"with the answer\"");
	assert_null(strstr(hear(w, ws, "\"at once\""), "on /demo/public/1"));
	assert_null(
	    strstr(hear(w, ws, "{\"id\":\"on /demo/public/1\""), "public/2"));
	hear(w, ws, "\"data\":\"with the answer\",");
	/* who comes back has the socket, and the other is answered */
	come_by(w, ws, one, "/demo/public/3");
	tell(w, "/demo/public/3", "\"pushed\"");
	hear(w, ws, "[{\"channel\":\"/demo/public/3\",\"data\":\"pushed\"");
	/* who leaves does not close it under the other */
	say_as(fd, one, "\"channel\":\"/meta/disconnect\"", false);
	hear(w, ws, "[{\"id\":\"on /demo/public/3\"");
	world_send(w, (struct msg_deliver){.channel = SLICE("/demo/public/2"),
			  .prev = 1,
			  .body = SLICE("\"still there\"")});
	hear(w, ws, "\"still there\"");
	close(fd);
	close(ws);
}

static bool
both_are_silent(struct world *w)
{
	struct list *conns = &w->hub.bayeux->conns;

	list_each (at, conns) {
		struct bayeux *b = container_of(at, struct conn, node)->bayeux;

		if (b->socket != NULL || b->alone || b->held.batch != NULL)
			return false;
	}
	return true;
}

static void
the_end_of_a_socket_is_that_of_all_connects_it_holds(void **state)
{
	struct world *w = *state;
	int fd = client(w), ws = client_ws(w, "/push", "");
	char one[BAYEUX_ID + 1];
	const char *two;

	snprintf(one, sizeof(one), "%s", shake(w, fd));
	two = shake(w, fd);
	come_by(w, ws, one, "/demo/public/1");
	come_by(w, ws, two, "/demo/public/2");
	close(ws);
	until(w, both_are_silent);
	world_message(w, "/demo/public/1", "1");
	say_as(fd, one, CONNECT(""), false);
	hear(w, fd, "\"data\":1,");
	close(fd);
}

static void
a_socket_that_does_not_read_is_the_end_of_its_client(void **state)
{
	struct world *w = *state;
	struct buf large = {0};
	int fd = client(w), ws;
	const char *id = shake(w, fd);

	w->hub.limits.backlog = 100000;
	say_as(fd, id, SUBSCRIBE("\"/demo/public/x\""), false);
	hear(w, fd, "\"/demo/public/x\"}]");
	ws = socket_of(w, id);
	buf_chr(&large, '"');
	for (unsigned i = 0; i < 60000; i++)
		buf_chr(&large, 'x');
	buf_str(&large, "\"");
	buf_chr(&large, '\0');
	for (unsigned i = 0; i < 20; i++)
		world_message(w, "/demo/public/x", large.p);
	until(w, nobody_is_left);
	assert_true(stats_get(STAT_slow_disconnects) != 0);
	buf_free(&large);
	close(fd);
	close(ws);
}

static void
versions_and_keys_that_are_missing_are_named(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	say(fd, "GET /push HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Version: 99\r\n"
		"Sec-WebSocket-Key: k\r\n\r\n");
	hear(w, fd, "HTTP/1.1 400 ");
	hear(w, fd, "\r\n\r\nUnsupported WebSocket version: 99");
	close(fd);
	fd = client(w);
	say(fd, "GET /push HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n");
	hear(w, fd, "Missing handshake request header: Sec-WebSocket-Key");
	close(fd);
	fd = client_ws(w, "/push", "");
	say(fd, "\x81\x02[]");
	hear(w, fd, "\x03\xebReceived unmasked frame but masking is required");
	close(fd);
}

static void
a_socket_of_nobody_is_closed_after_a_while(void **state)
{
	struct world *w = *state;
	int fd;

	w->hub.limits.idle = 50;
	fd = client_ws(w, "/push", "");
	hear(w, fd, "\x88\x02\x03\xe8");
	hear(w, fd, NULL);
	close(fd);
}

static void
pings_are_sent_where_they_are_wanted(void **state)
{
	struct world *w = *state;
	int fd = client(w), ws, es;
	const char *id = shake(w, fd);
	char text[256];

	w->hub.limits.bayeux.ping = 30;
	es = client(w);
	snprintf(text, sizeof(text),
	    "GET /push/%s HTTP/1.1\r\nHost: a\r\n"
	    "Accept: text/event-stream\r\n\r\n",
	    id);
	say(es, text);
	hear(w, es, "retry: 5000\r\n\r\n:\r\n\r\n");
	ws = client_ws(w, "/push", "");
	say_as(ws, id,
	    "\"channel\":\"/meta/connect\",\"connectionType\":\"websocket\"",
	    true);
	hear(w, ws, "\x89");
	hear(w, ws, "\x89");
	say_frame(ws, 0x89, SLICE("x"));
	hear(w, ws, "\x8a\x01x");
	close(fd);
	close(es);
	close(ws);
}

/* ---- EventSource */

static void
a_stream_has_its_session_in_its_path(void **state)
{
	struct world *w = *state;
	int fd = client(w), es;
	const char *id = shake(w, fd);
	char text[256];

	say_as(fd, id, SUBSCRIBE("\"/demo/public/x\""), false);
	hear(w, fd, "\"/demo/public/x\"}]");
	say_as(fd, id,
	    "\"channel\":\"/meta/connect\",\"connectionType\":\"eventsource\"",
	    false);
	hear(w, fd,
	    "\"advice\":{\"reconnect\":\"retry\",\"interval\":30000,"
	    "\"timeout\":0}}]");
	es = client(w);
	snprintf(text, sizeof(text),
	    "GET /push/%s HTTP/1.1\r\nHost: a\r\n"
	    "Accept: text/html, text/event-stream\r\n\r\n",
	    id);
	say(es, text);
	assert_string_equal(hear(w, es, "5000\r\n\r\n"),
	    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	    "Cache-Control: no-cache, no-store\r\nConnection: close\r\n\r\n"
	    "retry: 5000\r\n\r\n");
	say_as(fd, id, CONNECT(",\"advice\":{\"timeout\":0}"), false);
	hear(w, fd, "\"timeout\":30000}}]"); /* it stays */
	world_message(w, "/demo/public/x", "{\n\"a\": 1}");
	hear(w, es,
	    "data: [{\"channel\":\"/demo/public/x\",\"data\":{\"a\":1},"
	    "\"id\":\"1\"}]\r\n\r\n");
	say_as(fd, id, "\"channel\":\"/meta/disconnect\"", false);
	hear(w, fd, "\"successful\":true}]");
	hear(w, es, NULL);
	close(fd);
	close(es);
}

static bool
drained(struct world *w)
{
	return w->hub.conns_n == 0;
}

static void
a_hub_that_leaves_sends_its_clients_to_begin_anew(void **state)
{
	struct world *w = *state;
	int fd = client(w), ws = client(w);
	const char *id = shake(w, fd);
	char one[BAYEUX_ID + 1];

	snprintf(one, sizeof(one), "%s", id);
	shake(w, ws);
	close(ws);
	ws = socket_of(w, id_of(w));
	say_as(fd, one, CONNECT(""), false);
	w->client = fd;
	until(w, world_taken);
	drain_begin(&w->hub);
	hear(w, fd,
	    ":Unknown client\",\"advice\":{\"reconnect\":\"handshake\"}");
	hear(w, ws,
	    ":Unknown client\",\"advice\":{\"reconnect\":\"handshake\"}");
	hear(w, ws, "\x88");
	close(fd);
	close(ws);
	until(w, drained);
}

TESTS(story(a_socket_is_handed_each_message_as_an_array),
    story(disconnect_is_answered_then_the_connect_then_it_is_closed),
    story(each_client_of_a_socket_holds_a_connect),
    story(the_end_of_a_socket_is_that_of_all_connects_it_holds),
    story(a_socket_of_nobody_is_closed_after_a_while),
    story(pings_are_sent_where_they_are_wanted),
    story(a_socket_that_does_not_read_is_the_end_of_its_client),
    story(versions_and_keys_that_are_missing_are_named),
    story(a_stream_has_its_session_in_its_path),
    story(a_hub_that_leaves_sends_its_clients_to_begin_anew))

/* bayeux_bounds_test.c - Bayeux' clients that say much at once, and those that
 * go in the wrong moment. */
#include "tests/unit/bayeux_world.h"

#include "common/message.h"

static void
requests_in_one_packet_are_answered_one_after_the_other(void **state)
{
	struct world *w = *state;
	int fd = client(w);
	static const char one[] = "POST /push HTTP/1.1\r\nHost: a\r\n"
				  "Content-Type: application/json\r\n"
				  "Content-Length: 10\r\n\r\n";
	char text[1024];

	snprintf(text, sizeof(text),
	    "%s[{\"id\":1}]%s[{\"id\":2}]%s[{\"id\":3}]", one, one, one);
	say(fd, text);
	hear(w, fd, "[{\"id\":1,");
	hear(w, fd, "[{\"id\":2,");
	hear(w, fd, "[{\"id\":3,");
	close(fd);
}

/* What is answered is longer than what was said. */
static void
more_messages_than_fit_in_a_batch_are_a_bad_request(void **state)
{
	struct world *w = *state;
	int fd = client(w);
	struct buf b = {0};

	buf_chr(&b, '[');
	for (unsigned i = 0; i < BAYEUX_BATCH; i++)
		buf_str(&b, i == 0 ? "null" : ",null");
	buf_str(&b, "]");
	buf_chr(&b, '\0');
	post(fd, b.p);
	hear(w, fd, "\r\n\r\n[]");
	b.n -= 2;
	buf_str(&b, ",null]");
	buf_chr(&b, '\0');
	post(fd, b.p);
	hear(w, fd, "\r\n\r\nBad request");
	buf_free(&b);
	close(fd);
}

static struct conn *
session_of(struct world *w, const char *id)
{
	struct conn *c = bayeux_find(&w->hub, slice_of(id));

	assert_non_null(c);
	return c;
}

static int
socket_of(struct world *w, const char *id)
{
	int fd = client_ws(w, "/push", "");

	say_as(fd, id, CONNECT(""), true);
	w->client = fd;
	until(w, world_taken);
	assert_non_null(session_of(w, id)->bayeux->socket);
	return fd;
}

static void
send_one(struct world *w, struct conn *c, struct slice message)
{
	struct run *run = run_new(w->hub.runs);

	websocket_put(
	    &run->bytes, (struct websocket_frame){
			     .kind = WEBSOCKET_TEXT, .payload = message});
	c->reader.face->send(&c->reader, NULL,
	    (struct piece){run, 0, (uint32_t)run->bytes.n},
	    &(struct place){.gap = false});
	run_unref(&run);
}

static void
a_message_for_a_socket_that_just_died_waits_for_the_next(void **state)
{
	struct world *w = *state;
	int fd = client(w), ws;
	const char *id = shake(w, fd);
	struct conn *c = session_of(w, id);

	ws = socket_of(w, id);
	conn_kill(c->bayeux->socket, "it is read later in this turn");
	send_one(w, c, SLICE("[{\"data\":1}]"));
	say_as(fd, id, CONNECT(""), false);
	hear(w, fd, "\"timeout\":30000}},{\"data\":1}]");
	close(fd);
	close(ws);
}

static void
a_socket_that_cannot_take_what_waits_is_the_end_of_its_client(void **state)
{
	struct world *w = *state;
	int fd = client(w), ws;
	const char *id = shake(w, fd);
	struct conn *c = session_of(w, id), *socket;
	struct buf b = {0};

	w->hub.limits.backlog = 100000;
	buf_chr(&b, '[');
	while (b.n < 30000)
		buf_chr(&b, ' ');
	buf_str(&b, "{}]");
	for (unsigned i = 0; i < 3; i++)
		send_one(w, c, buf_slice(&b));
	ws = socket_of(w, shake(w, fd));
	socket = container_of(w->hub.bayeux->conns.prev, struct conn, node)
	             ->bayeux->socket;
	while (!socket->blocked) {
		conn_write(socket, buf_slice(&b));
		conn_flush(socket);
	}
	bayeux_attach(c, socket);
	assert_int_equal(socket->state, CONN_DEAD);
	assert_int_equal(c->bayeux->ending, BAYEUX_LOST);
	buf_free(&b);
	close(fd);
	close(ws);
}

/* Its last answer is of a publish, and closes it. */
static void
a_socket_goes_when_its_last_publish_is_answered(void **state)
{
	struct world *w = *state;
	int fd = client(w), ws;
	const char *id = shake(w, fd);
	char text[512];

	ws = socket_of(w, id);
	snprintf(text, sizeof(text),
	    "[{\"channel\":\"/demo/public/x\",\"data\":1,\"id\":\"last\"," KEY
	    "},{\"channel\":\"/meta/disconnect\",\"clientId\":\"%s\"}]",
	    id);
	say_text(ws, text);
	hear(w, ws, "{\"id\":\"last\",");
	hear(w, ws, "\x88\x02\x03\xe8");
	hear(w, ws, NULL);
	close(fd);
	close(ws);
}

/* And what is counted adds up when all is over: tear_down() looks. */
static void
what_a_bayeux_client_is_not_told_is_no_message_of_its(void **state)
{
	struct world *w = *state;
	int fd = client(w);
	const char *id = shake(w, fd);

	say_as(fd, id, SUBSCRIBE("\"/demo/public/x\""), false);
	hear(w, fd, "\"/demo/public/x\"}]");
	world_message(w, "/demo/public/x", "1");
	for (unsigned i = 0; i < 5; i++)
		world_send(
		    w, (struct msg_deliver){.channel = SLICE("/demo/public/x"),
			   .prev = w->top,
			   .type = SLICE(MESSAGE_PRESENCE),
			   .body = SLICE("{\"update\":{}}")});
	world_message(w, "/demo/public/x", "2");
	w->wanted_joins = 2;
	until(w, one_waits);
	assert_int_equal(stats_get(STAT_messages_pending), 2);
	say_as(fd, id, CONNECT(""), false);
	hear(w, fd,
	    "\"data\":1,\"id\":\"1\"},{\"channel\":\"/demo/public/x\","
	    "\"data\":2,");
	close(fd);
}

static void
subscribes_that_wait_keep_so_many_channels_and_no_more(void **state)
{
	struct world *w = *state;
	int fd = client(w), ws;
	const char *id = shake(w, fd);
	char list[3600] = "[\"/demo/public/x\"", text[4000];
	size_t n = strlen(list);

	w->mute = true; /* none of them can be answered */
	for (; n < sizeof(list) - 30; n += strlen(list + n))
		snprintf(list + n, sizeof(list) - n, ",\"/demo/public/x\"");
	snprintf(text, sizeof(text), SUBSCRIBE("%s]"), list);
	ws = socket_of(w, id);
	for (unsigned i = 0; i < 30; i++)
		say_as(ws, id, text, true);
	hear(w, ws, "subscribes:Try again later");
	assert_in_range(
	    session_of(w, id)->bayeux->pending_bytes, 1, BAYEUX_PENDING_BYTES);
	close(fd);
	close(ws);
}

static void
nobody_is_present_on_more_channels_than_he_may_listen_to(void **state)
{
	struct world *w = *state;
	struct buf said = {0};
	int fd = client(w);
	const char *id = shake(w, fd);

	come(w, &said,
	    "[\"/demo/presence/1\",\"/demo/presence/2\","
	    "\"/demo/presence/3\",\"/demo/presence/4\","
	    "\"/demo/presence/5\"]",
	    "{\"id\":1}");
	say_as(fd, id, said.p, false);
	hear(w, fd, ":/demo/presence/5:Too many");
	buf_free(&said);
	close(fd);
}

TESTS(story(requests_in_one_packet_are_answered_one_after_the_other),
    story(more_messages_than_fit_in_a_batch_are_a_bad_request),
    story(a_message_for_a_socket_that_just_died_waits_for_the_next),
    story(a_socket_that_cannot_take_what_waits_is_the_end_of_its_client),
    story(a_socket_goes_when_its_last_publish_is_answered),
    story(what_a_bayeux_client_is_not_told_is_no_message_of_its),
    story(subscribes_that_wait_keep_so_many_channels_and_no_more),
    story(nobody_is_present_on_more_channels_than_he_may_listen_to))

/* state_test.c - a connection becomes frames, and frames become it again. */
#include "hub/state.h"

#include "hub/subscribe.h"
#include "hub/visit.h"
#include "tests/unit/hub_world.h"

static struct conn *
only_conn(struct world *w)
{
	assert_false(list_empty(&w->hub.conns));
	return container_of(w->hub.conns.prev, struct conn, node);
}

/* One that has heard nothing; its client's end. */
static int
stranger(struct world *w, struct conn **c)
{
	int fd = client(w);

	*c = only_conn(w);
	return fd;
}

static bool
channels_are_held(struct world *w)
{
	return w->joins >= 2;
}

/* Load it into another connection, and save that: twice, because channels are
 * kept newest first.  The last client's end. */
static int
round_trip(struct world *w, const struct buf *first, struct buf *again)
{
	struct buf from = {0};
	struct conn *c = NULL;
	int fd = -1;

	buf_put(&from, buf_slice(first));
	for (int i = 0; i < 2; i++) {
		if (fd >= 0)
			close(fd);
		fd = stranger(w, &c);
		assert_null(state_load(c, buf_slice(&from)));
		buf_clear(&from);
		assert_true(state_save(c, &from));
	}
	buf_put(again, buf_slice(&from));
	buf_free(&from);
	return fd;
}

static void
check_same(const struct buf *a, const struct buf *b)
{
	assert_int_equal(a->n, b->n);
	assert_memory_equal(a->p, b->p, a->n);
}

static void
a_websocket_is_the_same_after_a_round_trip(void **state)
{
	struct world *w = *state;
	struct buf first = {0}, again = {0};
	int fd = client_ws(w, "/v1/ws",
	    "Sec-WebSocket-Protocol: posthorn.v1.json\r\n"
	    "Authorization: Basic a2lkOnNlY3JldA==\r\n");
	int other;

	w->top = 3;
	say_text(fd, "{\"op\":\"subscribe\",\"ref\":1,"
		     "\"channel\":\"/demo/public/x\"}");
	hear(w, fd, "\"recovered\":false}");
	say_text(fd, "{\"op\":\"subscribe\",\"ref\":2,"
		     "\"channel\":\"/demo/private/*\"}");
	hear(w, fd, "\"recovered\":false}");
	assert_true(state_save(only_conn(w), &first));
	other = round_trip(w, &first, &again);
	check_same(&first, &again);
	world_message(w, "/demo/public/x", "1");
	hear(w, other, "\"cursor\":\"5.4\",\"data\":1}");
	assert_null(strstr(w->heard, "recovered"));
	buf_free(&first);
	buf_free(&again);
	close(fd);
	close(other);
}

static void
who_is_present_is_so_elsewhere(void **state)
{
	struct world *w = *state;
	struct buf first = {0}, again = {0};
	struct identity ann = {SLICE("ann"), SLICE("{\"id\":\"ann\"}")};
	int fd = client_ws(w, "/v1/ws", ""), other;

	say_text(fd, "{\"op\":\"subscribe\",\"channel\":\"/demo/public/x\"}");
	hear(w, fd, "\"recovered\":false}");
	visit_new(only_conn(w), &(struct visit_want){
				    .channel = SLICE("/demo/public/x"),
				    .session = SLICE("s"),
				    .who = &ann,
				});
	assert_true(state_save(only_conn(w), &first));
	other = round_trip(w, &first, &again);
	check_same(&first, &again);
	assert_non_null(visit_find(only_conn(w), SLICE("/demo/public/x")));
	/* while an answer is owed it stays where it is */
	visit_ask(visit_find(only_conn(w), SLICE("/demo/public/x")), 1);
	assert_false(state_save(only_conn(w), &first));
	buf_free(&first);
	buf_free(&again);
	close(fd);
	close(other);
}

static void
an_unanswered_subscribe_is_answered_elsewhere(void **state)
{
	struct world *w = *state;
	struct buf first = {0};
	int fd = client_ws(w, "/v1/ws", ""), other;
	struct conn *c;

	w->mute = true;
	say_text(fd, "{\"op\":\"subscribe\",\"ref\":\"r\","
		     "\"channel\":\"/demo/public/x\"}");
	until(w, world_joined);
	assert_true(state_save(only_conn(w), &first));
	close(fd);
	other = stranger(w, &c);
	assert_null(state_load(c, buf_slice(&first)));
	answer_join(w, w->join);
	hear(w, other, "{\"ref\":\"r\",\"ok\":true");
	buf_free(&first);
	close(other);
}

static void
half_a_message_is_no_state(void **state)
{
	struct world *w = *state;
	struct buf b = {0};
	int fd = client_ws(w, "/v1/ws", "");

	say_frame(fd, 0x01, SLICE("{")); /* the first fragment */
	w->client = fd;
	until(w, world_taken);
	assert_false(state_save(only_conn(w), &b));
	assert_int_equal(b.n, 0);
	close(fd);
}

static void
a_stream_is_the_same_after_a_round_trip(void **state)
{
	struct world *w = *state;
	struct buf first = {0}, again = {0};
	int fd = client(w), other;

	w->top = 2;
	say(fd, "GET /v1/sse?channel=/demo/public/x&channel=/demo/public/y "
		"HTTP/1.1\r\nHost: a\r\n\r\n");
	hear(w, fd, "id: 5.2\n\n");
	assert_true(state_save(only_conn(w), &first));
	other = round_trip(w, &first, &again);
	check_same(&first, &again);
	world_message(w, "/demo/public/x", "1");
	hear(w, other, "id: 5.3\ndata: {");
	buf_free(&first);
	buf_free(&again);
	close(fd);
	close(other);
}

static void
a_poll_is_answered_elsewhere(void **state)
{
	struct world *w = *state;
	struct buf first = {0};
	int fd = client(w), other;
	struct conn *c;

	say(fd, "GET /v1/poll?channel=/demo/public/x&channel=/demo/public/y "
		"HTTP/1.1\r\nHost: a\r\n\r\n");
	until(w, channels_are_held);
	assert_true(state_save(only_conn(w), &first));
	close(fd);
	other = stranger(w, &c);
	assert_null(state_load(c, buf_slice(&first)));
	world_message(w, "/demo/public/x", "1");
	hear(w, other, "\"data\":1}],\"cursor\":\"5.1\"}");
	buf_free(&first);
	close(other);
}

static void
a_socket_of_bayeux_goes_as_long_as_it_is_nobodys(void **state)
{
	static const char shake[] =
	    "{\"channel\":\"/meta/handshake\",\"version\":\"1\","
	    "\"supportedConnectionTypes\":[\"websocket\"]}";
	struct world *w = *state;
	struct buf first = {0}, again = {0};
	int fd = client_ws(w, "/push", ""), other;
	char text[256], *id;

	assert_true(state_save(only_conn(w), &first));
	other = round_trip(w, &first, &again);
	check_same(&first, &again);
	say_text(other, shake);
	hear(w, other, "}}]");
	id = strstr(w->heard, "\"clientId\":\"");
	assert_non_null(id);
	snprintf(text, sizeof(text),
	    "{\"channel\":\"/meta/connect\",\"connectionType\":"
	    "\"websocket\",%.44s}",
	    id);
	say_text(other, text);
	w->client = other;
	until(w, world_taken);
	assert_false(state_save(only_conn(w), &again));
	buf_free(&first);
	buf_free(&again);
	close(fd);
	close(other);
}

static void
what_is_no_state_is_refused(void **state)
{
	struct world *w = *state;
	struct buf whole = {0};
	struct conn *c;
	int fd = stranger(w, &c);
	struct msg m = {.id = MSG_state_channel,
	    .state_channel = {.channel = SLICE("/demo/public/x")}};

	assert_non_null(state_load(c, (struct slice){"", 0}));
	msg_encode(&whole, &m);
	assert_non_null(state_load(c, buf_slice(&whole))); /* no dialect */
	buf_clear(&whole);
	m = (struct msg){.id = MSG_state_ws};
	msg_encode(&whole, &m);
	for (size_t n = 0; n < whole.n; n++) {
		struct slice cut = exact(whole.p, n);

		assert_non_null(state_load(c, cut));
		free((char *)(uintptr_t)cut.p);
	}
	msg_encode(&whole, &m);
	assert_non_null(state_load(c, buf_slice(&whole))); /* two */
	buf_free(&whole);
	close(fd);
}

TESTS(story(a_websocket_is_the_same_after_a_round_trip),
    story(who_is_present_is_so_elsewhere),
    story(an_unanswered_subscribe_is_answered_elsewhere),
    story(half_a_message_is_no_state),
    story(a_stream_is_the_same_after_a_round_trip),
    story(a_poll_is_answered_elsewhere),
    story(a_socket_of_bayeux_goes_as_long_as_it_is_nobodys),
    story(what_is_no_state_is_refused))

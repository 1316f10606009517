/*
 * hub_door_test.c - a socket for another hub's session leaves with all that
 * makes it go on there, and one that comes goes on.
 */
#include "common/net.h"
#include "common/passing.h"
#include "hub/door.h"
#include "hub/state.h"
#include "tests/unit/hub_world.h"

/* An ingress of paper. */
struct ingress {
	struct world *w;
	struct net_listener door;
	char path[96], record[PASSING_MAX];
	int fd, got; /* the hub's end; the descriptor that came last */
	enum msg_id wanted;
	struct msg m;
};

static void
open_door(struct world *w, struct ingress *in)
{
	*in = (struct ingress){.w = w, .fd = -1, .got = -1};
	snprintf(in->path, sizeof(in->path), "%s/door.1", w->dir);
	net_listener_init(&in->door, net_listen_door(in->path));
}

static bool
next_record(struct ingress *in)
{
	struct passing_room room = {in->record, sizeof(in->record), 0};
	const char *why;

	if (in->fd < 0 && net_accept(&in->door, &in->fd) != NET_ACCEPTED)
		return false;
	if (pass_receive(in->fd, &in->got, &room) != PASSED)
		return false;
	assert_true(
	    msg_decode((struct slice){room.p, room.got}, &in->m, &why) > 0);
	return true;
}

static bool
is_told(struct world *w)
{
	struct ingress *in = w->ingress;

	while (next_record(in))
		if (in->m.id == in->wanted)
			return true;
	return false;
}

/* The next record of that kind. */
static void
receive(struct ingress *in, enum msg_id id)
{
	in->wanted = id;
	until(in->w, is_told);
}

static void
meet(struct world *w, struct ingress *in)
{
	open_door(w, in);
	w->ingress = in;
	w->hub.doors = doors_new(&w->hub, w->dir);
	receive(in, MSG_offer);
	assert_int_equal(in->m.offer.tag, hub_tag(&w->hub));
	assert_in_range(in->m.offer.tag, 1, HUB_TAGS);
}

static void
hand(struct ingress *in, struct msg_pass pass, int fd)
{
	struct msg m = {.id = MSG_pass, .pass = pass};
	struct buf b = {0};

	msg_encode(&b, &m);
	assert_int_equal(pass_send(in->fd, fd, buf_slice(&b)), PASSED);
	close(fd);
	buf_free(&b);
}

static void
part(struct world *w, struct ingress *in)
{
	doors_free(&w->hub.doors);
	if (in->fd >= 0)
		close(in->fd);
	if (in->got >= 0)
		close(in->got);
	net_listener_close(&in->door);
	unlink(in->path);
}

static struct conn *
last_conn(struct world *w)
{
	assert_false(list_empty(&w->hub.conns));
	return container_of(w->hub.conns.prev, struct conn, node);
}

/* A WebSocket of the door's, which listens. */
static int
listener(struct world *w)
{
	int fd = client_ws(w, "/v1/ws", "");

	say_text(fd, "{\"op\":\"subscribe\",\"ref\":1,"
		     "\"channel\":\"/demo/public/x\"}");
	hear(w, fd, "\"recovered\":false}");
	last_conn(w)->door = 2;
	return fd;
}

static void
a_websocket_goes_on_in_another_hub(void **state)
{
	struct world *w = *state;
	struct ingress in;
	struct buf said = {0}, sent = {0};
	size_t before;
	int fd;

	w->top = 3;
	meet(w, &in);
	fd = listener(w);
	before = w->hub.conns_n;
	websocket_put_client(
	    &said, WEBSOCKET_TEXT, SLICE("{\"op\":\"ping\",\"ref\":7}"));
	assert_true(door_pass_on(last_conn(w), 77, buf_slice(&said)));
	receive(&in, MSG_pass);
	assert_true(in.got >= 0);
	assert_int_equal(in.m.pass.wanted, 77);
	assert_int_equal(in.m.pass.passed, 0);
	assert_true(slice_eq(in.m.pass.bytes, buf_slice(&said)));
	assert_true(in.m.pass.state.n != 0);
	assert_int_equal(w->hub.conns_n, before - 1);
	in.m.pass.passed = 1; /* and this is the other hub */
	msg_encode(&sent, &in.m);
	assert_int_equal(pass_send(in.fd, in.got, buf_slice(&sent)), PASSED);
	close(in.got);
	in.got = -1;
	hear(w, fd, "{\"ref\":7,\"ok\":true");
	assert_false(last_conn(w)->passed);
	world_message(w, "/demo/public/x", "1");
	hear(w, fd, "\"cursor\":\"5.4\",\"data\":1}");
	buf_free(&said);
	buf_free(&sent);
	close(fd);
	part(w, &in);
}

static void
what_was_owed_is_written_before_it_goes(void **state)
{
	struct world *w = *state;
	struct ingress in;
	int fd;

	meet(w, &in);
	fd = listener(w);
	conn_write(last_conn(w), SLICE("owed"));
	assert_true(door_pass_on(last_conn(w), 77, SLICE("x")));
	hear(w, fd, "owed");
	receive(&in, MSG_pass);
	close(fd);
	part(w, &in);
}

static void
who_cannot_go_is_answered_here(void **state)
{
	struct world *w = *state;
	static char large[65536];
	struct ingress in;
	struct conn *c;
	int fd;

	meet(w, &in);
	fd = listener(w);
	c = last_conn(w);
	assert_false(door_pass_on(c, 77, (struct slice){large, sizeof(large)}));
	c->passed = true; /* once was enough */
	assert_false(door_pass_on(c, 77, SLICE("x")));
	c->passed = false;
	w->mute = true; /* in the middle of something */
	say_frame(fd, 0x01, SLICE("{"));
	w->client = fd;
	until(w, world_taken);
	assert_false(door_pass_on(c, 77, SLICE("x")));
	assert_int_equal(c->state, CONN_OPEN);
	part(w, &in);
	assert_false(door_pass_on(c, 77, SLICE("x")));
	w->hub.doors = doors_new(&w->hub, w->dir);
	c->door = 0; /* a listener of our own, and no ingress */
	assert_false(door_pass_on(c, 77, SLICE("x")));
	doors_free(&w->hub.doors);
	close(fd);
}

static void
a_broken_state_ends_its_socket_only(void **state)
{
	uint64_t failed = stats_get(STAT_handovers_failed);
	struct world *w = *state;
	struct ingress in;
	int pair[2], fd;

	meet(w, &in);
	fd = listener(w);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	hand(&in,
	    (struct msg_pass){.state = SLICE("\xc1"), .bytes = SLICE("x")},
	    pair[1]);
	hear(w, pair[0], NULL);
	assert_int_equal(w->in.n, 0);
	assert_int_equal(stats_get(STAT_handovers_failed), failed + 1);
	world_message(w, "/demo/public/x", "1");
	hear(w, fd, "\"data\":1}");
	close(pair[0]);
	close(fd);
	part(w, &in);
}

/* No door for a moment: the socket waits for the ingress to come back. */
static void
a_socket_waits_for_the_ingress(void **state)
{
	struct world *w = *state;
	uint64_t out = stats_get(STAT_handovers_out);
	struct ingress in;
	int fd;

	open_door(w, &in);
	part(w, &in);
	w->hub.doors = doors_new(&w->hub, w->dir);
	fd = listener(w);
	assert_true(door_pass_on(last_conn(w), 77, SLICE("late")));
	assert_int_equal(stats_get(STAT_handovers_out), out);
	open_door(w, &in);
	w->ingress = &in;
	receive(&in, MSG_pass);
	assert_true(slice_is(in.m.pass.bytes, "late"));
	close(fd);
	part(w, &in);
}

/* As many as wait for a door at most; the rest is answered here. */
static void
more_than_may_wait_for_a_door_stay(void **state)
{
	uint64_t failed = stats_get(STAT_handovers_failed);
	struct world *w = *state;
	unsigned n = 0;
	int fds[65];

	w->hub.limits.per_address = 100;
	w->hub.doors = doors_new(&w->hub, w->dir);
	for (bool went = true; went; n++) {
		assert_in_range(n, 0, LENGTH(fds) - 1);
		fds[n] = client(w);
		last_conn(w)->door = 2;
		went = door_pass_on(last_conn(w), 77, SLICE("x"));
	}
	assert_int_equal(n, 65);
	hear(w, fds[63], NULL); /* none came within the time */
	hear(w, fds[0], NULL);
	assert_int_equal(stats_get(STAT_handovers_failed), failed + 64);
	while (n-- != 0)
		close(fds[n]);
	doors_free(&w->hub.doors);
}

/* It is read while it goes: what it writes out first does not begin that
 * anew. */
static void
what_is_kept_is_not_read_once_more_on_the_way(void **state)
{
	struct world *w = *state;
	struct ingress in;
	int fd;

	meet(w, &in);
	fd = client_ws(w, "/push", "");
	last_conn(w)->door = 2;
	w->hub.limits.commands = 0;
	say_text(fd, "[{\"id\":5}]");
	w->client = fd;
	until(w, world_taken);
	assert_true(conn_kept_bytes(last_conn(w)).n != 0);
	w->hub.limits.commands = 8;
	conn_write(last_conn(w), SLICE("first"));
	last_conn(w)->again = true;
	assert_true(door_pass_on(last_conn(w), 77, SLICE("x")));
	receive(&in, MSG_pass);
	hear(w, fd, "first");
	close(fd);
	part(w, &in);
}

/* A name that another hub gave, and so much with it. */
static char *
too_long(size_t n, const char *rest)
{
	struct buf b = {0};

	buf_str(&b, "[{\"clientId\":\"0000zz6789012345678901234567890\",");
	buf_str(&b, rest);
	buf_str(&b, "},{\"channel\":\"/demo/public/x\",\"data\":\"");
	while (b.n < n - 3)
		buf_chr(&b, 'x');
	buf_str(&b, "\"}]");
	buf_chr(&b, '\0');
	return b.p;
}

static void
what_is_too_long_for_the_way_is_not_of_a_client_that_is_gone(void **state)
{
	static const char wrong[] = "\"error\":\"413:65535:Batch too large\"";
	static const char subscribe[] =
	    "\"channel\":\"/meta/subscribe\",\"subscription\":\"/demo/public/"
	    "x\"";
	static const char connect[] = "\"channel\":\"/meta/connect\","
				      "\"connectionType\":\"long-polling\"";
	struct world *w = *state;
	struct ingress in;
	char *text = too_long(70000, connect), head[128];
	int fd, ws;

	meet(w, &in);
	w->hub.limits.message = 1 << 17;
	fd = client(w);
	last_conn(w)->door = 2;
	snprintf(head, sizeof(head),
	    "POST /push HTTP/1.1\r\nHost: a\r\nContent-Type: "
	    "application/json\r\nContent-Length: 70000\r\n\r\n");
	say(fd, head);
	say(fd, text);
	hear(w, fd, wrong);
	hear(w, fd, ",\"advice\":{\"reconnect\":\"retry\",");
	hear(w, fd, "\"error\":\"No auth supplied\""); /* the rest is heard */
	free(text);
	ws = client_ws(w, "/push", "");
	last_conn(w)->door = 2;
	text = too_long(65530, subscribe);
	say_text(ws, text);
	hear(w, ws, wrong);
	free(text);
	close(fd);
	close(ws);
	part(w, &in);
}

TESTS(story(what_is_too_long_for_the_way_is_not_of_a_client_that_is_gone),
    story(a_websocket_goes_on_in_another_hub),
    story(what_was_owed_is_written_before_it_goes),
    story(who_cannot_go_is_answered_here),
    story(a_broken_state_ends_its_socket_only),
    story(a_socket_waits_for_the_ingress),
    story(more_than_may_wait_for_a_door_stay),
    story(what_is_kept_is_not_read_once_more_on_the_way))

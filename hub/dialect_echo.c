/*
 * dialect_echo.c - every message comes back as it came, at /v1/echo: what
 * conformance suites for RFC 6455 and 7692 want to talk to.
 */
#include "hub/conn.h"
#include "hub/deflate.h"
#include "hub/open.h"
#include "hub/upgrade.h"

enum { ECHO_MESSAGE = 32 << 20 }; /* suites send 16 MiB */

static void
echo_frame(struct conn *c, struct websocket_frame frame)
{
	struct buf b = {0}, packed = {0};
	unsigned window = c->ws.deflate.window;
	bool control = (frame.kind & 8) != 0;

	if (window != 0 && !control &&
	    deflate_pack(c->hub->deflate,
		deflate_window(window, frame.payload.n), frame.payload,
		&packed)) {
		frame.packed = true;
		frame.payload = buf_slice(&packed);
	}
	websocket_put(&b, frame);
	conn_write(c, buf_slice(&b));
	buf_free(&b);
	buf_free(&packed);
}

static void
echo_close(struct conn *c, unsigned code, struct slice reason)
{
	struct buf b = {0};

	websocket_put_close(&b, code, reason);
	conn_write(c, buf_slice(&b));
	buf_free(&b);
	conn_finish(c);
}

static void
echo_event(struct conn *c, const struct websocket_event *e)
{
	switch (e->kind) {
	case WEBSOCKET_TEXT:
	case WEBSOCKET_BINARY:
		echo_frame(c, (struct websocket_frame){
				  .kind = e->kind, .payload = e->data});
		break;
	case WEBSOCKET_PING:
		echo_frame(c, (struct websocket_frame){
				  .kind = WEBSOCKET_PONG, .payload = e->data});
		break;
	case WEBSOCKET_CLOSE:
		echo_close(c, e->code, e->data);
		break;
	case WEBSOCKET_ERROR:
		echo_close(c, e->code, slice_of(e->why));
		break;
	case WEBSOCKET_PONG:
	case WEBSOCKET_CONTINUATION:
		break;
	}
}

static size_t
echo_input(struct conn *c, char *p, size_t n)
{
	struct websocket_rules rules = c->hub->rules;
	struct websocket_input in = {p, n};
	struct websocket_event e;

	rules.max = ECHO_MESSAGE;
	while (c->state == CONN_OPEN && websocket_next(&c->ws, &rules, &in, &e))
		echo_event(c, &e);
	return n;
}

static void
echo_timeout(struct conn *c)
{
	if (!c->heard) {
		conn_kill(c, "silent");
		return;
	}
	c->heard = false;
	conn_arm(c, c->hub->limits.ping);
}

static void
echo_leave(struct conn *c, unsigned in_ms)
{
	(void)in_ms;
	echo_close(c, WEBSOCKET_RESTART, (struct slice){"", 0});
}

static void
echo_closed(struct conn *c)
{
	websocket_free(&c->ws);
}

const struct dialect dialect_echo = {
    .name = "echo",
    .input = echo_input,
    .timeout = echo_timeout,
    .leave = echo_leave,
    .closed = echo_closed,
};

void
echo_open(struct conn *c, const struct http_request *r)
{
	struct upgrade u = {.compress = true};
	struct upgrade_answer a;

	if (!handshake(c, r, &u, &a))
		return;
	conn_become(c, &dialect_echo);
	c->ws = (struct websocket){.deflate = a.deflate};
	conn_arm(c, c->hub->limits.ping);
}

/*
 * dialect_ws.c - native WebSocket at /v1/ws: frames in, commands out of them,
 * pings, and the close handshake.  What commands mean is in ws_command.c.
 */
#include "common/must.h"
#include "hub/hear.h"
#include "hub/open.h"
#include "hub/query.h"
#include "hub/respond.h"
#include "hub/upgrade.h"
#include "hub/ws.h"

/* Several headers of a name count as one, joined by commas (RFC 9110 5.3). */
static struct slice
joined_header(const struct http_request *r, struct slice name, struct buf *b)
{
	struct slice first = {NULL, 0};
	bool several = false;

	for (unsigned i = 0; i < r->count; i++) {
		if (!http_same(r->headers[i].name, name))
			continue;
		if (first.p == NULL) {
			first = r->headers[i].value;
			continue;
		}
		if (!several)
			buf_put(b, first);
		several = true;
		buf_str(b, ", ");
		buf_put(b, r->headers[i].value);
	}
	return several ? buf_slice(b) : first;
}

static void
judge(struct conn *c, const struct http_request *r, struct upgrade *u,
    struct upgrade_answer *a)
{
	struct buf out = {0}, lists[2] = {{0}};

	u->upgrade = joined_header(r, SLICE("Upgrade"), &lists[0]);
	u->connection = joined_header(r, SLICE("Connection"), &lists[1]);
	u->key = http_header(r, SLICE("Sec-WebSocket-Key"));
	u->version = http_header(r, SLICE("Sec-WebSocket-Version"));
	*a = upgrade_answer(u, &out);
	if (a->status == 101)
		conn_write(c, buf_slice(&out));
	buf_free(&out);
	for (unsigned i = 0; i < LENGTH(lists); i++)
		buf_free(&lists[i]);
}

bool
handshake(struct conn *c, const struct http_request *r, struct upgrade *u,
    struct upgrade_answer *a)
{
	struct buf lists[2] = {{0}};

	u->protocols =
	    joined_header(r, SLICE("Sec-WebSocket-Protocol"), &lists[0]);
	u->extensions =
	    joined_header(r, SLICE("Sec-WebSocket-Extensions"), &lists[1]);
	judge(c, r, u, a);
	if (a->status != 101)
		respond_upgrade(c, r, a);
	for (unsigned i = 0; i < LENGTH(lists); i++)
		buf_free(&lists[i]);
	return a->status == 101;
}

bool
handshake_plain(struct conn *c, const struct http_request *r, struct upgrade *u)
{
	struct upgrade_answer a;

	judge(c, r, u, &a);
	return a.status == 101;
}

static const struct slice known[] = {
    SLICE_INIT("posthorn.v1.json"),
    SLICE_INIT("posthorn.v1.msgpack"),
};

/* A client with a small window reads plain frames: they are always right, and
 * nobody packs a message twice for it. */
static enum form
form_for(const struct upgrade_answer *a)
{
	bool packed = a->deflate.window == DEFLATE_WINDOW_MAX;

	if (a->protocol == 1)
		return packed ? FORM_WS_MSGPACK_DEFLATE : FORM_WS_MSGPACK;
	return packed ? FORM_WS_TEXT_DEFLATE : FORM_WS_TEXT;
}

void
ws_open(struct conn *c, const struct http_request *r)
{
	struct upgrade u = {.known = known,
	    .known_n = LENGTH(known),
	    .compress = c->hub->limits.deflate};
	struct upgrade_answer a;
	struct query q = {0};
	struct fault f;

	if (query_read(&q, r->query, &f) != CODE_ok)
		respond_fault(c, r, &f);
	else if (respond_authorized(c, r, q.token) && handshake(c, r, &u, &a)) {
		conn_become(c, &dialect_ws);
		c->ws = (struct websocket){.deflate = a.deflate};
		c->reader.form = (uint8_t)form_for(&a);
		c->bits = 0;
		conn_arm(c, c->hub->limits.first);
	}
	query_free(&q);
}

void
ws_say(struct conn *c, struct slice json)
{
	struct run *run = run_new(c->hub->runs);

	form_frame(c->hub->forms, (enum form)c->reader.form, json, &run->bytes);
	conn_send(c, (struct piece){run, 0, (uint32_t)run->bytes.n});
	run_unref(&run);
}

static void
put(struct conn *c, enum websocket_kind kind, struct slice payload)
{
	char room[WEBSOCKET_HEAD_MAX + WEBSOCKET_CONTROL_MAX];
	size_t n = websocket_head(
	    room, (struct websocket_frame){.kind = kind}, payload.n);

	memcpy(room + n, payload.p, payload.n);
	conn_write(c, (struct slice){room, n + payload.n});
}

void
ws_close(struct conn *c, unsigned code, struct slice reason)
{
	struct buf b = {0};

	websocket_put_close(&b, code, reason);
	conn_write(c, buf_slice(&b));
	buf_free(&b);
	conn_finish(c);
}

static bool
is_msgpack(const struct conn *c)
{
	return c->reader.form == FORM_WS_MSGPACK ||
	       c->reader.form == FORM_WS_MSGPACK_DEFLATE;
}

static void
heard_message(struct conn *c, const struct websocket_event *e)
{
	bool binary = e->kind == WEBSOCKET_BINARY;

	if (!(c->bits & WS_SPOKE)) {
		c->bits |= WS_SPOKE;
		conn_arm(c, c->hub->limits.ping);
	}
	if (binary != is_msgpack(c))
		ws_close(c, WEBSOCKET_UNACCEPTABLE,
		    binary ? SLICE("this subprotocol is text")
			   : SLICE("this subprotocol is binary"));
	else
		ws_command(c, e->data, binary);
}

static void
heard(struct conn *c, const struct websocket_event *e)
{
	switch (e->kind) {
	case WEBSOCKET_TEXT:
	case WEBSOCKET_BINARY:
		heard_message(c, e);
		break;
	case WEBSOCKET_PING:
		put(c, WEBSOCKET_PONG, e->data);
		break;
	case WEBSOCKET_CLOSE:
		ws_close(c, e->code, (struct slice){"", 0});
		break;
	case WEBSOCKET_ERROR:
		ws_close(c, e->code, slice_of(e->why));
		break;
	case WEBSOCKET_PONG:
	case WEBSOCKET_CONTINUATION:
		break;
	}
}

static size_t
ws_input(struct conn *c, char *p, size_t n)
{
	struct websocket_input in = {p, n};
	struct websocket_event e;

	while (hear_next(c, &c->ws, &in, &e))
		heard(c, &e);
	return n;
}

/* Who never says anything has no business here; who has gone silent is asked
 * whether it is there. */
static void
ws_timeout(struct conn *c)
{
	if (!(c->bits & WS_SPOKE)) {
		ws_close(c, WEBSOCKET_POLICY, SLICE("no command in time"));
		return;
	}
	if (c->heard) {
		c->heard = false;
		c->bits &= (uint8_t)~WS_PINGED;
		conn_arm(c, c->hub->limits.ping);
	} else if (c->bits & WS_PINGED) {
		conn_kill(c, "no pong");
	} else {
		c->bits |= WS_PINGED;
		if (!c->blocked)
			put(c, WEBSOCKET_PING, (struct slice){"", 0});
		conn_arm(c, c->hub->limits.pong);
	}
}

static void
ws_leave(struct conn *c, unsigned in_ms)
{
	char why[48];
	int n = snprintf(why, sizeof(why), "{\"reconnect\":%u}", in_ms);

	ws_close(c, WEBSOCKET_RESTART, (struct slice){why, (size_t)n});
}

static void
ws_closed(struct conn *c)
{
	websocket_free(&c->ws);
}

static void
ws_deliver(
    struct reader *r, struct sub *s, struct piece p, const struct place *place)
{
	conn_deliver(container_of(r, struct conn, reader), s, p, place);
}

static bool
ws_save(const struct conn *c, struct msg *m)
{
	m->state_ws = (struct msg_state_ws){
	    .msgpack = is_msgpack(c),
	    .window = c->ws.deflate.window,
	    .named = c->ws.deflate.named,
	    .spoke = (c->bits & WS_SPOKE) != 0,
	    .pinged = (c->bits & WS_PINGED) != 0,
	};
	return c->ws.part == NULL && !c->ws.over && c->asks == NULL;
}

static void
ws_load(struct conn *c, const struct msg *m)
{
	const struct msg_state_ws *s = &m->state_ws;
	struct upgrade_answer a = {.protocol = s->msgpack != 0,
	    .deflate = {.window = (uint8_t)s->window, .named = s->named != 0}};

	conn_become(c, &dialect_ws);
	c->ws = (struct websocket){.deflate = a.deflate};
	c->reader.form = (uint8_t)form_for(&a);
	c->bits = (uint8_t)((s->spoke != 0 ? WS_SPOKE : 0) |
			    (s->pinged != 0 ? WS_PINGED : 0));
	conn_arm(c, s->spoke != 0 ? c->hub->limits.ping : c->hub->limits.first);
}

static const struct reader_face ws_reader = {
    .send = ws_deliver,
    .joined = ws_joined,
    .live = ws_live,
    .refused = ws_refused,
};

const struct dialect dialect_ws = {
    .name = "ws",
    .reader = &ws_reader,
    .input = ws_input,
    .timeout = ws_timeout,
    .drained = conn_tell_skipped,
    .leave = ws_leave,
    .closed = ws_closed,
    .state = MSG_state_ws,
    .save = ws_save,
    .load = ws_load,
};

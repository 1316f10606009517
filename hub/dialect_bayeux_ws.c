/*
 * dialect_bayeux_ws.c - Bayeux over a WebSocket.
 *
 *	          connect of a session             its session ends: 1000
 *	OPEN -------------------------> ITS SOCKET ----------------------> gone
 *	   \____ nothing for idle_timeout: 1000
 *
 * Anybody's messages may come by it; pushed by it are those of the session that
 * last sent a connect.  Others' connects are held as those of long polls are,
 * and answered with what there is for them.  What is not JSON is passed over.
 * Its end is not the session's.
 */
#include "common/must.h"
#include "common/stats.h"
#include "hub/bayeux.h"
#include "hub/bayeux_http.h"
#include "hub/door.h"
#include "hub/hear.h"
#include "hub/open.h"
#include "hub/upgrade.h"

enum {
	BAYEUX_BYE = 2, /* conn.bits: it goes when nothing is owed any more */
};

/* Pointers in it are few: most of the time it does nothing. */
struct socket {
	struct bayeux_carrier carrier;
	struct websocket ws;
};

static struct socket *
socket_of(const struct conn *c)
{
	return container_of(c->carrier, struct socket, carrier);
}

static void
arm(struct conn *c)
{
	uint64_t ping = c->hub->limits.bayeux.ping;

	if (c->carrier->session == NULL)
		conn_arm(c, c->hub->limits.idle);
	else if (ping != 0)
		conn_arm(c, ping);
	else
		conn_arm(c, c->hub->limits.idle);
}

void
bayeux_ws_attached(struct conn *c)
{
	if ((c->bits & HEAR_HELD) == 0)
		arm(c);
}

static void
bye(struct conn *c, unsigned code, const char *reason)
{
	struct buf b = {0};

	websocket_put_close(&b, code, slice_of(reason));
	conn_write(c, buf_slice(&b));
	buf_free(&b);
	conn_finish(c);
}

static void
put(struct conn *c, enum websocket_kind kind, struct slice payload)
{
	struct run *run = run_new(c->hub->runs);

	websocket_put(&run->bytes,
	    (struct websocket_frame){.kind = kind, .payload = payload});
	conn_send(c, (struct piece){run, 0, (uint32_t)run->bytes.n});
	run_unref(&run);
}

static void
bye_if_done(struct conn *c)
{
	if ((c->bits & BAYEUX_BYE) != 0 && c->state == CONN_OPEN &&
	    list_empty(&c->carrier->batches))
		bye(c, WEBSOCKET_NORMAL, "");
}

void
bayeux_ws_bye(struct conn *c)
{
	c->bits |= BAYEUX_BYE;
	if (c->state == CONN_OPEN)
		bye_if_done(c);
}

/* Its session's socket is another client's now. */
static void
answer_with_queue(struct conn *c, struct bayeux_batch *b)
{
	struct conn *session = b->taker;
	struct run *json = bayeux_batch_run(b), *run = run_new(c->hub->runs);

	bayeux_batch_free(b);
	websocket_put(
	    &run->bytes, (struct websocket_frame){.kind = WEBSOCKET_TEXT,
			     .payload = buf_slice(&json->bytes)});
	run_end_all(run, &(struct piece){json, 0, (uint32_t)json->bytes.n});
	conn_send(c, (struct piece){run, 0, (uint32_t)run->bytes.n});
	run_unref(&json);
	run_unref(&run);
	if (c->state != CONN_OPEN) /* it took too much with it */
		bayeux_end(session, BAYEUX_LOST);
}

static void
answer(struct conn *c, struct bayeux_batch *b)
{
	struct buf *all = &c->hub->bayeux->reply;

	buf_clear(all);
	buf_chr(all, '[');
	buf_put(all, buf_slice(&b->replies));
	buf_chr(all, ']');
	bayeux_batch_free(b);
	put(c, WEBSOCKET_TEXT, buf_slice(all));
}

void
bayeux_ws_answer(struct conn *c, struct bayeux_batch *b)
{
	if (c->state == CONN_OPEN && b->taker != NULL &&
	    !out_empty(&b->taker->out))
		answer_with_queue(c, b);
	else
		answer(c, b);
	if (c->bits & BAYEUX_BYE) /* later: who answers may be an ask of it */
		conn_dirty(c);
}

/* To the hub of its session, with all that was read behind it; or not: then
 * it is heard here. */
static void
pass_on(struct conn *c, uint32_t tag, const struct websocket_event *e,
    const struct websocket_input *in)
{
	struct websocket_input none = {in->p, 0};
	struct websocket_event more;
	struct buf bytes = {0}, message = {0};

	websocket_put_client(&bytes, e->kind, e->data);
	buf_add(&bytes, in->p, in->n);
	buf_put(&message, e->data);
	websocket_next(&socket_of(c)->ws, &c->hub->rules, &none, &more);
	if (door_is_too_long(c, buf_slice(&bytes)))
		bayeux_hear_too_long(c, buf_slice(&message));
	else if (c->passed || !bayeux_let_go(c) ||
		 !door_pass_on(c, tag, buf_slice(&bytes)))
		bayeux_hear(c, buf_slice(&message));
	buf_free(&bytes);
	buf_free(&message);
}

static void
heard_message(struct conn *c, const struct websocket_event *e,
    const struct websocket_input *in)
{
	uint32_t tag;

	if (!bayeux_check(c, e->data, &tag))
		stats_add(STAT_bayeux_garbled, 1);
	else if (tag != 0)
		pass_on(c, tag, e, in);
	else
		bayeux_hear(c, e->data);
	c->passed = false;
}

static void
heard(struct conn *c, const struct websocket_event *e,
    const struct websocket_input *in)
{
	switch (e->kind) {
	case WEBSOCKET_TEXT:
	case WEBSOCKET_BINARY:
		heard_message(c, e, in);
		break;
	case WEBSOCKET_PING:
		put(c, WEBSOCKET_PONG, e->data);
		break;
	case WEBSOCKET_CLOSE:
		bye(c,
		    e->code == WEBSOCKET_NO_CODE ? WEBSOCKET_NORMAL : e->code,
		    "");
		break;
	case WEBSOCKET_ERROR:
		bye(c,
		    strcmp(e->why, "frame not masked") == 0
			? WEBSOCKET_UNACCEPTABLE
			: e->code,
		    strcmp(e->why, "frame not masked") == 0
			? "Received unmasked frame but masking is required"
			: e->why);
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

	while (bayeux_may_say(c) && hear_next(c, &socket_of(c)->ws, &in, &e))
		heard(c, &e, &in);
	return hear_rest(c, n, &in);
}

/* Silence is the session's to judge; a socket of none is not waited for. */
static void
ws_timeout(struct conn *c)
{
	bool heard_it = c->heard;

	arm(c);
	if (hear_again(c))
		return;
	c->heard = false;
	if (c->carrier->session == NULL && !heard_it &&
	    list_empty(&c->carrier->batches)) {
		bye(c, WEBSOCKET_NORMAL, "");
		return;
	}
	if (c->hub->limits.bayeux.ping != 0 && !c->blocked)
		put(c, WEBSOCKET_PING, (struct slice){"", 0});
}

static void
ws_leave(struct conn *c, unsigned in_ms)
{
	(void)in_ms;
	if (c->carrier->session == NULL)
		bayeux_ws_bye(c);
	bayeux_carrier_leave(c);
}

static void
ws_closed(struct conn *c)
{
	struct socket *s = socket_of(c);

	bayeux_carrier_gone(c);
	websocket_free(&s->ws);
	free(s);
	c->carrier = NULL;
	stats_sub(STAT_bayeux_sockets, 1);
}

static void
become(struct conn *c)
{
	struct socket *s = xcalloc(1, sizeof(*s));

	bayeux_carrier_init(&s->carrier);
	conn_become(c, &dialect_bayeux_ws);
	c->carrier = &s->carrier;
	c->bits = 0;
	stats_add(STAT_bayeux_sockets, 1);
	arm(c);
}

static bool
ws_save(const struct conn *c, struct msg *m)
{
	const struct socket *s = socket_of(c);

	m->state_bayeux_ws =
	    (struct msg_state_bayeux_ws){.bye = (c->bits & BAYEUX_BYE) != 0};
	return s->ws.part == NULL && !s->ws.over && c->asks == NULL &&
	       s->carrier.session == NULL && list_empty(&s->carrier.batches);
}

static void
ws_load(struct conn *c, const struct msg *m)
{
	become(c);
	if (m->state_bayeux_ws.bye != 0)
		c->bits |= BAYEUX_BYE;
}

const struct dialect dialect_bayeux_ws = {
    .name = "bayeux_ws",
    .input = ws_input,
    .settle = bye_if_done,
    .timeout = ws_timeout,
    .leave = ws_leave,
    .left = bayeux_carrier_gone,
    .closed = ws_closed,
    .state = MSG_state_bayeux_ws,
    .save = ws_save,
    .load = ws_load,
};

void
bayeux_ws_open(struct conn *c, const struct http_request *r)
{
	struct slice version = http_header(r, SLICE("Sec-WebSocket-Version"));
	struct slice key = http_header(r, SLICE("Sec-WebSocket-Key"));
	struct upgrade u = {.any_key = true};
	struct http_request last = *r;
	char text[96];

	last.keep_alive = false;
	if (!slice_is(version, "13")) {
		snprintf(text, sizeof(text),
		    "Unsupported WebSocket version: %.*s",
		    (int)(version.n < 32 ? version.n : 32),
		    version.n != 0 ? version.p : "");
		bayeux_refuse(c, &last, 400, text);
	} else if (key.n == 0) {
		bayeux_refuse(c, &last, 400,
		    "Missing handshake request header: Sec-WebSocket-Key");
	} else if (r->minor == 0 || !handshake_plain(c, r, &u)) {
		bayeux_refuse(c, &last, 400, "Bad request");
	} else {
		become(c);
	}
}

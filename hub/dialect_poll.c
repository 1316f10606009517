/*
 * dialect_poll.c - long poll at /v1/poll: one answer with what has come, or
 * with nothing at the deadline, and the connection goes on.
 *
 *	{"messages":[M, ...],"cursor":X}	ETag: "X"
 *
 * The cursor is the place of all channels, so an answer is given when none of
 * them is catching up; while a store is away, when the place says of what is
 * its that it is still to come.
 */
#include "common/http_reply.h"
#include "common/must.h"
#include "common/stats.h"
#include "hub/basket.h"
#include "hub/conn.h"
#include "hub/listen.h"
#include "hub/open.h"
#include "hub/owed.h"
#include "hub/respond.h"

enum {
	POLL_TIMEOUT = 25,     /* s; proxies cut silence after 30 */
	POLL_TIMEOUT_MAX = 60, /* s */
};

struct poll {
	struct basket basket;
	struct buf lines; /* of the answer's head */
	bool close, old, due;
};

static void
poll_deliver(
    struct reader *r, struct sub *s, struct piece piece, const struct place *at)
{
	struct conn *c = container_of(r, struct conn, reader);

	(void)s;
	if (c->dialect != &dialect_poll) {
		owed_never(&piece, STAT_drop_closed);
		return;
	}
	conn_dirty(c);
	basket_add(&c->poll->basket, piece, at);
}

static void
put_body(const struct poll *p, struct buf *b, struct slice cursor)
{
	buf_str(b, "{\"messages\":[");
	for (size_t i = 0; i < p->basket.n; i++) {
		if (i != 0)
			buf_chr(b, ',');
		buf_put(b, basket_at(&p->basket, i));
	}
	buf_str(b, "],\"cursor\":\"");
	buf_put(b, cursor);
	buf_str(b, "\"}");
}

static void
answer(struct conn *c)
{
	struct poll *p = c->poll;
	struct buf cursor = {0}, body = {0}, out = {0};
	bool close = p->close;

	basket_cursor(&p->basket, c, &cursor);
	put_body(p, &body, buf_slice(&cursor));
	buf_str(&p->lines, "Cache-Control: no-store\r\nETag: \"");
	buf_put(&p->lines, buf_slice(&cursor));
	buf_str(&p->lines, "\"\r\n");
	http_reply(&out, &(struct http_reply){.status = 200,
			     .close = close,
			     .old = p->old,
			     .type = SLICE("application/json"),
			     .extra = buf_slice(&p->lines),
			     .date = hub_date(c->hub),
			     .body = buf_slice(&body)});
	basket_send(&p->basket, c, buf_slice(&out));
	buf_free(&cursor);
	buf_free(&body);
	buf_free(&out);
	http_again(c, close);
}

static void
poll_settle(struct conn *c)
{
	if (c->poll->basket.n == 0 && !c->poll->due)
		return;
	if (reader_settled(c->hub->subs, &c->reader) ||
	    (c->poll->basket.n != 0 && basket_covered(&c->poll->basket, c)))
		answer(c);
}

static void
poll_live(struct reader *r, struct sub *s)
{
	(void)s;
	conn_dirty(container_of(r, struct conn, reader));
}

/* An error instead of messages, with the lines of its request. */
static void
refuse(struct conn *c, const struct fault *f, bool close)
{
	respond_put(c,
	    &(struct respond_late){.lines = buf_slice(&c->poll->lines),
		.close = close,
		.old = c->poll->old},
	    f);
}

static void
poll_refused(struct reader *r, struct sub *s, enum code code)
{
	struct conn *c = container_of(r, struct conn, reader);
	struct fault f = {.code = code};

	refuse(c, &f, true);
	conn_unsubscribe(c, s);
	conn_finish(c);
}

/* While the store is away there is no place to tell: then it is 503. */
static void
poll_timeout(struct conn *c)
{
	struct fault f = {.code = CODE_unavailable};
	bool close = c->poll->close;

	if (c->poll->due) {
		refuse(c, &f, close);
		http_again(c, close);
		return;
	}
	c->poll->due = true;
	conn_arm(c, c->hub->limits.pong);
	conn_dirty(c);
}

static void
poll_leave(struct conn *c, unsigned in_ms)
{
	(void)in_ms;
	c->poll->close = true;
	c->poll->due = true;
	conn_dirty(c);
}

static void
poll_closed(struct conn *c)
{
	struct poll *p = c->poll;

	basket_free(&p->basket);
	buf_free(&p->lines);
	free(p);
	c->poll = NULL;
}

/* What waits for the answer is not in it: it is asked for again. */
static bool
poll_save(const struct conn *c, struct msg *m)
{
	m->state_poll = (struct msg_state_poll){
	    .left = conn_left(c),
	    .due = c->poll->due,
	    .close = c->poll->close,
	    .old = c->poll->old,
	    .lines = buf_slice(&c->poll->lines),
	};
	return c->poll->basket.n == 0;
}

static void
poll_load(struct conn *c, const struct msg *m)
{
	const struct msg_state_poll *s = &m->state_poll;

	conn_become(c, &dialect_poll);
	c->poll = xcalloc(1, sizeof(*c->poll));
	c->poll->due = s->due != 0;
	c->poll->close = s->close != 0;
	c->poll->old = s->old != 0;
	buf_put(&c->poll->lines, s->lines);
	c->reader.form = FORM_POLL;
	c->reader.each = true;
	conn_arm(c, s->left);
}

static const struct reader_face poll_reader = {
    .send = poll_deliver,
    .live = poll_live,
    .refused = poll_refused,
};

const struct dialect dialect_poll = {
    .name = "poll",
    .reader = &poll_reader,
    .timeout = poll_timeout,
    .settle = poll_settle,
    .leave = poll_leave,
    .closed = poll_closed,
    .state = MSG_state_poll,
    .save = poll_save,
    .load = poll_load,
};

/* If-None-Match: "X", as an ETag was given. */
static struct slice
etag(const struct http_request *r)
{
	struct slice tag = http_header(r, SLICE("If-None-Match"));

	if (tag.n >= 2 && tag.p[0] == 'W' && tag.p[1] == '/')
		tag = slice_from(tag, 2);
	if (tag.n < 2 || tag.p[0] != '"' || tag.p[tag.n - 1] != '"')
		return (struct slice){NULL, 0};
	return (struct slice){tag.p + 1, tag.n - 2};
}

void
poll_open(struct conn *c, const struct http_request *r)
{
	struct query q = {.otherwise = etag(r)};
	struct fault f;

	if (listen_read(c, r, &q)) {
		/* one session for all that follow each other */
		if (q.session.n == 0)
			q.session = SLICE("poll");
		conn_become(c, &dialect_poll);
		c->poll = xcalloc(1, sizeof(*c->poll));
		c->poll->close = !r->keep_alive;
		c->poll->old = r->minor == 0;
		respond_cors(c->hub, r, &c->poll->lines);
		c->reader.form = FORM_POLL;
		c->reader.each = true;
		if (q.timeout == UINT64_MAX)
			q.timeout = POLL_TIMEOUT;
		if (q.timeout > POLL_TIMEOUT_MAX)
			q.timeout = POLL_TIMEOUT_MAX;
		conn_arm(c, q.timeout * 1000);
		if (!listen_start(c, &q, q.cursor, &f))
			conn_finish(c);
	}
	query_free(&q);
}

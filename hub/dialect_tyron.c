/*
 * dialect_tyron.c - the poll of Tornado Tyron at /<channel>/: the next message
 * of that channel, or nothing at the deadline.
 *
 * What comes while a client has no poll here is not for it: the original knew
 * no client, and neither does this.  A poll takes the first message after it
 * was joined and no other.
 */
#include "common/must.h"
#include "common/stats.h"
#include "common/tyron.h"
#include "common/tyron_reply.h"
#include "hub/conn.h"
#include "hub/form_tyron.h"
#include "hub/open.h"
#include "hub/owed.h"
#include "hub/respond.h"

enum { EARLY_MS = 500 }; /* see patience() */

struct tyron {
	struct piece
	    piece;        /* the answer's message; run is NULL while waiting */
	struct buf lines; /* of the answer's head */
	bool close, old, tagged;
	size_t match_n;
	char match[]; /* If-None-Match */
};

static struct tyron *
tyron_new(struct slice match)
{
	struct tyron *t = xcalloc(1, sizeof(*t) + match.n);

	t->match_n = match.n;
	if (match.n != 0)
		memcpy(t->match, match.p, match.n);
	return t;
}

static struct tyron_reply
reply_of(const struct conn *c, const struct tyron *t)
{
	return (struct tyron_reply){
	    .status = 200,
	    .close = t->close,
	    .old = t->old,
	    .date = hub_date(c->hub),
	    .match = {t->match, t->match_n},
	    .type = c->hub->limits.tyron.text,
	    .lines = buf_slice(&t->lines),
	};
}

/* Its message, if it holds one, is written when the last byte of it is. */
static void
send_reply(
    struct conn *c, const struct tyron_reply *r, const struct piece *message)
{
	struct run *run = run_new(c->hub->runs);

	tyron_reply(&run->bytes, r);
	if (message != NULL) {
		stats_sub(STAT_messages_pending, piece_messages(message));
		run_end_all(run, message);
	}
	conn_send(c, (struct piece){run, 0, (uint32_t)run->bytes.n});
	run_unref(&run);
}

/* The message, or nothing. */
static void
answer(struct conn *c)
{
	struct tyron *t = c->tyron;
	struct tyron_reply r = reply_of(c, t);
	struct form_tyron f = {.type = {NULL, 0}};
	const struct piece *p = t->piece.run != NULL ? &t->piece : NULL;
	char etag[TYRON_ETAG];
	bool close = t->close;

	if (p != NULL) {
		f = form_tyron_read(
		    (struct slice){p->run->bytes.p + p->from, p->to - p->from});
	} else {
		f.etag = tyron_etag(SLICE(""), etag);
	}
	if (t->tagged)
		r.etag = f.etag;
	if (f.type.n != 0)
		r.type = f.type;
	r.body = f.body;
	send_reply(c, &r, p);
	run_unref(&t->piece.run);
	http_again(c, close);
}

static void
tyron_deliver(
    struct reader *r, struct sub *s, struct piece piece, const struct place *at)
{
	struct conn *c = container_of(r, struct conn, reader);
	struct tyron *t = c->tyron;

	(void)s;
	if (c->dialect != &dialect_tyron || at->gap || piece.to == piece.from) {
		owed_never(&piece, STAT_drop_closed);
		return;
	}
	if (t->piece.run != NULL) { /* it is not listening any more */
		owed_never(&piece, STAT_drop_left);
		return;
	}
	t->piece = piece;
	run_ref(piece.run);
	stats_add(STAT_messages_pending, piece_messages(&piece));
	conn_dirty(c);
}

static void
tyron_settle(struct conn *c)
{
	if (c->tyron->piece.run != NULL)
		answer(c);
}

static void
tyron_live(struct reader *r, struct sub *s)
{
	(void)r;
	(void)s;
}

static void
refuse(struct conn *c, struct tyron_reply r, unsigned status)
{
	struct buf out = {0};

	stats_add(STAT_http_errors, 1);
	r.status = status;
	tyron_reply_error(&out, &r);
	conn_write(c, buf_slice(&out));
	buf_free(&out);
	if (r.close)
		conn_finish(c);
}

static void
tyron_refused(struct reader *r, struct sub *s, enum code code)
{
	struct conn *c = container_of(r, struct conn, reader);
	struct tyron_reply reply = reply_of(c, c->tyron);

	reply.close = true;
	conn_unsubscribe(c, s);
	refuse(c, reply, code_status(code));
}

static void
tyron_timeout(struct conn *c)
{
	answer(c);
}

static void
tyron_leave(struct conn *c, unsigned in_ms)
{
	(void)in_ms;
	c->tyron->close = true;
	answer(c);
}

static void
tyron_closed(struct conn *c)
{
	struct tyron *t = c->tyron;

	if (t->piece.run != NULL) {
		owed_never(&t->piece, STAT_drop_closed);
		stats_sub(STAT_messages_pending, piece_messages(&t->piece));
		run_unref(&t->piece.run);
	}
	buf_free(&t->lines);
	free(t);
	c->tyron = NULL;
}

static bool
tyron_save(const struct conn *c, struct msg *m)
{
	const struct tyron *t = c->tyron;

	m->state_tyron = (struct msg_state_tyron){
	    .left = conn_left(c),
	    .close = t->close,
	    .old = t->old,
	    .tagged = t->tagged,
	    .match = {t->match, t->match_n},
	    .lines = buf_slice(&t->lines),
	};
	return t->piece.run == NULL;
}

static void
become(struct conn *c, struct tyron *t)
{
	conn_become(c, &dialect_tyron);
	c->tyron = t;
	c->reader.form = FORM_TYRON;
	c->reader.each = true; /* one message, not all of a turn */
}

static void
tyron_load(struct conn *c, const struct msg *m)
{
	const struct msg_state_tyron *s = &m->state_tyron;
	struct tyron *t = tyron_new(s->match);

	t->close = s->close != 0;
	t->old = s->old != 0;
	t->tagged = s->tagged != 0;
	buf_put(&t->lines, s->lines);
	become(c, t);
	conn_arm(c, s->left);
}

static const struct reader_face tyron_reader = {
    .send = tyron_deliver,
    .live = tyron_live,
    .refused = tyron_refused,
};

const struct dialect dialect_tyron = {
    .name = "tyron",
    .reader = &tyron_reader,
    .timeout = tyron_timeout,
    .settle = tyron_settle,
    .leave = tyron_leave,
    .closed = tyron_closed,
    .state = MSG_state_tyron,
    .save = tyron_save,
    .load = tyron_load,
};

/* ---- The request */

/* The original's deadline was a whole second of the clock, so a poll ended
 * between one second early and in time, and never late. */
static uint64_t
patience(uint64_t ms)
{
	return ms > 2 * EARLY_MS ? ms - EARLY_MS : ms / 2;
}

static bool
is_poll(const struct http_request *r)
{
	return r->verb == HTTP_GET || r->verb == HTTP_POST;
}

static void
preflight(struct conn *c, struct tyron_reply r)
{
	struct buf lines = {0};

	buf_put(&lines, r.lines);
	buf_str(&lines, "Allow: GET, POST, OPTIONS\r\n");
	r.lines = buf_slice(&lines);
	send_reply(c, &r, NULL);
	buf_free(&lines);
	if (r.close)
		conn_finish(c);
}

static void
not_allowed(struct conn *c, struct tyron_reply r)
{
	struct buf lines = {0};

	buf_put(&lines, r.lines);
	buf_str(&lines, c->hub->limits.tyron.cors
			    ? "Allow: GET, POST, OPTIONS\r\n"
			    : "Allow: GET, POST\r\n");
	r.lines = buf_slice(&lines);
	refuse(c, r, 405);
	buf_free(&lines);
}

/* Whose turn it is now is not the request's any more. */
static void
wait(struct conn *c, const struct http_request *r, struct tyron *t)
{
	struct buf channel = {0};
	struct fault f;
	struct subscribe s;

	tyron_channel(
	    &channel, c->hub->limits.tyron.prefix, buf_slice(&c->hub->text));
	s = (struct subscribe){.channel = buf_slice(&channel)};
	t->tagged = r->verb == HTTP_GET;
	become(c, t);
	conn_arm(c, patience(c->hub->limits.tyron.timeout));
	if (c->hub->limits.tyron.timeout != 0 &&
	    conn_subscribe(c, &s, &f) != CODE_ok) {
		struct tyron_reply reply = reply_of(c, t);

		reply.close = true;
		refuse(c, reply, code_status(f.code));
	}
	buf_free(&channel);
}

static void
judge(struct conn *c, const struct http_request *r, struct tyron *t)
{
	const struct hub *h = c->hub;
	struct tyron_reply reply = reply_of(c, t);

	reply.head = r->verb == HTTP_HEAD;
	if (r->verb == HTTP_OPTIONS && h->limits.tyron.cors) {
		preflight(c, reply);
	} else if (!is_poll(r)) {
		not_allowed(c, reply);
	} else if (h->d.draining) {
		reply.close = true;
		refuse(c, reply, 503);
	} else {
		refuse(c, reply, respond_origin_good(h, r) ? 400 : 403);
	}
}

/* What stands between the first and the last slash, in hub.text. */
static bool
named(struct conn *c, const struct http_request *r)
{
	struct slice path = slice_from(r->path, 1);

	buf_clear(&c->hub->text);
	path.n -= path.n != 0;
	return tyron_name(&c->hub->text, path);
}

void
tyron_open(struct conn *c, const struct http_request *r, struct slice body)
{
	struct slice match = http_header(r, SLICE("If-None-Match"));
	struct tyron *t;

	(void)body; /* of no interest */
	if (match.n > TYRON_MATCH_MAX)
		match = (struct slice){NULL, 0};
	t = tyron_new(match);
	t->close = !r->keep_alive;
	t->old = r->minor == 0;
	if (c->hub->limits.tyron.cors) {
		respond_cors(c->hub, r, &t->lines);
		tyron_cors(&t->lines);
	}
	if (is_poll(r) && !c->hub->d.draining &&
	    respond_origin_good(c->hub, r) && named(c, r)) {
		wait(c, r, t);
		return;
	}
	judge(c, r, t);
	buf_free(&t->lines);
	free(t);
}

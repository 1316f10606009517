/*
 * dialect_poll.c - long poll at /v1/poll: one answer with what has come, or
 * with nothing at the deadline, and the connection goes on.
 *
 *	{"messages":[M, ...],"cursor":X}	ETag: "X"
 *
 * Messages wait in the order they came.  The cursor is the place of all
 * channels, so an answer is given only when none of them is catching up.  When
 * more comes than one answer should hold, what is left out is the end of each
 * shard's numbering, and the cursor says so: what comes late and stands before
 * others takes their room.
 */
#include "common/http_reply.h"
#include "common/must.h"
#include "common/stats.h"
#include "hub/conn.h"
#include "hub/listen.h"
#include "hub/open.h"
#include "hub/owed.h"
#include "hub/respond.h"

enum {
	POLL_TIMEOUT = 25,     /* s; proxies cut silence after 30 */
	POLL_TIMEOUT_MAX = 60, /* s */
	POLL_ITEMS = 1000,     /* messages of an answer */
	POLL_BYTES = 1 << 20,  /* of an answer; one message may be larger */
};

struct item {
	struct place place;
	struct piece piece; /* one message, or a gap */
};

struct poll {
	struct item *items;
	size_t n, room;
	size_t bytes;                         /* of all items */
	struct buf lines;                     /* of the answer's head */
	struct cursor_part cut[CURSOR_PARTS]; /* first one left out, a shard */
	unsigned cuts;
	bool close, old, due;
};

static struct cursor_part *
cut_of(struct poll *p, unsigned shard)
{
	for (unsigned i = 0; i < p->cuts; i++)
		if (p->cut[i].shard == shard)
			return &p->cut[i];
	return NULL;
}

/* A hole is told however much there is: no cursor but the one that was asked
 * with says where it begins. */
static bool
fits(const struct poll *p, const struct place *at, size_t n)
{
	return at->gap || p->n == 0 ||
	       (p->n < POLL_ITEMS && p->bytes + n <= POLL_BYTES);
}

/* No room: this one and all behind it of its shard come with the next
 * answer. */
static void
leave_out(struct poll *p, const struct place *at)
{
	struct cursor_part *cut = cut_of(p, at->shard);

	if (cut == NULL && p->cuts < CURSOR_PARTS) {
		p->cut[p->cuts++] =
		    (struct cursor_part){at->shard, at->epoch, at->offset};
		return;
	}
	if (cut != NULL && at->epoch == cut->epoch && at->offset < cut->offset)
		cut->offset = at->offset;
}

/* Take an item out, and say what becomes of it. */
static void
part_with(struct poll *p, struct item *i, enum stat_id became)
{
	owed_never(&i->piece, became);
	stats_sub(STAT_messages_pending, piece_messages(&i->piece));
	p->bytes -= i->piece.to - i->piece.from;
	run_unref(&i->piece.run);
}

/* Make room for what comes before others of its shard: of these the last goes.
 * False: there is none. */
static bool
evict(struct poll *p, const struct place *before)
{
	struct item *last = NULL, *end = p->items + p->n;

	for (struct item *i = p->items; i != end; i++)
		if (i->place.shard == before->shard && !i->place.gap &&
		    i->place.epoch == before->epoch &&
		    i->place.offset > before->offset &&
		    (last == NULL || i->place.offset > last->place.offset))
			last = i;
	if (last == NULL)
		return false;
	leave_out(p, &last->place);
	part_with(p, last, STAT_drop_no_room);
	memmove(last, last + 1, (size_t)(end - last - 1) * sizeof(*last));
	p->n--;
	return true;
}

/* It comes behind what was left out: of its shard, or in a new epoch. */
static bool
is_cut(struct poll *p, const struct place *at)
{
	const struct cursor_part *cut = cut_of(p, at->shard);

	return cut != NULL && (at->epoch != cut->epoch ||
				  (!at->gap && at->offset >= cut->offset));
}

static void
poll_deliver(
    struct reader *r, struct sub *s, struct piece piece, const struct place *at)
{
	struct conn *c = container_of(r, struct conn, reader);
	struct poll *p = c->poll;
	size_t n = piece.to - piece.from;

	(void)s;
	if (c->dialect != &dialect_poll) {
		owed_never(&piece, STAT_drop_closed);
		return;
	}
	conn_dirty(c);
	if (is_cut(p, at)) {
		owed_never(&piece, STAT_drop_no_room);
		return;
	}
	while (!fits(p, at, n) && evict(p, at))
		continue;
	if (!fits(p, at, n)) {
		leave_out(p, at);
		owed_never(&piece, STAT_drop_no_room);
		return;
	}
	if (p->n == p->room) {
		p->room = p->room != 0 ? p->room * 2 : 4;
		p->items = xrealloc(p->items, p->room * sizeof(p->items[0]));
	}
	p->items[p->n++] = (struct item){*at, piece};
	run_ref(piece.run);
	p->bytes += n;
	stats_add(STAT_messages_pending, piece_messages(&piece));
}

static void
put_cursor(struct conn *c, struct buf *b)
{
	struct cursor_part parts[CURSOR_PARTS];
	unsigned n = reader_position(&c->reader, parts);

	for (unsigned i = 0; i < n; i++) {
		const struct cursor_part *cut = cut_of(c->poll, parts[i].shard);

		if (cut != NULL)
			parts[i] = (struct cursor_part){
			    cut->shard, cut->epoch, cut->offset - 1};
	}
	cursor_put(b, parts, n);
}

static void
put_body(const struct poll *p, struct buf *b, struct slice cursor)
{
	buf_str(b, "{\"messages\":[");
	for (size_t i = 0; i < p->n; i++) {
		const struct piece *at = &p->items[i].piece;

		if (i != 0)
			buf_chr(b, ',');
		buf_add(b, at->run->bytes.p + at->from, at->to - at->from);
	}
	buf_str(b, "],\"cursor\":\"");
	buf_put(b, cursor);
	buf_str(b, "\"}");
}

/* As one piece: its messages are written when the last byte of it is. */
static void
send_answer(struct conn *c, struct slice answer)
{
	struct run *run = run_new(c->hub->runs);
	struct poll *p = c->poll;

	buf_put(&run->bytes, answer);
	for (size_t i = 0; i < p->n; i++) {
		unsigned n = piece_messages(&p->items[i].piece);

		stats_sub(STAT_messages_pending, n);
		run_mark_all(run, &p->items[i].piece);
		while (n-- != 0)
			run_end_message(run, 0);
		run_unref(&p->items[i].piece.run);
	}
	p->n = 0;
	conn_send(c, (struct piece){run, 0, (uint32_t)answer.n});
	run_unref(&run);
}

static void
answer(struct conn *c)
{
	struct poll *p = c->poll;
	struct buf cursor = {0}, body = {0}, out = {0};
	bool close = p->close;

	put_cursor(c, &cursor);
	put_body(p, &body, buf_slice(&cursor));
	buf_str(&p->lines, "Cache-Control: no-store\r\nETag: \"");
	buf_put(&p->lines, buf_slice(&cursor));
	buf_str(&p->lines, "\"\r\n");
	http_reply(&out, &(struct http_reply){.status = 200,
			     .close = close,
			     .old = p->old,
			     .type = SLICE("application/json"),
			     .extra = buf_slice(&p->lines),
			     .body = buf_slice(&body)});
	send_answer(c, buf_slice(&out));
	buf_free(&cursor);
	buf_free(&body);
	buf_free(&out);
	http_again(c, close);
}

static void
poll_settle(struct conn *c)
{
	if (c->poll->n == 0 && !c->poll->due)
		return;
	if (reader_settled(c->hub->subs, &c->reader))
		answer(c);
}

static void
poll_joined(struct reader *r, struct sub *s, bool recovered)
{
	(void)r;
	(void)s;
	(void)recovered;
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

/* Bytes behind the request wait for its answer. */
static size_t
poll_input(struct conn *c, char *p, size_t n)
{
	(void)c;
	(void)p;
	(void)n;
	return 0;
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

	for (size_t i = 0; i < p->n; i++)
		part_with(p, &p->items[i], STAT_drop_closed);
	buf_free(&p->lines);
	free(p->items);
	free(p);
	c->poll = NULL;
}

/* What waits for the answer is not in it: it is asked for again. */
static bool
poll_save(const struct conn *c, struct msg *m)
{
	uint64_t now = loop_now(c->hub->d.loop), due = c->timer.due;

	m->state_poll = (struct msg_state_poll){
	    .left = due > now ? due - now : 0,
	    .due = c->poll->due,
	    .close = c->poll->close,
	    .old = c->poll->old,
	    .lines = buf_slice(&c->poll->lines),
	};
	return c->poll->n == 0;
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
    .joined = poll_joined,
    .live = poll_live,
    .refused = poll_refused,
};

const struct dialect dialect_poll = {
    .name = "poll",
    .reader = &poll_reader,
    .input = poll_input,
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

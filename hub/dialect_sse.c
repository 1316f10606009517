/*
 * dialect_sse.c - Server-Sent Events at /v1/sse (WHATWG HTML 9.2).
 *
 * The id of an event is the place of the whole stream, so it is only sent
 * when everything up to it was.  While all is level that of a stream in one
 * shard is in the shared bytes.  Else, and over several shards, those come
 * without one, and the id is written before each message: its part of a shard
 * that is behind, or whose store is away, is where that one stands.  While
 * one of several channels in the shard of the message catches up the message
 * goes without, and the id follows once all are level.
 */
#include "common/channel.h"
#include "common/http_reply.h"
#include "common/must.h"
#include "hub/conn.h"
#include "hub/listen.h"
#include "hub/open.h"
#include "hub/respond.h"

enum {
	SSE_STALE = 1,  /* the last id may not cover all that was sent */
	SSE_SHARDS = 2, /* over several shards */
	SSE_BEGUN = 4,  /* all its channels are subscribed */
	SSE_STUCK = 8,  /* a heartbeat ago it took nothing, and was owed */
};

static void
write_head(struct conn *c, const struct http_request *r)
{
	struct buf b = {0}, lines = {0};

	respond_cors(c->hub, r, &lines);
	buf_str(&b, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
		    "Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n"
		    "Connection: close\r\n");
	buf_put(&b, buf_slice(&lines));
	buf_put(&b, hub_date(c->hub));
	buf_str(&b, "\r\nretry: ");
	buf_num(&b, c->hub->limits.retry);
	buf_str(&b, "\n\n");
	conn_write(c, buf_slice(&b));
	buf_free(&lines);
	buf_free(&b);
}

static void
put_id(struct conn *c, const struct cursor_part *parts, unsigned n)
{
	struct buf b = {0};

	buf_str(&b, "id: ");
	cursor_put(&b, parts, n);
	buf_chr(&b, '\n');
	conn_write(c, buf_slice(&b));
	buf_free(&b);
}

/* What the client would resume from, when all up to it was sent.  By itself
 * it is no event: EventSource remembers it all the same. */
static void
write_id(struct conn *c)
{
	struct cursor_part parts[CURSOR_PARTS];
	unsigned n = reader_position(&c->reader, parts);

	if (n == 0)
		return;
	put_id(c, parts, n);
	conn_write(c, SLICE("\n"));
	c->bits &= (uint8_t)~SSE_STALE;
}

/* The same in front of a message, if it covers it. */
static void
write_id_of(struct conn *c, const struct place *at)
{
	struct cursor_part parts[CURSOR_PARTS];
	unsigned n = reader_position(&c->reader, parts), i = 0;

	while (i < n && parts[i].shard != at->shard)
		i++;
	if (i < n && parts[i].epoch == at->epoch &&
	    parts[i].offset >= at->offset)
		put_id(c, parts, n);
}

static void
catch_up(struct conn *c)
{
	if ((c->bits & (SSE_BEGUN | SSE_STALE)) == (SSE_BEGUN | SSE_STALE) &&
	    !c->skipping && reader_settled(c->hub->subs, &c->reader))
		write_id(c);
}

/* The shared bytes of what it is handed have their place in them. */
static bool
has_id(const struct conn *c, const struct sub *s)
{
	bool one = c->reader.count == 1 && !channel_is_pattern(sub_channel(s));

	if (c->bits & SSE_SHARDS)
		return false;
	return one || !s->each || reader_settled(c->hub->subs, &c->reader);
}

static void
sse_deliver(
    struct reader *r, struct sub *s, struct piece p, const struct place *place)
{
	struct conn *c = container_of(r, struct conn, reader);
	bool skips = conn_skips(c, p);

	if (!skips && !has_id(c, s))
		write_id_of(c, place);
	if (skips || !reader_settled(c->hub->subs, r))
		c->bits |= SSE_STALE;
	else if (c->bits & SSE_SHARDS)
		c->bits &= (uint8_t)~SSE_STALE;
	conn_deliver(c, s, p, place);
}

static void
sse_live(struct reader *r, struct sub *s)
{
	struct conn *c = container_of(r, struct conn, reader);

	(void)s;
	catch_up(c);
}

static void
sse_refused(struct reader *r, struct sub *s, enum code code)
{
	struct conn *c = container_of(r, struct conn, reader);
	struct buf b = {0};
	struct fault f = {.code = code};

	buf_str(&b, "event: error\ndata: {\"channel\":\"");
	buf_put(&b, sub_channel(s));
	buf_str(&b, "\",");
	fault_put(&b, &f);
	buf_str(&b, "}\n\n");
	conn_write(c, buf_slice(&b));
	buf_free(&b);
	conn_unsubscribe(c, s);
	if (c->reader.count == 0)
		conn_finish(c);
}

static size_t
sse_input(struct conn *c, char *p, size_t n)
{
	(void)c;
	(void)p;
	return n; /* nothing more is expected, and nothing is done with it */
}

static void
sse_timeout(struct conn *c)
{
	if (!c->blocked || c->heard)
		c->bits &= (uint8_t)~SSE_STUCK;
	else if (c->bits & SSE_STUCK) {
		conn_kill(c, "takes nothing");
		return;
	} else
		c->bits |= SSE_STUCK;
	c->heard = false;
	c->bits |= SSE_BEGUN;
	catch_up(c);
	if (!c->blocked)
		conn_write(c, SLICE(": hb\n\n"));
	conn_arm(c, c->hub->limits.heartbeat);
}

static void
sse_leave(struct conn *c, unsigned in_ms)
{
	char text[48];
	int n = snprintf(text, sizeof(text), "retry: %u\n\n", in_ms);

	conn_write(c, (struct slice){text, (size_t)n});
	conn_finish(c);
}

static bool
sse_save(const struct conn *c, struct msg *m)
{
	m->state_sse = (struct msg_state_sse){
	    .shards = (c->bits & SSE_SHARDS) != 0,
	    .stale = (c->bits & SSE_STALE) != 0,
	};
	return true;
}

static void
sse_load(struct conn *c, const struct msg *m)
{
	conn_become(c, &dialect_sse);
	c->bits = 0; /* its channels come next: the timer says they have */
	if (m->state_sse.shards != 0) {
		c->bits |= SSE_SHARDS;
		c->reader.each = true;
	}
	if (m->state_sse.stale != 0)
		c->bits |= SSE_STALE;
	c->reader.form = m->state_sse.shards != 0 ? FORM_SSE_NO_ID : FORM_SSE;
	conn_arm(c, c->hub->limits.heartbeat);
}

static const struct reader_face sse_reader = {
    .send = sse_deliver,
    .live = sse_live,
    .refused = sse_refused,
};

const struct dialect dialect_sse = {
    .name = "sse",
    .reader = &sse_reader,
    .input = sse_input,
    .timeout = sse_timeout,
    .drained = conn_tell_skipped,
    .leave = sse_leave,
    .state = MSG_state_sse,
    .save = sse_save,
    .load = sse_load,
};

void
sse_open(struct conn *c, const struct http_request *r)
{
	struct query q = {.instead = http_header(r, SLICE("Last-Event-ID"))};
	struct fault f;

	if (listen_read(c, r, &q)) {
		conn_become(c, &dialect_sse);
		c->bits = SSE_STALE;
		c->reader.form = FORM_SSE;
		if (!listen_one_shard(c, &q)) {
			c->bits |= SSE_SHARDS;
			c->reader.form = FORM_SSE_NO_ID;
			c->reader.each = true; /* an id is of one message */
		}
		write_head(c, r);
		conn_arm(c, c->hub->limits.heartbeat);
		if (!listen_start(c, &q, q.cursor, &f)) {
			conn_finish(c);
		} else {
			c->bits |= SSE_BEGUN;
			catch_up(c);
		}
	}
	query_free(&q);
}

/*
 * dialect_incus_poll.c - Incus' long poll at /lp: one message, or nothing when
 * the time is over.
 *
 * Old clients ask without a place, get the first message that comes, and miss
 * what comes until they ask again.  Who names a place by ?cursor= (empty: from
 * now on) is told the next in X-Incus-Cursor, and misses nothing; what cannot
 * be had any more is told by X-Incus-Gap.  With ?messages=N the answer is a
 * list of at most so many.  A place may also go by cookie.  ?timeout=0 is for
 * who has only something to say.
 *
 * A client that goes away is noticed at once, but what it said was done.
 */
#include "common/base64.h"
#include "common/hash.h"
#include "common/http_reply.h"
#include "common/must.h"
#include "common/stats.h"
#include "hub/basket.h"
#include "hub/incus_hub.h"
#include "hub/incus_query.h"
#include "hub/open.h"
#include "hub/owed.h"
#include "hub/respond.h"

enum {
	INCUS_ORIGIN_MAX = 1023, /* bytes, as in msg.def */
	INCUS_COOKIE_S = 300,    /* what the store keeps by default */
};

struct incus_poll {
	struct basket basket;
	char *origin;    /* to be named in the answer; NULL: any */
	char cookie[32]; /* name of it; "" is none */
	uint16_t most;   /* messages of a list; 0: one, bare */
	uint16_t status; /* of an answer that waits for nothing; 0: none */
	bool close, old, head;
	bool named;  /* it asked by a place, and is told the next */
	bool nobody; /* it named no user */
	bool gap;    /* something cannot be had */
	bool due, leaving;
};

/* ---- Answers */

static void
put_origin(const struct hub *h, const struct incus_poll *p, struct buf *b)
{
	if (strcmp(h->limits.origins, "*") == 0) {
		buf_str(b, "Access-Control-Allow-Origin: *\r\n");
		return;
	}
	if (p->origin != NULL)
		http_line(
		    b, "Access-Control-Allow-Origin", slice_of(p->origin));
	buf_str(b, "Vary: Origin\r\n");
}

static void
put_place(const struct conn *c, struct buf *b)
{
	const struct incus_poll *p = c->incus_poll;
	struct buf place = {0};

	basket_cursor(&p->basket, c, &place);
	if (p->named && place.n != 0)
		http_line(b, "X-Incus-Cursor", buf_slice(&place));
	if (p->named)
		buf_str(b, "Access-Control-Expose-Headers: X-Incus-Cursor, "
			   "X-Incus-Gap\r\n");
	if (p->cookie[0] != '\0' && place.n != 0) {
		buf_printf(b, "Set-Cookie: %s=", p->cookie);
		buf_put(b, buf_slice(&place));
		buf_printf(b, "; Path=/lp; Max-Age=%d; HttpOnly; SameSite=Lax",
		    INCUS_COOKIE_S);
		buf_str(b, c->secure ? "; Secure\r\n" : "\r\n");
	}
	if (p->gap && (p->named || p->cookie[0] != '\0'))
		buf_str(b, "X-Incus-Gap: 1\r\n");
	buf_free(&place);
}

static void
put_body(const struct incus_poll *p, struct buf *b)
{
	if (p->most != 0)
		buf_chr(b, '[');
	for (size_t i = 0; i < p->basket.n; i++) {
		if (i != 0)
			buf_chr(b, ',');
		buf_put(b, basket_at(&p->basket, i));
	}
	if (p->most != 0)
		buf_chr(b, ']');
}

/* And the connection goes on, maybe. */
static void
answer(struct conn *c, unsigned status, bool place)
{
	struct incus_poll *p = c->incus_poll;
	struct buf lines = {0}, body = {0}, out = {0};
	bool close = p->close;

	put_origin(c->hub, p, &lines);
	buf_str(&lines, "Content-Type: application/json\r\n"
			"Cache-Control: private, no-store, no-cache, "
			"must-revalidate, post-check=0, pre-check=0\r\n");
	if (!close && !p->old)
		buf_str(&lines, "Connection: keep-alive\r\n");
	if (place)
		put_place(c, &lines);
	if (p->basket.n != 0)
		put_body(p, &body);
	http_reply(&out, &(struct http_reply){.status = status,
			     .close = close,
			     .old = p->old,
			     .head = p->head,
			     .extra = buf_slice(&lines),
			     .date = hub_date(c->hub),
			     .body = buf_slice(&body)});
	basket_send(&p->basket, c, buf_slice(&out));
	buf_free(&lines);
	buf_free(&body);
	buf_free(&out);
	http_again(c, close);
}

/* ---- While it waits */

/* The answer goes at the end of the turn: its request is being read yet. */
static void
say_at_once(struct conn *c, unsigned status)
{
	c->incus_poll->status = (uint16_t)status;
	conn_dirty(c);
}

static void
refuse(struct conn *c)
{
	stats_add(STAT_incus_polls_refused, 1);
	c->incus_poll->close = true;
	say_at_once(c, 503);
}

/* How a poll ends that heard nothing. */
static unsigned
nothing(const struct conn *c)
{
	return c->incus_poll->nobody || c->hub->limits.incus.empty_ok ? 200
	                                                              : 204;
}

static bool
has_place(const struct incus_poll *p)
{
	return p->named || p->cookie[0] != '\0';
}

static void
incus_poll_settle(struct conn *c)
{
	struct incus_poll *p = c->incus_poll;
	bool place = has_place(p);

	if (p->leaving && p->basket.n == 0)
		refuse(c);
	if (p->status != 0)
		answer(c, p->status, false);
	else if (place && !reader_settled(c->hub->subs, &c->reader))
		return;
	else if (p->basket.n != 0)
		answer(c, 200, place);
	else if (p->due)
		answer(c, nothing(c), place);
}

/* While the store is away there is no place to tell: the client keeps its
 * own, and asks again for what it got behind that. */
static void
incus_poll_timeout(struct conn *c)
{
	struct incus_poll *p = c->incus_poll;

	if (p->due) {
		if (has_place(p))
			basket_free(&p->basket);
		answer(c, p->basket.n != 0 ? 200 : nothing(c), false);
		return;
	}
	p->due = true;
	conn_arm(c, c->hub->limits.pong);
	conn_dirty(c);
}

static void
incus_poll_leave(struct conn *c, unsigned in_ms)
{
	(void)in_ms;
	c->incus_poll->close = true;
	c->incus_poll->due = true;
	c->incus_poll->leaving = true;
	conn_arm(c, c->hub->limits.pong);
	conn_dirty(c);
}

static void
incus_poll_closed(struct conn *c)
{
	incus_bus_gone(c);
	stats_sub(STAT_incus_polls, 1);
	stats_add(STAT_incus_polls_closed, 1);
	basket_free(&c->incus_poll->basket);
	free(c->incus_poll->origin);
	free(c->incus_poll);
	c->incus_poll = NULL;
}

static void
incus_poll_deliver(
    struct reader *r, struct sub *s, struct piece piece, const struct place *at)
{
	struct conn *c = container_of(r, struct conn, reader);

	(void)s;
	if (c->dialect != &dialect_incus_poll) {
		owed_never(&piece, STAT_drop_closed);
		return;
	}
	if (at->gap) {
		c->incus_poll->gap = true;
		return;
	}
	if (!incus_is_for(c, at)) {
		owed_never(&piece, STAT_drop_other_page);
		return;
	}
	stats_add(STAT_incus_writes, 1);
	conn_dirty(c);
	basket_add(&c->incus_poll->basket, piece, at);
}

static void
incus_poll_live(struct reader *r, struct sub *s)
{
	(void)s;
	conn_dirty(container_of(r, struct conn, reader));
}

static void
incus_poll_refused(struct reader *r, struct sub *s, enum code code)
{
	struct conn *c = container_of(r, struct conn, reader);

	(void)code;
	conn_unsubscribe(c, s);
	incus_poll_leave(c, 0);
}

static bool
incus_poll_save(const struct conn *c, struct msg *m)
{
	const struct incus_poll *p = c->incus_poll;
	struct incus_names names = incus_bus_names(c);

	m->state_incus_poll = (struct msg_state_incus_poll){
	    .left = conn_left(c),
	    .due = p->due,
	    .close = p->close,
	    .old = p->old,
	    .head = p->head,
	    .nobody = p->nobody,
	    .most = p->most,
	    .named = p->named,
	    .cookie = slice_of(p->cookie),
	    .origin = slice_of(p->origin != NULL ? p->origin : ""),
	    .user = names.user,
	    .page = names.page,
	};
	return p->basket.n == 0 && c->asks == NULL;
}

static struct incus_poll *
become(struct conn *c)
{
	struct incus_poll *p = xcalloc(1, sizeof(*p));

	conn_become(c, &dialect_incus_poll);
	c->incus_poll = p;
	c->reader.form = FORM_INCUS_POLL;
	c->reader.each = true;
	stats_add(STAT_incus_polls, 1);
	return p;
}

static char *
text_of(struct slice s)
{
	char *text = NULL;

	if (s.n != 0) {
		text = xcalloc(1, s.n + 1);
		memcpy(text, s.p, s.n);
	}
	return text;
}

static void
incus_poll_load(struct conn *c, const struct msg *m)
{
	const struct msg_state_incus_poll *s = &m->state_incus_poll;
	struct incus_poll *p = become(c);

	p->due = s->due != 0;
	p->close = s->close != 0;
	p->old = s->old != 0;
	p->head = s->head != 0;
	p->nobody = s->nobody != 0;
	p->most = (uint16_t)s->most;
	p->basket.most = p->most != 0 ? p->most : 1;
	p->named = s->named != 0;
	if (s->cookie.n != 0 && s->cookie.n < sizeof(p->cookie))
		memcpy(p->cookie, s->cookie.p, s->cookie.n);
	p->origin = text_of(s->origin);
	incus_bus_load(c, &(struct incus_names){s->user, s->page});
	conn_arm(c, s->left);
}

static const struct reader_face incus_poll_reader = {
    .send = incus_poll_deliver,
    .live = incus_poll_live,
    .refused = incus_poll_refused,
};

const struct dialect dialect_incus_poll = {
    .name = "incus_poll",
    .reader = &incus_poll_reader,
    .timeout = incus_poll_timeout,
    .settle = incus_poll_settle,
    .leave = incus_poll_leave,
    .left = incus_bus_gone,
    .present = incus_bus_present,
    .closed = incus_poll_closed,
    .state = MSG_state_incus_poll,
    .save = incus_poll_save,
    .load = incus_poll_load,
};

/* ---- How it begins */

/* One for each user and page: tabs of a browser that share both share the
 * place, too. */
static void
name_cookie(struct incus_poll *p, const struct incus_query *q)
{
	struct buf b = {0};
	uint64_t hash;

	buf_put(&b, q->user);
	buf_chr(&b, '\0');
	buf_put(&b, q->page);
	hash = hash_fixed(buf_slice(&b));
	snprintf(p->cookie, sizeof(p->cookie), "incus_%016llx",
	    (unsigned long long)hash);
	buf_free(&b);
}

static struct slice
cookie_of(const struct http_request *r, const char *name)
{
	struct slice rest = http_header(r, SLICE("Cookie")), pair, key;

	while (slice_cut(&rest, ';', &pair)) {
		pair = slice_trim(pair);
		slice_cut(&pair, '=', &key);
		if (slice_is(key, name) && pair.p != NULL)
			return pair;
	}
	return (struct slice){NULL, 0};
}

/* From where on it wants to be told; how many parts.  Of a place that is none
 * the client must hear. */
static unsigned
place_of(struct conn *c, const struct http_request *r,
    const struct incus_query *q, struct cursor_part *parts)
{
	struct incus_poll *p = c->incus_poll;
	struct slice cursor = q->cursor;
	int n = 0;

	p->named = cursor.p != NULL;
	if (!p->named && c->hub->limits.incus.cookie) {
		name_cookie(p, q);
		cursor = cookie_of(r, p->cookie);
	}
	if (cursor.n != 0 &&
	    (n = cursor_parse(cursor, parts, CURSOR_PARTS)) < 0) {
		p->gap = true;
		n = 0;
	}
	return (unsigned)n;
}

static void
come(struct conn *c, const struct http_request *r, const struct incus_query *q)
{
	struct cursor_part parts[CURSOR_PARTS];
	struct incus_client who = {.user = q->user, .page = q->page};
	struct incus *said = incus_said(c);
	uint64_t most = 0, wait = c->hub->limits.incus.poll, seconds;

	if (slice_num(q->messages, &most) && most > BASKET_ITEMS)
		most = BASKET_ITEMS;
	c->incus_poll->most = (uint16_t)most;
	c->incus_poll->basket.most = most != 0 ? (unsigned)most : 1;
	who.n = place_of(c, r, q, parts);
	who.after = parts;
	stats_add(STAT_incus_polls_opened, 1);
	if (slice_num(q->timeout, &seconds) && seconds < wait / 1000)
		wait = seconds * 1000;
	conn_arm(c, wait);
	incus_come(c, &who);
	if (q->command.n == 0)
		return;
	stats_add(STAT_incus_reads, 1);
	if (incus_read(said, q->command, INCUS_POLL) == CODE_ok)
		incus_obey(c, said);
}

static bool
taken(const struct conn *c)
{
	return incus_polls_open(c->hub->incus) && !c->hub->d.draining &&
	       hub_knows_shards(c->hub) && bus_can_publish(c->hub->d.bus);
}

/* Nobody to wait for; such clients ask again at once, and for ever. */
static void
wait_for_nobody(struct conn *c, bool at_once)
{
	c->incus_poll->nobody = true;
	if (at_once)
		say_at_once(c, 200);
	else
		conn_arm(c, c->hub->limits.incus.nobody);
}

void
incus_poll_open(struct conn *c, const struct http_request *r, struct slice body)
{
	struct slice origin = http_header(r, SLICE("Origin"));
	struct incus_query q = {.text = {0}};
	struct incus_poll *p = become(c);

	p->close = !r->keep_alive;
	p->old = r->minor == 0;
	p->head = r->verb == HTTP_HEAD;
	c->bits = 0;
	if (!respond_origin_good(c->hub, r)) {
		p->close = true;
		say_at_once(c, 403);
		return;
	}
	if (strcmp(c->hub->limits.origins, "*") != 0 &&
	    origin.n <= INCUS_ORIGIN_MAX)
		p->origin = text_of(origin);
	incus_query_read(&q, r, body);
	if (!taken(c))
		refuse(c);
	else if (q.user.n == 0)
		wait_for_nobody(c, r->verb == HTTP_OPTIONS ||
				       c->hub->limits.incus.nobody == 0);
	else
		come(c, r, &q);
	incus_query_free(&q);
}

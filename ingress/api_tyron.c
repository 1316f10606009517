/*
 * api_tyron.c - what Tornado Tyron answered besides its polls.
 *
 *	GET /health/		OK
 *	GET /store/<key>/	the string at that key of the bridges' Redis
 *
 * The original told every key to everybody.  Here only those are told that
 * begin with a setting, and none while that is empty.
 */
#include "common/code.h"
#include "common/must.h"
#include "common/redis_reader.h"
#include "common/stats.h"
#include "common/tyron_reply.h"
#include "common/verb.h"
#include "ingress/api.h"
#include "ingress/asks.h"

enum { KEY_MAX = 1024 }; /* bytes, as in msg.def */

#define STORE "/store/"

struct tyron {
	struct ask a; /* first */
	unsigned status;
	bool tagged;       /* a GET */
	bool options;      /* a preflight */
	bool post;         /* is allowed as well */
	bool open;         /* pages of other origins may ask */
	struct slice cors; /* then; of the front */
	struct buf match;  /* If-None-Match */
};

static void
told(struct ask *a, const struct msg *m)
{
	struct tyron *t = container_of(a, struct tyron, a);
	const struct msg_told_redis *r = &m->told_redis;

	if (r->kind == REDIS_IS_STRING)
		buf_put(&a->answer, r->value);
	else if (r->kind != REDIS_IS_NIL)
		t->status = 500; /* of another type */
	ask_done(a);
}

static void
put_lines(struct tyron *t, struct buf *lines)
{
	buf_put(lines, t->cors);
	if (t->open)
		tyron_cors(lines);
	if (t->options || (t->status == 405 && t->open))
		buf_str(lines, "Allow: GET, POST, OPTIONS\r\n");
	else if (t->status == 405)
		buf_str(
		    lines, t->post ? "Allow: GET, POST\r\n" : "Allow: GET\r\n");
}

static bool
answer(struct request *request, struct buf *out)
{
	struct tyron *t = container_of(request, struct tyron, a.r);
	struct front *f = request_front(request);
	char etag[TYRON_ETAG];
	struct buf lines = {0};
	struct tyron_reply r = {
	    .close = request->close,
	    .old = request->old,
	    .head = request->head,
	    .date = loop_date(f->loop),
	    .match = buf_slice(&t->match),
	    .type = f->tyron.text,
	    .body = buf_slice(&t->a.answer),
	};

	if (!t->a.done)
		return false;
	/* whatever kept Redis from us, the original said so */
	r.status = t->a.failure.status != 0 ? 500 : t->status;
	put_lines(t, &lines);
	r.lines = buf_slice(&lines);
	if (t->tagged)
		r.etag = tyron_etag(r.body, etag);
	if (r.status == 200) {
		tyron_reply(out, &r);
	} else {
		stats_add(STAT_http_errors, 1);
		r.etag = (struct slice){NULL, 0};
		tyron_reply_error(out, &r);
	}
	buf_free(&lines);
	return true;
}

static void
tyron_free(struct request *r)
{
	struct tyron *t = container_of(r, struct tyron, a.r);

	ask_end(&t->a);
	buf_free(&t->match);
	free(t);
}

static const struct request_kind tyron_kind = {
    .answer = answer,
    .fail = ask_fail,
    .free = tyron_free,
};

/* The status, or 0: it waits for Redis. */
static unsigned
look_up(struct tyron *t, const struct http_request *h)
{
	struct front *f = t->a.front;
	struct slice path = slice_from(h->path, sizeof(STORE) - 1);
	struct msg m = {.id = MSG_ask_redis};

	if (f->tyron.keys.n == 0)
		return 404;
	path.n--; /* the last slash */
	buf_clear(&f->text);
	if (!tyron_name(&f->text, path) || f->text.n > KEY_MAX)
		return 400;
	if (!slice_starts(buf_slice(&f->text), f->tyron.keys))
		return 403;
	m.ask_redis.verb = VERB_get;
	m.ask_redis.key = buf_slice(&f->text);
	return ask_link(&t->a, bus_any(f->bus), &m) ? 0 : 500;
}

static unsigned
begin(struct tyron *t, const struct http_request *h)
{
	bool get = h->verb == HTTP_GET;

	t->options = t->post && t->open && h->verb == HTTP_OPTIONS;
	if (t->options)
		return 200;
	if (!get && !(t->post && h->verb == HTTP_POST))
		return 405;
	t->tagged = get;
	if (t->post)
		return look_up(t, h);
	buf_str(&t->a.answer, "OK");
	return 200;
}

static struct tyron *
tyron_new(struct front *f)
{
	struct tyron *t = xcalloc(1, sizeof(*t));

	t->a = (struct ask){.r.kind = &tyron_kind, .front = f, .end = told};
	return t;
}

/* The sibling told everybody, pages or not. */
static struct slice
cors_of(struct front *f, const struct http_request *h)
{
	struct slice origin = http_header(h, SLICE("Origin"));
	bool may;

	return front_cors(f, origin.p != NULL ? origin : SLICE("*"), &may);
}

/* What the sibling knew by the path with a slash behind: a channel without
 * others in it, or a key. */
static struct request *
with_slash(struct front *f, const struct http_request *h)
{
	struct slice name = slice_from(h->path, 1);

	if (slice_starts(h->path, SLICE(STORE)) && f->tyron.keys.n != 0)
		name = slice_from(h->path, sizeof(STORE) - 1);
	if (name.n == 0 || memchr(name.p, '/', name.n) != NULL)
		return NULL;
	buf_clear(&f->text);
	buf_put(&f->text, h->path);
	buf_chr(&f->text, '/');
	return answer_moved(buf_slice(&f->text), h->query,
	    f->tyron.cors ? cors_of(f, h) : SLICE(""));
}

struct request *
api_tyron_unknown(struct client *c, const struct http_request *h)
{
	struct front *f = api_front(c);
	struct request *r = f->tyron.redirect ? with_slash(f, h) : NULL;
	struct tyron *t;

	if (r != NULL)
		return r;
	t = tyron_new(f);
	t->status = 404;
	t->a.done = true;
	return &t->a.r;
}

struct request *
api_tyron(
    enum route_handler handler, struct client *c, const struct http_request *h)
{
	struct tyron *t = tyron_new(api_front(c));
	struct slice match = http_header(h, SLICE("If-None-Match"));

	t->post = handler == HANDLER_tyron_store;
	t->open = t->a.front->tyron.cors && t->post;
	if (t->open)
		t->cors = cors_of(t->a.front, h);
	if (match.n <= TYRON_MATCH_MAX)
		buf_put(&t->match, match);
	t->status = begin(t, h);
	t->a.done = t->status != 0;
	if (t->status == 0)
		t->status = 200;
	return &t->a.r;
}

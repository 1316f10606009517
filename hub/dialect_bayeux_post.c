/*
 * dialect_bayeux_post.c - Bayeux over requests: long polling, and its callback
 * kind for pages of elsewhere.
 *
 * What is asked for is found out in Faye's order (bayeux_http_open).  A request
 * is a batch; while its answers are owed nothing else is read.  A client that
 * goes away meanwhile is noticed at once, and what was to go with the answer
 * stays with its session.
 */
#include "common/http_reply.h"
#include "common/json.h"
#include "common/must.h"
#include "common/stats.h"
#include "common/url.h"
#include "hub/bayeux.h"
#include "hub/bayeux_http.h"
#include "hub/door.h"
#include "hub/open.h"
#include "hub/respond.h"

enum { CALLBACK_MAX = 255 }; /* bytes */

struct post {
	struct bayeux_carrier carrier;
	char *origin;   /* NULL: it named none */
	char *callback; /* NULL: JSON is wanted */
	bool close, old;
};

/* ---- Answers */

static void
put_lines(struct buf *b, const struct post *p)
{
	buf_str(b, p->callback != NULL
		       ? "Content-Type: text/javascript; charset=utf-8\r\n"
		       : "Content-Type: application/json; charset=utf-8\r\n");
	buf_str(b, "Cache-Control: no-cache, no-store\r\n"
		   "X-Content-Type-Options: nosniff\r\n");
	if (p->callback != NULL)
		buf_str(b, "Content-Disposition: attachment; "
			   "filename=f.txt\r\n");
	if (p->origin != NULL) {
		buf_str(b, "Access-Control-Allow-Credentials: true\r\n");
		http_line(
		    b, "Access-Control-Allow-Origin", slice_of(p->origin));
	}
}

/* U+2028 and U+2029 end a line in older JavaScript; JSON has them as they are.
 */
static void
put_script(struct buf *b, struct slice json)
{
	const char *at;

	while (json.n != 0 &&
	       (at = memmem(json.p, json.n, "\xe2\x80", 2)) != NULL) {
		size_t n = (size_t)(at - json.p);
		bool ends =
		    n + 2 < json.n && ((unsigned char)at[2] & 0xfe) == 0xa8;

		buf_add(b, json.p, n);
		if (ends)
			buf_str(b, at[2] == '\xa8' ? "\\u2028" : "\\u2029");
		else
			buf_add(b, at, 2);
		json = slice_from(json, n + (ends ? 3 : 2));
	}
	buf_put(b, json);
}

static void
put_body(struct buf *b, const struct post *p, struct slice json)
{
	if (p->callback == NULL) {
		buf_put(b, json);
		return;
	}
	buf_str(b, "/**/");
	buf_str(b, p->callback);
	buf_chr(b, '(');
	put_script(b, json);
	buf_str(b, ");");
}

/* Head and body in one run, in which the messages are counted. */
static void
send_answer(struct conn *c, const struct post *p, struct run *json)
{
	struct run *run = run_new(c->hub->runs);
	struct piece all = {json, 0, (uint32_t)json->bytes.n};
	struct buf lines = {0}, body = {0};

	put_lines(&lines, p);
	put_body(&body, p, buf_slice(&json->bytes));
	http_reply(&run->bytes, &(struct http_reply){.status = 200,
				    .close = p->close,
				    .old = p->old,
				    .extra = buf_slice(&lines),
				    .date = hub_date(c->hub),
				    .body = buf_slice(&body)});
	run_end_all(run, &all);
	conn_send(c, (struct piece){run, 0, (uint32_t)run->bytes.n});
	run_unref(&run);
	buf_free(&lines);
	buf_free(&body);
}

static struct bayeux_batch *
batch_of(const struct conn *c)
{
	return container_of(
	    c->carrier->batches.next, struct bayeux_batch, node);
}

static void
post_settle(struct conn *c)
{
	struct post *p = container_of(c->carrier, struct post, carrier);
	struct bayeux_batch *b;
	struct run *json;
	bool close = p->close;

	if (list_empty(&c->carrier->batches) || (b = batch_of(c))->open != 0)
		return;
	json = bayeux_batch_run(b);
	send_answer(c, p, json);
	run_unref(&json);
	bayeux_batch_free(b);
	http_again(c, close);
}

static void
post_leave(struct conn *c, unsigned in_ms)
{
	(void)in_ms;
	container_of(c->carrier, struct post, carrier)->close = true;
	bayeux_carrier_leave(c);
}

static void
post_closed(struct conn *c)
{
	struct post *p = container_of(c->carrier, struct post, carrier);

	bayeux_carrier_gone(c);
	free(p->origin);
	free(p->callback);
	free(p);
	c->carrier = NULL;
}

const struct dialect dialect_bayeux_post = {
    .name = "bayeux_post",
    .settle = post_settle,
    .leave = post_leave,
    .left = bayeux_carrier_gone,
    .closed = post_closed,
};

/* ---- Requests */

void
bayeux_refuse(struct conn *c, const struct http_request *r, unsigned status,
    const char *text)
{
	stats_add(STAT_http_errors, 1);
	respond_with(c, &(struct http_reply){.status = status,
			    .close = !r->keep_alive,
			    .old = r->minor == 0,
			    .head = r->verb == HTTP_HEAD,
			    .type = SLICE("text/plain; charset=utf-8"),
			    .extra = status == 503 ? SLICE("Retry-After: 1\r\n")
	                                           : SLICE(""),
			    .body = slice_of(text)});
}

static void
preflight(struct conn *c, const struct http_request *r)
{
	struct slice from = http_header(r, SLICE("Origin"));
	struct buf lines = {0};

	if (from.n == 0)
		from = http_header(r, SLICE("Referer"));
	if (from.n == 0)
		from = SLICE("*");
	buf_str(&lines, "Access-Control-Allow-Credentials: true\r\n"
			"Access-Control-Allow-Headers: Accept, Authorization, "
			"Content-Type, Pragma, X-Requested-With\r\n"
			"Access-Control-Allow-Methods: POST, GET\r\n");
	http_line(&lines, "Access-Control-Allow-Origin", from);
	buf_str(&lines, "Access-Control-Max-Age: 86400\r\n");
	respond_with(c, &(struct http_reply){.status = 200,
			    .close = !r->keep_alive,
			    .old = r->minor == 0,
			    .extra = buf_slice(&lines)});
	buf_free(&lines);
}

/* The first of a form's or query's values by that name, decoded; p is NULL
 * without. */
static struct slice
value_of(struct slice pairs, const char *name, struct buf *text)
{
	struct slice key, raw;
	size_t from = text->n;

	while (url_query_next(&pairs, &key, &raw)) {
		if (!url_is(key, slice_of(name), URL_QUERY))
			continue;
		if (raw.n != 0 && !url_decode(text, raw, URL_QUERY))
			continue;
		return text->n != from
		           ? (struct slice){text->p + from, text->n - from}
		           : SLICE("");
	}
	return (struct slice){NULL, 0};
}

/* Words of letters, digits, _ and $, joined by dots; none begins with a
 * digit. */
static bool
is_callback(struct slice s)
{
	bool begins = true;

	if (s.n > CALLBACK_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char k = s.p[i];
		bool letter = (k >= 'a' && k <= 'z') ||
		              (k >= 'A' && k <= 'Z') || k == '_' || k == '$';

		if (k == '.' ? begins
			     : !letter && (begins || k < '0' || k > '9'))
			return false;
		begins = k == '.';
	}
	return !begins;
}

static char *
text_of(struct slice s)
{
	char *text = xcalloc(1, s.n + 1);

	if (s.n != 0)
		memcpy(text, s.p, s.n);
	return text;
}

static void
become(struct conn *c, const struct http_request *r, struct slice callback)
{
	struct post *p = xcalloc(1, sizeof(*p));
	struct slice origin = http_header(r, SLICE("Origin"));

	p->close = !r->keep_alive;
	p->old = r->minor == 0;
	if (origin.p != NULL)
		p->origin = text_of(origin);
	if (callback.p != NULL)
		p->callback = text_of(callback);
	bayeux_carrier_init(&p->carrier);
	conn_become(c, &dialect_bayeux_post);
	c->carrier = &p->carrier;
	c->bits = 0;
	timer_cancel(&c->timer);
}

static bool
is_json(const struct http_request *r)
{
	struct slice type = http_header(r, SLICE("Content-Type")), part;

	return slice_cut(&type, ';', &part) &&
	       slice_is(slice_trim(part), "application/json");
}

/* The message, and who is to be called with the answer. */
static void
request(struct conn *c, const struct http_request *r, struct slice body)
{
	struct buf texts[2] = {{0}};
	struct slice message = body;
	struct slice callback = value_of(r->query, "jsonp", &texts[0]);
	bool get = r->verb == HTTP_GET, too_long;
	uint32_t tag;

	if (get)
		message = value_of(r->query, "message", &texts[1]);
	else if (!is_json(r))
		message = value_of(body, "message", &texts[1]);
	if (callback.n == 0)
		callback = SLICE("jsonpcallback");
	if (message.n == 0 || !is_callback(callback) ||
	    !bayeux_check(c, message, &tag)) {
		bayeux_refuse(c, r, 400, "Bad request");
	} else if (tag == 0 || !door_pass_on(c, tag, c->hub->request)) {
		too_long = tag != 0 && door_is_too_long(c, c->hub->request);
		become(c, r, get ? callback : (struct slice){NULL, 0});
		if (too_long)
			bayeux_hear_too_long(c, message);
		else
			bayeux_hear(c, message);
	}
	buf_free(&texts[0]);
	buf_free(&texts[1]);
}

static bool
wants_events(const struct http_request *r)
{
	struct slice accept = http_header(r, SLICE("Accept")), item;

	while (slice_cut(&accept, ',', &item))
		if (slice_is(slice_trim(item), "text/event-stream"))
			return true;
	return false;
}

static bool
ends_in(struct slice path, const char *end)
{
	size_t n = strlen(end);

	return path.n >= n && memcmp(path.p + path.n - n, end, n) == 0;
}

void
bayeux_http_open(
    struct conn *c, const struct http_request *r, struct slice body)
{
	struct slice asks =
	    http_header(r, SLICE("Access-Control-Request-Method"));

	if (ends_in(r->path, ".js") || ends_in(r->path, ".map"))
		bayeux_refuse(c, r, 404, "");
	else if (!respond_origin_good(c->hub, r))
		bayeux_refuse(c, r, 403, "Origin not allowed");
	else if (c->hub->d.draining || !hub_knows_shards(c->hub))
		bayeux_refuse(c, r, 503, "Try again later");
	else if (r->verb == HTTP_GET &&
		 http_same(r->upgrade, SLICE("websocket")))
		bayeux_ws_open(c, r);
	else if (r->verb == HTTP_OPTIONS || slice_is(asks, "POST"))
		preflight(c, r);
	else if (r->verb == HTTP_GET && wants_events(r))
		bayeux_events_open(c, r);
	else if (r->verb == HTTP_GET || r->verb == HTTP_POST)
		request(c, r, body);
	else
		bayeux_refuse(c, r, 400, "Bad request");
}

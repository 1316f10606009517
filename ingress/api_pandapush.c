/*
 * api_pandapush.c - what Pandapush answered besides its clients' messages.
 *
 *	POST /channel/<app>/<public|private>/...	OK
 *	GET  /health_check.json
 *	GET  /						an empty page
 *
 * OK says more than it did: a store has accepted the message.  What has no
 * counterpart there, as a store that is away, is told as on /v1/publish.
 */
#include "common/base64.h"
#include "common/channel.h"
#include "common/must.h"
#include "common/pandapush.h"
#include "common/stats.h"
#include "common/statsd.h"
#include "common/url.h"
#include "ingress/api.h"
#include "ingress/line.h"
#include "ingress/pandapush_body.h"

#define CHANNEL "/channel"
#define HTML    "text/html; charset=utf-8"
#define JSON    "application/json; charset=utf-8"

/* The version that it speaks as. */
#define HEALTH                                                                 \
	"{\"version\":\"2.2.0\",\"rev\":\"posthorn\",\"built\":\"posthorn\"}"

enum { CREDENTIALS_MAX = 1024 }; /* bytes of a key:secret, encoded */

struct post {
	struct request r;
	uint64_t begun; /* ms of the loop */
	struct grant *grant;
	enum pandapush_body kind;
	struct failure failure; /* of ours; status 0: none */
	unsigned status;        /* 0: the line tells */
	struct slice type;
	struct buf body; /* of the answer */
	bool options;    /* it was asked what is allowed */
	bool page;       /* the answer is one of Express' error pages */
	uint8_t channel_n;
	char channel[CHANNEL_MAX];
	struct line line;
	char text[LINE_TEXT]; /* of the line */
};

/* ---- Answers */

static void
put_html(struct buf *out, struct slice s)
{
	static const char plain[] = "&<>\"'";
	static const char *const names[] = {
	    "&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};

	for (size_t i = 0; i < s.n; i++) {
		const char *at = memchr(plain, s.p[i], sizeof(plain) - 1);

		if (at == NULL)
			buf_chr(out, s.p[i]);
		else
			buf_str(out, names[at - plain]);
	}
}

static void
end_page(struct post *p, unsigned status, struct slice a, struct slice b)
{
	p->status = status;
	p->type = SLICE(HTML);
	p->page = true;
	buf_clear(&p->body);
	buf_str(&p->body,
	    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	    "<meta charset=\"utf-8\">\n<title>Error</title>\n</head>\n"
	    "<body>\n<pre>");
	put_html(&p->body, a);
	put_html(&p->body, b);
	buf_str(&p->body, "</pre>\n</body>\n</html>\n");
}

static void
end_text(struct post *p, unsigned status, struct slice text)
{
	p->status = status;
	p->type = SLICE(HTML);
	buf_put(&p->body, text);
}

static void
end_refused(struct post *p, const char *says)
{
	stats_add(STAT_auth_refused, 1);
	p->status = 400;
	p->type = SLICE(JSON);
	buf_printf(
	    &p->body, "{\"code\":null,\"params\":[],\"message\":\"%s\"}", says);
}

static void
end_not_found(struct post *p, const struct http_request *h)
{
	struct buf what = {0};

	buf_str(&what, "Cannot ");
	buf_put(&what, h->method);
	buf_chr(&what, ' ');
	end_page(p, 404, buf_slice(&what), h->path);
	buf_free(&what);
}

static void
put_lines(const struct post *p, struct buf *lines)
{
	buf_clear(lines);
	buf_put(lines, p->r.cors);
	if (p->page)
		buf_str(lines, "Content-Security-Policy: default-src 'none'\r\n"
			       "X-Content-Type-Options: nosniff\r\n");
	if (!p->options)
		return;
	buf_str(lines, "Allow: POST\r\n");
	if (p->r.may)
		buf_str(lines, "Access-Control-Allow-Methods: POST\r\n"
			       "Access-Control-Allow-Headers: Authorization, "
			       "Content-Type\r\n"
			       "Access-Control-Max-Age: 86400\r\n");
}

static void
put_reply(
    const struct post *p, unsigned status, struct slice body, struct buf *out)
{
	struct http_reply reply = request_reply(&p->r, status);
	struct buf *lines = &request_front(&p->r)->text;

	put_lines(p, lines);
	reply.extra = buf_slice(lines);
	reply.type = p->type;
	reply.body = body;
	if (status >= 400)
		stats_add(STAT_http_errors, 1);
	http_reply(out, &reply);
}

/* It is answered so, for who counts. */
static void
told(const struct post *p, unsigned status)
{
	struct front *f = request_front(&p->r);

	statsd_answer(f->statsd, status, loop_now(f->loop) - p->begun);
	if (p->status != 0 || status != 200)
		return;
	stats_add(STAT_pandapush_posts, 1);
	statsd_app(f->statsd, STATSD_PUBLISH,
	    (struct slice){p->channel, p->channel_n});
}

static bool
post_answer(struct request *r, struct buf *out)
{
	struct post *p = container_of(r, struct post, r);
	const struct native_fault *f = &p->line.fault;
	char room[NATIVE_WHY];

	if (p->failure.status == 0 && p->status == 0 && !p->line.answered)
		return false;
	if (p->failure.status == 0 && p->status == 0 && f->code != CODE_ok)
		p->failure =
		    (struct failure){code_status(f->code), line_fault(f, room)};
	if (p->failure.status != 0) {
		request_put_failure(r, &p->failure, out);
		told(p, p->failure.status);
	} else if (p->status != 0) {
		put_reply(p, p->status, buf_slice(&p->body), out);
		told(p, p->status);
	} else {
		p->type = SLICE(HTML);
		put_reply(p, 200, SLICE("OK"), out);
		told(p, 200);
	}
	return true;
}

static void
post_fail(struct request *r, const struct failure *f)
{
	struct post *p = container_of(r, struct post, r);

	if (p->status == 0 && !p->line.answered)
		p->failure = *f;
}

/* ---- The message */

static void
done(struct line *l)
{
	request_ready(&container_of(l, struct post, line)->r);
}

static void
publish(struct post *p, struct slice data)
{
	struct front *front = request_front(&p->r);
	struct native *n = &front->native;

	native_begin(n);
	if (native_channel(n, (struct slice){p->channel, p->channel_n}) !=
	    CODE_ok) {
		line_refuse(&p->line, &n->fault);
		return;
	}
	p->r.put_off = !front_has_room(front, n->msg.publish.channel);
	if (p->r.put_off)
		return;
	n->msg.publish.body = data; /* JSON, which needs no type */
	line_publish(
	    &p->line, front, &(struct line_publish){&n->msg, p->grant});
}

static void
post_body(struct request *r, struct slice body, bool last)
{
	struct post *p = container_of(r, struct post, r);
	struct slice data;

	(void)last;
	if (p->status != 0)
		return;
	if (body.n > PANDAPUSH_BODY_MAX) {
		end_page(p, 413, SLICE("Payload Too Large"), SLICE(""));
		return;
	}
	switch (pandapush_body_read(
	    p->kind, body, &request_front(r)->lines, &data)) {
	case PANDAPUSH_DATA:
		publish(p, data);
		break;
	case PANDAPUSH_ARRAY:
		end_refused(p, PANDAPUSH_NO_AUTH);
		break;
	case PANDAPUSH_BAD:
		end_page(p, 400, SLICE("Bad Request"), SLICE(""));
		break;
	case PANDAPUSH_LARGE:
		end_page(p, 413, SLICE("Payload Too Large"), SLICE(""));
		break;
	}
}

static void
post_free(struct request *r)
{
	struct post *p = container_of(r, struct post, r);

	line_forget(&p->line);
	free(p->grant);
	buf_free(&p->body);
	free(p);
}

static const struct request_kind post_kind = {
    .publishes = true,
    .body = post_body,
    .answer = post_answer,
    .fail = post_fail,
    .free = post_free,
};

/* Of what is answered by its head: a body is of no interest. */
static const struct request_kind answered_kind = {
    .answer = post_answer,
    .fail = post_fail,
    .free = post_free,
};

static struct post *
post_new(const struct front *f, const struct request_kind *kind)
{
	struct post *p = xmalloc(sizeof(*p));

	/* The texts are left as they are: most of a kilobyte. */
	p->r = (struct request){.kind = kind};
	p->begun = loop_now(f->loop);
	p->grant = NULL;
	p->kind = PANDAPUSH_OTHER;
	p->failure.status = 0;
	p->status = 0;
	p->type = SLICE("");
	p->body = (struct buf){0};
	p->options = p->page = false;
	p->channel_n = 0;
	p->line.ticket.item = NULL;
	p->line.answered = false;
	p->line.done = done;
	p->line.text = p->text;
	return p;
}

/* ---- Its head */

static bool
is_word(struct slice s, const char *more)
{
	for (size_t i = 0; i < s.n; i++) {
		char small = (char)(s.p[i] | 0x20);

		if (!(s.p[i] >= '0' && s.p[i] <= '9') &&
		    !(small >= 'a' && small <= 'z') &&
		    (s.p[i] == '\0' || strchr(more, s.p[i]) == NULL))
			return false;
	}
	return s.n != 0;
}

/* Narrower than elsewhere: not every channel can be published to so. */
static bool
is_path(struct slice channel)
{
	struct slice rest = channel, segment;
	unsigned n = 0;

	if (rest.n == 0 || rest.p[0] != '/')
		return false;
	rest = slice_from(rest, 1);
	while (slice_cut(&rest, '/', &segment)) {
		n++;
		if (!is_word(segment, n == 1 ? "" : "_~-"))
			return false;
	}
	return n >= 3 && (channel_kind(channel) == CHANNEL_PUBLIC ||
			     channel_kind(channel) == CHANNEL_PRIVATE);
}

static bool
read_token(struct slice query, struct buf *room, struct pandapush_auth *auth)
{
	struct slice name, value;

	while (query.p != NULL && url_query_next(&query, &name, &value)) {
		if (value.n == 0 || !url_is(name, SLICE("token"), URL_QUERY))
			continue;
		if (!url_decode(room, value, URL_QUERY))
			buf_put(room, value);
		*auth = (struct pandapush_auth){
		    .given = true, .token = buf_slice(room)};
		return true;
	}
	return false;
}

/* `key:secret`, in base64; what cannot be read fits no key. */
static void
read_basic(struct slice text, struct buf *room, struct pandapush_auth *auth)
{
	struct slice rest;

	*auth = (struct pandapush_auth){.given = true, .key = SLICE("\1")};
	if (text.n > CREDENTIALS_MAX ||
	    base64_decode(room, text, BASE64_EITHER) != NULL)
		return;
	rest = buf_slice(room);
	if (rest.n != 0 && slice_cut(&rest, ':', &auth->key))
		auth->secret = rest;
}

/* From the query, else from Authorization: the schemes have case there. */
static void
read_auth(
    const struct http_request *h, struct buf *room, struct pandapush_auth *auth)
{
	struct slice rest = http_header(h, SLICE("authorization")), scheme;

	*auth = (struct pandapush_auth){.given = false};
	buf_clear(room);
	if (read_token(h->query, room, auth) || rest.p == NULL)
		return;
	rest = slice_trim(rest);
	slice_cut(&rest, ' ', &scheme);
	rest = slice_trim(rest);
	if (rest.n == 0)
		return;
	if (slice_is(scheme, "Basic"))
		read_basic(rest, room, auth);
	else if (slice_is(scheme, "Token"))
		*auth = (struct pandapush_auth){.given = true, .token = rest};
}

static void
begin_post(struct post *p, struct front *front, const struct http_request *h)
{
	struct pandapush_ask ask = {.want = PANDAPUSH_PUBLISH,
	    .channel = slice_from(h->path, sizeof(CHANNEL) - 1),
	    .now = loop_unix_ms(front->loop) / 1000};
	struct grant grant;
	const char *says;

	read_auth(h, &front->text, &ask.auth);
	if (!ask.auth.given) {
		stats_add(STAT_auth_refused, 1);
		end_text(p, 403, SLICE("Unauthorized"));
		return;
	}
	says = auth_pandapush(front->auth, &ask, &grant);
	if (says != NULL) {
		end_refused(p, says);
		return;
	}
	grant.who = (struct slice){NULL, 0}; /* nobody asks, and it goes */
	p->grant = grant_copy(&grant);
	p->kind = pandapush_body_kind(http_header(h, SLICE("content-type")));
	p->channel_n = (uint8_t)ask.channel.n;
	memcpy(p->channel, ask.channel.p, ask.channel.n);
}

static struct request *
post(struct client *c, const struct http_request *h)
{
	struct slice channel = slice_from(h->path, sizeof(CHANNEL) - 1);
	struct post *p = post_new(api_front(c), &post_kind);

	p->options = h->verb == HTTP_OPTIONS && is_path(channel);
	if (p->options)
		end_text(p, 200, SLICE("POST"));
	else if (h->verb != HTTP_POST || !is_path(channel))
		end_not_found(p, h);
	else if (h->content_length > PANDAPUSH_BODY_MAX)
		end_page(p, 413, SLICE("Payload Too Large"), SLICE(""));
	else
		begin_post(p, api_front(c), h);
	if (p->status != 0)
		p->r.kind = &answered_kind;
	return &p->r;
}

struct request *
api_pandapush_unknown(struct client *c, const struct http_request *h)
{
	struct post *p = post_new(api_front(c), &answered_kind);

	end_not_found(p, h);
	return &p->r;
}

struct request *
api_pandapush(
    enum route_handler handler, struct client *c, const struct http_request *h)
{
	struct post *p;

	if (handler == HANDLER_pandapush_channel)
		return post(c, h);
	if (h->verb != HTTP_GET && h->verb != HTTP_HEAD)
		return api_pandapush_unknown(c, h);
	p = post_new(api_front(c), &answered_kind);
	p->status = 200;
	p->type = SLICE(HTML);
	if (handler == HANDLER_pandapush_health) {
		p->type = SLICE(JSON);
		buf_str(&p->body, HEALTH);
	}
	return &p->r;
}

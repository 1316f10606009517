/*
 * api_script.c - the clients of Bayeux and Pandapush, as files of a server.
 *
 *	/client.js				Pandapush.Client
 *	/push.js, /push/client.js		Faye.Client, by all the names that
 *	/push/faye-browser.js, -min.js		Faye's server has for its own
 *
 * One is made of parts that the linker put into the program.  Their ETags are
 * spelt without quotes, as those were.
 */
#include "common/crypto.h"
#include "common/http_date.h"
#include "common/must.h"
#include "common/stats.h"
#include "ingress/api.h"

extern const char _binary_ingress_www_push_ways_js_start[];
extern const char _binary_ingress_www_push_ways_js_end[];
extern const char _binary_ingress_www_push_line_js_start[];
extern const char _binary_ingress_www_push_line_js_end[];
extern const char _binary_ingress_www_push_js_start[];
extern const char _binary_ingress_www_push_js_end[];
extern const char _binary_ingress_www_pandapush_js_start[];
extern const char _binary_ingress_www_pandapush_js_end[];
extern const char _binary_ingress_www_pandapush_d_ts_start[];
extern const char _binary_ingress_www_pandapush_d_ts_end[];

#define JAVASCRIPT "text/javascript; charset=utf-8"
#define TYPES      "application/typescript; charset=utf-8"

struct script {
	struct request r;
	unsigned status;
	struct slice type;
	struct buf lines, body;
};

static void
add(struct buf *out, const char *start, const char *end)
{
	buf_put(out, (struct slice){start, (size_t)(end - start)});
}

static void
put_faye(struct buf *out)
{
	add(out, _binary_ingress_www_push_ways_js_start,
	    _binary_ingress_www_push_ways_js_end);
	add(out, _binary_ingress_www_push_line_js_start,
	    _binary_ingress_www_push_line_js_end);
	add(out, _binary_ingress_www_push_js_start,
	    _binary_ingress_www_push_js_end);
}

static bool
is_faye(struct slice path)
{
	static const char *const names[] = {"/push.js", "/push/client.js",
	    "/push/faye-browser.js", "/push/faye-browser-min.js"};

	for (size_t i = 0; i < LENGTH(names); i++)
		if (slice_is(path, names[i]))
			return true;
	return false;
}

/* False: there is no such file. */
static bool
find(struct script *s, enum route_handler handler, struct slice path)
{
	s->type = SLICE(JAVASCRIPT);
	if (handler == HANDLER_pandapush_types) {
		s->type = SLICE(TYPES);
		add(&s->body, _binary_ingress_www_pandapush_d_ts_start,
		    _binary_ingress_www_pandapush_d_ts_end);
	} else if (slice_is(path, "/client.js")) {
		put_faye(&s->body);
		add(&s->body, _binary_ingress_www_pandapush_js_start,
		    _binary_ingress_www_pandapush_js_end);
	} else if (is_faye(path)) {
		put_faye(&s->body);
	}
	return s->body.n != 0;
}

/* Has the client got it?  Quotes around a tag are a cache's; a date is the
 * one we told. */
static bool
is_known(const struct http_request *h, struct slice etag, struct slice date)
{
	struct slice match = http_header(h, SLICE("if-none-match"));
	struct slice since = http_header(h, SLICE("if-modified-since"));

	if (slice_starts(match, SLICE("W/")))
		match = slice_from(match, 2);
	if (match.n > 2 && match.p[0] == '"')
		match = (struct slice){match.p + 1, match.n - 2};
	return match.p != NULL ? slice_eq(match, etag) : slice_eq(since, date);
}

static void
tag(struct script *s, const struct http_request *h)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char sum[CRYPTO_SHA1_SIZE];
	char etag[CRYPTO_SHA1_SIZE * 2];
	struct slice date;
	size_t at;

	crypto_sha1(buf_slice(&s->body), sum);
	for (size_t i = 0; i < sizeof(sum); i++) {
		etag[2 * i] = digits[sum[i] >> 4];
		etag[2 * i + 1] = digits[sum[i] & 15];
	}
	buf_str(&s->lines, "ETag: ");
	buf_add(&s->lines, etag, sizeof(etag));
	buf_str(&s->lines, "\r\nLast-Modified: ");
	at = s->lines.n;
	http_date(&s->lines, stats_get(STAT_started));
	date = slice_from(buf_slice(&s->lines), at);
	if (is_known(h, (struct slice){etag, sizeof(etag)}, date))
		s->status = 304;
	buf_str(&s->lines, "\r\nAccess-Control-Allow-Origin: *\r\n"
			   "Cache-Control: max-age=3600\r\n");
}

static bool
script_answer(struct request *r, struct buf *out)
{
	struct script *s = container_of(r, struct script, r);
	struct http_reply reply = request_reply(r, s->status);

	reply.extra = buf_slice(&s->lines);
	if (s->status == 200) {
		reply.type = s->type;
		reply.body = buf_slice(&s->body);
	} else if (s->status == 404) {
		stats_add(STAT_http_errors, 1);
	}
	http_reply(out, &reply);
	return true;
}

static void
script_fail(struct request *r, const struct failure *f)
{
	(void)r; /* it is answered already */
	(void)f;
}

static void
script_free(struct request *r)
{
	struct script *s = container_of(r, struct script, r);

	buf_free(&s->lines);
	buf_free(&s->body);
	free(s);
}

static const struct request_kind script_kind = {
    .answer = script_answer,
    .fail = script_fail,
    .free = script_free,
};

struct request *
api_script(
    enum route_handler handler, struct client *c, const struct http_request *h)
{
	struct script *s;

	/* Faye gives its own for any method; Express gave this one. */
	if (!slice_starts(h->path, SLICE("/push")) && h->verb != HTTP_GET &&
	    h->verb != HTTP_HEAD)
		return api_pandapush_unknown(c, h);
	s = xcalloc(1, sizeof(*s));
	s->r.kind = &script_kind;
	s->status = 200;
	if (find(s, handler, h->path))
		tag(s, h);
	else
		s->status = 404;
	return &s->r;
}

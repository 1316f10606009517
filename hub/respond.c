/*
 * respond.c - what every HTTP answer of the hub has in common.
 */
#include "hub/respond.h"

#include "common/must.h"
#include "common/stats.h"
#include "hub/upgrade.h"

static bool
allowed(const struct hub *h, struct slice origin)
{
	struct slice rest = slice_of(h->limits.origins), word;

	while (opt_word(&rest, &word))
		if (slice_is(word, "*") || http_same(word, origin))
			return true;
	return false;
}

bool
respond_origin_good(const struct hub *h, const struct http_request *r)
{
	struct slice origin = http_header(r, SLICE("Origin"));

	return origin.p == NULL || allowed(h, origin);
}

void
respond_cors(
    const struct hub *h, const struct http_request *r, struct buf *lines)
{
	struct slice origin = http_header(r, SLICE("Origin"));

	if (strcmp(h->limits.origins, "*") == 0) {
		buf_str(lines, "Access-Control-Allow-Origin: *\r\n");
	} else {
		if (origin.p != NULL && allowed(h, origin))
			http_line(lines, "Access-Control-Allow-Origin", origin);
		buf_str(lines, "Vary: Origin\r\n"); /* refused or not */
	}
	buf_str(lines, "Access-Control-Expose-Headers: ETag, Retry-After\r\n");
}

void
respond_with(struct conn *c, const struct http_reply *r)
{
	struct http_reply dated = *r;
	struct buf out = {0};

	dated.date = hub_date(c->hub);
	http_reply(&out, &dated);
	conn_write(c, buf_slice(&out));
	buf_free(&out);
	if (r->close)
		conn_finish(c);
}

void
respond_put(
    struct conn *c, const struct respond_late *late, const struct fault *f)
{
	struct buf lines = {0}, out = {0};
	unsigned status = code_status(f->code);

	stats_add(STAT_http_errors, 1);
	buf_put(&lines, late->lines);
	if (status == 503 || status == 429)
		buf_str(&lines, "Retry-After: 1\r\n");
	if (status == 401)
		buf_str(&lines, "WWW-Authenticate: Bearer\r\n");
	http_reply_fault(&out,
	    &(struct http_reply){.status = status,
		.close = late->close,
		.old = late->old,
		.head = late->head,
		.extra = buf_slice(&lines),
		.date = hub_date(c->hub)},
	    &(struct http_fault){.code = code_name(f->code),
		.message = f->message != NULL ? f->message : code_text(f->code),
		.field = f->field});
	conn_write(c, buf_slice(&out));
	buf_free(&lines);
	buf_free(&out);
}

void
respond_fault(
    struct conn *c, const struct http_request *r, const struct fault *f)
{
	struct respond_late late = {
	    .close = !r->keep_alive || r->body != HTTP_BODY_NONE,
	    .old = r->minor == 0,
	    .head = r->verb == HTTP_HEAD,
	};
	struct buf lines = {0};

	respond_cors(c->hub, r, &lines);
	late.lines = buf_slice(&lines);
	respond_put(c, &late, f);
	buf_free(&lines);
	if (late.close)
		conn_finish(c);
}

void
respond_upgrade(struct conn *c, const struct http_request *r,
    const struct upgrade_answer *a)
{
	struct buf out = {0};

	stats_add(STAT_http_errors, 1);
	http_reply_fault(&out,
	    &(struct http_reply){.status = a->status,
		.close = true,
		.old = r->minor == 0,
		.extra = a->status == 426 ? SLICE(UPGRADE_426)
	                                  : (struct slice){NULL, 0},
		.date = hub_date(c->hub)},
	    &(struct http_fault){
		.code = code_name(CODE_bad_request), .message = a->why});
	conn_write(c, buf_slice(&out));
	buf_free(&out);
	conn_finish(c);
}

bool
respond_authorized(
    struct conn *c, const struct http_request *r, struct slice token)
{
	struct slice header = http_header(r, SLICE("Authorization"));
	uint64_t now = hub_unix_s(c->hub);
	struct grant grant = {0};
	enum code code = CODE_ok;

	free(c->grant);
	c->grant = NULL;
	if (token.n != 0)
		code = keys_token(c->hub->keys, token, now, &grant);
	else if (header.p != NULL)
		code = keys_authorize(c->hub->keys, header, now, &grant);
	else
		return true;
	if (code != CODE_ok) {
		stats_add(STAT_auth_refused, 1);
		respond_fault(c, r,
		    &(struct fault){code, grant.why,
			token.n != 0 ? "token" : "Authorization"});
		return false;
	}
	c->grant = grant_copy(&grant);
	return true;
}

/*
 * request.c - what all requests share, and those that are answered at once.
 */
#include "ingress/request.h"

#include "common/must.h"
#include "common/stats.h"
#include "ingress/api.h"
#include "ingress/client_own.h"

struct answer {
	struct request r;
	struct failure failure; /* status 0: it is a reply */
	struct answer_fixed fixed;
	struct buf lines; /* of one that is not quite fixed */
	unsigned allow;   /* methods; 0: something else */
	bool options;
	int malformed; /* an enum http_error, or 0 */
};

struct front *
request_front(const struct request *r)
{
	return r->client->front;
}

struct front *
api_front(struct client *c)
{
	return c->front;
}

void
request_ready(struct request *r)
{
	client_touch(r->client);
}

struct http_reply
request_reply(const struct request *r, unsigned status)
{
	return (struct http_reply){
	    .status = status,
	    .close = r->close,
	    .old = r->old,
	    .head = r->head,
	    .extra = r->cors,
	    .date = loop_date(r->client->front->loop),
	};
}

struct failure
failure_of(enum code code)
{
	return (struct failure){
	    code_status(code), {code_name(code), code_text(code), NULL}};
}

struct failure
failure_why(enum code code, const char *field, const char *why)
{
	struct failure f = failure_of(code);

	f.fault.field = field;
	if (why != NULL)
		f.fault.message = why;
	return f;
}

void
failure_last(
    struct buf *out, enum code code, struct slice lines, struct slice date)
{
	struct failure f = failure_of(code);

	http_reply_fault(out,
	    &(struct http_reply){.status = f.status,
		.close = true,
		.extra = lines,
		.date = date},
	    &f.fault);
}

void
request_put_failure(
    const struct request *r, const struct failure *f, struct buf *out)
{
	struct http_reply reply = request_reply(r, f->status);
	struct buf *extra = &request_front(r)->text;

	stats_add(STAT_http_errors, 1);
	buf_clear(extra);
	buf_put(extra, r->cors);
	if (f->status == 503 || f->status == 429)
		buf_str(extra, "Retry-After: 1\r\n");
	if (f->status == 401)
		buf_str(extra, "WWW-Authenticate: Bearer\r\n");
	reply.extra = buf_slice(extra);
	http_reply_fault(out, &reply, &f->fault);
}

static void
put_methods(const struct answer *a, struct buf *out)
{
	struct failure f = failure_of(CODE_method_not_allowed);
	struct http_reply reply = request_reply(&a->r, a->options ? 204 : 405);
	struct buf *extra = &request_front(&a->r)->text;

	buf_clear(extra);
	http_allow(extra, a->allow);
	buf_put(extra, a->r.cors);
	if (a->options && a->r.may) {
		http_methods(extra, "Access-Control-Allow-Methods", a->allow);
		buf_str(extra, "Access-Control-Allow-Headers: Authorization, "
			       "Content-Type, If-None-Match, Last-Event-ID\r\n"
			       "Access-Control-Max-Age: 86400\r\n");
	}
	reply.extra = buf_slice(extra);
	if (a->options) {
		http_reply(out, &reply);
		return;
	}
	stats_add(STAT_http_errors, 1);
	http_reply_fault(out, &reply, &f.fault);
}

static bool
answer_answer(struct request *r, struct buf *out)
{
	struct answer *a = container_of(r, struct answer, r);
	struct http_reply reply = request_reply(r, 200);

	if (a->malformed != 0) {
		stats_add(STAT_http_errors, 1);
		http_refuse(out, a->malformed, reply.date);
	} else if (a->allow != 0) {
		put_methods(a, out);
	} else if (a->failure.status != 0) {
		request_put_failure(r, &a->failure, out);
	} else {
		reply.status = a->fixed.status;
		reply.type = a->fixed.type;
		reply.body = a->fixed.body;
		if (a->fixed.lines.n != 0)
			reply.extra = a->fixed.lines;
		if (reply.status >= 400)
			stats_add(STAT_http_errors, 1);
		http_reply(out, &reply);
	}
	return true;
}

static void
answer_fail(struct request *r, const struct failure *f)
{
	(void)r; /* it is answered already */
	(void)f;
}

static void
answer_free(struct request *r)
{
	struct answer *a = container_of(r, struct answer, r);

	buf_free(&a->lines);
	free(a);
}

static const struct request_kind answer_kind = {
    .answer = answer_answer,
    .fail = answer_fail,
    .free = answer_free,
};

static struct answer *
new_answer(void)
{
	struct answer *a = xcalloc(1, sizeof(*a));

	a->r.kind = &answer_kind;
	return a;
}

struct request *
answer_fixed(const struct answer_fixed *f)
{
	struct answer *a = new_answer();

	a->fixed = *f;
	return &a->r;
}

struct request *
answer_moved(struct slice path, struct slice query, struct slice lines)
{
	struct answer *a = new_answer();

	buf_put(&a->lines, lines);
	buf_str(&a->lines, "Location: ");
	buf_put(&a->lines, path);
	if (query.p != NULL) {
		buf_chr(&a->lines, '?');
		buf_put(&a->lines, query);
	}
	buf_str(&a->lines, "\r\n");
	a->fixed =
	    (struct answer_fixed){.status = 301, .lines = buf_slice(&a->lines)};
	return &a->r;
}

struct request *
answer_new(struct slice type, struct slice body)
{
	return answer_fixed(&(struct answer_fixed){
	    .status = body.n != 0 ? 200 : 204, .type = type, .body = body});
}

struct request *
answer_failure(const struct failure *f)
{
	struct answer *a = new_answer();

	a->failure = *f;
	return &a->r;
}

struct request *
answer_methods(unsigned allow, bool options)
{
	struct answer *a = new_answer();

	a->allow = allow;
	a->options = options;
	return &a->r;
}

struct request *
answer_malformed(int error)
{
	struct answer *a = new_answer();

	a->malformed = error;
	return &a->r;
}

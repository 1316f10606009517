/*
 * api_publish.c - POST /v1/publish, one message: the hot path.
 *
 * One allocation holds the request and its line; the message goes from the
 * read buffer into the frame that the bus keeps.  Several messages are
 * api_bulk.c's.
 */
#include "common/must.h"
#include "common/stats.h"
#include "common/url.h"
#include "ingress/api.h"
#include "ingress/bulk.h"
#include "ingress/line.h"

struct publish {
	struct request r;
	struct credential *who;
	struct bulk *bulk;      /* the body was an array; else NULL */
	char *query;            /* the body is the message: query as it came, */
	struct slice type;      /* and content type behind it; else NULL */
	struct failure failure; /* status 0: the line tells */
	struct line line;
	char text[LINE_TEXT]; /* of the line */
};

static void
done(struct line *l)
{
	request_ready(&container_of(l, struct publish, line)->r);
}

/* An array is a bulk that was not announced as one. */
static bool
is_array(struct slice body)
{
	size_t i = 0;

	while (i < body.n && (body.p[i] == ' ' || body.p[i] == '\t' ||
				 body.p[i] == '\n' || body.p[i] == '\r'))
		i++;
	return i < body.n && body.p[i] == '[';
}

/* The query was good when it came; its ttl counts from now. */
static enum code
read_raw(struct publish *p, struct slice body)
{
	struct front *front = request_front(&p->r);
	struct slice query = {p->query, (size_t)(p->type.p - p->query)};
	struct native *n = &front->native;
	enum code code = native_query(n, query, loop_unix_ms(front->loop));

	return code == CODE_ok ? native_body(n, p->type, body) : code;
}

static void
publish_body(struct request *r, struct slice body, bool last)
{
	struct publish *p = container_of(r, struct publish, r);
	struct front *front = request_front(r);
	struct native *n = &front->native;
	enum code code;

	(void)last;
	if (p->query == NULL && is_array(body)) {
		p->bulk = bulk_new(r, p->who);
		bulk_array(p->bulk, body);
		return;
	}
	code = p->query != NULL ? read_raw(p, body) : line_read(front, body);
	r->put_off =
	    code == CODE_ok && !front_has_room(front, n->msg.publish.channel);
	if (r->put_off)
		return;
	if (code == CODE_ok)
		line_publish(&p->line, front,
		    &(struct line_publish){&n->msg, &p->who->grant});
	else
		line_refuse(&p->line, &n->fault);
}

static void
put_fault(
    const struct publish *p, const struct native_fault *f, struct buf *out)
{
	char room[NATIVE_WHY];
	struct failure failure = {code_status(f->code), line_fault(f, room)};

	request_put_failure(&p->r, &failure, out);
}

static bool
answer_array(struct publish *p, struct buf *out)
{
	const struct native_fault *f = bulk_array_fault(p->bulk);
	struct http_reply reply = request_reply(&p->r, 200);
	struct slice body;

	if (f != NULL) {
		put_fault(p, f, out);
		return true;
	}
	if (!bulk_array_done(p->bulk, &body))
		return false;
	reply.type = SLICE("application/json");
	reply.body = body;
	http_reply(out, &reply);
	return true;
}

static bool
publish_full(const struct request *r)
{
	const struct bulk *b =
	    container_of((struct request *)r, struct publish, r)->bulk;

	return b != NULL && bulk_full(b);
}

static void
publish_resume(struct request *r)
{
	struct publish *p = container_of(r, struct publish, r);

	if (p->bulk != NULL)
		bulk_resume(p->bulk);
}

static bool
publish_answer(struct request *r, struct buf *out)
{
	struct publish *p = container_of(r, struct publish, r);
	struct http_reply reply = request_reply(r, 200);
	struct buf *body = &request_front(r)->lines;

	if (p->failure.status != 0) {
		request_put_failure(r, &p->failure, out);
		return true;
	}
	if (p->bulk != NULL)
		return answer_array(p, out);
	if (!p->line.answered)
		return false;
	if (p->line.fault.code != CODE_ok) {
		put_fault(p, &p->line.fault, out);
		return true;
	}
	buf_clear(body);
	line_put(&p->line, body);
	reply.type = SLICE("application/json");
	reply.body = buf_slice(body);
	http_reply(out, &reply);
	return true;
}

static void
publish_fail(struct request *r, const struct failure *f)
{
	struct publish *p = container_of(r, struct publish, r);

	if (p->bulk != NULL)
		bulk_fail(p->bulk, f);
	else if (!p->line.answered)
		p->failure = *f;
}

static void
publish_free(struct request *r)
{
	struct publish *p = container_of(r, struct publish, r);

	line_forget(&p->line);
	bulk_free(&p->bulk);
	credential_unref(&p->who);
	free(p->query);
	free(p);
}

static const struct request_kind publish_kind = {
    .publishes = true,
    .body = publish_body,
    .full = publish_full,
    .resume = publish_resume,
    .answer = publish_answer,
    .fail = publish_fail,
    .free = publish_free,
};

static struct publish *
publish_new(struct credential *who)
{
	struct publish *p = xmalloc(sizeof(*p));

	/* The line's text is left as it is: half a kilobyte. */
	p->r = (struct request){.kind = &publish_kind};
	p->who = credential_ref(who);
	p->bulk = NULL;
	p->failure.status = 0;
	p->query = NULL;
	p->line.ticket.item = NULL;
	p->line.answered = false;
	p->line.done = done;
	p->line.text = p->text;
	return p;
}

/* ?channel= given: what is wrong with the query is told before the body has
 * come.  Query and type outlive the head. */
static struct request *
begin_raw(
    struct front *front, struct credential *who, const struct http_request *h)
{
	struct slice type = http_header(h, SLICE("content-type"));
	struct native *n = &front->native;
	struct publish *p;

	if (native_query(n, h->query, loop_unix_ms(front->loop)) != CODE_ok) {
		struct failure failure =
		    failure_why(n->fault.code, n->fault.field, n->fault.why);

		return answer_failure(&failure);
	}
	p = publish_new(who);
	p->query = xmalloc(h->query.n + type.n);
	p->type = (struct slice){p->query + h->query.n, type.n};
	memcpy(p->query, h->query.p, h->query.n);
	if (type.n != 0)
		memcpy(p->query + h->query.n, type.p, type.n);
	return &p->r;
}

static bool
is_ndjson(const struct http_request *h)
{
	struct slice rest = http_header(h, SLICE("content-type")), name = rest;

	slice_cut(&rest, ';', &name);
	name = slice_trim(name);
	return http_same(name, SLICE("application/x-ndjson")) ||
	       http_same(name, SLICE("application/ndjson"));
}

static bool
has_channel(struct slice query)
{
	struct slice name, value;

	while (url_query_next(&query, &name, &value))
		if (url_is(name, SLICE("channel"), URL_QUERY))
			return true;
	return false;
}

struct request *
api_publish(struct client *c, const struct http_request *h)
{
	struct front *front = api_front(c);
	struct slice header = http_header(h, SLICE("authorization"));
	struct auth_result who;
	enum code code = auth_check(
	    front->auth, header, loop_unix_ms(front->loop) / 1000, &who);

	if (code != CODE_ok) {
		struct failure f = failure_why(code, NULL, who.why);

		stats_add(STAT_auth_refused, 1);
		return answer_failure(&f);
	}
	if (h->query.n != 0 && has_channel(h->query))
		return begin_raw(front, who.who, h);
	if (is_ndjson(h))
		return api_stream(who.who);
	return &publish_new(who.who)->r;
}

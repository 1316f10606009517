/*
 * api_stream.c - POST /v1/publish with lines of JSON, answered line by line.
 *
 * The answer begins before the request ends and both may go on for days: a
 * busy publisher keeps one such request open and pays for no others.
 */
#include "common/http_chunk.h"
#include "common/must.h"
#include "ingress/api.h"
#include "ingress/bulk.h"

struct stream_request {
	struct request r;
	struct bulk *bulk;
	bool begun; /* the head was said */
};

static struct stream_request *
of(struct request *r)
{
	return container_of(r, struct stream_request, r);
}

static void
stream_body(struct request *r, struct slice piece, bool last)
{
	bulk_feed(of(r)->bulk, piece, last);
}

static bool
stream_full(const struct request *r)
{
	return bulk_full(of((struct request *)r)->bulk);
}

static void
stream_resume(struct request *r)
{
	bulk_resume(of(r)->bulk);
}

static bool
stream_answer(struct request *r, struct buf *out)
{
	struct stream_request *s = of(r);
	struct http_reply reply;
	struct buf *lines = &request_front(r)->lines;
	bool all;

	buf_clear(lines);
	all = bulk_put(s->bulk, lines);
	r->close = r->close || r->old;
	if (!s->begun) {
		reply = request_reply(r, 200);
		reply.type = SLICE("application/x-ndjson");
		http_reply_stream(out, &reply);
		s->begun = true;
	}
	if (r->old)
		buf_put(out, buf_slice(lines));
	else
		http_chunk_write(out, buf_slice(lines));
	if (all && !r->old)
		http_chunk_end(out);
	return all;
}

static void
stream_fail(struct request *r, const struct failure *f)
{
	bulk_fail(of(r)->bulk, f);
}

static void
stream_free(struct request *r)
{
	struct stream_request *s = of(r);

	bulk_free(&s->bulk);
	free(s);
}

static const struct request_kind stream_kind = {
    .streams = true,
    .publishes = true,
    .body = stream_body,
    .full = stream_full,
    .resume = stream_resume,
    .answer = stream_answer,
    .fail = stream_fail,
    .free = stream_free,
};

struct request *
api_stream(struct credential *who)
{
	struct stream_request *s = xcalloc(1, sizeof(*s));

	s->r.kind = &stream_kind;
	s->r.late_at = UINT64_MAX;
	s->bulk = bulk_new(&s->r, who);
	return &s->r;
}

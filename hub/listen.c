/*
 * listen.c - all or nothing: a stream begins only when each of its channels
 * may be listened to.
 */
#include "hub/listen.h"

#include "hub/respond.h"
#include "hub/visit.h"

static enum code
check(struct conn *c, struct query *q, struct fault *f)
{
	struct cursor_part parts[CURSOR_PARTS];

	if (q->n == 0) {
		*f = (struct fault){CODE_missing_field, NULL, "channel"};
		return f->code;
	}
	for (unsigned i = 0; i < q->n; i++) {
		struct subscribe s = {.channel = q->channels[i]};
		uint64_t expires;

		if (conn_may_subscribe(c, &s, f) != CODE_ok ||
		    conn_may_listen(c, &s, &expires, f) != CODE_ok ||
		    visit_check(c, &s, q->session, f) != CODE_ok)
			return f->code;
	}
	if (q->n > c->hub->limits.subscriptions) {
		*f = (struct fault){CODE_too_many, NULL, "channel"};
		return f->code;
	}
	if (q->cursor.n != 0 &&
	    cursor_parse(q->cursor, parts, CURSOR_PARTS) < 0) {
		*f = (struct fault){CODE_bad_cursor, NULL, "cursor"};
		return f->code;
	}
	return CODE_ok;
}

bool
listen_read(struct conn *c, const struct http_request *r, struct query *q)
{
	struct fault f;

	if (query_read(q, r->query, &f) != CODE_ok) {
		respond_fault(c, r, &f);
		return false;
	}
	if (q->instead.n != 0)
		q->cursor = q->instead;
	if (q->cursor.n == 0)
		q->cursor = q->otherwise;
	if (!respond_authorized(c, r, q->token))
		return false;
	if (check(c, q, &f) == CODE_ok) {
		query_uncover(q);
		return true;
	}
	respond_fault(c, r, &f);
	return false;
}

/* History begins when all is subscribed: the place of what came for one
 * channel would stand for those that are still to come. */
bool
listen_start(
    struct conn *c, const struct query *q, struct slice cursor, struct fault *f)
{
	bool ok = true;

	if (q->n > 1)
		c->reader.each = true;
	c->reader.choked = true;
	for (unsigned i = 0; i < q->n && ok; i++) {
		struct subscribe s = {
		    .channel = q->channels[i], .cursor = cursor};

		ok = conn_subscribe(c, &s, f) == CODE_ok;
		if (ok)
			visit_come(c, &s, q->session);
	}
	if (ok)
		reader_choke(c->hub->subs, &c->reader, false);
	return ok;
}

bool
listen_one_shard(const struct conn *c, const struct query *q)
{
	int first = subs_shard_of(c->hub->subs, q->channels[0]);

	for (unsigned i = 0; i < q->n; i++)
		if (subs_shard_of(c->hub->subs, q->channels[i]) != first)
			return false;
	return first >= 0;
}

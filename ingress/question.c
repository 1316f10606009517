/*
 * question.c - names and values of a query, and the grant of who asks.
 */
#include "ingress/question.h"

#include "common/must.h"
#include "common/stats.h"
#include "common/url.h"
#include "ingress/api.h"

struct request *
question_refuse(enum code code, const char *field, const char *why)
{
	struct failure f = failure_why(code, field, why);

	if (f.status == 401 || f.status == 403)
		stats_add(STAT_auth_refused, 1);
	return answer_failure(&f);
}

static struct request *
take(struct question *q, struct slice raw, struct buf *scratch)
{
	size_t from = scratch->n;

	if (!url_decode(scratch, raw, URL_QUERY))
		return question_refuse(
		    CODE_bad_request, q->name, "not percent-encoded");
	if (q->value.p != NULL)
		return question_refuse(CODE_bad_field, q->name, "given twice");
	q->value = (struct slice){scratch->p + from, scratch->n - from};
	return NULL;
}

struct request *
question_read(
    struct slice query, struct question *q, size_t n, struct buf *scratch)
{
	struct request *refused = NULL;
	struct slice name, value;

	buf_clear(scratch);
	must(buf_room(scratch, query.n + 1) != NULL);
	while (refused == NULL && url_query_next(&query, &name, &value)) {
		size_t i = 0;

		while (i < n && !url_is(name, slice_of(q[i].name), URL_QUERY))
			i++;
		if (i < n)
			refused = take(&q[i], value, scratch);
	}
	return refused;
}

enum code
question_who(struct front *f, const struct http_request *http,
    struct slice token, struct grant *g)
{
	struct slice header = http_header(http, SLICE("authorization"));
	uint64_t now = loop_unix_ms(f->loop) / 1000;
	struct auth_result who = {NULL, NULL};
	struct buf bearer = {0};
	enum code code = CODE_ok;

	if (token.n != 0) {
		buf_str(&bearer, "Bearer ");
		buf_put(&bearer, token);
		header = buf_slice(&bearer);
	}
	if (header.p != NULL)
		code = auth_check(f->auth, header, now, &who);
	buf_free(&bearer);
	*g = who.who != NULL ? who.who->grant : (struct grant){0};
	if (who.why != NULL)
		g->why = who.why;
	return code;
}

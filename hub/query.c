/*
 * query.c - ?channel=C&channel=D&cursor=X&token=T&session=I&timeout=S
 */
#include "hub/query.h"

#include "common/channel.h"
#include "common/url.h"

static enum code
wrong(struct fault *f, enum code code, const char *message, const char *field)
{
	*f = (struct fault){code, message, field};
	return code;
}

/* The buf has room for all of the query, so that slices of it stay. */
static bool
decode(struct query *q, struct slice raw, struct slice *out)
{
	size_t from = q->text.n;

	if (!url_decode(&q->text, raw, URL_QUERY))
		return false;
	*out = (struct slice){q->text.p + from, q->text.n - from};
	return true;
}

static enum code
add_channel(struct query *q, struct slice name, struct fault *f)
{
	for (unsigned i = 0; i < q->n; i++)
		if (slice_eq(q->channels[i], name))
			return CODE_ok;
	if (q->n == QUERY_CHANNELS)
		return wrong(f, CODE_too_many, NULL, "channel");
	q->channels[q->n++] = name;
	return CODE_ok;
}

static enum code
add_once(
    struct slice *to, struct slice value, struct fault *f, const char *field)
{
	if (to->p != NULL)
		return wrong(f, CODE_bad_field, "given twice", field);
	*to = value;
	return CODE_ok;
}

static enum code
take(struct query *q, struct slice name, struct slice v, struct fault *f)
{
	if (slice_is(name, "channel"))
		return add_channel(q, v, f);
	if (slice_is(name, "cursor"))
		return add_once(&q->cursor, v, f, "cursor");
	if (slice_is(name, "token"))
		return add_once(&q->token, v, f, "token");
	if (slice_is(name, "session"))
		return add_once(&q->session, v, f, "session");
	if (!slice_is(name, "timeout"))
		return CODE_ok;
	if (q->timeout != UINT64_MAX)
		return wrong(f, CODE_bad_field, "given twice", "timeout");
	if (!slice_num(v, &q->timeout))
		return wrong(
		    f, CODE_bad_field, "a number of seconds", "timeout");
	return CODE_ok;
}

enum code
query_read(struct query *q, struct slice query, struct fault *f)
{
	struct slice name, raw, value;

	q->timeout = UINT64_MAX;
	(void)!buf_room(&q->text, query.n + 1);
	while (url_query_next(&query, &name, &raw)) {
		enum code code;

		if (!decode(q, raw, &value))
			return wrong(f, CODE_bad_request,
			    "a query value is not percent-encoded", NULL);
		if ((code = take(q, name, value, f)) != CODE_ok)
			return code;
	}
	return CODE_ok;
}

void
query_free(struct query *q)
{
	buf_free(&q->text);
}

/* Whether all that matches `what` matches the pattern, too: of a pattern, one
 * name tells, if the other is of any depth. */
static bool
covers(struct slice pattern, struct slice what)
{
	char name[CHANNEL_PATTERN];
	size_t n = what.n;

	if (!channel_is_pattern(pattern) || slice_eq(pattern, what))
		return false;
	if (!channel_is_pattern(what))
		return channel_match(pattern, what);
	if (pattern.p[pattern.n - 2] != '*')
		return false;
	while (what.p[n - 1] == '*')
		n--;
	memcpy(name, what.p, n);
	name[n++] = 'x';
	return channel_match(pattern, (struct slice){name, n});
}

static bool
covered(const struct query *q, unsigned i)
{
	for (unsigned k = 0; k < q->n; k++)
		if (covers(q->channels[k], q->channels[i]))
			return true;
	return false;
}

void
query_uncover(struct query *q)
{
	bool keep[QUERY_CHANNELS];
	unsigned n = 0;

	for (unsigned i = 0; i < q->n; i++)
		keep[i] = !covered(q, i);
	for (unsigned i = 0; i < q->n; i++)
		if (keep[i])
			q->channels[n++] = q->channels[i];
	q->n = n;
}

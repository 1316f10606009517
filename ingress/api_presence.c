/*
 * api_presence.c - GET /v1/presence: who is on a channel, read from its store.
 *
 *	{"channel":C,"users":N,"sessions":M,"present":[...]}	present.h
 *
 * A page is bounded by its limit and by the store; `after` asks for the next.
 * With limit=0 only the counts come.
 */
#include "common/channel.h"
#include "common/must.h"
#include "common/present.h"
#include "ingress/api.h"
#include "ingress/asks.h"
#include "ingress/question.h"

enum { CHANNEL, AFTER, LIMIT, TOKEN, USER, QUESTIONS }; /* of the query */

enum {
	LIMIT_DEFAULT = 100, /* users */
	LIMIT_MAX = 1000,
	USER_MAX = 255, /* bytes, as in msg.def */
};

struct roster {
	struct ask a; /* first */
	struct body *channel;
	struct buf rows, last;
};

static void
present(struct ask *a, const struct msg *m)
{
	struct roster *q = container_of(a, struct roster, a);

	present_put(&q->rows, &m->present);
	buf_clear(&q->last);
	buf_put(&q->last, m->present.user);
}

static void
roster_end(struct ask *a, const struct msg *m)
{
	struct roster *q = container_of(a, struct roster, a);
	struct buf *b = &a->answer;

	buf_str(b, "{\"channel\":\"");
	buf_add(b, q->channel->p, q->channel->n);
	buf_str(b, "\",");
	present_end(
	    b, &m->roster_end, buf_slice(&q->rows), buf_slice(&q->last));
	buf_chr(b, '}');
	ask_done(a);
}

static void
roster_free(struct request *r)
{
	struct roster *q = container_of(r, struct roster, a.r);

	ask_end(&q->a);
	body_unref(&q->channel);
	buf_free(&q->rows);
	buf_free(&q->last);
	free(q);
}

static const struct request_kind roster_kind = {
    .answer = ask_answer,
    .fail = ask_fail,
    .free = roster_free,
};

static struct request *
check(struct front *f, const struct http_request *http,
    const struct question *q, uint64_t *limit)
{
	const char *why = channel_check(q[CHANNEL].value);
	struct grant grant;
	enum code code;

	if (why == NULL && channel_kind(q[CHANNEL].value) != CHANNEL_PRESENCE)
		why = "nobody is present on such a channel";
	if (why != NULL)
		return question_refuse(CODE_bad_channel, "channel", why);
	if ((code = question_who(f, http, q[TOKEN].value, &grant)) == CODE_ok)
		code = grant_presence(
		    &grant, q[CHANNEL].value, loop_unix_ms(f->loop) / 1000);
	if (code != CODE_ok)
		return question_refuse(code, NULL, grant.why);
	if (q[LIMIT].value.p != NULL &&
	    (!slice_num(q[LIMIT].value, limit) || *limit > LIMIT_MAX))
		return question_refuse(
		    CODE_bad_field, "limit", "not a number from 0 to 1000");
	if (q[AFTER].value.n > USER_MAX)
		return question_refuse(
		    CODE_bad_field, "after", "longer than a user");
	if (q[USER].value.n > USER_MAX)
		return question_refuse(
		    CODE_bad_field, "user", "longer than a user");
	return NULL;
}

static struct request *
begin(struct roster *read, struct front *f, const struct http_request *http)
{
	struct question q[QUESTIONS] = {{.name = "channel"}, {.name = "after"},
	    {.name = "limit"}, {.name = "token"}, {.name = "user"}};
	struct request *refused =
	    question_read(http->query, q, QUESTIONS, &f->text);
	const struct slice channel = q[CHANNEL].value;
	uint64_t limit = LIMIT_DEFAULT;
	struct msg m = {.id = MSG_roster};

	if (refused != NULL)
		return refused;
	if (channel.p == NULL)
		return question_refuse(CODE_missing_field, "channel", NULL);
	if ((refused = check(f, http, q, &limit)) != NULL)
		return refused;
	m.roster = (struct msg_roster){
	    .channel = channel,
	    .after = q[AFTER].value,
	    .user = q[USER].value,
	    .limit = limit,
	};
	read->channel = body_new(channel);
	return ask_home(&read->a, channel, &m)
	           ? NULL
	           : question_refuse(CODE_unavailable, NULL, NULL);
}

struct request *
api_presence(struct client *c, const struct http_request *http)
{
	struct roster *q = xcalloc(1, sizeof(*q));
	struct request *refused;

	q->a = (struct ask){.r.kind = &roster_kind,
	    .front = api_front(c),
	    .row = present,
	    .end = roster_end};
	refused = begin(q, q->a.front, http);
	if (refused == NULL)
		return &q->a.r;
	roster_free(&q->a.r);
	return refused;
}

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
#include "common/stats.h"
#include "common/table.h"
#include "ingress/api.h"
#include "ingress/question.h"

enum { CHANNEL, AFTER, LIMIT, TOKEN, USER, QUESTIONS }; /* of the query */

enum {
	LIMIT_DEFAULT = 100, /* users */
	LIMIT_MAX = 1000,
	USER_MAX = 255, /* bytes, as in msg.def */
};

struct rosters {
	struct table *by_ref; /* struct roster_read */
	uint64_t ref;         /* the last one */
};

struct roster_read {
	struct request r;
	struct table_entry entry;
	struct rosters *all; /* NULL once it is not waited for */
	const struct bus_link *link;
	uint64_t ref;
	struct msg_roster_end end;
	bool done;
	struct failure failure; /* status 0: none */
	struct body *channel;
	struct buf rows, last;
};

struct rosters *
rosters_new(void)
{
	struct rosters *rs = xcalloc(1, sizeof(*rs));

	rs->by_ref = table_new();
	return rs;
}

static struct roster_read *
of(struct table_entry *e)
{
	return container_of(e, struct roster_read, entry);
}

static struct roster_read *
find(const struct rosters *rs, uint64_t ref)
{
	struct slice key = {(const char *)&ref, sizeof(ref)};
	struct table_entry *e = table_find(rs->by_ref, key);

	return e != NULL ? of(e) : NULL;
}

static void
forget(struct roster_read *q)
{
	if (q->all != NULL)
		table_remove(q->all->by_ref, &q->entry);
	q->all = NULL;
}

void
rosters_free(struct rosters **rsp)
{
	struct rosters *rs = *rsp;
	struct table_cursor at = {0};
	struct table_entry *e;

	*rsp = NULL;
	if (rs == NULL)
		return;
	while ((e = table_next(rs->by_ref, &at)) != NULL)
		forget(of(e));
	table_free(&rs->by_ref);
	free(rs);
}

static void
fail(struct roster_read *q, enum code code)
{
	q->failure = failure_of(code);
	q->done = true;
	forget(q);
	request_ready(&q->r);
}

void
rosters_present(struct rosters *rs, const struct msg_present *m)
{
	struct roster_read *q = find(rs, m->ref);

	if (q == NULL)
		return;
	present_put(&q->rows, m);
	buf_clear(&q->last);
	buf_put(&q->last, m->user);
}

void
rosters_end(struct rosters *rs, const struct msg_roster_end *m)
{
	struct roster_read *q = find(rs, m->ref);

	if (q == NULL)
		return;
	if (m->code != CODE_ok) {
		fail(q, (enum code)m->code);
		return;
	}
	q->end = *m;
	q->done = true;
	forget(q);
	request_ready(&q->r);
}

void
rosters_down(struct rosters *rs, const struct bus_link *link)
{
	struct table_cursor at = {0};
	struct table_entry *e;

	while ((e = table_next(rs->by_ref, &at)) != NULL)
		if (of(e)->link == link)
			fail(of(e), CODE_unavailable);
}

static bool
roster_answer(struct request *r, struct buf *out)
{
	struct roster_read *q = container_of(r, struct roster_read, r);
	struct http_reply reply = request_reply(r, 200);
	struct buf *body = &request_front(r)->lines;

	if (!q->done)
		return false;
	if (q->failure.status != 0) {
		request_put_failure(r, &q->failure, out);
		return true;
	}
	buf_clear(body);
	buf_str(body, "{\"channel\":\"");
	buf_add(body, q->channel->p, q->channel->n);
	buf_str(body, "\",");
	present_end(body, &q->end, buf_slice(&q->rows), buf_slice(&q->last));
	buf_chr(body, '}');
	reply.type = SLICE("application/json");
	reply.body = buf_slice(body);
	http_reply(out, &reply);
	return true;
}

static void
roster_fail(struct request *r, const struct failure *f)
{
	struct roster_read *q = container_of(r, struct roster_read, r);

	if (q->done)
		return;
	forget(q);
	q->failure = *f;
	q->done = true;
}

static void
roster_free(struct request *r)
{
	struct roster_read *q = container_of(r, struct roster_read, r);

	forget(q);
	body_unref(&q->channel);
	buf_free(&q->rows);
	buf_free(&q->last);
	free(q);
}

static const struct request_kind roster_kind = {
    .answer = roster_answer,
    .fail = roster_fail,
    .free = roster_free,
};

static void
ask(struct roster_read *q, struct front *f, struct msg_roster want)
{
	struct slice key = {(const char *)&q->ref, sizeof(q->ref)};
	struct msg m = {.id = MSG_roster, .roster = want};

	q->all = f->rosters;
	q->channel = body_new(want.channel);
	q->ref = m.roster.ref = ++f->rosters->ref;
	table_insert(f->rosters->by_ref, &q->entry, key);
	bus_send(
	    bus_owner(f->bus, channel_shard(want.channel, bus_shards(f->bus))),
	    &m);
}

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
begin(
    struct roster_read *read, struct front *f, const struct http_request *http)
{
	struct question q[QUESTIONS] = {{.name = "channel"}, {.name = "after"},
	    {.name = "limit"}, {.name = "token"}, {.name = "user"}};
	const char *why = question_read(http->query, q, QUESTIONS, &f->text);
	const struct slice channel = q[CHANNEL].value;
	struct request *refused;
	uint64_t limit = LIMIT_DEFAULT;

	if (why != NULL)
		return question_refuse(
		    CODE_bad_request, why, "not percent-encoded");
	if (channel.p == NULL)
		return question_refuse(CODE_missing_field, "channel", NULL);
	if ((refused = check(f, http, q, &limit)) != NULL)
		return refused;
	if (bus_shards(f->bus) != 0)
		read->link = bus_owner(
		    f->bus, channel_shard(channel, bus_shards(f->bus)));
	if (read->link == NULL)
		return question_refuse(CODE_unavailable, NULL, NULL);
	ask(read, f,
	    (struct msg_roster){
		.channel = channel,
		.after = q[AFTER].value,
		.user = q[USER].value,
		.limit = limit,
	    });
	return NULL;
}

struct request *
api_presence(struct client *c, const struct http_request *http)
{
	struct roster_read *q = xcalloc(1, sizeof(*q));
	struct request *refused;

	q->r.kind = &roster_kind;
	refused = begin(q, api_front(c), http);
	if (refused == NULL)
		return &q->r;
	roster_free(&q->r);
	return refused;
}

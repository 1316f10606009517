/*
 * api_history.c - GET /v1/history: what a channel keeps, read from its store.
 *
 * The answer is collected whole before it is sent, up to HISTORY_BYTES; what
 * does not fit is left for the next request, as the cursor tells.
 */
#include "common/channel.h"
#include "common/cursor.h"
#include "common/json_write.h"
#include "common/message.h"
#include "common/must.h"
#include "common/stats.h"
#include "common/table.h"
#include "ingress/api.h"
#include "ingress/question.h"

enum { CHANNEL, AFTER, LIMIT, TOKEN, QUESTIONS }; /* of the query */

enum {
	HISTORY_BYTES = 8 << 20, /* two of the largest messages */
	HISTORY_DEFAULT = 100,   /* messages */
	HISTORY_MAX = 1000,
};

struct reads {
	struct table *by_ref; /* struct history */
	uint64_t ref;         /* the last one */
};

struct history {
	struct request r;
	struct table_entry entry;
	struct reads *reads; /* NULL once it is not waited for */
	const struct bus_link *link;
	uint64_t ref;
	unsigned shard, limit;
	uint64_t epoch, after; /* as asked */
	struct body *channel;
	uint64_t top_epoch, top;
	bool done, cut, more;
	bool feedback; /* the channel is the application's own */
	enum gap_reason lost;
	uint64_t lost_to;
	struct failure failure; /* status 0: none */
	struct buf messages;
};

struct reads *
reads_new(void)
{
	struct reads *rs = xcalloc(1, sizeof(*rs));

	rs->by_ref = table_new();
	return rs;
}

static struct history *
of(struct table_entry *e)
{
	return container_of(e, struct history, entry);
}

static struct history *
find(const struct reads *rs, uint64_t ref)
{
	struct slice key = {(const char *)&ref, sizeof(ref)};
	struct table_entry *e = table_find(rs->by_ref, key);

	return e != NULL ? of(e) : NULL;
}

static void
forget(struct history *h)
{
	if (h->reads != NULL)
		table_remove(h->reads->by_ref, &h->entry);
	h->reads = NULL;
}

void
reads_free(struct reads **rsp)
{
	struct reads *rs = *rsp;
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
fail(struct history *h, enum code code)
{
	h->failure = failure_of(code);
	h->done = true;
	forget(h);
	request_ready(&h->r);
}

void
reads_entry(struct reads *rs, const struct msg_entry *m)
{
	struct history *h = find(rs, m->ref);
	struct message message = {
	    .channel = m->channel,
	    .type = m->type,
	    .body = m->body,
	    .id = m->id,
	    .epoch = m->epoch,
	    .offset = m->offset,
	};

	if (h == NULL || h->cut)
		return;
	if (h->messages.n != 0 && h->messages.n + m->body.n > HISTORY_BYTES) {
		h->cut = true;
		return;
	}
	message.shard = h->shard;
	if (h->messages.n != 0)
		buf_chr(&h->messages, ',');
	message_put(&h->messages, &message);
	h->top_epoch = m->epoch;
	h->top = m->offset;
}

void
reads_end(struct reads *rs, const struct msg_read_end *m)
{
	struct history *h = find(rs, m->ref);

	if (h == NULL)
		return;
	if (m->code != CODE_ok) {
		fail(h, (enum code)m->code);
		return;
	}
	if (!h->cut) {
		h->top_epoch = m->epoch;
		h->top = m->offset;
	}
	h->more = h->cut || m->more != 0;
	h->lost = (enum gap_reason)m->lost;
	h->lost_to = m->lost_to;
	h->done = true;
	forget(h);
	request_ready(&h->r);
}

void
reads_down(struct reads *rs, const struct bus_link *link)
{
	struct table_cursor at = {0};
	struct table_entry *e;

	while ((e = table_next(rs->by_ref, &at)) != NULL)
		if (of(e)->link == link)
			fail(of(e), CODE_unavailable);
}

/* It stands where the messages it tells of would. */
static void
put_gap(const struct history *h, struct buf *b)
{
	buf_str(b, "{\"channel\":");
	json_escape(b, (struct slice){h->channel->p, h->channel->n});
	buf_str(b, ",\"gap\":{\"from\":");
	if (h->epoch != 0) {
		buf_chr(b, '"');
		message_cursor(b, h->shard, h->epoch, h->after);
		buf_chr(b, '"');
	} else {
		buf_str(b, "null");
	}
	buf_str(b, ",\"to\":\"");
	message_cursor(b, h->shard, h->top_epoch, h->lost_to);
	buf_printf(b, "\",\"reason\":\"%s\"}}", gap_reason_name(h->lost));
	if (h->messages.n != 0)
		buf_chr(b, ',');
}

static bool
history_answer(struct request *r, struct buf *out)
{
	struct history *h = container_of(r, struct history, r);
	struct http_reply reply = request_reply(r, 200);
	struct buf *body = &request_front(r)->lines;

	if (!h->done)
		return false;
	if (h->failure.status != 0) {
		request_put_failure(r, &h->failure, out);
		return true;
	}
	buf_clear(body);
	buf_str(body, "{\"messages\":[");
	if (h->lost != GAP_NONE)
		put_gap(h, body);
	buf_put(body, buf_slice(&h->messages));
	buf_str(body, "],\"cursor\":\"");
	message_cursor(body, h->shard, h->top_epoch, h->top);
	buf_chr(body, '"');
	if (h->more)
		buf_str(body, ",\"more\":true");
	buf_str(body, "}");
	reply.type = SLICE("application/json");
	reply.body = buf_slice(body);
	http_reply(out, &reply);
	return true;
}

static void
history_fail(struct request *r, const struct failure *f)
{
	struct history *h = container_of(r, struct history, r);

	if (h->done)
		return;
	forget(h);
	h->failure = *f;
	h->done = true;
}

static void
history_free(struct request *r)
{
	struct history *h = container_of(r, struct history, r);

	forget(h);
	body_unref(&h->channel);
	buf_free(&h->messages);
	free(h);
}

static const struct request_kind history_kind = {
    .answer = history_answer,
    .fail = history_fail,
    .free = history_free,
};

/* Our shard's part of the cursor. */
static bool
read_after(struct history *h, struct slice text)
{
	struct cursor_part parts[CURSOR_PARTS];
	int n;

	if (text.n == 0)
		return true;
	n = cursor_parse(text, parts, CURSOR_PARTS);
	for (int i = 0; i < n; i++) {
		if (parts[i].shard != h->shard)
			continue;
		h->epoch = parts[i].epoch;
		h->after = parts[i].offset;
		return true;
	}
	return false;
}

static void
ask(struct history *h, struct front *f, struct slice channel)
{
	struct slice key = {(const char *)&h->ref, sizeof(h->ref)};
	struct msg m = {.id = MSG_read,
	    .read = {
		.channel = channel,
		.epoch = h->epoch,
		.after = h->after,
		.limit = h->limit,
	    }};

	h->reads = f->reads;
	h->ref = m.read.ref = ++f->reads->ref;
	table_insert(f->reads->by_ref, &h->entry, key);
	stats_add(STAT_history_reads, 1);
	bus_send(bus_owner(f->bus, h->shard), &m);
}

/* Whose feedback it is says the key. */
static enum code
own_channel(const struct grant *who, struct buf *out, struct slice *channel)
{
	if (who->app[0] == '\0')
		return CODE_unauthorized;
	buf_clear(out);
	buf_printf(out, "/%s/meta/feedback", who->app);
	*channel = buf_slice(out);
	return CODE_ok;
}

/* Checks in the order a reader would make them. */
static struct request *
begin(struct history *h, struct front *f, const struct http_request *http)
{
	struct question q[QUESTIONS] = {{.name = "channel"}, {.name = "after"},
	    {.name = "limit"}, {.name = "token"}};
	const char *why = question_read(http->query, q, QUESTIONS, &f->text);
	struct slice channel = q[CHANNEL].value;
	uint64_t limit = HISTORY_DEFAULT;
	struct grant grant;
	enum code code;

	if (why != NULL)
		return question_refuse(
		    CODE_bad_request, why, "not percent-encoded");
	code = question_who(f, http, q[TOKEN].value, &grant);
	if (h->feedback && code == CODE_ok)
		code = own_channel(&grant, &f->lines, &channel);
	if (h->feedback && code != CODE_ok)
		return question_refuse(code, NULL, grant.why);
	if (channel.p == NULL)
		return question_refuse(CODE_missing_field, "channel", NULL);
	if ((why = channel_check(channel)) != NULL)
		return question_refuse(CODE_bad_channel, "channel", why);
	if (code == CODE_ok)
		code =
		    grant_listen(&grant, channel, loop_unix_ms(f->loop) / 1000);
	if (code != CODE_ok)
		return question_refuse(code, NULL, grant.why);
	if (q[LIMIT].value.p != NULL && (!slice_num(q[LIMIT].value, &limit) ||
					    limit == 0 || limit > HISTORY_MAX))
		return question_refuse(
		    CODE_bad_field, "limit", "not a number from 1 to 1000");
	if (bus_shards(f->bus) == 0)
		return question_refuse(CODE_unavailable, NULL, NULL);
	h->limit = (unsigned)limit;
	h->channel = body_new(channel);
	h->shard = channel_shard(channel, bus_shards(f->bus));
	h->link = bus_owner(f->bus, h->shard);
	if (!read_after(h, q[AFTER].value))
		return question_refuse(CODE_bad_cursor, "after", NULL);
	if (h->link == NULL)
		return question_refuse(CODE_unavailable, NULL, NULL);
	ask(h, f, channel);
	return NULL;
}

static struct request *
history_new(struct client *c, const struct http_request *http, bool feedback)
{
	struct history *h = xcalloc(1, sizeof(*h));
	struct request *refused;

	h->r.kind = &history_kind;
	h->feedback = feedback;
	refused = begin(h, api_front(c), http);
	if (refused == NULL)
		return &h->r;
	history_free(&h->r);
	return refused;
}

struct request *
api_history(struct client *c, const struct http_request *http)
{
	return history_new(c, http, false);
}

struct request *
api_feedback(struct client *c, const struct http_request *http)
{
	return history_new(c, http, true);
}

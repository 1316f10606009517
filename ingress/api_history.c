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
#include "ingress/api.h"
#include "ingress/asks.h"
#include "ingress/question.h"

enum { CHANNEL, AFTER, LIMIT, TOKEN, QUESTIONS }; /* of the query */

enum {
	HISTORY_BYTES = 8 << 20, /* two of the largest messages */
	HISTORY_DEFAULT = 100,   /* messages */
	HISTORY_MAX = 1000,
};

struct history {
	struct ask a; /* first */
	unsigned shard, limit;
	uint64_t epoch, after; /* as asked */
	struct body *channel;
	uint64_t top_epoch, top;
	bool cut;
	bool feedback; /* the channel is the application's own */
	struct buf messages;
};

static void
entry(struct ask *a, const struct msg *frame)
{
	struct history *h = container_of(a, struct history, a);
	const struct msg_entry *m = &frame->entry;
	struct message message = {
	    .channel = m->channel,
	    .type = m->type,
	    .body = m->body,
	    .id = m->id,
	    .epoch = m->epoch,
	    .offset = m->offset,
	    .shard = h->shard,
	};

	if (h->cut)
		return;
	if (h->messages.n != 0 && h->messages.n + m->body.n > HISTORY_BYTES) {
		h->cut = true;
		return;
	}
	if (h->messages.n != 0)
		buf_chr(&h->messages, ',');
	message_put(&h->messages, &message);
	h->top_epoch = m->epoch;
	h->top = m->offset;
}

/* It stands where the messages it tells of would. */
static void
put_gap(const struct history *h, const struct msg_read_end *m, struct buf *b)
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
	message_cursor(b, h->shard, h->top_epoch, m->lost_to);
	buf_printf(b, "\",\"reason\":\"%s\"}}",
	    gap_reason_name((enum gap_reason)m->lost));
	if (h->messages.n != 0)
		buf_chr(b, ',');
}

static void
read_end(struct ask *a, const struct msg *frame)
{
	struct history *h = container_of(a, struct history, a);
	const struct msg_read_end *m = &frame->read_end;
	struct buf *b = &a->answer;

	if (!h->cut) {
		h->top_epoch = m->epoch;
		h->top = m->offset;
	}
	buf_str(b, "{\"messages\":[");
	if (m->lost != GAP_NONE)
		put_gap(h, m, b);
	buf_put(b, buf_slice(&h->messages));
	buf_free(&h->messages);
	buf_str(b, "],\"cursor\":\"");
	message_cursor(b, h->shard, h->top_epoch, h->top);
	buf_chr(b, '"');
	if (h->cut || m->more != 0)
		buf_str(b, ",\"more\":true");
	buf_str(b, "}");
	ask_done(a);
}

static void
history_free(struct request *r)
{
	struct history *h = container_of(r, struct history, a.r);

	ask_end(&h->a);
	body_unref(&h->channel);
	buf_free(&h->messages);
	free(h);
}

static const struct request_kind history_kind = {
    .answer = ask_answer,
    .fail = ask_fail,
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

static bool
ask(struct history *h, struct slice channel)
{
	struct msg m = {.id = MSG_read,
	    .read = {
		.channel = channel,
		.epoch = h->epoch,
		.after = h->after,
		.limit = h->limit,
	    }};

	if (!ask_store(&h->a, h->shard, &m))
		return false;
	stats_add(STAT_history_reads, 1);
	return true;
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
	struct request *refused =
	    question_read(http->query, q, QUESTIONS, &f->text);
	struct slice channel = q[CHANNEL].value;
	const char *why;
	uint64_t limit = HISTORY_DEFAULT;
	struct grant grant;
	enum code code;

	if (refused != NULL)
		return refused;
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
	if (!read_after(h, q[AFTER].value))
		return question_refuse(CODE_bad_cursor, "after", NULL);
	return ask(h, channel) ? NULL
	                       : question_refuse(CODE_unavailable, NULL, NULL);
}

static struct request *
history_new(struct client *c, const struct http_request *http, bool feedback)
{
	struct history *h = xcalloc(1, sizeof(*h));
	struct request *refused;

	h->a = (struct ask){.r.kind = &history_kind,
	    .front = api_front(c),
	    .row = entry,
	    .end = read_end};
	h->feedback = feedback;
	refused = begin(h, h->a.front, http);
	if (refused == NULL)
		return &h->a.r;
	history_free(&h->a.r);
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

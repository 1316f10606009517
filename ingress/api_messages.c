/*
 * api_messages.c - GET /v1/messages/ID: what became of a tracked message.
 *
 *	{"id":I,"channel":C,"cursor":X,"accepted":T,"state":"stored",
 *	 "stored":"fsync","hubs":{"sent":2,"told":2,"lost":0},"recipients":9,
 *	 "delivered":7,"expired":0,"rejected":0,"dropped":{"slow":1},"pending":1}
 *
 * recipients = delivered + expired + rejected + all that is dropped + pending,
 * over all hubs.  Only who may publish on its channel is told.  An id may stand
 * for a message on each of several channels: the newest is told, with the names
 * of all; ?channel= asks for one.  Any store may have it, so all are asked, one
 * after the other, unless the channel says which.
 */
#include "common/channel.h"
#include "common/fate.h"
#include "common/json_write.h"
#include "common/message.h"
#include "common/must.h"
#include "common/url.h"
#include "ingress/api.h"
#include "ingress/asks.h"
#include "ingress/question.h"

enum { CHANNEL, TOKEN, QUESTIONS }; /* of the query */

enum { ID_MAX_BYTES = 255 }; /* as in msg.def */

struct message_ask {
	struct ask a; /* first */
	struct grant who;
	struct body *app, *id, *channel; /* the last: NULL, any */
	struct buf name;                 /* of the newest found */
	struct buf names;                /* of all found, JSON */
	struct msg_message_is newest;
	unsigned found;
	unsigned next; /* link to ask */
	bool away;     /* a store could not be asked */
	bool may_be_job;
};

static struct message_ask *
of(struct ask *a)
{
	return container_of(a, struct message_ask, a);
}

static struct slice
text_of(const struct body *b)
{
	return b != NULL ? (struct slice){b->p, b->n} : (struct slice){NULL, 0};
}

static void
message_is(struct ask *a, const struct msg *m)
{
	struct message_ask *q = of(a);
	const struct msg_message_is *is = &m->message_is;

	if (grant_publish(&q->who, is->channel,
		loop_unix_ms(a->front->loop) / 1000) != CODE_ok)
		return;
	if (q->found++ != 0)
		buf_chr(&q->names, ',');
	json_escape(&q->names, is->channel);
	if (q->found != 1 && is->at <= q->newest.at)
		return;
	buf_clear(&q->name);
	buf_put(&q->name, is->channel);
	q->newest = *is;
	q->newest.channel = buf_slice(&q->name);
}

static void
put_fates(struct buf *b, struct msg_message_is *m)
{
	uint64_t pending = m->recipients;
	const char *between = "";

	buf_printf(b,
	    ",\"hubs\":{\"sent\":%u,\"told\":%u,\"lost\":%u},\"recipients\":",
	    (unsigned)m->sent, (unsigned)m->told, (unsigned)m->lost);
	buf_num(b, m->recipients);
	for (unsigned i = 0; i < FATES; i++) {
		uint64_t n = *message_is_at(m, (enum fate)i);

		pending -= n;
		if (i == FATES_DROPPED)
			buf_str(b, ",\"dropped\":{");
		if (i >= FATES_DROPPED && n == 0)
			continue;
		buf_printf(b, "%s\"%s\":%llu",
		    i < FATES_DROPPED ? "," : between, fate_name((enum fate)i),
		    (unsigned long long)n);
		if (i >= FATES_DROPPED)
			between = ",";
	}
	buf_str(b, "},\"pending\":");
	buf_num(b, pending);
}

static void
put_message(struct message_ask *q)
{
	struct msg_message_is *m = &q->newest;
	struct buf *b = &q->a.answer;
	unsigned shards = bus_shards(q->a.front->bus);

	buf_str(b, "{\"id\":");
	json_escape(b, text_of(q->id));
	buf_str(b, ",\"channel\":");
	json_escape(b, m->channel);
	buf_str(b, ",\"cursor\":\"");
	message_cursor(b, shards > 1 ? channel_shard(m->channel, shards) : 0,
	    m->epoch, m->offset);
	buf_str(b, "\",\"accepted\":");
	buf_num(b, m->at);
	if (m->expires != 0) {
		buf_str(b, ",\"expires\":");
		buf_num(b, m->expires);
	}
	buf_printf(
	    b, ",\"state\":\"%s\"", m->kept != KEPT_NOT ? "stored" : "routed");
	kept_put(b, (unsigned)m->kept);
	put_fates(b, m);
	if (q->found > 1) {
		buf_str(b, ",\"channels\":[");
		buf_put(b, buf_slice(&q->names));
		buf_chr(b, ']');
	}
	buf_chr(b, '}');
}

static bool
ask_next(struct message_ask *q)
{
	struct bus *bus = q->a.front->bus;
	struct msg m = {.id = MSG_message,
	    .message = {
		.app = text_of(q->app),
		.id = text_of(q->id),
		.channel = text_of(q->channel),
	    }};

	if (q->channel != NULL && q->next == 0) {
		q->next = bus_links(bus);
		q->away = !ask_home(&q->a, text_of(q->channel), &m);
		return !q->away;
	}
	while (q->next < bus_links(bus)) {
		if (ask_link(&q->a, bus_link_at(bus, q->next++), &m))
			return true;
		q->away = true;
	}
	return false;
}

static void
finish(struct message_ask *q)
{
	if (q->found != 0) {
		put_message(q);
		ask_done(&q->a);
	} else if (q->away) {
		ask_refuse(&q->a, CODE_unavailable, NULL, NULL);
	} else {
		ask_refuse(&q->a, CODE_not_found, "id",
		    q->may_be_job
			? "no message of this id is tracked, or not any more; "
			  "if it is that of a job, see /v1/jobs/"
			: "no message of this id is tracked, or not any more");
	}
}

static void
message_end(struct ask *a, const struct msg *m)
{
	(void)m;
	if (!ask_next(of(a)))
		finish(of(a));
}

static void
message_free(struct request *r)
{
	struct message_ask *q = container_of(r, struct message_ask, a.r);

	ask_end(&q->a);
	body_unref(&q->app);
	body_unref(&q->id);
	body_unref(&q->channel);
	buf_free(&q->name);
	buf_free(&q->names);
	free(q);
}

static const struct request_kind message_kind = {
    .answer = ask_answer,
    .fail = ask_fail,
    .free = message_free,
};

/* SHARD-NUMBER, as jobs are called. */
static bool
like_a_job(struct slice id)
{
	struct slice rest = id, first;
	uint64_t n;

	return slice_cut(&rest, '-', &first) && slice_num(first, &n) &&
	       slice_num(rest, &n);
}

static struct request *
read_path(struct message_ask *q, const struct http_request *http)
{
	struct buf *text = &q->a.front->lines;
	struct slice id;

	buf_clear(text);
	if (!url_decode(text, slice_from(http->path, strlen("/v1/messages/")),
		URL_PATH))
		return question_refuse(
		    CODE_bad_request, "id", "not percent-encoded");
	id = buf_slice(text);
	if (id.n == 0 || id.n > ID_MAX_BYTES)
		return question_refuse(
		    CODE_bad_field, "id", "not of 1 to 255 bytes");
	q->id = body_new(id);
	q->may_be_job = like_a_job(id);
	return NULL;
}

static struct request *
read_channel(struct message_ask *q, struct slice channel)
{
	struct slice rest = channel, app = slice_of(q->who.app);
	const char *why;

	if (channel.p != NULL) {
		if ((why = channel_check(channel)) != NULL)
			return question_refuse(
			    CODE_bad_channel, "channel", why);
		q->channel = body_new(channel);
		rest = slice_from(channel, 1);
		slice_cut(&rest, '/', &app);
	}
	q->app = body_new(app);
	return NULL;
}

static struct request *
begin(struct message_ask *q, struct front *f, const struct http_request *http)
{
	struct question s[QUESTIONS] = {{.name = "channel"}, {.name = "token"}};
	struct request *refused =
	    question_read(http->query, s, QUESTIONS, &f->text);
	enum code code;

	if (refused != NULL)
		return refused;
	code = question_who(f, http, s[TOKEN].value, &q->who);
	if (code == CODE_ok && q->who.app[0] == '\0')
		code = CODE_unauthorized;
	if (code == CODE_ok && (q->who.rights & KEY_PUBLISH) == 0)
		code = CODE_forbidden;
	if (code != CODE_ok)
		return question_refuse(code, NULL, q->who.why);
	if ((refused = read_path(q, http)) != NULL ||
	    (refused = read_channel(q, s[CHANNEL].value)) != NULL)
		return refused;
	return bus_shards(f->bus) != 0 && ask_next(q)
	           ? NULL
	           : question_refuse(CODE_unavailable, NULL, NULL);
}

struct request *
api_messages(struct client *c, const struct http_request *http)
{
	struct message_ask *q = xcalloc(1, sizeof(*q));
	struct request *refused;

	q->a = (struct ask){.r.kind = &message_kind,
	    .front = api_front(c),
	    .row = message_is,
	    .end = message_end};
	refused = begin(q, q->a.front, http);
	if (refused == NULL)
		return &q->a.r;
	message_free(&q->a.r);
	return refused;
}

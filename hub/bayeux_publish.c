/*
 * bayeux_publish.c - publishing on any channel that is not of /meta.
 *
 * No client has to be known for it; what counts is what is shown with the
 * message.  What was written around the data goes along, so that subscribers
 * read the message as its publisher wrote it.
 */
#include "common/must.h"
#include "common/stats.h"
#include "common/statsd.h"
#include "common/tally.h"
#include "hub/ask.h"
#include "hub/bayeux.h"

enum { ENVELOPE_MAX = 16384 }; /* as in msg.def */

/* What an ask remembers: its batch, and the answer but for its end. */
struct owing {
	struct bayeux_batch *batch;
	uint16_t id_n, client_n;
};

static void
answered(struct ask *a, const struct msg_published *m)
{
	struct bayeux_reply r = {.channel = {NULL, 0}};
	struct slice rest = slice_from(a->ref, sizeof(struct owing));
	struct bayeux_owed owed = {.batch = NULL};
	struct owing o;

	memcpy(&o, a->ref.p, sizeof(o));
	r.id = (struct slice){rest.p, o.id_n};
	rest = slice_from(rest, o.id_n);
	r.client = (struct slice){rest.p, o.client_n};
	r.channel = slice_from(rest, o.client_n);
	if (m->code == CODE_busy || code_status((enum code)m->code) == 503)
		bayeux_fail(&r, BAYEUX_LATER, a->channel);
	else if (m->code != CODE_ok)
		bayeux_fail(&r, BAYEUX_FAILED, a->channel);
	owed.batch = o.batch;
	list_init(&owed.node);
	bayeux_pay(&owed, &r);
	if (conn_kept_bytes(a->conn).n != 0) {
		a->conn->again = true;
		conn_dirty(a->conn);
	}
}

/* The answer comes from the store. */
static void
ask(struct bayeux_turn *t, struct msg *m, const struct bayeux_reply *r)
{
	struct owing o = {.batch = t->batch,
	    .id_n = (uint16_t)r->id.n,
	    .client_n = (uint16_t)r->client.n};
	struct buf ref = {0};

	t->batch->open++;
	buf_add(&ref, (const char *)&o, sizeof(o));
	buf_put(&ref, r->id);
	buf_put(&ref, r->client);
	buf_put(&ref, r->channel);
	ask_publish(t->carrier,
	    &(struct ask_want){
		.ref = buf_slice(&ref), .publish = m, .answered = answered});
	buf_free(&ref);
}

/* What is wrong with it; the last wins, as with Faye. */
static void
check(struct bayeux_turn *t, struct bayeux_reply *r)
{
	if (!bayeux_is_name(t->said.channel))
		bayeux_fail(r, BAYEUX_INVALID, t->said.channel);
	if (t->said.v[BAYEUX_F_DATA].kind == JSON_NONE)
		bayeux_fail(r, BAYEUX_MISSING, SLICE("data"));
}

/* The sentence is written into the buf, which is cleared. */
static void
judge(struct bayeux_turn *t, struct bayeux_reply *r, struct buf *sentence)
{
	struct hub *h = t->carrier->hub;
	struct pandapush_ask asked = {.want = PANDAPUSH_PUBLISH,
	    .channel = t->said.channel,
	    .auth = t->said.auth,
	    .now = hub_unix_s(h)};
	struct grant grant;
	const char *why;

	if (r->refused.n != 0 || t->said.channel.n == 0)
		return;
	if ((why = pandapush_judge(h->keys, &asked, &grant)) == NULL)
		return;
	stats_add(STAT_bayeux_forbidden, 1);
	buf_printf(sentence, "\"%s\"", why);
	r->refused = buf_slice(sentence);
}

static void
publish(struct bayeux_turn *t, struct bayeux_reply *r)
{
	struct conn *c = t->carrier;
	struct buf body = {0}, envelope = {.max = ENVELOPE_MAX};
	struct msg m = {
	    .id = MSG_publish, .publish = {.channel = t->said.channel}};

	bayeux_put_data(&body, &t->said);
	bayeux_put_envelope(&envelope, &t->said);
	m.publish.body = buf_slice(&body);
	m.publish.envelope = buf_slice(&envelope);
	if (envelope.full || body.n > c->hub->limits.message)
		bayeux_fail(r, BAYEUX_FAILED, t->said.channel);
	else if (c->asks_n >= BAYEUX_ASKS ||
		 !bus_has_room(c->hub->d.bus, t->said.channel))
		bayeux_fail(r, BAYEUX_LATER, t->said.channel);
	else
		ask(t, &m, r);
	buf_free(&body);
	buf_free(&envelope);
}

void
bayeux_publish(struct bayeux_turn *t)
{
	struct bayeux_reply r;
	struct buf sentence = {0};
	bool good;

	bayeux_reply_to(&r, &t->said);
	judge(t, &r, &sentence);
	check(t, &r);
	good = bayeux_good(&r);
	if (good)
		publish(t, &r);
	if (!bayeux_good(&r)) {
		tally_taken();
		tally_refused(good ? CODE_busy : CODE_forbidden);
		bayeux_say(t->batch, &r);
	} else {
		stats_add(STAT_bayeux_publishes, 1);
		statsd_app(
		    t->carrier->hub->statsd, STATSD_PUBLISH, t->said.channel);
	}
	buf_free(&sentence);
}

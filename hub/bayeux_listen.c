/*
 * bayeux_listen.c - subscribing, unsubscribing, and being present.
 *
 *	subscribe --- judged ---> sub added --- joined ---> answered
 *	      \__ on a presence channel: enter, roster __/
 *
 * The answer comes when the store has joined the channels, so that what is
 * published after it is heard.  A roster comes before its channel is joined,
 * which goes on from where the roster stood: nobody is missed between the two,
 * and a client is not told of its own arrival.
 */
#include "common/channel.h"
#include "common/must.h"
#include "common/stats.h"
#include "common/statsd.h"
#include "hub/bayeux_pending.h"
#include "hub/visit.h"

/* ---- Presence */

/* Nor does he listen any more who was there before. */
static void
refused(struct visit *v, enum code code, const char *why)
{
	struct conn *c = v->conn;

	(void)code;
	(void)why;
	bayeux_leave(c, v->channel);
	conn_dirty(c);
}

static void
told(struct visit *v, const struct msg_roster_end *m)
{
	struct conn *c = v->conn;
	struct cursor_part at = {
	    bus_shards(c->hub->d.bus) > 1 ? v->roster.shard : 0, m->epoch,
	    m->offset};
	struct subscribe s = {
	    .channel = v->channel, .after = &at, .n = 1, .expires = v->expires};

	if (sub_find(c->hub->subs, &c->reader, v->channel) == NULL &&
	    !conn_restore(c, &s))
		visit_end(v, false);
	conn_dirty(c);
}

static const struct visit_face face = {
    .row = visit_row, .told = told, .refused = refused};

/* Those without a subscription have not heard yet who is there. */
static bool
room_for_one(const struct conn *c)
{
	unsigned n = 0;

	for (const struct visit *v = c->visits; v != NULL; v = v->next)
		n++;
	return n < c->hub->limits.subscriptions &&
	       c->reader.count < c->hub->limits.subscriptions;
}

/* Who comes again replaces what he said of himself.  False: too many; or why
 * he is nobody who could be there. */
static bool
visit(struct conn *c, const struct grant *g, const struct subscribe *s,
    const char **why)
{
	struct visit *old = visit_find(c, s->channel), *new;
	struct identity who;
	struct buf text = {0};
	struct fault f;
	struct visit_want want = {.channel = s->channel,
	    .session = slice_of(c->bayeux->id),
	    .expires = s->expires,
	    .face = &face,
	    .who = &who};
	bool good = old != NULL || room_for_one(c);

	if (identity_of(g, &who, &text, &f) != CODE_ok) {
		*why = f.message;
		good = false;
	}
	if (good) {
		new = visit_new(c, &want);
		visit_ask(new, (unsigned)c->hub->limits.roster);
		if (old != NULL)
			visit_end(old, false);
	}
	buf_free(&text);
	return good;
}

/* ---- Subscribing */

/* NULL, or Pandapush's sentence. */
static const char *
judge(struct bayeux_turn *t, struct slice channel, struct grant *g)
{
	struct hub *h = t->carrier->hub;
	struct pandapush_ask asked = {.want = PANDAPUSH_SUBSCRIBE,
	    .channel = channel,
	    .auth = t->said.auth,
	    .now = hub_unix_s(h)};
	const char *why = pandapush_judge(h->keys, &asked, g);

	stats_add(STAT_bayeux_forbidden, why != NULL);
	return why;
}

/* False: too many, or why not. */
static bool
subscribe_one(struct conn *c, const struct grant *g, struct slice channel,
    const char **why)
{
	struct subscribe s = {.channel = channel};
	bool known = sub_find(c->hub->subs, &c->reader, channel) != NULL;

	if (c->hub->limits.bayeux.expiry)
		s.expires = g->expires;
	if (!known) {
		stats_add(STAT_bayeux_subscribes, 1);
		statsd_app(c->hub->statsd, STATSD_SUBSCRIBE, channel);
	}
	if (visit_place(channel) && hub_knows_shards(c->hub))
		return visit(c, g, &s, why);
	return known || conn_restore(c, &s);
}

/* One after the other: those before the first bad one stay. */
static void
subscribe_all(struct bayeux_turn *t, struct bayeux_reply *r, struct conn *c,
    struct buf *sentence)
{
	struct bayeux_channels l;
	struct json_value v;
	struct grant g;
	const char *why;

	bayeux_channels_begin(&l, t->said.v[BAYEUX_F_SUBSCRIPTION]);
	while (bayeux_good(r) && bayeux_channels_next(&l, &v)) {
		struct slice channel =
		    v.kind == JSON_STRING ? bayeux_text(&t->said, v) : v.raw;

		if ((why = judge(t, channel, &g)) != NULL)
			; /* said below */
		else if (!bayeux_is_valid(channel))
			bayeux_fail(r, BAYEUX_INVALID, channel);
		else if (bayeux_is_reserved(channel))
			bayeux_fail(r, BAYEUX_FORBIDDEN, channel);
		else if (!subscribe_one(c, &g, channel, &why) && why == NULL)
			bayeux_fail(r, BAYEUX_TOO_MANY, channel);
		if (why != NULL) {
			buf_printf(sentence, "\"%s\"", why);
			r->refused = buf_slice(sentence);
		}
	}
}

static void
say_with_subscription(struct bayeux_turn *t, struct bayeux_reply *r)
{
	struct buf more = {0};

	bayeux_put_subscription(&more, t->said.v[BAYEUX_F_SUBSCRIPTION]);
	r->more = buf_slice(&more);
	bayeux_say(t->batch, r);
	buf_free(&more);
}

/* Its session, and something to do. */
static struct conn *
begin(struct bayeux_turn *t, struct bayeux_reply *r)
{
	struct conn *c;

	bayeux_reply_to(r, &t->said);
	c = bayeux_whose(t, r);
	if (!bayeux_truthy(t->said.v[BAYEUX_F_SUBSCRIPTION]))
		bayeux_fail(r, BAYEUX_MISSING, SLICE("subscription"));
	return c;
}

/* What was asked is kept until it is answered, and looked through often. */
static bool
is_full(const struct bayeux *b, const struct bayeux_said *s)
{
	size_t n = s->v[BAYEUX_F_SUBSCRIPTION].raw.n;

	return b->pending_n >= BAYEUX_PENDING ||
	       (b->pending_n != 0 &&
		   b->pending_bytes + n > BAYEUX_PENDING_BYTES);
}

void
bayeux_subscribe(struct bayeux_turn *t)
{
	struct bayeux_reply r;
	struct buf sentence = {0};
	struct conn *c = begin(t, &r);

	if (bayeux_good(&r) && is_full(c->bayeux, &t->said))
		bayeux_fail(&r, BAYEUX_LATER, SLICE("subscribes"));
	if (bayeux_good(&r) && !hub_knows_shards(c->hub))
		bayeux_fail(&r, BAYEUX_LATER, SLICE("store"));
	if (bayeux_good(&r))
		subscribe_all(t, &r, c, &sentence);
	if (bayeux_good(&r))
		bayeux_pend(t, c, &r);
	else
		say_with_subscription(t, &r);
	buf_free(&sentence);
}

static void
unsubscribe_one(struct conn *c, struct slice channel)
{
	if (sub_find(c->hub->subs, &c->reader, channel) != NULL) {
		stats_add(STAT_bayeux_unsubscribes, 1);
		statsd_app(c->hub->statsd, STATSD_UNSUBSCRIBE, channel);
	}
	bayeux_leave(c, channel);
}

void
bayeux_unsubscribe(struct bayeux_turn *t)
{
	struct bayeux_reply r;
	struct conn *c = begin(t, &r);
	struct bayeux_channels l;
	struct json_value v;

	bayeux_channels_begin(&l, t->said.v[BAYEUX_F_SUBSCRIPTION]);
	while (bayeux_good(&r) && bayeux_channels_next(&l, &v)) {
		struct slice channel =
		    v.kind == JSON_STRING ? bayeux_text(&t->said, v) : v.raw;

		if (!bayeux_is_valid(channel))
			bayeux_fail(&r, BAYEUX_INVALID, channel);
		else if (bayeux_is_reserved(channel))
			bayeux_fail(&r, BAYEUX_FORBIDDEN, channel);
		else
			unsubscribe_one(c, channel);
	}
	if (bayeux_good(&r))
		conn_dirty(c);
	say_with_subscription(t, &r);
}

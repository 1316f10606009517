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
#include "hub/bayeux.h"
#include "hub/visit.h"

/* A subscribe that is not answered yet. */
struct bayeux_pending {
	struct list node; /* bayeux.pending */
	struct bayeux_owed owed;
	struct slice id, subscription; /* JSON, behind it */
	char bytes[];
};

/* ---- A list of channels: a string, or an array of them */

struct channels {
	struct json_walk walk;
	struct json_value only; /* JSON_NONE: it is an array, or used up */
	bool array;
};

static void
channels_begin(struct channels *l, struct json_value v)
{
	*l = (struct channels){.only = v, .array = v.kind == JSON_ARRAY};
	if (l->array)
		json_array(&l->walk, v.raw, NULL);
}

static bool
channels_next(struct channels *l, struct json_value *v)
{
	if (l->array)
		return json_array_next(&l->walk, v);
	*v = l->only;
	l->only.kind = JSON_NONE;
	return v->kind != JSON_NONE;
}

/* ---- Presence */

static void
refused(struct visit *v, enum code code, const char *why)
{
	struct conn *c = v->conn;

	(void)code;
	(void)why;
	visit_end(v, false);
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

/* Who comes again replaces what he said of himself. */
static bool
visit(struct conn *c, const struct grant *g, const struct subscribe *s)
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
	bool good = identity_of(g, &who, &text, &f) == CODE_ok &&
	            who.user.n != 0 && (old != NULL || room_for_one(c));

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

static bool
subscribe_one(struct conn *c, const struct grant *g, struct slice channel)
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
		return visit(c, g, &s);
	return known || conn_restore(c, &s);
}

/* One after the other: those before the first bad one stay. */
static void
subscribe_all(struct bayeux_turn *t, struct bayeux_reply *r, struct conn *c,
    struct buf *sentence)
{
	struct channels l;
	struct json_value v;
	struct grant g;
	const char *why;

	channels_begin(&l, t->said.v[BAYEUX_F_SUBSCRIPTION]);
	while (bayeux_good(r) && channels_next(&l, &v)) {
		struct slice channel =
		    v.kind == JSON_STRING ? bayeux_text(&t->said, v) : v.raw;

		if ((why = judge(t, channel, &g)) != NULL) {
			buf_printf(sentence, "\"%s\"", why);
			r->refused = buf_slice(sentence);
		} else if (!bayeux_is_valid(channel)) {
			bayeux_fail(r, BAYEUX_INVALID, channel);
		} else if (bayeux_is_reserved(channel)) {
			bayeux_fail(r, BAYEUX_FORBIDDEN, channel);
		} else if (!subscribe_one(c, &g, channel)) {
			bayeux_fail(r, BAYEUX_TOO_MANY, channel);
		}
	}
}

static void
put_subscription(struct buf *b, struct json_value v)
{
	buf_str(b, "\"subscription\":");
	if (bayeux_truthy(v))
		buf_put(b, v.raw);
	else
		buf_str(b, "[]");
}

static void
pend(struct bayeux_turn *t, struct conn *c, const struct bayeux_reply *r)
{
	struct slice subscription = t->said.v[BAYEUX_F_SUBSCRIPTION].raw;
	struct bayeux_pending *p =
	    xcalloc(1, sizeof(*p) + r->id.n + subscription.n);
	char *at = p->bytes;

	p->id = slice_keep(&at, r->id);
	p->subscription = slice_keep(&at, subscription);
	list_init(&p->node);
	list_append(&c->bayeux->pending, &p->node);
	c->bayeux->pending_n++;
	c->bayeux->pending_bytes += (uint32_t)subscription.n;
	bayeux_owe(t->batch, &p->owed);
	conn_dirty(c);
}

static void
say_with_subscription(struct bayeux_turn *t, struct bayeux_reply *r)
{
	struct buf more = {0};

	put_subscription(&more, t->said.v[BAYEUX_F_SUBSCRIPTION]);
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
		pend(t, c, &r);
	else
		say_with_subscription(t, &r);
	buf_free(&sentence);
}

static void
unsubscribe_one(struct conn *c, struct slice channel)
{
	struct sub *sub = sub_find(c->hub->subs, &c->reader, channel);
	struct visit *v = visit_find(c, channel);

	if (sub != NULL) {
		stats_add(STAT_bayeux_unsubscribes, 1);
		statsd_app(c->hub->statsd, STATSD_UNSUBSCRIBE, channel);
		conn_unsubscribe(c, sub);
	} else if (v != NULL)
		visit_end(v, false);
}

void
bayeux_unsubscribe(struct bayeux_turn *t)
{
	struct bayeux_reply r;
	struct conn *c = begin(t, &r);
	struct channels l;
	struct json_value v;

	channels_begin(&l, t->said.v[BAYEUX_F_SUBSCRIPTION]);
	while (bayeux_good(&r) && channels_next(&l, &v)) {
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

/* ---- What is answered later */

enum joined { JOINED, WAITS, NEVER };

/* The first roster there is goes with the answer. */
static enum joined
look_at(struct conn *c, struct slice channel, struct visit **roster)
{
	struct sub *sub = sub_find(c->hub->subs, &c->reader, channel);
	struct visit *v = c->visits != NULL ? visit_find(c, channel) : NULL;

	if (v != NULL && v->pending)
		return WAITS;
	if (v != NULL && *roster == NULL)
		*roster = v;
	if (sub == NULL)
		return NEVER;
	return sub->told ? JOINED : WAITS;
}

static enum joined
look(struct conn *c, struct bayeux_pending *p, struct visit **roster,
    struct slice *culprit)
{
	struct bayeux_said s = {.text = &c->hub->bayeux->text};
	enum joined all = JOINED;
	struct channels l;
	struct json_value v;

	buf_clear(s.text);
	(void)!buf_room(s.text, p->subscription.n + 1);
	channels_begin(&l, json_value(p->subscription));
	while (channels_next(&l, &v)) {
		struct slice channel = bayeux_text(&s, v);
		enum joined one = look_at(c, channel, roster);

		if (one == NEVER)
			*culprit = channel;
		if (one == NEVER)
			return NEVER;
		if (one == WAITS)
			all = WAITS;
	}
	return all;
}

static void
pay(struct conn *c, struct bayeux_pending *p, struct bayeux_reply *r)
{
	struct buf client = {0};

	buf_printf(&client, "\"%s\"", c->bayeux->id);
	r->id = p->id;
	r->client = buf_slice(&client);
	r->channel = SLICE("\"/meta/subscribe\"");
	list_remove(&p->node);
	c->bayeux->pending_n--;
	c->bayeux->pending_bytes -= (uint32_t)p->subscription.n;
	bayeux_pay(&p->owed, r);
	list_remove(&p->owed.node);
	buf_free(&client);
	free(p);
}

static void
put_roster(struct buf *b, struct visit *v)
{
	buf_str(b, ",\"ext\":{\"presence\":{\"subscribe\":{");
	buf_put(b, buf_slice(&v->rows));
	buf_str(b, "}}}");
	buf_free(&v->rows);
	buf_free(&v->last);
}

static void
settle_one(struct conn *c, struct bayeux_pending *p)
{
	struct bayeux_reply r = {.id = p->id};
	struct visit *roster = NULL;
	struct slice culprit = {NULL, 0};
	struct buf more = {0};
	enum joined how = look(c, p, &roster, &culprit);

	if (how == WAITS)
		return;
	put_subscription(&more, json_value(p->subscription));
	if (how == JOINED && roster != NULL)
		put_roster(&more, roster);
	r.more = buf_slice(&more);
	if (how == NEVER && visit_place(culprit))
		r.refused = SLICE("\"" PANDAPUSH_NOT_PRESENT "\"");
	else if (how == NEVER)
		bayeux_fail(&r, BAYEUX_INTERNAL, culprit);
	pay(c, p, &r);
	buf_free(&more);
}

void
bayeux_listen_settle(struct conn *c)
{
	list_each_safe (at, &c->bayeux->pending)
		settle_one(c, container_of(at, struct bayeux_pending, node));
}

void
bayeux_listen_drop(struct conn *c)
{
	list_each_safe (at, &c->bayeux->pending) {
		struct bayeux_pending *p =
		    container_of(at, struct bayeux_pending, node);
		struct bayeux_reply r = {.id = p->id};
		struct buf more = {0};

		put_subscription(&more, json_value(p->subscription));
		r.more = buf_slice(&more);
		bayeux_fail(&r, BAYEUX_UNKNOWN_CLIENT, slice_of(c->bayeux->id));
		pay(c, p, &r);
		buf_free(&more);
	}
}

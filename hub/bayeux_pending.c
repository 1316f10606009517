/*
 * bayeux_pending.c - subscribes between their channels and their answers.
 *
 *	PENDING --- all are joined, all rosters there ---> successful
 *	   | \____ the store refuses one ________________> that one
 *	   \______ its deadline _________________________> 503
 *
 * One roster stands in the answer, as Pandapush has it.  It says nothing of
 * whose it is: so where several channels have one, each comes as a message on
 * its channel, in the words of a join, right behind the answer.
 */
#include "hub/bayeux_pending.h"

#include "common/must.h"
#include "common/stats.h"
#include "hub/visit.h"

struct bayeux_pending {
	struct list node; /* bayeux.pending */
	struct conn *conn;
	struct timer late;
	struct bayeux_owed owed;
	struct slice id, subscription; /* JSON, behind it */
	char bytes[];
};

/* ---- Channels */

void
bayeux_channels_begin(struct bayeux_channels *l, struct json_value v)
{
	*l = (struct bayeux_channels){.only = v, .array = v.kind == JSON_ARRAY};
	if (l->array)
		json_array(&l->walk, v.raw, NULL);
}

bool
bayeux_channels_next(struct bayeux_channels *l, struct json_value *v)
{
	if (l->array)
		return json_array_next(&l->walk, v);
	*v = l->only;
	l->only.kind = JSON_NONE;
	return v->kind != JSON_NONE;
}

/* Those of one that waits.  Its text is not that of what is being heard, in
 * the middle of which this may be asked. */
static bool
next_of(struct conn *c, struct bayeux_channels *l, struct slice *channel)
{
	struct bayeux_said s = {.text = &c->hub->bayeux->look};
	struct json_value v;

	if (!bayeux_channels_next(l, &v))
		return false;
	*channel = bayeux_text(&s, v);
	return true;
}

static void
begin(struct conn *c, const struct bayeux_pending *p, struct bayeux_channels *l)
{
	struct buf *text = &c->hub->bayeux->look;

	buf_clear(text);
	(void)!buf_room(text, p->subscription.n + 1); /* so that it stays */
	bayeux_channels_begin(l, json_value(p->subscription));
}

void
bayeux_leave(struct conn *c, struct slice channel)
{
	struct sub *sub = sub_find(c->hub->subs, &c->reader, channel);
	struct visit *v = c->visits != NULL ? visit_find(c, channel) : NULL;

	if (sub != NULL)
		conn_unsubscribe(c, sub); /* and the visit */
	else if (v != NULL)
		visit_end(v, false);
}

/* ---- How it stands */

enum joined { JOINED, WAITS, NEVER };

static enum joined
look_at(struct conn *c, struct slice channel, unsigned *rosters)
{
	struct sub *sub = sub_find(c->hub->subs, &c->reader, channel);
	struct visit *v = c->visits != NULL ? visit_find(c, channel) : NULL;

	if (v != NULL && v->pending)
		return WAITS;
	*rosters += v != NULL;
	if (sub == NULL)
		return NEVER;
	return sub->told ? JOINED : WAITS;
}

/* The culprit is the channel that will never be. */
static enum joined
look(struct conn *c, const struct bayeux_pending *p, unsigned *rosters,
    struct slice *culprit)
{
	enum joined all = JOINED;
	struct bayeux_channels l;

	begin(c, p, &l);
	while (next_of(c, &l, culprit)) {
		enum joined one = look_at(c, *culprit, rosters);

		if (one == NEVER)
			return NEVER;
		if (one == WAITS)
			all = WAITS;
	}
	return all;
}

/* ---- Rosters */

static void
put_roster(struct buf *b, const struct visit *v)
{
	buf_str(b, "{\"subscribe\":{");
	buf_put(b, buf_slice(&v->rows));
	buf_str(b, "}}");
}

/* One alone as a member of the answer, several as messages by commas. */
static void
put_rosters(
    struct buf *b, struct conn *c, const struct bayeux_pending *p, bool several)
{
	struct bayeux_channels l;
	struct slice channel;
	struct visit *v;

	begin(c, p, &l);
	while (next_of(c, &l, &channel)) {
		if ((v = visit_find(c, channel)) == NULL)
			continue;
		if (!several) {
			buf_str(b, ",\"ext\":{\"presence\":");
		} else {
			buf_str(b,
			    b->n != 0 ? ",{\"channel\":\"" : "{\"channel\":\"");
			buf_put(b, channel);
			buf_str(b, "\",\"data\":");
		}
		put_roster(b, v);
		buf_chr(b, '}');
	}
}

/* Whoever was to read them has. */
static void
forget_rosters(struct conn *c)
{
	for (struct visit *v = c->visits; v != NULL; v = v->next) {
		if (v->pending)
			continue;
		buf_free(&v->rows);
		buf_free(&v->last);
	}
}

/* ---- Answers */

void
bayeux_put_subscription(struct buf *b, struct json_value v)
{
	buf_str(b, "\"subscription\":");
	if (bayeux_truthy(v))
		buf_put(b, v.raw);
	else
		buf_str(b, "[]");
}

static void
pay(struct bayeux_pending *p, struct bayeux_reply *r, struct buf *more)
{
	struct conn *c = p->conn;
	struct buf client = {0}, all = {0};

	bayeux_put_subscription(&all, json_value(p->subscription));
	buf_put(&all, buf_slice(more));
	buf_printf(&client, "\"%s\"", c->bayeux->id);
	r->id = p->id;
	r->client = buf_slice(&client);
	r->channel = SLICE("\"/meta/subscribe\"");
	r->more = buf_slice(&all);
	timer_cancel(&p->late);
	list_remove(&p->node);
	c->bayeux->pending_n--;
	c->bayeux->pending_bytes -= (uint32_t)p->subscription.n;
	bayeux_pay(&p->owed, r);
	list_remove(&p->owed.node);
	buf_free(&client);
	buf_free(&all);
	free(p);
}

static void
settle_one(struct bayeux_pending *p)
{
	struct conn *c = p->conn;
	struct bayeux_reply r = {.id = p->id};
	struct buf more = {0}, behind = {0};
	struct slice culprit;
	unsigned rosters = 0;
	enum joined how = look(c, p, &rosters, &culprit);

	if (how == WAITS)
		return;
	if (how == NEVER && visit_place(culprit))
		r.refused = SLICE("\"" PANDAPUSH_NOT_PRESENT "\"");
	else if (how == NEVER)
		bayeux_fail(&r, BAYEUX_INTERNAL, culprit);
	else if (rosters != 0)
		put_rosters(rosters > 1 ? &behind : &more, c, p, rosters > 1);
	r.behind = buf_slice(&behind);
	pay(p, &r, &more);
	buf_free(&more);
	buf_free(&behind);
}

void
bayeux_listen_settle(struct conn *c)
{
	c->bayeux->joined = false;
	list_each_safe (at, &c->bayeux->pending)
		settle_one(container_of(at, struct bayeux_pending, node));
	if (c->visits != NULL && c->bayeux->pending_n == 0)
		forget_rosters(c);
}

static void
refuse(struct bayeux_pending *p, enum bayeux_code code, struct slice arg)
{
	struct bayeux_reply r = {.id = p->id};
	struct buf none = {0};

	bayeux_fail(&r, code, arg);
	pay(p, &r, &none);
}

void
bayeux_listen_drop(struct conn *c)
{
	list_each_safe (at, &c->bayeux->pending)
		refuse(container_of(at, struct bayeux_pending, node),
		    BAYEUX_UNKNOWN_CLIENT, slice_of(c->bayeux->id));
}

/* ---- The store is away */

/* It is answered that it does not listen there: so it does not. */
static void
give_up(struct bayeux_pending *p)
{
	struct conn *c = p->conn;
	struct bayeux_channels l;
	struct slice channel;
	unsigned rosters = 0;

	begin(c, p, &l);
	while (next_of(c, &l, &channel))
		if (look_at(c, channel, &rosters) == WAITS)
			bayeux_leave(c, channel);
	stats_add(STAT_bayeux_late, 1);
	refuse(p, BAYEUX_LATER, SLICE("store"));
}

/* Others may wait for the same channels: all that are not there yet. */
static void
late(struct timer *t)
{
	struct conn *c = container_of(t, struct bayeux_pending, late)->conn;

	bayeux_listen_settle(c);
	list_each_safe (at, &c->bayeux->pending)
		give_up(container_of(at, struct bayeux_pending, node));
	conn_dirty(c);
}

void
bayeux_pend(struct bayeux_turn *t, struct conn *c, const struct bayeux_reply *r)
{
	struct slice subscription = t->said.v[BAYEUX_F_SUBSCRIPTION].raw;
	struct bayeux_pending *p =
	    xcalloc(1, sizeof(*p) + r->id.n + subscription.n);
	char *at = p->bytes;

	p->conn = c;
	p->id = slice_keep(&at, r->id);
	p->subscription = slice_keep(&at, subscription);
	timer_init(&p->late, late);
	loop_arm(c->hub->d.loop, &p->late, c->hub->limits.bayeux.timeout);
	list_init(&p->node);
	list_append(&c->bayeux->pending, &p->node);
	c->bayeux->pending_n++;
	c->bayeux->pending_bytes += (uint32_t)subscription.n;
	bayeux_owe(t->batch, &p->owed);
	conn_dirty(c);
}

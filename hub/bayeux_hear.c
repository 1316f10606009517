/*
 * bayeux_hear.c - messages of a batch, one after the other, and those of /meta
 * that make, hold and end a session.
 *
 * Where several things are wrong with a message the last one looked at is
 * told, in Faye's order.
 */
#include "hub/bayeux.h"

#include "common/must.h"
#include "common/stats.h"
#include "hub/door.h"

static const struct slice HANDSHAKE =
    SLICE_INIT("{\"reconnect\":\"handshake\"}");
static const struct slice RETRY =
    SLICE_INIT("{\"reconnect\":\"retry\",\"interval\":1000}");

static void
answer(struct bayeux_turn *t, struct bayeux_reply *r)
{
	bayeux_say(t->batch, r);
}

/* Its session may well be, elsewhere. */
static bool
is_out_of_reach(const struct bayeux_turn *t)
{
	uint32_t tag = bayeux_tag_of(t->said.client);

	return t->too_long && tag != 0 && tag != hub_tag(t->carrier->hub);
}

struct conn *
bayeux_whose(struct bayeux_turn *t, struct bayeux_reply *r)
{
	struct slice id = t->said.client;
	struct conn *c = bayeux_find(t->carrier->hub, id);

	if (c != NULL)
		return c;
	if (is_out_of_reach(t)) {
		stats_add(STAT_bayeux_too_long, 1);
		bayeux_fail(r, BAYEUX_TOO_LARGE, SLICE("65535"));
		return NULL;
	}
	stats_add(STAT_bayeux_unknown, 1);
	if (id.n == 0)
		bayeux_fail(r, BAYEUX_MISSING, SLICE("clientId"));
	else
		bayeux_fail(r, BAYEUX_UNKNOWN_CLIENT, id);
	return NULL;
}

/* ---- handshake */

/* "a,b": what a client offers, as JavaScript joins it. */
static void
put_csv(struct buf *b, struct bayeux_said *s, struct json_value types)
{
	struct json_value v;
	struct json_walk w;
	bool more = false;

	if (types.kind != JSON_ARRAY) {
		buf_put(b, bayeux_text(s, types));
		return;
	}
	json_array(&w, types.raw, NULL);
	while (json_array_next(&w, &v)) {
		if (more)
			buf_chr(b, ',');
		more = true;
		buf_put(b, bayeux_text(s, v));
	}
}

static bool
common_type(struct bayeux_said *s, struct json_value types)
{
	struct json_value v;
	struct json_walk w;
	bool found = false;

	if (types.kind != JSON_ARRAY)
		return false;
	json_array(&w, types.raw, NULL);
	while (json_array_next(&w, &v))
		found = found || (v.kind == JSON_STRING &&
				     bayeux_is_type(bayeux_text(s, v)));
	return found;
}

static void
check_handshake(struct bayeux_turn *t, struct bayeux_reply *r)
{
	struct bayeux_said *s = &t->said;
	struct json_value types = s->v[BAYEUX_F_TYPES];
	struct buf csv = {0};

	if (!bayeux_truthy(s->v[BAYEUX_F_VERSION]))
		bayeux_fail(r, BAYEUX_MISSING, SLICE("version"));
	if (!bayeux_truthy(types)) {
		bayeux_fail(
		    r, BAYEUX_MISSING, SLICE("supportedConnectionTypes"));
	} else if (!common_type(s, types)) {
		put_csv(&csv, s, types);
		bayeux_fail(r, BAYEUX_CONN_TYPE, buf_slice(&csv));
	}
	buf_free(&csv);
}

static bool
says_events(const struct bayeux_turn *t)
{
	return json_is(t->said.v[BAYEUX_F_TYPE], SLICE("eventsource"));
}

static void
handshake(struct bayeux_turn *t)
{
	struct hub *h = t->carrier->hub;
	struct bayeux_reply r;
	struct buf more = {0}, advice = {0};
	struct conn *c = NULL;

	bayeux_reply_to(&r, &t->said);
	r.client = (struct slice){NULL, 0};
	buf_str(&more, "\"version\":" BAYEUX_VERSION
		       ",\"supportedConnectionTypes\":" BAYEUX_TYPES);
	check_handshake(t, &r);
	if (bayeux_good(&r) && (c = bayeux_new(t->carrier)) == NULL)
		bayeux_fail(&r, BAYEUX_TOO_MANY, SLICE("clients"));
	r.advice = HANDSHAKE;
	if (c != NULL) {
		buf_printf(&more, ",\"clientId\":\"%s\"", c->bayeux->id);
		bayeux_put_advice(h, says_events(t), &advice);
		r.advice = buf_slice(&advice);
	}
	r.more = buf_slice(&more);
	answer(t, &r);
	buf_free(&more);
	buf_free(&advice);
}

/* ---- connect, disconnect */

static void
check_connect(struct bayeux_turn *t, struct bayeux_reply *r)
{
	struct json_value type = t->said.v[BAYEUX_F_TYPE];
	struct slice text = bayeux_text(&t->said, type);

	if (!bayeux_truthy(type))
		bayeux_fail(r, BAYEUX_MISSING, SLICE("connectionType"));
	else if (type.kind != JSON_STRING || !bayeux_is_type(text))
		bayeux_fail(r, BAYEUX_CONN_TYPE, text);
}

/* What it comes by is what it has from now on; but an EventSource stays: its
 * connects come by POST, and the first of them, which is not held, says that it
 * is for long polls. */
static void
choose_carrier(struct bayeux_turn *t, struct conn *c, uint64_t ms)
{
	const struct conn *socket = c->bayeux->socket;

	if (t->carrier->dialect == &dialect_bayeux_ws)
		bayeux_attach(c, t->carrier);
	else if (socket != NULL && (socket->dialect == &dialect_bayeux_ws ||
				       (!says_events(t) && ms != 0)))
		bayeux_detach(c);
}

static void
connect_events(struct bayeux_turn *t, struct bayeux_reply *r, struct conn *c)
{
	struct buf advice = {0};

	bayeux_refresh(c);
	bayeux_put_advice(c->hub, true, &advice);
	r->advice = buf_slice(&advice);
	answer(t, r);
	buf_free(&advice);
}

static void
connect_it(struct bayeux_turn *t)
{
	struct bayeux_reply r;
	struct conn *c;
	uint64_t ms = t->carrier->hub->limits.bayeux.timeout;

	bayeux_reply_to(&r, &t->said);
	c = bayeux_whose(t, &r);
	check_connect(t, &r);
	if (!bayeux_good(&r)) {
		r.client = (struct slice){NULL, 0};
		r.advice = is_out_of_reach(t) ? RETRY : HANDSHAKE;
		answer(t, &r);
		return;
	}
	(void)!bayeux_timeout(&t->said, &ms);
	if (ms > BAYEUX_WAIT_MAX)
		ms = BAYEUX_WAIT_MAX;
	choose_carrier(t, c, ms);
	if (says_events(t)) {
		connect_events(t, &r, c);
		return;
	}
	bayeux_hold(c, t->batch, r.id, ms);
}

static void
disconnect_it(struct bayeux_turn *t)
{
	struct bayeux_reply r;
	struct conn *c;

	bayeux_reply_to(&r, &t->said);
	c = bayeux_whose(t, &r);
	if (!bayeux_good(&r))
		r.client = (struct slice){NULL, 0};
	else
		bayeux_end(c, BAYEUX_GONE);
	answer(t, &r);
}

/* ---- Any message */

static void
forbidden(struct bayeux_turn *t)
{
	struct bayeux_reply r;

	bayeux_reply_to(&r, &t->said);
	bayeux_fail(&r, BAYEUX_FORBIDDEN, t->said.channel);
	answer(t, &r);
}

static void
handle(struct bayeux_turn *t)
{
	static const struct {
		struct slice channel;
		void (*run)(struct bayeux_turn *);
	} rows[] = {
	    {SLICE_INIT("/meta/connect"), connect_it},
	    {SLICE_INIT("/meta/subscribe"), bayeux_subscribe},
	    {SLICE_INIT("/meta/unsubscribe"), bayeux_unsubscribe},
	    {SLICE_INIT("/meta/handshake"), handshake},
	    {SLICE_INIT("/meta/disconnect"), disconnect_it},
	};

	if (!bayeux_is_meta(t->said.channel)) {
		bayeux_publish(t);
		return;
	}
	for (size_t i = 0; i < LENGTH(rows); i++) {
		if (slice_eq(t->said.channel, rows[i].channel)) {
			rows[i].run(t);
			return;
		}
	}
	forbidden(t);
}

/* What an answer repeats of it is bounded. */
static bool
echoes_fit(const struct bayeux_said *s)
{
	static const enum bayeux_field echoed[] = {
	    BAYEUX_F_ID, BAYEUX_F_CLIENT, BAYEUX_F_CHANNEL, BAYEUX_F_ERROR};

	for (size_t i = 0; i < LENGTH(echoed); i++)
		if (s->v[echoed[i]].raw.n > BAYEUX_ECHO)
			return false;
	return true;
}

/* Of another hub's session only what changes it, or hears from it, has to be
 * said there. */
static uint32_t
belongs(const struct hub *h, const struct bayeux_said *s)
{
	uint32_t tag = bayeux_tag_of(s->client);

	return slice_starts(s->channel, SLICE("/meta/")) && tag != hub_tag(h)
	           ? tag
	           : 0;
}

static bool
check_one(struct conn *c, struct json_value v, uint32_t *tag)
{
	struct bayeux_said said;

	if (!bayeux_read(&said, v, &c->hub->bayeux->text) || !echoes_fit(&said))
		return false;
	if (*tag == 0)
		*tag = belongs(c->hub, &said);
	return true;
}

/* All is looked at before the first is done: a batch is good or is not. */
bool
bayeux_check(struct conn *c, struct slice json, uint32_t *tag)
{
	struct json_value v;
	struct json_walk w;
	struct slice first;
	unsigned n = 0;

	*tag = 0;
	if (json_check(json, NULL, NULL) != NULL ||
	    json_first(json, NULL, &first) != NULL)
		return false;
	v = json_value(first);
	if (v.kind == JSON_NULL)
		return true;
	if (v.kind == JSON_OBJECT)
		return check_one(c, v, tag);
	if (v.kind != JSON_ARRAY)
		return false;
	json_array(&w, first, NULL);
	while (json_array_next(&w, &v))
		if (++n > BAYEUX_BATCH || !check_one(c, v, tag))
			return false;
	return true;
}

static void
hear_one(struct bayeux_turn *t, struct json_value v)
{
	if (v.kind != JSON_NULL &&
	    bayeux_read(&t->said, v, &t->carrier->hub->bayeux->text))
		handle(t);
}

static void
hear(struct bayeux_turn *t, struct slice json)
{
	struct conn *c = t->carrier;
	struct json_value v;
	struct json_walk w;
	struct slice first;

	must(json_first(json, NULL, &first) == NULL);
	v = json_value(first);
	t->batch = bayeux_batch_new(c);
	if (v.kind == JSON_ARRAY) {
		json_array(&w, first, NULL);
		while (json_array_next(&w, &v) && c->state == CONN_OPEN)
			hear_one(t, v);
	} else {
		hear_one(t, v);
	}
	bayeux_batch_read(t->batch);
}

void
bayeux_hear(struct conn *c, struct slice json)
{
	hear(&(struct bayeux_turn){.carrier = c}, json);
}

void
bayeux_hear_too_long(struct conn *c, struct slice json)
{
	hear(&(struct bayeux_turn){.carrier = c, .too_long = true}, json);
}

bool
bayeux_may_say(const struct conn *c)
{
	return c->asks_n < c->hub->limits.commands &&
	       bus_can_publish(c->hub->d.bus);
}

/*
 * incus_hub.c - who an Incus client is, what it says, and what the bridge says
 * of it.
 *
 * The bridge's orders are gathered while messages are handed out, when nobody
 * may change what it listens to, and are done at the end of the turn.
 */
#include "hub/incus_hub.h"

#include "common/channel.h"
#include "common/incus_body.h"
#include "common/json.h"
#include "common/log.h"
#include "common/must.h"
#include "common/options.h"
#include "common/stats.h"
#include "common/statsd.h"
#include "common/verb.h"
#include "hub/ask.h"
#include "hub/owed.h"
#include "hub/respond.h"
#include "hub/visit.h"

struct incus_hub {
	struct hub *hub;
	struct incus said;
	struct buf name;  /* a channel */
	struct buf body;  /* of a message */
	struct buf words; /* of an order */
	struct reader reader;
	struct buf orders; /* lines */
	struct timer obey, silence;
	bool refusing; /* long polls */
};

void
incus_limits_read(struct incus_limits *l, const struct options *o)
{
	l->broadcasts = opt_bool(o, "incus_broadcasts");
	l->connected_present = opt_bool(o, "incus_connected_present");
	l->empty_ok = opt_bool(o, "incus_empty_ok");
	l->empty_beat = opt_bool(o, "incus_empty_beat");
	l->cookie = opt_bool(o, "incus_cookie");
	l->sets = opt_bool(o, "incus_sets");
	l->nobody = opt_num(o, "incus_nobody");
	l->poll = opt_num(o, "incus_poll");
	if (l->poll == 0)
		l->poll = INCUS_POLL_MS;
	l->redis = opt_str(o, "incus_redis");
	l->ping = opt_num(o, "incus_ping");
}

/* ---- What the bridge says */

static void
order_came(
    struct reader *r, struct sub *s, struct piece p, const struct place *at)
{
	struct incus_hub *i = container_of(r, struct incus_hub, reader);
	struct slice line = {p.run->bytes.p + p.from, p.to - p.from};

	(void)s;
	(void)at;
	if (i->orders.n + line.n > INCUS_ORDERS_MAX) {
		owed_never(&p, STAT_drop_no_room);
		return;
	}
	owed_never(&p, STAT_messages_delivered);
	buf_put(&i->orders, line);
	loop_arm(i->hub->d.loop, &i->obey, 0);
}

/* The next client tries again. */
static void
control_refused(struct reader *r, struct sub *s, enum code code)
{
	struct incus_hub *i = container_of(r, struct incus_hub, reader);

	log_warn("incus_control", "code=%s", code_name(code));
	sub_remove(i->hub->subs, s);
}

static const struct reader_face control = {
    .send = order_came,
    .refused = control_refused,
};

static void
listen_to_bridge(struct incus_hub *i)
{
	if (i->reader.subs == NULL)
		sub_add(i->hub->subs, &i->reader,
		    &(struct sub_want){.channel = SLICE(INCUS_CONTROL)});
}

/* A walk over those who listen to a user's channel: by key, others may. */
struct move {
	struct subs_visitor v;
	struct slice page;
};

static void
move(struct subs_visitor *v, struct reader *r)
{
	struct move *m = container_of(v, struct move, v);

	if (r->face == dialect_incus.reader ||
	    r->face == dialect_incus_poll.reader)
		incus_go_to(container_of(r, struct conn, reader), m->page);
}

static struct slice
channel_of(struct incus_hub *i, enum incus_to to, struct slice name)
{
	buf_clear(&i->name);
	incus_channel(&i->name, to, name);
	return buf_slice(&i->name);
}

static void
obey_one(struct incus_hub *i, struct slice line)
{
	struct incus_control order;
	struct move to = {.v = {move}};

	if (!incus_control_read(&order, line, &i->words))
		return;
	if (order.says_longpoll) {
		if (i->refusing == order.longpoll)
			log_info("incus_longpoll", "taken=%d", order.longpoll);
		i->refusing = !order.longpoll;
		loop_arm(i->hub->d.loop, &i->silence, INCUS_SILENCE_MS);
	}
	to.page = order.page;
	if (order.user.n != 0 && order.page.n != 0)
		subs_visit(i->hub->subs,
		    channel_of(i, INCUS_TO_USER, order.user), &to.v);
}

static void
obey_all(struct timer *t)
{
	struct incus_hub *i = container_of(t, struct incus_hub, obey);
	struct buf orders = i->orders;
	struct slice rest = buf_slice(&orders), line;

	i->orders = (struct buf){0};
	while (ndjson_next(&rest, &line, true))
		obey_one(i, line);
	buf_free(&orders);
}

static void
silent(struct timer *t)
{
	container_of(t, struct incus_hub, silence)->refusing = false;
}

struct incus_hub *
incus_hub_new(struct hub *h)
{
	struct incus_hub *i = xcalloc(1, sizeof(*i));

	i->hub = h;
	i->reader = (struct reader){
	    .face = &control, .form = FORM_LINE, .each = true, .ours = true};
	timer_init(&i->obey, obey_all);
	timer_init(&i->silence, silent);
	incus_bus_open(h);
	return i;
}

void
incus_hub_free(struct incus_hub **ip)
{
	struct incus_hub *i = *ip;

	*ip = NULL;
	if (i == NULL)
		return;
	while (i->reader.subs != NULL)
		sub_remove(i->hub->subs, i->reader.subs);
	incus_bus_close(i->hub);
	timer_cancel(&i->obey);
	timer_cancel(&i->silence);
	incus_free(&i->said);
	buf_free(&i->name);
	buf_free(&i->body);
	buf_free(&i->words);
	buf_free(&i->orders);
	free(i);
}

void
incus_hub_up(struct incus_hub *i)
{
	listen_to_bridge(i);
}

bool
incus_polls_open(const struct incus_hub *i)
{
	return !i->refusing;
}

/* ---- Who it is, and where */

static struct sub *
sub_of(const struct conn *c, const char *prefix, struct slice *name)
{
	struct slice begin = slice_of(prefix);

	for (struct sub *s = c->reader.subs; s != NULL; s = s->next) {
		struct slice channel = sub_channel(s);

		if (!slice_starts(channel, begin))
			continue;
		*name = slice_from(channel, begin.n);
		return s;
	}
	*name = (struct slice){"", 0};
	return NULL;
}

static void
attend_as(struct conn *c)
{
	struct identity who = {.data = {"", 0}};
	struct visit *v = visit_find(c, SLICE(INCUS_PRESENCE));
	struct attend_who same;

	if (v != NULL) {
		same = attend_who(&v->attend);
		incus_bus_present(c, &same, true);
		return;
	}
	if (sub_of(c, INCUS_USER_PREFIX, &who.user) == NULL)
		return;
	visit_new(c,
	    &(struct visit_want){
		.channel = SLICE(INCUS_PRESENCE), .who = &who, .brief = true});
}

static void
follow(struct conn *c, const struct incus_client *who, struct slice channel)
{
	if (sub_find(c->hub->subs, &c->reader, channel) == NULL)
		sub_add(c->hub->subs, &c->reader,
		    &(struct sub_want){
			.channel = channel, .after = who->after, .n = who->n});
}

/* As in listen.c: history begins when all is there. */
void
incus_come(struct conn *c, const struct incus_client *who)
{
	struct incus_hub *i = c->hub->incus;

	listen_to_bridge(i);
	incus_bus_come(c, who->user);
	incus_bus_page(c, who->page);
	c->reader.each = true;
	c->reader.choked = true;
	follow(c, who, SLICE(INCUS_ALL));
	follow(c, who, channel_of(i, INCUS_TO_USER, who->user));
	if (who->page.n != 0)
		follow(c, who, channel_of(i, INCUS_TO_PAGE, who->page));
	reader_choke(c->hub->subs, &c->reader, false);
	if (c->hub->limits.incus.connected_present)
		attend_as(c);
}

void
incus_go_to(struct conn *c, struct slice page)
{
	struct slice name;
	struct sub *old = sub_of(c, INCUS_PAGE_PREFIX, &name);
	struct slice channel;

	if (page.n == 0 || c->state != CONN_OPEN)
		return;
	channel = channel_of(c->hub->incus, INCUS_TO_PAGE, page);
	if (old != NULL && slice_eq(sub_channel(old), channel))
		return;
	incus_bus_page(c, page);
	follow(c, &(struct incus_client){.n = 0}, channel);
	if (old != NULL)
		conn_unsubscribe(c, old);
}

bool
incus_is_for(const struct conn *c, const struct place *at)
{
	struct slice page;

	return at->filter == 0 ||
	       (sub_of(c, INCUS_PAGE_PREFIX, &page) != NULL &&
		   form_filter(page) == at->filter);
}

/* ---- What it says */

struct incus *
incus_said(struct conn *c)
{
	return &c->hub->incus->said;
}

bool
incus_may_say(const struct conn *c)
{
	return c->asks_n < c->hub->limits.commands &&
	       bus_can_publish(c->hub->d.bus);
}

static void
answered(struct ask *a, const struct msg_published *m)
{
	struct conn *c = a->conn;

	if (m->code != CODE_ok)
		stats_add(STAT_incus_messages_failed, 1);
	if (conn_kept_bytes(c).n != 0) {
		c->again = true;
		conn_dirty(c);
	}
}

/* Every node hears it from there, this one too. */
static void
say_to_redis(struct conn *c, const struct incus *said)
{
	struct bus_link *l = bus_any(c->hub->d.bus);
	struct msg m = {.id = MSG_ask_redis,
	    .ask_redis = {.verb = VERB_publish,
		.key = slice_of(c->hub->limits.incus.redis),
		.value = said->json}};

	if (l != NULL)
		bus_send(l, &m);
	else
		stats_add(STAT_incus_messages_failed, 1);
}

static void
say_to_store(struct conn *c, struct incus *said)
{
	struct buf *body = &c->hub->incus->body;
	struct incus_route to = incus_route(said);
	struct incus_body what;
	struct msg m = {.id = MSG_publish,
	    .publish = {.channel = to.channel, .filter = to.filter}};

	if (!incus_body_read(&what, said->message))
		to.to = INCUS_TO_NOBODY;
	incus_count(to.to);
	if (to.to == INCUS_TO_NOBODY)
		return;
	buf_clear(body);
	incus_body_put(body, &what);
	m.publish.body = buf_slice(body);
	ask_publish(c, &(struct ask_want){.publish = &m, .answered = answered});
}

static void
message(struct conn *c, struct incus *said)
{
	if (!c->hub->limits.incus.broadcasts || said->message.p == NULL)
		stats_add(STAT_incus_messages_dropped, 1);
	else if (c->hub->limits.incus.redis[0] != '\0')
		say_to_redis(c, said);
	else
		say_to_store(c, said);
}

static void
set_presence(struct conn *c, const struct incus *said)
{
	static const struct json_field fields[] = {
	    {SLICE_INIT("presence"), JSON_ANY, false}};
	struct visit *v = visit_find(c, SLICE(INCUS_PRESENCE));
	struct json_value value;
	struct json_walk w;
	bool present;

	if (said->message.p == NULL || c->hub->limits.incus.connected_present)
		return;
	json_object(&w, said->message, NULL);
	if (!json_object_read(&w, (struct json_table){fields, 1}, &value) ||
	    !json_bool(value, &present))
		return;
	if (present)
		attend_as(c);
	else if (v != NULL)
		visit_end(v, false);
}

void
incus_obey(struct conn *c, struct incus *said)
{
	statsd_command(c->hub->statsd, STATSD_WEBSOCKET, said->name);
	switch (said->command) {
	case INCUS_MESSAGE:
		stats_add(STAT_incus_commands_message, 1);
		message(c, said);
		break;
	case INCUS_SETPAGE:
		stats_add(STAT_incus_commands_setpage, 1);
		incus_go_to(c, said->words[INCUS_PAGE]);
		break;
	case INCUS_SETPRESENCE:
		stats_add(STAT_incus_commands_setpresence, 1);
		set_presence(c, said);
		break;
	default:
		stats_add(STAT_incus_commands_other, 1);
	}
}

/* ---- HTTP */

void
incus_refuse(struct conn *c, const struct http_request *r, unsigned status,
    const char *text)
{
	struct buf lines = {0};

	stats_add(STAT_http_errors, 1);
	buf_str(&lines, "X-Content-Type-Options: nosniff\r\n");
	if (status == 405)
		buf_str(&lines, "Allow: GET\r\n");
	if (status == 503)
		buf_str(&lines, "Retry-After: 1\r\n");
	respond_with(c, &(struct http_reply){.status = status,
			    .close = !r->keep_alive,
			    .old = r->minor == 0,
			    .head = r->verb == HTTP_HEAD,
			    .type = SLICE("text/plain; charset=utf-8"),
			    .extra = buf_slice(&lines),
			    .body = slice_of(text)});
	buf_free(&lines);
}

/*
 * bayeux.c - the life of a session.
 *
 *	                 connect                answered, or its carrier gone
 *	NEW, SILENT ----------------> HELD ------------------------> SILENT
 *	     \____ 1.6 x timeout ____________________________________/
 *	                              GONE
 *
 * Only handshakes and connects prolong it, and nobody is gone while a connect
 * is held.  With a socket it is the same, but that nothing waits in its queue.
 */
#include "hub/bayeux.h"

#include "common/log.h"
#include "common/must.h"
#include "common/stats.h"
#include "hub/addresses.h"
#include "hub/ask.h"
#include "hub/owed.h"
#include "hub/visit.h"

/* ---- Expiry, and the connect that waits */

static uint64_t
silence(const struct hub *h)
{
	return h->limits.bayeux.timeout * 8 / 5;
}

static bool
is_held(const struct bayeux *b)
{
	return b->held.batch != NULL || b->alone;
}

void
bayeux_refresh(struct conn *c)
{
	if (!is_held(c->bayeux))
		conn_arm(c, silence(c->hub));
}

void
bayeux_put_advice(const struct hub *h, bool events, struct buf *b)
{
	uint64_t timeout = h->limits.bayeux.timeout;

	buf_printf(b,
	    "{\"reconnect\":\"retry\",\"interval\":%llu,\"timeout\":%llu}",
	    (unsigned long long)(events ? timeout : 0),
	    (unsigned long long)(events ? 0 : timeout));
}

static void
forget_connect(struct bayeux *b)
{
	b->held_short[0] = '\0';
	free(b->held_long);
	b->held_long = NULL;
}

static void
keep_id(struct bayeux *b, struct slice id)
{
	char *to = b->held_short;

	if (id.n >= sizeof(b->held_short))
		to = b->held_long = xcalloc(1, id.n + 1);
	if (id.n != 0)
		memcpy(to, id.p, id.n);
	to[id.n] = '\0';
}

void
bayeux_hold_alone(struct conn *c)
{
	struct bayeux *b = c->bayeux;
	struct bayeux_batch *batch = b->held.batch;

	list_remove(&b->held.node);
	b->held.batch = NULL;
	b->alone = true;
	bayeux_batch_free(batch);
}

/* It gets one again, to be answered. */
static struct bayeux_batch *
batch_of_one(struct conn *c)
{
	struct bayeux *b = c->bayeux;
	struct bayeux_batch *batch = bayeux_batch_new(b->socket);

	b->alone = false;
	bayeux_owe(batch, &b->held);
	batch->open--; /* it was read long ago */
	return batch;
}

void
bayeux_unheld(struct conn *c)
{
	forget_connect(c->bayeux);
	if (c->state != CONN_DEAD)
		bayeux_refresh(c);
}

/* LIVES and GONE: as well as could be; LOST: who are you? */
static void
answer_connect(struct conn *c, enum bayeux_end how)
{
	struct bayeux *b = c->bayeux;
	struct bayeux_reply r = {.channel = SLICE("\"/meta/connect\"")};
	struct bayeux_batch *batch = b->held.batch;
	struct buf client = {0}, advice = {0};

	if (!is_held(b))
		return;
	if (b->alone)
		batch = batch_of_one(c);
	buf_printf(&client, "\"%s\"", b->id);
	r.id = slice_of(b->held_long != NULL ? b->held_long : b->held_short);
	if (how == BAYEUX_LOST) {
		bayeux_fail(&r, BAYEUX_UNKNOWN_CLIENT, slice_of(b->id));
		buf_str(&advice, "{\"reconnect\":\"handshake\"}");
	} else {
		r.client = buf_slice(&client);
		bayeux_put_advice(c->hub, false, &advice);
	}
	r.advice = buf_slice(&advice);
	if (how == BAYEUX_LIVES)
		bayeux_ride(batch, c);
	bayeux_pay(&b->held, &r);
	forget_connect(b);
	buf_free(&client);
	buf_free(&advice);
	if (how == BAYEUX_LIVES)
		bayeux_refresh(c);
}

void
bayeux_hold(
    struct conn *c, struct bayeux_batch *batch, struct slice id, uint64_t ms)
{
	struct bayeux *b = c->bayeux;

	answer_connect(c, BAYEUX_LIVES); /* the older one, with nothing */
	if (b->taking != NULL && b->taking != batch) {
		b->taking->taker = NULL;
		b->taking = NULL;
	}
	keep_id(b, id);
	bayeux_owe(batch, &b->held);
	b->held.connect = true;
	if (ms == 0) {
		answer_connect(c, BAYEUX_LIVES);
		return;
	}
	conn_arm(c, ms);
	conn_dirty(c); /* something may wait */
}

/* ---- The end */

/* One whose connect came by it and waits in a batch; NULL: there is none. */
static struct conn *
holder(const struct conn *socket)
{
	list_each (at, &socket->carrier->batches) {
		struct bayeux_batch *b =
		    container_of(at, struct bayeux_batch, node);

		list_each (owed, &b->owed) {
			struct bayeux_owed *o =
			    container_of(owed, struct bayeux_owed, node);

			if (o->connect)
				return container_of(o, struct bayeux, held)
				    ->conn;
		}
	}
	return NULL;
}

static void
leave_socket(struct conn *c)
{
	struct conn *socket = c->bayeux->socket;

	if (socket == NULL)
		return;
	bayeux_detach(c);
	if (socket->dialect != &dialect_bayeux_ws)
		bayeux_events_bye(socket);
	else if (holder(socket) == NULL) /* nobody else's */
		bayeux_ws_bye(socket);
}

/* Tell all who wait for it. */
static void
farewell(struct conn *c)
{
	struct bayeux *b = c->bayeux;

	bayeux_end(c, BAYEUX_LOST);
	bayeux_listen_drop(c);
	while (b->ending == BAYEUX_GONE && c->visits != NULL)
		visit_end(c->visits, false); /* a lost one may come again */
	answer_connect(c, (enum bayeux_end)b->ending);
	leave_socket(c);
}

void
bayeux_end(struct conn *c, enum bayeux_end how)
{
	struct bayeux *b = c->bayeux;

	if (b->ending != BAYEUX_LIVES)
		return;
	b->ending = (uint8_t)how;
	stats_add(how == BAYEUX_GONE ? STAT_bayeux_gone : STAT_bayeux_lost, 1);
	conn_dirty(c);
}

void
bayeux_fire(struct timer *t)
{
	struct conn *c = container_of(t, struct conn, timer);

	if (c->state != CONN_OPEN)
		return;
	if (is_held(c->bayeux))
		answer_connect(c, BAYEUX_LIVES);
	else if (c->bayeux->ending == BAYEUX_LIVES) {
		stats_add(STAT_bayeux_expired, 1);
		bayeux_end(c, BAYEUX_GONE);
	}
}

static void
session_settle(struct conn *c)
{
	if (c->bayeux->ending != BAYEUX_LIVES) {
		farewell(c);
		conn_kill(c, NULL);
		return;
	}
	bayeux_listen_settle(c);
	if (!out_empty(&c->out) && c->bayeux->socket == NULL)
		answer_connect(c, BAYEUX_LIVES);
}

static void
session_closed(struct conn *c)
{
	struct bayeux_hub *all = c->hub->bayeux;
	struct bayeux *b = c->bayeux;

	farewell(c);
	if (b->taking != NULL)
		b->taking->taker = NULL;
	table_remove(all->sessions, &b->entry);
	addresses_leave(all->addresses, &b->address);
	stats_sub(STAT_bayeux_sessions, 1);
	free(b);
	c->bayeux = NULL;
}

/* ---- Messages */

/* It does not read what it is sent, or does not come for it. */
static void
too_slow(struct conn *c, struct sub *s, const struct piece *p)
{
	struct bayeux *b = c->bayeux;
	struct slice channel = s != NULL ? sub_shown(s) : SLICE("-");

	stats_add(STAT_slow_disconnects, 1);
	log_warn("slow_reader",
	    "address=%s dialect=%s owed=%zu channel=%.*s action=disconnect",
	    peer_address_text(b->address), c->dialect->name,
	    b->socket != NULL ? b->socket->out.bytes : c->out.bytes,
	    SLICE_ARGS(channel));
	owed_never(p, STAT_drop_slow);
	owed_drop(&c->out, STAT_drop_slow);
	bayeux_end(c, BAYEUX_LOST);
}

/* Its queue, or that of who is to read it now. */
static bool
is_full(const struct conn *to, const struct piece *p)
{
	return to->blocked &&
	       to->out.bytes + (p->to - p->from) > to->hub->limits.backlog;
}

static void
session_deliver(
    struct reader *r, struct sub *s, struct piece p, const struct place *at)
{
	struct conn *c = container_of(r, struct conn, reader);
	struct bayeux *b = c->bayeux;
	struct conn *to = b->socket;

	if (at->gap)
		stats_add(STAT_bayeux_gaps, 1);
	if (b->joined && to != NULL)
		bayeux_listen_settle(c); /* the answer comes first */
	if (to != NULL && to->state != CONN_OPEN)
		to = NULL; /* it died this turn */
	if (b->ending != BAYEUX_LIVES || c->state != CONN_OPEN) {
		owed_never(&p, STAT_drop_closed);
	} else if (is_full(to != NULL ? to : c, &p)) {
		too_slow(c, s, &p);
	} else if (to == NULL) {
		conn_send(c, p);
		if (b->held.batch != NULL)
			conn_dirty(c);
	} else if (to->dialect == &dialect_bayeux_ws) {
		conn_send(to, p);
	} else {
		bayeux_events_send(to, p);
	}
}

static void
session_joined(struct reader *r, struct sub *s, bool recovered)
{
	struct conn *c = container_of(r, struct conn, reader);

	(void)s;
	(void)recovered;
	c->bayeux->joined = true;
	conn_dirty(c);
}

/* Its client did not ask: no id is in it, and old ones pass it over. */
static void
tell_ended(struct conn *c, struct slice channel, enum code code)
{
	struct conn *to = c->bayeux->socket;
	struct run *run = run_new(c->hub->runs);
	struct buf b = {0};
	struct piece p = {run, 0, 0};

	buf_printf(&b,
	    "[{\"clientId\":\"%s\",\"channel\":\"/meta/subscribe\",\"error\":",
	    c->bayeux->id);
	if (code == CODE_bad_token)
		buf_str(&b, "\"Invalid token provided\"");
	else
		bayeux_put_error(&b, BAYEUX_INTERNAL, channel);
	buf_printf(&b, ",\"successful\":false,\"subscription\":\"%.*s\"}]",
	    SLICE_ARGS(channel));
	websocket_put(
	    &run->bytes, (struct websocket_frame){
			     .kind = WEBSOCKET_TEXT, .payload = buf_slice(&b)});
	p.to = (uint32_t)run->bytes.n;
	if (to != NULL && to->dialect == &dialect_bayeux_events)
		bayeux_events_send(to, p);
	else
		conn_send(to != NULL ? to : c, p);
	run_unref(&run);
	buf_free(&b);
}

/* The store refuses, or a token has ended.  Who waits for the answer to his
 * subscribe reads there what the store says. */
static void
session_refused(struct reader *r, struct sub *s, enum code code)
{
	struct conn *c = container_of(r, struct conn, reader);

	if (s->told || code == CODE_bad_token)
		tell_ended(c, sub_channel(s), code);
	conn_unsubscribe(c, s);
	conn_dirty(c);
}

static const struct reader_face session_reader = {
    .send = session_deliver,
    .joined = session_joined,
    .refused = session_refused,
};

const struct dialect dialect_bayeux = {
    .name = "bayeux",
    .reader = &session_reader,
    .settle = session_settle,
    .closed = session_closed,
};

/* Another client's messages go by it from now on.  This one's connect is still
 * held: it is answered with what waits, as one of a long poll is. */
static void
displace(struct conn *socket)
{
	struct conn *c = socket->carrier->session;

	if (c == NULL)
		return;
	if (c->bayeux->alone)
		(void)batch_of_one(c);
	c->bayeux->socket = NULL;
	socket->carrier->session = NULL;
}

void
bayeux_attach(struct conn *c, struct conn *socket)
{
	struct bayeux *b = c->bayeux;
	struct piece p;

	if (b->socket == socket)
		return;
	bayeux_detach(c);
	displace(socket);
	b->socket = socket;
	socket->carrier->session = c;
	if (socket->dialect == &dialect_bayeux_ws)
		bayeux_ws_attached(socket);
	while (socket->state == CONN_OPEN && out_shift(&c->out, &p)) {
		stats_sub(STAT_messages_pending, piece_messages(&p));
		if (socket->dialect == &dialect_bayeux_ws)
			conn_send(socket, p);
		else
			bayeux_events_send(socket, p);
		run_unref(&p.run);
	}
	if (socket->state != CONN_OPEN) /* it took too much with it */
		bayeux_end(c, BAYEUX_LOST);
}

bool
bayeux_let_go(struct conn *socket)
{
	struct conn *c;

	if (socket->carrier->session != NULL)
		bayeux_detach(socket->carrier->session);
	while ((c = holder(socket)) != NULL)
		answer_connect(c, BAYEUX_LIVES);
	return list_empty(&socket->carrier->batches);
}

void
bayeux_detach(struct conn *c)
{
	struct bayeux *b = c->bayeux;

	if (b->socket == NULL)
		return;
	if (b->alone)
		answer_connect(c, BAYEUX_LIVES);
	b->socket->carrier->session = NULL;
	b->socket = NULL;
}

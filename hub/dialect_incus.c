/*
 * dialect_incus.c - Incus' WebSocket at /socket.
 *
 *           authenticate                      what is not an envelope: 1000
 *   STRANGER -----------> KNOWN --- commands -------------------------> gone
 *      \______ anything else, or nothing in time: 1011 _____________/
 *
 * Nothing is answered and nobody is timed out: pings are sent, and what does
 * not come back is the kernel's to notice, but who has owed us room for a whole
 * round of them is not there any more.
 */
#include "common/must.h"
#include "common/stats.h"
#include "hub/basket.h"
#include "hub/hear.h"
#include "hub/incus_hub.h"
#include "hub/open.h"
#include "hub/owed.h"
#include "hub/respond.h"
#include "hub/upgrade.h"

enum {
	INCUS_KNOWN = 1,  /* conn.bits */
	INCUS_STUCK = 4,  /* it read nothing since the last ping */
	INCUS_PLACED = 8, /* it is told the places of what it is told */
	INCUS_TOLD = 16,  /* and where it stands */
};

void
incus_socket_open(
    struct conn *c, const struct http_request *r, struct slice body)
{
	struct upgrade u = {.any_key = true};

	(void)body;
	if (r->verb != HTTP_GET) {
		incus_refuse(c, r, 405, "Method not allowed\n");
	} else if (!respond_origin_good(c->hub, r)) {
		incus_refuse(c, r, 403, "Origin not allowed\n");
	} else if (c->hub->d.draining || !hub_knows_shards(c->hub)) {
		incus_refuse(c, r, 503, "Service Unavailable\n");
	} else if (r->minor == 0 || !handshake_plain(c, r, &u)) {
		incus_refuse(c, r, 400, "Not a websocket handshake\n");
	} else {
		conn_become(c, &dialect_incus);
		c->ws = (struct websocket){.part = NULL};
		c->gathered = NULL;
		c->reader.form = FORM_INCUS;
		c->bits = 0;
		conn_arm(c, c->hub->limits.first);
	}
}

static void
bye(struct conn *c, unsigned code, const char *reason)
{
	struct buf b = {0};

	websocket_put_close(&b, code, slice_of(reason));
	conn_write(c, buf_slice(&b));
	buf_free(&b);
	conn_finish(c);
}

static void
put(struct conn *c, enum websocket_kind kind, struct slice payload)
{
	struct buf b = {0};

	websocket_put(
	    &b, (struct websocket_frame){.kind = kind, .payload = payload});
	conn_write(c, buf_slice(&b));
	buf_free(&b);
}

/* How Incus words what a frame does wrong; what is not here is said as ours. */
static const char *
worded(const struct websocket_event *e, char *room, size_t n)
{
	static const char *const words[][2] = {
	    {"frame not masked", "incorrect mask flag"},
	    {"continuation of nothing",
		"continuation after final message frame"},
	    {"continuation expected",
		"message start before final message frame"},
	    {"control frame too long", "control frame length > 125"},
	    {"control frame fragmented", "control frame not final"},
	};

	for (size_t i = 0; i < LENGTH(words); i++)
		if (strcmp(e->why, words[i][0]) == 0)
			return words[i][1];
	if (strncmp(e->why, "reserved bit", 12) == 0)
		snprintf(
		    room, n, "unexpected reserved bits %d", e->head >> 4 & 7);
	else if (strcmp(e->why, "unknown opcode") == 0)
		snprintf(room, n, "unknown opcode %d", e->head & 15);
	else
		return e->why;
	return room;
}

static void
beat(struct conn *c, bool ping)
{
	static const char both[] = {'\x89', 0, '\x81', 0};
	bool text = c->hub->limits.incus.empty_beat;

	if (ping)
		conn_write(c, (struct slice){both, text ? 4 : 2});
	else if (text)
		conn_write(c, (struct slice){both + 2, 2});
}

/* Who names a place, be it an empty one, goes on behind it, on its page, and
 * is told with each message what to name next time.  What is no place was one
 * once, maybe of other data: it goes on from now. */
static void
come(struct conn *c, const struct incus *said)
{
	struct incus_client who = {.user = said->words[INCUS_USER]};
	struct slice cursor = said->words[INCUS_CURSOR];
	struct cursor_part parts[CURSOR_PARTS];
	int n = 0;

	if (cursor.n != 0)
		n = cursor_parse(cursor, parts, CURSOR_PARTS);
	if (n < 0)
		put(c, WEBSOCKET_TEXT,
		    SLICE("{\"gap\":{\"reason\":\"bad_cursor\"}}\n"));
	if (cursor.p != NULL) {
		c->bits |= INCUS_PLACED;
		c->reader.form = FORM_INCUS_PLACED;
		who.page = said->words[INCUS_PAGE];
		who.after = parts;
		who.n = n > 0 ? (unsigned)n : 0;
	}
	incus_come(c, &who);
}

/* The first thing it says is who it is. */
static void
authenticate(struct conn *c, struct incus *said, enum code code)
{
	if (code != CODE_ok || said->command != INCUS_AUTHENTICATE ||
	    said->words[INCUS_USER].n == 0) {
		bye(c, WEBSOCKET_INTERNAL, "");
		return;
	}
	come(c, said);
	c->bits |= INCUS_KNOWN;
	stats_add(STAT_incus_sockets, 1);
	stats_add(STAT_incus_sockets_opened, 1);
	conn_arm(c, c->hub->limits.incus.ping);
	beat(c, false);
}

static void
heard_message(struct conn *c, struct slice json)
{
	struct incus *said = incus_said(c);
	enum code code = incus_read(said, json, INCUS_SOCKET);

	stats_add(STAT_incus_reads, (c->bits & INCUS_KNOWN) != 0);
	if ((c->bits & INCUS_KNOWN) == 0)
		authenticate(c, said, code);
	else if (code != CODE_ok)
		bye(c, WEBSOCKET_NORMAL, "");
	else
		incus_obey(c, said);
}

static void
heard(struct conn *c, const struct websocket_event *e)
{
	char room[48];

	switch (e->kind) {
	case WEBSOCKET_TEXT:
	case WEBSOCKET_BINARY:
		heard_message(c, e->data);
		break;
	case WEBSOCKET_PING:
		put(c, WEBSOCKET_PONG, e->data);
		break;
	case WEBSOCKET_CLOSE: /* whatever it says, it is answered empty */
		bye(c, WEBSOCKET_NO_CODE, "");
		break;
	case WEBSOCKET_ERROR:
		bye(c, e->code, worded(e, room, sizeof(room)));
		break;
	case WEBSOCKET_PONG:
	case WEBSOCKET_CONTINUATION:
		break;
	}
}

/* Who he is, is heard however full the store: it is not waited for long. */
static bool
may_say(const struct conn *c)
{
	return (c->bits & INCUS_KNOWN) == 0 || incus_may_say(c);
}

static size_t
incus_input(struct conn *c, char *p, size_t n)
{
	struct websocket_input in = {p, n};
	struct websocket_event e;

	while (may_say(c) && hear_next(c, &c->ws, &in, &e))
		heard(c, &e);
	return hear_rest(c, n, &in);
}

static void
incus_timeout(struct conn *c)
{
	bool read = c->heard || !c->blocked;

	if ((c->bits & INCUS_KNOWN) == 0) {
		bye(c, WEBSOCKET_INTERNAL, "");
		return;
	}
	conn_arm(c, c->hub->limits.incus.ping);
	if (hear_again(c))
		return;
	if (!read && (c->bits & INCUS_STUCK) != 0) {
		conn_kill(c, "reads nothing");
		return;
	}
	c->heard = false;
	c->bits &= (uint8_t)~INCUS_STUCK;
	if (!read)
		c->bits |= INCUS_STUCK;
	if (!c->blocked)
		beat(c, true);
}

static void
incus_leave(struct conn *c, unsigned in_ms)
{
	(void)in_ms;
	bye(c, WEBSOCKET_GOING_AWAY, "");
}

/* It does not count any more, although its last bytes are on their way. */
static void
incus_left(struct conn *c)
{
	incus_bus_gone(c);
	if ((c->bits & INCUS_KNOWN) == 0)
		return;
	c->bits &= (uint8_t)~INCUS_KNOWN;
	stats_sub(STAT_incus_sockets, 1);
	stats_add(STAT_incus_sockets_closed, 1);
}

static void
incus_closed(struct conn *c)
{
	websocket_free(&c->ws);
	if (c->gathered != NULL)
		basket_free(c->gathered);
	free(c->gathered);
	c->gathered = NULL;
}

/* The place that a message tells says that all before it was told, too: what
 * comes while a channel is behind waits for it, but for other shards'. */
static bool
gathers(const struct conn *c)
{
	return (c->bits & INCUS_PLACED) != 0 &&
	       (c->gathered != NULL ||
		   !reader_settled(c->hub->subs, &c->reader));
}

static void
gather(struct conn *c, struct piece p, const struct place *at)
{
	if (c->gathered == NULL)
		c->gathered = xcalloc(1, sizeof(*c->gathered));
	basket_add(c->gathered, p, at);
	conn_dirty(c);
}

/* Who is further behind than fits comes again, from where he is then. */
static void
hand_gathered(struct conn *c)
{
	struct basket *b = c->gathered;

	basket_hand(b, c);
	if (b->n != 0)
		return;
	if (b->cuts != 0)
		bye(c, WEBSOCKET_TRY_LATER, "");
	basket_free(b);
	free(b);
	c->gathered = NULL;
}

static void
incus_deliver(
    struct reader *r, struct sub *s, struct piece p, const struct place *place)
{
	struct conn *c = container_of(r, struct conn, reader);

	if (!incus_is_for(c, place)) {
		owed_never(&p, STAT_drop_other_page);
		return;
	}
	stats_add(STAT_incus_writes, piece_messages(&p));
	if (gathers(c))
		gather(c, p, place);
	else
		conn_deliver(c, s, p, place);
}

static void
incus_live(struct reader *r, struct sub *s)
{
	struct conn *c = container_of(r, struct conn, reader);

	(void)s;
	c->bits &= (uint8_t)~INCUS_TOLD;
	if (c->bits & INCUS_PLACED)
		conn_dirty(c);
}

/* {"cursor":X} of all it listens to, as soon as it is behind in none. */
static void
incus_settle(struct conn *c)
{
	struct cursor_part parts[CURSOR_PARTS];
	struct buf *b = &c->hub->json;

	if (c->gathered != NULL)
		hand_gathered(c);
	if (c->state != CONN_OPEN || c->gathered != NULL ||
	    (c->bits & INCUS_PLACED) == 0 || (c->bits & INCUS_TOLD) != 0 ||
	    !reader_settled(c->hub->subs, &c->reader))
		return;
	c->bits |= INCUS_TOLD;
	buf_clear(b);
	buf_str(b, "{\"cursor\":\"");
	cursor_put(b, parts, reader_position(&c->reader, parts));
	buf_str(b, "\"}\n");
	put(c, WEBSOCKET_TEXT, buf_slice(b));
}

static void
incus_refused(struct reader *r, struct sub *s, enum code code)
{
	struct conn *c = container_of(r, struct conn, reader);

	(void)code;
	conn_unsubscribe(c, s);
	bye(c, WEBSOCKET_TRY_LATER, "");
}

static bool
incus_save(const struct conn *c, struct msg *m)
{
	struct incus_names names = incus_bus_names(c);

	m->state_incus =
	    (struct msg_state_incus){.known = (c->bits & INCUS_KNOWN) != 0,
		.placed = (c->bits & INCUS_PLACED) != 0,
		.user = names.user,
		.page = names.page};
	return c->ws.part == NULL && !c->ws.over && c->asks == NULL &&
	       c->gathered == NULL;
}

static void
incus_load(struct conn *c, const struct msg *m)
{
	bool known = m->state_incus.known != 0;

	conn_become(c, &dialect_incus);
	c->ws = (struct websocket){.part = NULL};
	c->gathered = NULL;
	c->reader.form = FORM_INCUS;
	c->reader.each = true;
	c->bits = known ? INCUS_KNOWN : 0;
	if (m->state_incus.placed != 0) {
		c->bits |= INCUS_PLACED | INCUS_TOLD;
		c->reader.form = FORM_INCUS_PLACED;
	}
	stats_add(STAT_incus_sockets, known);
	incus_bus_load(
	    c, &(struct incus_names){m->state_incus.user, m->state_incus.page});
	conn_arm(c, known ? c->hub->limits.incus.ping : c->hub->limits.first);
}

static const struct reader_face incus_reader = {
    .send = incus_deliver,
    .live = incus_live,
    .refused = incus_refused,
};

const struct dialect dialect_incus = {
    .name = "incus",
    .reader = &incus_reader,
    .input = incus_input,
    .timeout = incus_timeout,
    .settle = incus_settle,
    .drained = conn_tell_skipped,
    .leave = incus_leave,
    .left = incus_left,
    .present = incus_bus_present,
    .closed = incus_closed,
    .state = MSG_state_incus,
    .save = incus_save,
    .load = incus_load,
};

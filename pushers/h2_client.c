/*
 * h2_client.c - which connection a request goes over, and when there is none.
 *
 * `conn` is the one that takes requests, or is on its way to.  One that is
 * leaving is known to nobody but its calls: it ends when the last of them
 * has, or is cut off with the client.
 *
 * A connection on which nothing was answered counts as a failure whatever it
 * ended with: a peer that greets and hangs up is left alone like one that
 * does not answer.  An answer that only tells of the peer's own trouble (5xx)
 * is none, so that one who sends us elsewhere for ever is asked less and less.
 */
#include "pushers/h2_client.h"

#include "common/backoff.h"
#include "common/crypto.h"
#include "common/must.h"
#include "pushers/resolve.h"

#include <errno.h>

enum { TRIES = 4 }; /* of a request the peer did not look at */

struct h2_client {
	struct h2_client_setup set;
	char *host, *port, *authority;
	struct h2_conn_face face;
	struct resolve resolve;
	struct list waiting;  /* struct h2_ask */
	struct list conns;    /* every connection */
	struct h2_conn *conn; /* NULL: none */
	unsigned next;        /* address to be tried, of the last lookup */
	bool looking;         /* a lookup is under way */
	bool opened;          /* conn's SETTINGS were told */
	bool known;           /* conn has looked at who we are */
	bool served;          /* conn has answered since it turned one away */
	struct backoff backoff;
	uint64_t down_until; /* ms of the loop */
};

static bool
down(const struct h2_client *c)
{
	return c->down_until > loop_now(c->set.loop);
}

/* At most a quarter less, so that many do not come back at once. */
static unsigned
spread(unsigned ms)
{
	uint16_t r;

	crypto_random(&r, sizeof(r));
	return ms - (unsigned)((uint64_t)ms * r / UINT16_MAX / 4);
}

/* What waits is given back. */
static void
give_back(struct h2_client *c)
{
	struct list given;
	struct list *node;

	list_init(&given);
	list_move(&given, &c->waiting);
	while ((node = list_shift(&given)) != NULL)
		c->set.face->ended(c->set.face,
		    container_of(node, struct h2_ask, node), ASK_DOWN);
}

static void
go_down(struct h2_client *c, const char *why)
{
	unsigned ms = spread(backoff_failed(&c->backoff));

	c->down_until = loop_now(c->set.loop) + ms;
	c->set.face->down(c->set.face, ms, why);
	give_back(c);
}

/* ---- Getting a connection */

/* The next address that can be tried at all. */
static void
try_next(struct h2_client *c)
{
	const char *why = c->resolve.n == 0 ? "nobody knows the host's name"
	                                    : "no address could be tried";

	while (c->conn == NULL && c->next < c->resolve.n) {
		c->conn = h2_conn_new(&(struct h2_conn_setup){
		    .loop = c->set.loop,
		    .tls = c->set.tls,
		    .host = c->host,
		    .address = &c->resolve.addresses[c->next++],
		    .face = &c->face,
		    .all = &c->conns,
		    .keep = c->set.keep,
		    .streams = c->set.streams,
		    .times = c->set.times,
		});
		if (c->conn == NULL && strerrordesc_np(errno) != NULL)
			why = strerrordesc_np(errno);
	}
	c->opened = c->known = c->served = false;
	if (c->conn == NULL)
		go_down(c, why);
}

static void
found(struct resolve *r)
{
	struct h2_client *c = container_of(r, struct h2_client, resolve);

	c->looking = false;
	c->next = 0;
	try_next(c);
}

static void
want(struct h2_client *c)
{
	if (c->conn != NULL || c->looking || down(c))
		return;
	c->looking = true;
	resolve(&c->resolve, c->host, c->port);
}

/* ---- Requests */

static unsigned
room(const struct h2_client *c)
{
	unsigned n = c->conn != NULL ? h2_conn_room(c->conn) : 0;

	if (n != 0 && c->set.shy && !c->known)
		n = h2_conn_open(c->conn) == 0;
	return n;
}

/* False: the connection's numbers are used up. */
static bool
send_one(struct h2_client *c, struct h2_ask *ask)
{
	struct h2_request r = {.authority = slice_of(c->authority)};

	list_remove(&ask->node);
	c->set.face->write(c->set.face, ask, &r);
	if (!h2_conn_submit(c->conn, &ask->call, &r)) {
		list_append(c->waiting.next, &ask->node);
		return false;
	}
	ask->conn = c->conn;
	ask->tries++;
	return true;
}

static void
pump(struct h2_client *c)
{
	while (!list_empty(&c->waiting) && room(c) != 0) {
		if (send_one(
			c, container_of(c->waiting.next, struct h2_ask, node)))
			continue;
		h2_conn_leave(c->conn);
		c->conn = NULL;
	}
	if (!list_empty(&c->waiting))
		want(c);
}

/* 403 and 429 may be of one whose token was not looked at, or not liked. */
static void
answered(struct h2_client *c, const struct h2_ask *ask)
{
	unsigned status = ask->call.status;

	if (ask->conn != c->conn || status >= 500)
		return;
	c->served = true;
	c->known = c->known || (status != 403 && status != 429);
	backoff_worked(&c->backoff);
}

/* No further requests over this one.  None either for a while over another if
 * it was of no use. */
static void
leave(struct h2_client *c, const char *why)
{
	if (c->conn == NULL)
		return;
	h2_conn_leave(c->conn);
	c->conn = NULL;
	if (!c->served)
		go_down(c, why);
}

/* It was refused as often as it may be; is every one? */
static void
turned_away(struct h2_client *c, const struct h2_conn *by)
{
	if (by != c->conn)
		return;
	if (!c->served)
		leave(c, "the peer refuses what it is asked");
	c->served = false;
}

/* ---- What a connection tells */

static void
on_ended(struct h2_conn_face *f, struct h2_call *call, enum h2_end how)
{
	struct h2_client *c = container_of(f, struct h2_client, face);
	struct h2_ask *ask = container_of(call, struct h2_ask, call);
	struct h2_conn *by = ask->conn;

	if (how == H2_ANSWERED)
		answered(c, ask);
	ask->old = by != c->conn;
	ask->conn = NULL;
	if (how != H2_UNTOUCHED) {
		c->set.face->ended(c->set.face, ask,
		    how == H2_ANSWERED ? ASK_ANSWERED : ASK_BROKEN);
	} else if (ask->tries < TRIES && !down(c)) {
		list_append(c->waiting.next, &ask->node);
	} else {
		turned_away(c, by);
		c->set.face->ended(c->set.face, ask, ASK_DOWN);
	}
	pump(c);
}

static void
on_room(struct h2_conn_face *f, struct h2_conn *conn)
{
	struct h2_client *c = container_of(f, struct h2_client, face);

	if (conn != c->conn)
		return;
	if (!c->opened) {
		c->opened = true;
		c->set.face->opened(c->set.face);
	}
	pump(c);
}

static void
on_leaving(struct h2_conn_face *f, struct h2_conn *conn, struct slice debug)
{
	struct h2_client *c = container_of(f, struct h2_client, face);

	if (conn != c->conn)
		return;
	c->conn = NULL;
	c->set.face->leaving(c->set.face, debug);
	if (!c->served)
		go_down(c, "the peer left without an answer");
}

static void
on_closed(struct h2_conn_face *f, struct h2_conn *conn, const char *why)
{
	struct h2_client *c = container_of(f, struct h2_client, face);

	if (conn != c->conn)
		return;
	c->conn = NULL;
	if (!h2_conn_met(conn) && c->next < c->resolve.n)
		try_next(c);
	else if (!c->served)
		go_down(c, why);
	pump(c);
}

/* ---- Its life */

/* RFC 9110 section 4.2.2: the usual port is not named. */
static char *
authority_of(const char *host, const char *port)
{
	struct buf b = {0};
	char *text;

	buf_printf(&b, strchr(host, ':') != NULL ? "[%s]" : "%s", host);
	if (strcmp(port, "443") != 0)
		buf_printf(&b, ":%s", port);
	buf_chr(&b, '\0');
	text = xstrdup(b.p);
	buf_free(&b);
	return text;
}

struct h2_client *
h2_client_new(const struct h2_client_setup *set)
{
	struct h2_client *c = xcalloc(1, sizeof(*c));

	c->set = *set;
	c->host = xstrdup(set->host);
	c->port = xstrdup(set->port);
	c->authority = authority_of(set->host, set->port);
	c->set.host = c->set.port = NULL;
	c->face =
	    (struct h2_conn_face){on_ended, on_room, on_leaving, on_closed};
	c->resolve.loop = set->loop;
	c->resolve.found = found;
	list_init(&c->waiting);
	list_init(&c->conns);
	backoff_init(&c->backoff, set->wait_min, set->wait_max);
	return c;
}

void
h2_client_free(struct h2_client **cp)
{
	struct h2_client *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	h2_conn_free_all(&c->conns);
	resolve_stop(&c->resolve);
	while (list_shift(&c->waiting) != NULL)
		;
	free(c->host);
	free(c->port);
	free(c->authority);
	free(c);
}

bool
h2_client_send(struct h2_client *c, struct h2_ask *ask)
{
	if (down(c))
		return false;
	*ask = (struct h2_ask){.conn = NULL};
	list_init(&ask->call.node);
	list_append(&c->waiting, &ask->node);
	pump(c);
	return true;
}

void
h2_client_drop(struct h2_client *c, struct h2_ask *ask)
{
	if (ask->conn != NULL) {
		h2_conn_drop(ask->conn, &ask->call);
		h2_conn_ask(ask->conn);
		ask->conn = NULL;
	} else if (ask->node.next != NULL) {
		list_remove(&ask->node);
	}
	pump(c);
}

bool
h2_client_waits(const struct h2_ask *ask)
{
	return ask->conn == NULL && ask->tries == 0;
}

void
h2_client_renew(struct h2_client *c)
{
	leave(c, "the peer wants another connection");
	pump(c);
}

void
h2_client_rest(struct h2_client *c, unsigned ms)
{
	if (c->conn != NULL)
		h2_conn_leave(c->conn);
	c->conn = NULL;
	resolve_stop(&c->resolve);
	c->looking = false;
	c->down_until = loop_now(c->set.loop) + ms;
	give_back(c);
}

unsigned
h2_client_down(const struct h2_client *c)
{
	uint64_t now = loop_now(c->set.loop);

	return down(c) ? (unsigned)(c->down_until - now) : 0;
}

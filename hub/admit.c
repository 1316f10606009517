/*
 * admit.c - who gets in: limits of the hub and of one address.
 *
 * Whoever does not is told why with a whole HTTP answer, if the kernel takes
 * it at once, and costs no state.
 */
#include "common/http_reply.h"
#include "common/log.h"
#include "common/net.h"
#include "common/stats.h"
#include "hub/addresses.h"
#include "hub/conn.h"
#include "hub/note.h"
#include "hub/state.h"

#include <sys/socket.h>
#include <unistd.h>

static struct conn *
turn_away(const struct hub *h, const struct conn_offer *o, unsigned status,
    const char *why)
{
	struct http_reply r = {.status = status,
	    .close = true,
	    .extra = SLICE("Retry-After: 1\r\n"),
	    .date = hub_date(h)};
	struct buf out = {0};

	stats_add(STAT_connections_refused, 1);
	if (o->state.n != 0) { /* it speaks no HTTP any more */
		close(o->fd);
		return NULL;
	}
	http_reply_fault(&out, &r,
	    &(struct http_fault){
		.code = status == 503 ? "draining" : "too_many",
		.message = why});
	(void)!send(o->fd, out.p, out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	buf_free(&out);
	shutdown(o->fd, SHUT_WR);
	close(o->fd);
	return NULL;
}

/* Whose connection it is, or may be until a request tells. */
static struct ip
who(const struct conn_offer *o)
{
	struct slice rest = o->address, text;
	struct ip ip;
	unsigned port;

	if (o->address.n == 0 || !slice_cut(&rest, '/', &text) ||
	    !ip_parse(text, &ip))
		ip_peer(o->fd, &ip, &port);
	return ip;
}

static bool
enter(struct hub *h, const struct ip *ip, struct peer_address **a)
{
	char text[IP_COUNTED];

	*a = NULL;
	if (trust_has(&h->limits.trusted, ip) ||
	    addresses_enter(h->addresses, ip, a))
		return true;
	log_warn("address_full", "address=%s", ip_counted_text(ip, text));
	return false;
}

bool
conn_told(struct conn *c, const struct http_request *r)
{
	struct hub *h = c->hub;
	struct peer_address *a;
	struct ip ip;
	unsigned port;

	if (c->door != 0 || h->limits.trusted.n == 0)
		return true;
	ip_peer(c->fd, &ip, &port);
	if (!trust_has(&h->limits.trusted, &ip))
		return true;
	trust_client(&h->limits.trusted, r, &ip);
	if (c->note != NULL)
		conn_note_told(c, &ip);
	addresses_leave(h->addresses, &c->address);
	if (!enter(h, &ip, &a))
		return false;
	c->address = a;
	return true;
}

/* Go on where another hub left off. */
static void
go_on(struct conn *c, const struct conn_offer *o)
{
	const char *why;

	if (o->state.n != 0 && (why = state_load(c, o->state)) != NULL) {
		stats_add(STAT_handovers_failed, 1);
		conn_kill(c, why);
		return;
	}
	c->passed = o->passed;
	if (o->bytes.n != 0)
		conn_digest(c, o->bytes);
	c->passed = false; /* dead, maybe, but not buried */
}

struct conn *
conn_open(struct hub *h, const struct conn_offer *o)
{
	struct ip ip = who(o);
	struct peer_address *a;
	struct conn *c;

	if (h->d.draining)
		return turn_away(h, o, 503, "this hub is leaving");
	if (h->conns_n >= h->limits.connections) {
		log_warn("full", "connections=%zu", h->conns_n);
		return turn_away(h, o, 503, "no connection is left; try later");
	}
	if (!enter(h, &ip, &a))
		return turn_away(h, o, 429, "too many from this address");
	c = conn_adopt(h, o, a);
	if (h->d.access != NULL && o->state.n == 0)
		conn_note_begin(c, &ip);
	go_on(c, o);
	return c;
}

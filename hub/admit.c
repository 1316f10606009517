/*
 * admit.c - who gets in: limits of the hub and of one address.
 *
 * Whoever does not is told why with a whole HTTP answer, if the kernel takes
 * it at once, and costs no state.
 */
#include "common/address.h"
#include "common/log.h"
#include "common/net.h"
#include "common/stats.h"
#include "hub/addresses.h"
#include "hub/conn.h"

#include <sys/socket.h>
#include <unistd.h>

static struct conn *
turn_away(const struct conn_offer *o, unsigned status, const char *why)
{
	char out[512], body[160];
	int n = snprintf(body, sizeof(body),
	    "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}",
	    status == 503 ? "draining" : "too_many", why);

	n = snprintf(out, sizeof(out),
	    "HTTP/1.1 %u %s\r\nRetry-After: 1\r\nConnection: close\r\n"
	    "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
	    status, status == 503 ? "Service Unavailable" : "Too Many Requests",
	    n, body);
	stats_add(STAT_connections_refused, 1);
	(void)!send(o->fd, out, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(o->fd, SHUT_WR);
	close(o->fd);
	return NULL;
}

struct conn *
conn_open(struct hub *h, const struct conn_offer *o)
{
	struct conn_offer known = *o;
	char text[INET6_ADDRSTRLEN];
	struct peer_address *a;
	struct conn *c;
	struct ip ip;
	unsigned port;

	if (o->address.n == 0 && ip_peer(o->fd, &ip, &port))
		known.address = slice_of(ip_text(&ip, text));
	if (h->d.draining)
		return turn_away(o, 503, "this hub is leaving");
	if (h->conns_n >= h->limits.connections) {
		log_warn("full", "connections=%zu", h->conns_n);
		return turn_away(o, 503, "no connection is left; try later");
	}
	if (!addresses_enter(h->addresses, known.address, &a)) {
		log_warn(
		    "address_full", "address=%.*s", SLICE_ARGS(known.address));
		return turn_away(o, 429, "too many from this address");
	}
	c = conn_adopt(h, &known, a);
	if (o->bytes.n != 0)
		conn_digest(c, o->bytes);
	return c;
}

/*
 * pass.c - out of the front and through the door.
 *
 * Behind trusted proxies the client's address stands in the head, so the
 * head is read once more here; a plain socket is passed as it is, a TLS one
 * stays and a relay's end is passed.
 */
#include "ingress/pass.h"

#include "common/http.h"
#include "common/log.h"
#include "common/must.h"
#include "common/proxy.h"
#include "common/stats.h"
#include "ingress/client_own.h"
#include "ingress/door.h"
#include "ingress/relay.h"

#include <errno.h>
#include <string.h>

/* X-Forwarded-For, the last line first. */
static void
believe(struct client *c, const struct http_request *h)
{
	const struct front *f = c->front;

	if (f->ntrusted == 0 || !ip_in(&c->address, f->trusted, f->ntrusted))
		return;
	for (unsigned i = h->count; i-- > 0;)
		if (http_same(h->headers[i].name, SLICE("x-forwarded-for")) &&
		    !proxy_forwarded(h->headers[i].value, f->trusted,
			f->ntrusted, &c->address))
			return;
}

/* The end of the request that asks for the hub travels along, so does what
 * is behind it. */
void
pass_client(struct client *c)
{
	char text[INET6_ADDRSTRLEN];
	struct http_request h;
	struct handover way = {
	    .listener = c->port->spec.word,
	    .bytes = buf_slice(&c->input),
	    .secure = c->secure,
	};
	size_t seen = 0;
	struct ip counted = c->address;

	if (c->front->door == NULL ||
	    http_parse(way.bytes, &seen, HTTP_HEAD_MAX, &h) <= 0) {
		client_gone(c);
		return;
	}
	believe(c, &h);
	way.address = slice_of(ip_text(&c->address, text));
	c->address = counted;
	client_let_go(c);
	if (c->stream.tls == NULL) {
		loop_release(c->front->loop, &c->watch, c->stream.fd);
		way.fd = c->stream.fd;
	} else if ((way.fd = relay_new(c->front->relays, &c->stream)) < 0) {
		log_err("relay", "error=\"%s\"", strerror(errno));
		stats_add(STAT_handovers_failed, 1);
		return;
	}
	c->stream.fd = -1;
	door_pass(c->front->door, &way);
}

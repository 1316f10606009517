/*
 * pass.c - out of the front and through the door.
 *
 * A plain socket is passed as it is; a TLS one stays, and a relay's end is
 * passed.
 */
#include "ingress/pass.h"

#include "common/must.h"
#include "common/stats.h"
#include "ingress/client_own.h"
#include "ingress/door.h"
#include "ingress/note.h"
#include "ingress/relay.h"

/* The client has shaken hands, so it can be told as any other. */
static void
no_relay(struct client *c)
{
	struct failure f = failure_of(CODE_busy);
	struct request *r = answer_failure(&f);

	stats_add(STAT_handovers_failed, 1);
	r->close = true;
	r->cors = front_cors_of(c->front, buf_slice(&c->input));
	note_begin(r, c->front, &c->address, NULL);
	buf_free(&c->input);
	client_queue(c, r);
	c->state = CLIENT_STOPPED;
}

/* The end of the request that asks for the hub travels along, so does what
 * is behind it. */
void
pass_client(struct client *c)
{
	char text[INET6_ADDRSTRLEN];
	struct handover way = {
	    .listener = c->port->spec.word,
	    .personas = c->port->personas,
	    .bytes = buf_slice(&c->input),
	    .secure = c->secure,
	};

	if (c->front->door == NULL) {
		client_gone(c);
		return;
	}
	way.address = slice_of(ip_text(&c->address, text));
	loop_unwatch(c->front->loop, &c->watch);
	if (c->stream.tls == NULL) {
		loop_release(c->front->loop, &c->watch, c->stream.fd);
		way.fd = c->stream.fd;
	} else if ((way.fd = relay_new(c->front->relays, &c->stream)) < 0) {
		no_relay(c);
		return;
	}
	client_let_go(c);
	c->stream.fd = -1;
	door_pass(c->front->door, &way);
}

/*
 * port.c - taking connections, and refusing them.
 *
 * A turn accepts a bounded number, so that a burst of new connections does
 * not stop those that are here.  Without descriptors the listener pauses
 * after each refusal: the backlog waits, the loop does not spin.
 */
#include "ingress/port.h"

#include "common/log.h"
#include "common/must.h"
#include "common/stats.h"
#include "common/tls.h"
#include "ingress/client.h"
#include "ingress/request.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	ACCEPTS = 64,         /* of one turn */
	PAUSE_MS = 100,       /* without descriptors */
	RETRY_MS = 1000,      /* without a certificate */
	SAY_AGAIN_MS = 60000, /* a shortage that goes on is one event */
};

static void
pause_accepting(struct port *p, uint64_t ms)
{
	loop_watch(p->front->loop, &p->watch, p->socket.fd, 0);
	loop_arm(p->front->loop, &p->again, ms);
}

/* The connection is one too many for us, or for its address. */
static void
put_refusal(const struct front *f, struct buf *b, enum code code)
{
	failure_last(b, code,
	    code == CODE_busy ? SLICE("Retry-After: 1\r\n")
			      : SLICE("Retry-After: 5\r\n"),
	    loop_date(f->loop));
}

/* Without a word where the code is ok, and to a TLS listener's client, to whom
 * the answer would be noise. */
static void
refuse(struct port *p, int fd, enum code code)
{
	struct buf b = {0};

	stats_add(STAT_connections_refused, 1);
	if (code != CODE_ok && !p->spec.tls)
		put_refusal(p->front, &b, code);
	net_refuse(&p->socket, fd, buf_slice(&b));
	buf_free(&b);
}

static void
exhausted(struct port *p, int fd)
{
	uint64_t now = loop_now(p->front->loop);

	stats_add(STAT_descriptors_exhausted, 1);
	if (p->said_at == 0 || now - p->said_at > SAY_AGAIN_MS)
		log_err("no_descriptors", "listener=%.*s answer=503",
		    SLICE_ARGS(p->spec.word));
	p->said_at = now;
	if (fd >= 0)
		refuse(p, fd, CODE_busy);
	else if (front_shed(p->front)) /* the reserve is gone, too */
		net_refuse(&p->socket, -1, SLICE(""));
}

void
port_too_many(const struct front *f, int fd)
{
	struct buf b = {0};

	stats_add(STAT_connections_refused, 1);
	put_refusal(f, &b, CODE_too_many);
	(void)!send(fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(fd, SHUT_WR);
	close(fd);
	buf_free(&b);
}

static void
take(struct port *p, int fd)
{
	struct client_setup setup = {
	    .front = p->front,
	    .port = p,
	    .stream = {.fd = fd},
	    .handshake = p->spec.tls,
	    .secure = p->spec.tls,
	};
	unsigned remote;

	ip_peer(fd, &setup.address, &remote);
	if (p->spec.proxy && (ip_loopback(&setup.address) ||
				 trust_has(&p->front->trusted, &setup.address)))
		setup.proxy = true;
	else if (p->spec.proxy) {
		log_info("proxy_untrusted", "listener=%.*s",
		    SLICE_ARGS(p->spec.word));
		refuse(p, fd, CODE_ok);
		return;
	}
	setup.counted =
	    !p->spec.proxy && peers_counts(p->front, &setup.address);
	if (setup.counted && !peers_enter(p->front, &setup.address)) {
		refuse(p, fd, CODE_too_many);
		return;
	}
	stats_add(STAT_connections_opened, 1);
	if (p->spec.tls)
		setup.stream.tls = tls_stream_new(*p->tls, fd);
	client_new(&setup);
}

static void
ready(struct watch *w, unsigned events)
{
	struct port *p = container_of(w, struct port, watch);
	bool full = false;
	int fd;

	(void)events;
	for (unsigned i = 0; i < ACCEPTS; i++) {
		switch (net_accept(&p->socket, &fd)) {
		case NET_ACCEPTED:
			if (!net_crowded(fd)) {
				take(p, fd);
				break;
			}
			/* FALLTHROUGH */
		case NET_EXHAUSTED:
			full = true;
			exhausted(p, fd);
			break;
		case NET_NONE:
			i = ACCEPTS;
			break;
		case NET_FAILED:
			log_err("accept", "listener=%.*s error=\"%s\"",
			    SLICE_ARGS(p->spec.word), strerror(errno));
			pause_accepting(p, RETRY_MS);
			return;
		}
	}
	if (full)
		pause_accepting(p, PAUSE_MS);
}

static void
go_on(struct timer *t)
{
	port_open(container_of(t, struct port, again));
}

void
port_open(struct port *p)
{
	p->watch.ready = ready;
	timer_init(&p->again, go_on);
	if (p->spec.tls && *p->tls == NULL)
		pause_accepting(p, RETRY_MS);
	else
		loop_watch(p->front->loop, &p->watch, p->socket.fd, LOOP_READ);
}

void
port_close(struct port *p)
{
	if (p->front == NULL || p->watch.ready == NULL)
		return;
	loop_unwatch(p->front->loop, &p->watch);
	timer_cancel(&p->again);
	net_listener_close(&p->socket);
	p->watch.ready = NULL;
}

/*
 * h2_conn.c - bytes between a socket and an HTTP/2 session.
 *
 *	CONNECTING -> SHAKING -> OPEN -> (closed and freed)
 *
 * step() does all that can be done now and is the only place that frees, at
 * its end: so what it calls, and what that calls, may use the connection.
 * It runs when the descriptor is ready and when a timer is due, never from
 * within somebody else's call.
 */
#include "pushers/h2_conn.h"

#include "common/must.h"
#include "common/net.h"

#include <errno.h>
#include <unistd.h>

enum {
	OUT = 65536,       /* bytes taken from the session at a time */
	IN = 16384,        /* a record of TLS */
	READS = 64,        /* of them in one turn; others are served, too */
	OUT_KEEP = 131072, /* a larger buffer is given back */
};

enum state { CONNECTING, SHAKING, OPEN };

struct h2_conn {
	struct list node;         /* of set.all */
	struct h2_conn_setup set; /* address is not good any more */
	enum state state;
	int fd;
	struct watch watch;
	struct tls_stream *tls;
	struct h2 *h2;
	struct h2_face face;
	struct buf out; /* taken and not written, from `at` */
	size_t at;
	unsigned wants; /* LOOP_WRITE when TLS waits for that */
	bool met;       /* the peer's SETTINGS came */
	bool asked;     /* a PING is out and nothing was heard since */
	bool more;      /* bytes wait inside TLS */
	uint64_t heard; /* ms of the loop */
	struct timer silence;
	struct timer soon;
	const char *why; /* it has ended */
};

static void
over(struct h2_conn *c, const char *why)
{
	if (c->why == NULL)
		c->why = why;
}

/* ---- What the session tells */

static void
on_ended(struct h2_face *f, struct h2_call *call, enum h2_end how)
{
	struct h2_conn *c = container_of(f, struct h2_conn, face);

	c->set.face->ended(c->set.face, call, how);
}

static void
on_room(struct h2_face *f)
{
	struct h2_conn *c = container_of(f, struct h2_conn, face);

	if (!c->met)
		loop_arm(c->set.loop, &c->silence, c->set.times.idle);
	c->met = true;
	c->set.face->room(c->set.face, c);
}

static void
on_leaving(struct h2_face *f, struct slice debug)
{
	struct h2_conn *c = container_of(f, struct h2_conn, face);

	c->set.face->leaving(c->set.face, c, debug);
}

/* ---- Steps */

static void
tls_failed(struct h2_conn *c, ssize_t result)
{
	over(c, result == TLS_EOF ? "the peer hung up" : tls_why(c->tls));
}

static bool
connected(struct h2_conn *c)
{
	int error = net_connected(c->fd);
	const char *why;

	if (error != 0) {
		why = strerrordesc_np(error);
		over(c, why != NULL ? why : "cannot connect");
		return false;
	}
	c->tls = tls_stream_connect(c->set.tls, c->fd, c->set.host);
	if (c->tls == NULL)
		over(c, "no name a certificate could have");
	c->state = SHAKING;
	return c->tls != NULL;
}

static bool
shaken(struct h2_conn *c)
{
	enum tls_result result = tls_handshake(c->tls);

	c->wants = result == TLS_WANT_WRITE ? LOOP_WRITE : LOOP_READ;
	if (result == TLS_WANT_READ || result == TLS_WANT_WRITE)
		return false;
	if (result != TLS_OK) {
		tls_failed(c, result);
		return false;
	}
	c->state = OPEN;
	return true;
}

static void
read_some(struct h2_conn *c)
{
	char in[IN];
	ssize_t n = 0;

	c->more = true;
	for (unsigned i = 0; i < READS && c->why == NULL; i++) {
		n = tls_read(c->tls, in, sizeof(in));
		if (n <= 0)
			break;
		c->heard = loop_now(c->set.loop);
		c->asked = false;
		if (!h2_feed(c->h2, (struct slice){in, (size_t)n}))
			over(c, "the peer does not speak HTTP/2");
	}
	if (n > 0)
		return;
	c->more = false;
	if (n == TLS_WANT_WRITE)
		c->wants |= LOOP_WRITE;
	else if (n != TLS_WANT_READ)
		tls_failed(c, n);
}

static void
write_some(struct h2_conn *c)
{
	ssize_t n;

	for (;;) {
		if (c->at == c->out.n) {
			c->at = 0;
			buf_clear(&c->out);
			h2_take(c->h2, &c->out, OUT);
		}
		if (c->out.n == 0)
			break;
		n = tls_write(c->tls, c->out.p + c->at, c->out.n - c->at);
		if (n == TLS_WANT_READ)
			break;
		if (n == TLS_WANT_WRITE)
			c->wants |= LOOP_WRITE;
		else if (n <= 0)
			tls_failed(c, n);
		if (n <= 0)
			return;
		c->at += (size_t)n;
	}
	if (c->out.cap > OUT_KEEP && c->out.n == 0)
		buf_free(&c->out);
}

/* What is open is dropped, and then there is nothing to cut. */
static void
conn_free(struct h2_conn *c)
{
	list_remove(&c->node);
	loop_unwatch(c->set.loop, &c->watch);
	timer_cancel(&c->silence);
	timer_cancel(&c->soon);
	h2_drop_all(c->h2);
	h2_free(&c->h2);
	tls_stream_free(&c->tls);
	close(c->fd);
	buf_free(&c->out);
	free(c);
}

static void
finish(struct h2_conn *c)
{
	struct h2_conn_face *face = c->set.face;
	const char *why = c->why;

	loop_unwatch(c->set.loop, &c->watch);
	h2_cut(c->h2);
	if (c->state == OPEN && c->at == c->out.n)
		tls_shutdown(c->tls);
	face->closed(face, c, why);
	conn_free(c);
}

static void
step(struct h2_conn *c)
{
	if (c->why == NULL && c->state == CONNECTING)
		connected(c);
	if (c->why == NULL && c->state == SHAKING)
		shaken(c);
	if (c->why == NULL && c->state == OPEN) {
		c->wants = LOOP_READ;
		read_some(c);
		if (c->why == NULL || !tls_cut(c->tls))
			write_some(c);
		if (h2_over(c->h2))
			over(c, "it was finished");
	}
	if (c->why != NULL) {
		finish(c);
		return;
	}
	loop_watch(c->set.loop, &c->watch, c->fd, c->wants);
	if (c->more)
		loop_arm(c->set.loop, &c->soon, 0);
}

static void
ready(struct watch *w, unsigned events)
{
	(void)events;
	step(container_of(w, struct h2_conn, watch));
}

static void
soon(struct timer *t)
{
	struct h2_conn *c = container_of(t, struct h2_conn, soon);

	if (c->state == OPEN || c->why != NULL)
		step(c);
}

static void
silence(struct timer *t)
{
	struct h2_conn *c = container_of(t, struct h2_conn, silence);
	uint64_t quiet;

	if (c->state == OPEN) /* it may have spoken while we were busy */
		read_some(c);
	quiet = loop_now(c->set.loop) - c->heard;
	if (!c->met)
		over(c, "no connection in time");
	else if (c->asked && quiet >= c->set.times.pong)
		over(c, "no answer to a PING");
	else if (!c->asked && quiet >= c->set.times.idle)
		h2_conn_ask(c);
	else
		loop_arm(c->set.loop, t,
		    (c->asked ? c->set.times.pong : c->set.times.idle) - quiet);
	if (c->state == OPEN || c->why != NULL)
		step(c);
}

/* ---- Its life */

struct h2_conn *
h2_conn_new(const struct h2_conn_setup *set)
{
	int fd = net_connect_to(set->address);
	struct h2_conn *c;

	if (fd < 0)
		return NULL;
	c = xcalloc(1, sizeof(*c));
	c->set = *set;
	c->set.address = NULL;
	list_append(set->all, &c->node);
	c->fd = fd;
	c->face = (struct h2_face){on_ended, on_room, on_leaving};
	c->h2 = h2_new(&(struct h2_setup){
	    .face = &c->face, .keep = set->keep, .streams = set->streams});
	c->watch.ready = ready;
	timer_init(&c->silence, silence);
	timer_init(&c->soon, soon);
	c->heard = loop_now(set->loop);
	loop_arm(set->loop, &c->silence, set->times.connect);
	loop_watch(set->loop, &c->watch, fd, LOOP_WRITE);
	return c;
}

void
h2_conn_free_all(struct list *all)
{
	while (!list_empty(all))
		conn_free(container_of(all->next, struct h2_conn, node));
}

unsigned
h2_conn_room(const struct h2_conn *c)
{
	return c->why == NULL ? h2_room(c->h2) : 0;
}

unsigned
h2_conn_open(const struct h2_conn *c)
{
	return h2_open(c->h2);
}

bool
h2_conn_submit(
    struct h2_conn *c, struct h2_call *call, const struct h2_request *r)
{
	loop_arm(c->set.loop, &c->soon, 0);
	return h2_submit(c->h2, call, r);
}

void
h2_conn_drop(struct h2_conn *c, struct h2_call *call)
{
	loop_arm(c->set.loop, &c->soon, 0);
	h2_drop(c->h2, call);
}

void
h2_conn_leave(struct h2_conn *c)
{
	loop_arm(c->set.loop, &c->soon, 0);
	if (!c->met)
		over(c, "it is not wanted any more");
	h2_leave(c->h2);
}

void
h2_conn_ask(struct h2_conn *c)
{
	if (c->asked || !c->met)
		return;
	c->asked = true;
	c->heard = loop_now(c->set.loop); /* from here the pong is awaited */
	h2_ping(c->h2);
	loop_arm(c->set.loop, &c->soon, 0);
	loop_arm(c->set.loop, &c->silence, c->set.times.pong);
}

bool
h2_conn_met(const struct h2_conn *c)
{
	return c->met;
}

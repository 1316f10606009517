/*
 * relay.c - carries plaintext between a TLS stream and a hub.
 *
 * Each direction is the same pipe: read, write at once, keep what did not
 * go, and do not read again before that has gone.  An end on one side is
 * passed on when all before it was.
 */
#include "ingress/relay.h"

#include "common/log.h"
#include "common/must.h"
#include "common/net.h"
#include "common/stats.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LINGER_MS = 2000, /* for the client to hang up after the hub did */
	DRAIN_TICK_MS = 100,
	ROUNDS = 4,           /* reads of one event */
	SAY_AGAIN_MS = 60000, /* a shortage that goes on is one event */
};

struct relays {
	struct front *front;
	struct list all;
	unsigned count, per_tick;
	uint64_t said_at; /* ms: the last time there was no descriptor */
	struct timer drain;
};

struct pipe {
	struct stream *from, *to;
	struct buf kept; /* read and not written yet */
	bool eof;        /* of from */
	bool finished;   /* told to `to` */
	bool moved;      /* `to` took something, since the timer was set */
};

struct relay {
	struct list node;
	struct relays *relays;
	struct stream client, hub;
	struct watch client_watch, hub_watch;
	struct pipe up, down; /* to the hub, to the client */
	struct timer timer;   /* of a client that does not read, or hang up */
};

static void
relay_end(struct relay *r)
{
	struct relays *rs = r->relays;

	loop_unwatch(rs->front->loop, &r->client_watch);
	loop_unwatch(rs->front->loop, &r->hub_watch);
	timer_cancel(&r->timer);
	stream_close(&r->client);
	stream_close(&r->hub);
	buf_free(&r->up.kept);
	buf_free(&r->down.kept);
	list_remove(&r->node);
	free(r);
	rs->count--;
	if (rs->count == 0 && rs->front->draining && rs->front->empty != NULL)
		rs->front->empty(rs->front);
}

/* Write what there is; false: that side is broken. */
static bool
push(struct pipe *p, struct slice *s)
{
	while (s->n != 0) {
		long n = stream_write(p->to, *s);

		if (n == STREAM_LATER)
			return true;
		if (n <= 0)
			return false;
		p->moved = true;
		*s = slice_from(*s, (size_t)n);
	}
	return true;
}

static bool
push_kept(struct pipe *p)
{
	struct slice s = buf_slice(&p->kept);

	if (!push(p, &s))
		return false;
	buf_drop(&p->kept, p->kept.n - s.n);
	if (p->kept.n == 0)
		buf_free(&p->kept);
	return true;
}

/* Move what can be moved; false: the connection is broken. */
static bool
flow(struct pipe *p, char *scratch)
{
	if (!push_kept(p))
		return false;
	for (unsigned i = 0; i < ROUNDS && p->kept.n == 0 && !p->eof; i++) {
		long n = stream_read(p->from, scratch, RELAY_MAX);
		struct slice s = {scratch, n > 0 ? (size_t)n : 0};

		if (n == STREAM_LATER)
			break;
		if (n < 0)
			return false;
		p->eof = n == STREAM_EOF;
		if (!push(p, &s))
			return false;
		buf_put(&p->kept, s);
		if (stream_pending(p->from))
			i = 0; /* no poll would tell of it */
	}
	if (p->eof && p->kept.n == 0 && !p->finished) {
		p->finished = true;
		stream_finish(p->to);
	}
	return true;
}

static unsigned
events_of(const struct stream *s, const struct pipe *in, const struct pipe *out)
{
	return s->wants | (!in->eof && in->kept.n == 0 ? LOOP_READ : 0U) |
	       (out->kept.n != 0 ? LOOP_WRITE : 0U);
}

static void
stalled(struct relay *r)
{
	struct front *f = r->relays->front;

	r->down.moved = false;
	loop_arm(f->loop, &r->timer, f->limits.write_ms);
}

static void
run(struct relay *r)
{
	struct front *f = r->relays->front;
	bool finished = r->down.finished;

	if (!flow(&r->up, f->scratch) || !flow(&r->down, f->scratch) ||
	    (r->up.finished && r->down.finished)) {
		relay_end(r);
		return;
	}
	if (r->down.finished != finished)
		loop_arm(f->loop, &r->timer, LINGER_MS);
	else if (r->down.kept.n != 0 && !timer_armed(&r->timer))
		stalled(r);
	loop_watch(f->loop, &r->client_watch, r->client.fd,
	    events_of(&r->client, &r->up, &r->down));
	loop_watch(f->loop, &r->hub_watch, r->hub.fd,
	    events_of(&r->hub, &r->down, &r->up));
}

static void
client_ready(struct watch *w, unsigned events)
{
	(void)events;
	run(container_of(w, struct relay, client_watch));
}

static void
hub_ready(struct watch *w, unsigned events)
{
	(void)events;
	run(container_of(w, struct relay, hub_watch));
}

/* While the client takes nothing nobody reads what the hub said last. */
static bool
hub_left(const struct relay *r)
{
	struct pollfd p = {.fd = r->hub.fd, .events = POLLRDHUP};

	return poll(&p, 1, 0) == 1;
}

/* A hub knows how long it bears a client.  When it has hung up, the rest is
 * taken as any answer is: with some progress. */
static void
rang(struct timer *t)
{
	struct relay *r = container_of(t, struct relay, timer);

	if (r->down.finished || (!r->down.moved && hub_left(r)))
		relay_end(r);
	else if (r->down.kept.n != 0)
		stalled(r);
}

static void
exhausted(struct relays *rs, int error)
{
	uint64_t now = loop_now(rs->front->loop);

	stats_add(STAT_descriptors_exhausted, 1);
	if (rs->said_at == 0 || now - rs->said_at > SAY_AGAIN_MS)
		log_err("no_relay", "error=\"%s\" answer=503", strerror(error));
	rs->said_at = now;
}

static bool
get_pair(int pair[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		pair) != 0)
		return false;
	if (!net_crowded(pair[0]) && !net_crowded(pair[1]))
		return true;
	close(pair[0]);
	close(pair[1]);
	errno = EMFILE;
	return false;
}

/* In a loop's time: what TLS has read already must go on without an event,
 * but the descriptor is to be passed first. */
int
relay_new(struct relays *rs, struct stream *client)
{
	struct relay *r;
	int pair[2];

	if (!get_pair(pair)) {
		exhausted(rs, errno);
		return -1;
	}
	r = xcalloc(1, sizeof(*r));
	r->relays = rs;
	r->client = *client;
	client->fd = -1;
	client->tls = NULL;
	r->hub.fd = pair[0];
	r->up = (struct pipe){.from = &r->client, .to = &r->hub};
	r->down = (struct pipe){.from = &r->hub, .to = &r->client};
	r->client_watch.ready = client_ready;
	r->hub_watch.ready = hub_ready;
	timer_init(&r->timer, rang);
	list_append(&rs->all, &r->node);
	rs->count++;
	run(r);
	return pair[1];
}

struct relays *
relays_new(struct front *f)
{
	struct relays *rs = xcalloc(1, sizeof(*rs));

	rs->front = f;
	list_init(&rs->all);
	list_init(&rs->drain.node);
	return rs;
}

void
relays_free(struct relays **rsp)
{
	struct relays *rs = *rsp;

	*rsp = NULL;
	if (rs == NULL)
		return;
	timer_cancel(&rs->drain);
	while (!list_empty(&rs->all))
		relay_end(container_of(rs->all.next, struct relay, node));
	free(rs);
}

unsigned
relays_count(const struct relays *rs)
{
	return rs->count;
}

static void
drain_some(struct timer *t)
{
	struct relays *rs = container_of(t, struct relays, drain);

	for (unsigned i = 0; i < rs->per_tick && !list_empty(&rs->all); i++)
		relay_end(container_of(rs->all.next, struct relay, node));
	if (!list_empty(&rs->all))
		loop_arm(rs->front->loop, t, DRAIN_TICK_MS);
}

void
relays_drain(struct relays *rs, uint64_t over_ms)
{
	uint64_t ticks = over_ms / DRAIN_TICK_MS + 1;

	rs->per_tick = (unsigned)(rs->count / ticks) + 1;
	timer_init(&rs->drain, drain_some);
	loop_arm(rs->front->loop, &rs->drain, 0);
}

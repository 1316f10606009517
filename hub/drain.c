/*
 * drain.c - every client that reconnects costs its next hub a handshake and
 * maybe a resume, so they are sent away in equal portions, and each portion
 * is told to come back at different moments.
 */
#include "hub/drain.h"

#include "common/hash.h"
#include "common/log.h"
#include "common/must.h"
#include "hub/accept.h"
#include "hub/conn.h"
#include "hub/door.h"
#include "hub/incus_bus.h"

enum {
	DRAIN_TICK = 50,     /* ms between portions */
	DRAIN_JITTER = 1000, /* ms a client is told to wait, at most */
	DRAIN_DOOR = 250,    /* ms in which sockets are still on their way */
};

static void
portion(struct timer *t)
{
	struct hub *h = container_of(t, struct hub, drain);
	uint64_t now = loop_now(h->d.loop), over = h->limits.spread;
	uint64_t passed = now - h->drain_began;
	size_t left = passed >= over
	                  ? 0
	                  : (size_t)(h->drain_conns * (over - passed) / over);
	size_t here = 0;

	list_each (at, &h->conns)
		here++;
	list_each_safe (at, &h->conns) {
		struct conn *c = container_of(at, struct conn, node);

		if (here-- <= left)
			break;
		if (c->state == CONN_OPEN && c->dialect->leave != NULL)
			c->dialect->leave(
			    c, (unsigned)(hash_random() % DRAIN_JITTER));
	}
	loop_arm(h->d.loop, &h->drain, DRAIN_TICK);
}

void
drain_init(struct hub *h)
{
	timer_init(&h->drain, portion);
}

void
drain_begin(struct hub *h)
{
	log_info("drain", "connections=%zu", h->conns_n);
	accepts_free(&h->accepts);
	if (h->doors != NULL)
		doors_offer(h->doors);
	h->drain_began = loop_now(h->d.loop);
	h->drain_conns = h->conns_n;
	loop_arm(h->d.loop, &h->drain, 0);
}

void
drain_step(struct hub *h)
{
	if (!h->d.draining || h->conns_n != 0 || !incus_bus_left(h))
		return;
	if (h->doors == NULL ||
	    loop_now(h->d.loop) - h->drain_began >= DRAIN_DOOR)
		daemon_drained(&h->d);
}

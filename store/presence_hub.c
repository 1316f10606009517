/*
 * presence_hub.c - hubs that die and come back, and time.
 *
 *	         link lost            same life back          reentered
 *	SPEAKING ---------> AWAY ------------------> REJOINING -------> SPEAKING
 *	                     | linger                    | what was not said
 *	                     v                           v again: linger
 *	                    gone                        gone
 *
 * All that a lost hub holds becomes stale at once, by joining one list to
 * another.  What it says again is taken off; the rest goes when its time has
 * come, a bounded number a turn.
 */
#include "common/must.h"
#include "common/stats.h"
#include "store/presence_own.h"

/* To all that are there: it may be the number the next life asks for. */
static void
tell_count(struct presence *p)
{
	struct msg m = {.id = MSG_hubs, .hubs = {.count = p->hubs_n}};

	list_each (at, &p->hubs) {
		struct presence_hub *h =
		    container_of(at, struct presence_hub, node);

		if (h->peer != NULL)
			p->setup->wire->send(p->setup->wire, h->peer->peer, &m);
	}
}

struct presence_hub *
hub_of(struct presence *p, struct presence_peer *peer)
{
	struct presence_hub *h = peer->hub;

	if (h != NULL)
		return h;
	h = xcalloc(1, sizeof(*h));
	h->boot = peer->peer->boot;
	h->peer = peer;
	h->due = UINT64_MAX;
	list_init(&h->held);
	list_init(&h->stale);
	list_append(&p->hubs, &h->node);
	peer->hub = h;
	p->hubs_n++;
	tell_count(p);
	return h;
}

static void
hub_forget(struct presence *p, struct presence_hub *h)
{
	list_remove(&h->node);
	free(h);
	p->hubs_n--;
	tell_count(p);
}

static void
detach(struct presence *p, struct presence_hub *h)
{
	h->peer->hub = NULL;
	h->peer = NULL;
	h->link++;
	list_move(&h->stale, &h->held);
	h->due = linger_due(p);
}

void
presence_peer_init(
    struct presence *p, struct presence_peer *peer, struct bus_peer *bus)
{
	*peer = (struct presence_peer){.presence = p, .peer = bus};
	list_each (at, &p->hubs) {
		struct presence_hub *h =
		    container_of(at, struct presence_hub, node);

		if (h->boot != bus->boot)
			continue;
		if (h->peer != NULL)
			detach(p, h);
		h->peer = peer;
		h->due = p->clock + PRESENCE_REJOIN_MS;
		peer->hub = h;
		tell_count(p);
		return;
	}
}

void
presence_peer_gone(struct presence_peer *peer)
{
	if (peer->hub != NULL)
		detach(peer->presence, peer->hub);
}

void
presence_reentered(struct presence *p, struct presence_peer *peer,
    const struct msg_reentered *m)
{
	struct presence_hub *h = hub_of(p, peer);

	h->due = list_empty(&h->stale) ? UINT64_MAX : linger_due(p);
	if (m->hubs > p->hubs_before)
		p->hubs_before = (uint32_t)m->hubs;
	if (h->reentered)
		return;
	h->reentered = true;
	if (++p->hubs_back >= p->hubs_before && p->holding) {
		p->holding = false;
		p->sweep = true;
	}
}

static uint64_t
since_tick(const struct presence *p, uint64_t now_ms)
{
	uint64_t passed = now_ms - p->now;

	return passed < PRESENCE_LOST_MS ? passed : PRESENCE_LOST_MS;
}

uint64_t
linger_due(const struct presence *p)
{
	uint64_t passed = since_tick(p, p->setup->now(p->setup));

	return p->clock + (p->now == 0 ? 0 : passed) + p->setup->linger_ms;
}

void
presence_tick(struct presence *p, uint64_t now_ms, bool behind)
{
	p->clock += behind || p->now == 0 ? 0 : since_tick(p, now_ms);
	p->now = now_ms;
	if (p->clock >= p->hold_until)
		p->holding = false;
	p->sweep = true;
}

/* What could not be told when it happened.  A busy store is asked again at
 * the next tick. */
static void
settle_some(struct presence *p, unsigned *steps)
{
	while (!p->holding && *steps != 0 && !list_empty(&p->unsettled)) {
		--*steps;
		if (!user_settle(p, container_of(p->unsettled.next, struct user,
					unsettled)))
			return;
	}
}

static void
end_lingering(struct presence *p, unsigned *steps)
{
	while (*steps != 0 && !list_empty(&p->lingering)) {
		struct session *s =
		    container_of(p->lingering.next, struct session, linger);

		if (s->due > p->clock)
			return;
		--*steps;
		session_end(p, s);
	}
}

static void
end_stale(struct presence *p, struct presence_hub *h, unsigned *steps)
{
	if (h->due > p->clock)
		return;
	while (*steps != 0 && !list_empty(&h->stale)) {
		struct holder *holder =
		    container_of(h->stale.next, struct holder, in_hub);
		struct session *s = holder->session;

		--*steps;
		holder_free(p, holder);
		if (list_empty(&s->holders))
			session_end(p, s);
	}
	if (!list_empty(&h->stale))
		return;
	h->due = UINT64_MAX;
	if (h->peer == NULL)
		hub_forget(p, h);
}

bool
presence_turn(struct presence *p)
{
	unsigned steps = PRESENCE_STEPS;

	if (p->leaving)
		presence_drop_left(p);
	if (!p->sweep)
		return false;
	end_lingering(p, &steps);
	list_each_safe (at, &p->hubs)
		end_stale(
		    p, container_of(at, struct presence_hub, node), &steps);
	settle_some(p, &steps);
	p->sweep = steps == 0;
	return p->sweep;
}

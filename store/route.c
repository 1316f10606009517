/*
 * route.c - joins, fan-out, and hubs that are too slow.
 *
 *	OPEN ---- no room -----> FULL ---- 1 s, or past OVERDRAFT ---> LAGGING
 *	  ^                       | room                                 | room
 *	  +-----------------------+--------------------------------------+
 *
 * Frames past the window are in the link's queue already; only the answer to
 * the publisher is held back, so order needs no care and nothing is queued
 * twice.
 */
#include "store/route.h"

#include "common/channel.h"
#include "common/must.h"
#include "common/stats.h"
#include "store/held.h"
#include "store/tracks.h"

struct entry {
	struct table_entry entry;
	struct list joins;
	struct table *table;     /* it is in */
	struct route_spot *spot; /* that knows it; NULL: none */
	char name[];
};

/* Apart, so that a channel without patterns costs one lookup. */
struct tables {
	struct table *exact, *patterns;
};

struct route {
	struct route_setup *setup;
	struct tables *shards;
	struct list closed; /* struct route_peer */
	uint64_t stamp;
	struct buf frame; /* of the message being sent; empty: not yet */
	struct route_peer **full; /* hubs the last message waits for */
	size_t fulls, room;
};

struct route *
route_new(struct route_setup *setup)
{
	struct route *r = xcalloc(1, sizeof(*r));

	r->setup = setup;
	r->shards = xcalloc(setup->shards, sizeof(*r->shards));
	for (unsigned i = 0; i < setup->shards; i++) {
		r->shards[i].exact = table_new();
		r->shards[i].patterns = table_new();
	}
	list_init(&r->closed);
	return r;
}

void
route_free(struct route **rp)
{
	struct route *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	for (unsigned i = 0; i < r->setup->shards; i++) {
		table_free(&r->shards[i].exact);
		table_free(&r->shards[i].patterns);
	}
	free(r->shards);
	free(r->full);
	buf_free(&r->frame);
	free(r);
}

struct slice
join_name(const struct join *j)
{
	return table_key(&j->entry->entry);
}

/* No longer what it was: for a new generation, or for good. */
static void
join_reset(struct join *j)
{
	if (j->replay != NULL)
		j->peer->route->setup->join_ends(j->peer->route->setup, j);
	j->replay = NULL;
	list_remove(&j->lag);
	held_drop(j);
	j->held_lost = 0;
}

static void
join_end(struct join *j)
{
	struct entry *e = j->entry;

	join_reset(j);
	list_remove(&j->in_entry);
	list_remove(&j->in_peer);
	free(j);
	stats_sub(STAT_joins, 1);
	if (!list_empty(&e->joins))
		return;
	if (e->spot != NULL)
		e->spot->entry = NULL;
	table_remove(e->table, &e->entry);
	free(e);
}

/* With its last join it goes. */
static void
entry_end(struct entry *e)
{
	bool last = false;

	while (!last) {
		struct list *first = e->joins.next;

		last = first->next == &e->joins;
		join_end(container_of(first, struct join, in_entry));
	}
}

void
route_shard_leave(struct route *r, unsigned shard)
{
	struct table *tables[] = {
	    r->shards[shard].exact, r->shards[shard].patterns};

	for (unsigned i = 0; i < LENGTH(tables); i++) {
		struct table_cursor at = {0};
		struct table_entry *e;

		while ((e = table_next(tables[i], &at)) != NULL)
			entry_end(container_of(e, struct entry, entry));
	}
}

/* From here on each knows where the other is. */
static void
tie(struct route_spot *spot, struct entry *e)
{
	spot->known = true;
	spot->entry = e;
	if (e != NULL)
		e->spot = spot;
}

void
route_forget(struct route_spot *spot)
{
	if (spot->entry != NULL)
		spot->entry->spot = NULL;
	*spot = (struct route_spot){0};
}

static struct table *
table_of(struct route *r, unsigned shard, struct slice name)
{
	must(shard < r->setup->shards);
	return channel_is_pattern(name) ? r->shards[shard].patterns
	                                : r->shards[shard].exact;
}

static struct entry *
entry_get(struct route *r, unsigned shard, struct slice name)
{
	struct table *t = table_of(r, shard, name);
	uint32_t hash = table_hash(name);
	struct table_entry *found = table_find_hashed(t, name, hash);
	struct route_spot *spot;
	struct entry *e;

	if (found != NULL)
		return container_of(found, struct entry, entry);
	e = xmalloc(sizeof(*e) + name.n);
	memcpy(e->name, name.p, name.n);
	list_init(&e->joins);
	e->table = t;
	e->spot = NULL;
	table_insert_hashed(
	    t, &e->entry, (struct slice){e->name, name.n}, hash);
	if (t == r->shards[shard].exact &&
	    (spot = r->setup->spot(r->setup, name, hash)) != NULL)
		tie(spot, e);
	return e;
}

/* A walk over the hubs that joined it: a handful. */
static struct join *
join_of(const struct entry *e, const struct route_peer *p)
{
	list_each (at, &e->joins) {
		struct join *j = container_of(at, struct join, in_entry);

		if (j->peer == p)
			return j;
	}
	return NULL;
}

struct join *
route_join(struct route *r, struct route_peer *p, const struct msg_join *m)
{
	struct entry *e = entry_get(r, (unsigned)m->shard, m->channel);
	struct join *j = join_of(e, p);

	if (j != NULL) {
		join_reset(j);
	} else {
		j = xcalloc(1, sizeof(*j));
		j->peer = p;
		j->entry = e;
		j->shard = (uint16_t)m->shard;
		list_init(&j->lag);
		list_init(&j->held);
		list_append(&e->joins, &j->in_entry);
		list_append(&p->joins, &j->in_peer);
		stats_add(STAT_joins, 1);
	}
	j->generation = m->generation;
	j->state = JOIN_CATCHING;
	j->holds_kept = false;
	return j;
}

void
route_live(struct join *j)
{
	must(list_empty(&j->held));
	j->replay = NULL;
	j->state = JOIN_LIVE;
}

void
route_leave(struct route *r, struct route_peer *p, const struct msg_leave *m)
{
	struct table_entry *e =
	    table_find(table_of(r, (unsigned)m->shard, m->channel), m->channel);
	struct join *j;

	if (e == NULL)
		return;
	j = join_of(container_of(e, struct entry, entry), p);
	if (j != NULL && j->generation == m->generation)
		join_end(j);
}

static void
grant_all(struct route_peer *p)
{
	struct route_setup *setup = p->route->setup;

	for (size_t i = 0; i < p->waits; i++)
		if (--p->waiting[i]->hubs == 0)
			setup->granted(setup, p->waiting[i]);
	p->waits = 0;
}

static void
give_up(struct route_peer *p)
{
	p->state = HUB_LAGGING;
	timer_cancel(&p->full);
	grant_all(p);
}

static void
full_too_long(struct timer *t)
{
	give_up(container_of(t, struct route_peer, full));
}

void
route_peer_init(struct route *r, struct route_peer *p, struct bus_peer *peer)
{
	*p = (struct route_peer){.route = r, .peer = peer};
	list_init(&p->joins);
	list_init(&p->lagging);
	list_init(&p->closed);
	timer_init(&p->full, full_too_long);
}

void
route_peer_gone(struct route_peer *p)
{
	list_each_safe (at, &p->joins)
		join_end(container_of(at, struct join, in_peer));
	timer_cancel(&p->full);
	list_remove(&p->closed);
	grant_all(p);
	stats_add(STAT_copies_gone, p->copies);
	p->copies = 0;
	free(p->waiting);
	p->waiting = NULL;
	p->room = 0;
}

static void
mark(struct join *j, uint64_t offset)
{
	stats_add(STAT_copies_lagging, 1);
	if (j->state == JOIN_LIVE) {
		j->state = JOIN_LAGGING;
		list_append(&j->peer->lagging, &j->lag);
		stats_add(STAT_lags, 1);
	}
	j->lag_top = offset;
}

static void
remember_full(struct route *r, struct route_peer *p)
{
	if (r->fulls == r->room) {
		r->room = r->room != 0 ? r->room * 2 : 8;
		r->full = xrealloc(r->full, r->room * sizeof(*r->full));
	}
	r->full[r->fulls++] = p;
}

/* Whether a hub is sent the message at all. */
static bool
takes(struct route *r, struct route_peer *p, const struct fan *f)
{
	const struct link *l = &p->peer->link;

	if (p->state == HUB_LAGGING)
		return false;
	if (link_room(l))
		return true;
	if (p->state == HUB_OPEN) {
		p->state = HUB_FULL;
		list_remove(&p->closed);
		list_append(&r->closed, &p->closed);
		wheel_arm(r->setup->wheel, &p->full, f->now_ms + ROUTE_PARK_MS);
		stats_add(STAT_bus_window_full, 1);
	}
	if (l->flight + l->out.n >= LINK_WINDOW + ROUTE_OVERDRAFT) {
		give_up(p);
		return false;
	}
	remember_full(r, p);
	return true;
}

static void
fan_join(struct route *r, struct join *j, struct fan *f)
{
	struct route_peer *p = j->peer;

	if (j->state == JOIN_CATCHING) {
		stats_add(STAT_copies_catching, 1);
		if (!f->kept || j->holds_kept)
			held_add(j, f);
		return;
	}
	if (j->state != JOIN_LIVE) {
		mark(j, f->deliver->deliver.offset);
		return;
	}
	if (p->stamp == r->stamp)
		return;
	if (!takes(r, p, f)) {
		mark(j, f->deliver->deliver.offset);
		return;
	}
	p->stamp = r->stamp;
	p->copies++;
	f->hubs++;
	if (r->frame.n == 0)
		msg_encode(&r->frame, f->deliver);
	r->setup->wire->send_encoded(
	    r->setup->wire, p->peer, buf_slice(&r->frame));
	if (f->deliver->deliver.track != 0)
		tracks_sent(
		    r->setup->tracks, f->deliver->deliver.track, p->peer);
}

static void
fan_entry(struct route *r, const struct entry *e, struct fan *f)
{
	list_each_safe (at, &e->joins)
		fan_join(r, container_of(at, struct join, in_entry), f);
}

void
route_ahead(const struct route_spot *const *spots, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (spots[i] != NULL && spots[i]->entry != NULL)
			prefetch(&container_of(
			    spots[i]->entry->joins.next, struct join, in_entry)
				      ->state);
}

static struct entry *
entry_of(struct table_entry *found)
{
	return found != NULL ? container_of(found, struct entry, entry) : NULL;
}

bool
route_fan(struct route *r, struct fan *f)
{
	struct slice channel = f->deliver->deliver.channel, key;
	struct tables *t = &r->shards[f->shard];
	char room[CHANNEL_PATTERN];
	struct entry *e;

	r->stamp++;
	r->fulls = 0;
	f->hubs = 0;
	buf_clear(&r->frame);
	if (!f->spot->known)
		tie(f->spot,
		    entry_of(table_find_hashed(t->exact, channel, f->hash)));
	if (f->spot->entry != NULL)
		fan_entry(r, f->spot->entry, f);
	if (table_count(t->patterns) != 0)
		for (unsigned i = 0; channel_patterns(channel, i, room, &key);
		     i++)
			if ((e = entry_of(table_find(t->patterns, key))) !=
			    NULL)
				fan_entry(r, e, f);
	stats_add(STAT_messages_routed, f->hubs);
	return r->fulls != 0;
}

void
route_withhold(struct route *r, struct withheld *w)
{
	must(r->fulls != 0);
	w->hubs = (unsigned)r->fulls;
	for (size_t i = 0; i < r->fulls; i++) {
		struct route_peer *p = r->full[i];

		if (p->waits == p->room) {
			p->room = p->room != 0 ? p->room * 2 : 64;
			p->waiting =
			    xrealloc(p->waiting, p->room * sizeof(*p->waiting));
		}
		p->waiting[p->waits++] = w;
	}
	r->fulls = 0;
}

static void
tell_lag(struct route *r, struct join *j)
{
	struct msg m = {.id = MSG_lag,
	    .lag = {
		.channel = join_name(j),
		.shard = j->shard,
		.generation = j->generation,
		.epoch = r->setup->epoch(r->setup, j->shard),
		.top = j->lag_top,
	    }};

	list_remove(&j->lag);
	j->state = JOIN_TOLD;
	r->setup->wire->send(r->setup->wire, j->peer->peer, &m);
}

/* Nothing new goes out before the last lag is told: a hub that saw a message
 * of a pattern would take all before it for seen.
 *
 * Asked every turn rather than told by the bus: a window that closes and
 * opens within one turn is no event there. */
void
route_turn(struct route *r)
{
	list_each_safe (at, &r->closed) {
		struct route_peer *p =
		    container_of(at, struct route_peer, closed);

		if (!link_room(&p->peer->link))
			continue;
		timer_cancel(&p->full);
		grant_all(p);
		while (link_room(&p->peer->link) && !list_empty(&p->lagging))
			tell_lag(
			    r, container_of(p->lagging.next, struct join, lag));
		if (!list_empty(&p->lagging))
			continue;
		p->state = HUB_OPEN;
		list_remove(&p->closed);
	}
}

void
route_drain(struct route *r)
{
	list_each (at, &r->closed)
		grant_all(container_of(at, struct route_peer, closed));
}

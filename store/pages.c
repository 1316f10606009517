/*
 * pages.c - walks over rows.
 *
 *	stands ---- go: something is pending ----> behind
 *	  |  \----- go ------------------------> ready <---------+
 *	  |                                        | turn        | more
 *	behind ---- settled ---------------------> |             |
 *	                                         flying ---------+---> end
 *
 * A walk whose peer is gone while it is behind or flying ends when that does:
 * the commit and the reader hold on to it until then.
 */
#include "store/pages.h"

#include "common/must.h"
#include "common/stats.h"

enum {
	PAGE_ROWS = 256,
	PAGE_BYTES = 256 << 10, /* a page stops behind the row past it */
	FLYING = 32,            /* of a peer at a time: the reader's way back
	                         * costs once for all of them */
	TURN_PAGES = 64,
};

enum walk_state { WALK_STANDS, WALK_BEHIND, WALK_READY, WALK_FLYING };

struct walk {
	struct list node; /* of its peer's queue, or where it stands */
	struct list mine; /* of its peer */
	struct list every;
	struct pages *all;
	struct pages_peer *owner; /* NULL: it is gone */
	enum walk_state state;
	struct walk_setup setup; /* its slices point below */
	struct pledge pledge;
	struct work work;
	struct scan scan;
	struct buf page; /* struct found, key, value; again */
	size_t last;     /* place of the last one in it */
	struct buf from; /* key of the last page's last */
	char bytes[];
};

struct found {
	uint32_t key_n, value_n;
	uint64_t expires;
};

struct pages {
	struct pages_setup setup;
	struct list active; /* struct pages_peer */
	struct list every;  /* struct walk */
	uint64_t unix_ms;
};

struct pages *
pages_new(const struct pages_setup *setup)
{
	struct pages *all = xcalloc(1, sizeof(*all));

	all->setup = *setup;
	list_init(&all->active);
	list_init(&all->every);
	return all;
}

static void
walk_free(struct walk *w)
{
	list_remove(&w->node);
	list_remove(&w->mine);
	list_remove(&w->every);
	if (w->owner != NULL) {
		w->owner->walks--;
		if (list_empty(&w->owner->queue))
			list_remove(&w->owner->active);
	}
	buf_free(&w->page);
	buf_free(&w->from);
	free(w);
}

void
pages_free(struct pages **ap)
{
	struct pages *all = *ap;

	*ap = NULL;
	if (all == NULL)
		return;
	while (!list_empty(&all->every))
		walk_free(container_of(all->every.next, struct walk, every));
	free(all);
}

void
pages_peer_init(struct pages_peer *p, struct bus_peer *peer)
{
	*p = (struct pages_peer){.peer = peer};
	list_init(&p->active);
	list_init(&p->queue);
	list_init(&p->mine);
}

void
pages_peer_gone(struct pages_peer *p)
{
	list_each_safe (at, &p->mine) {
		struct walk *w = container_of(at, struct walk, mine);

		if (w->state != WALK_BEHIND && w->state != WALK_FLYING) {
			walk_free(w);
			continue;
		}
		list_remove(&w->mine);
		w->owner = NULL;
	}
	list_remove(&p->active);
}

void
pages_refuse(struct pages *all, struct pages_peer *p,
    const struct walk_setup *setup, enum code code)
{
	struct msg m;

	setup->end(setup->ref, code, false, &m);
	all->setup.wire->send(all->setup.wire, p->peer, &m);
}

/* Behind the commits that were pending; whether they went well or not, what
 * the engine has is what there is. */
static void
settled(struct pledge *pledge, enum code code)
{
	struct walk *w = container_of(pledge, struct walk, pledge);

	(void)code;
	w->state = WALK_READY;
	if (w->owner == NULL) {
		walk_free(w);
		return;
	}
	list_append(&w->owner->queue, &w->node);
	if (list_empty(&w->owner->active))
		list_append(&w->all->active, &w->owner->active);
}

/* On the reader's thread. */
static void
found(struct scan *q, struct slice key, struct slice value, uint64_t expires)
{
	struct walk *w = container_of(q, struct walk, scan);
	struct found f = {(uint32_t)key.n, (uint32_t)value.n, expires};

	w->last = w->page.n;
	buf_add(&w->page, (const char *)&f, sizeof(f));
	buf_put(&w->page, key);
	buf_put(&w->page, value);
}

static void
run(struct work *work)
{
	struct walk *w = container_of(work, struct walk, work);

	w->all->setup.engine->scan(w->all->setup.engine, &w->scan);
}

static struct slice
found_at(const struct walk *w, size_t *at, struct rows_row *r)
{
	struct found f;

	memcpy(&f, w->page.p + *at, sizeof(f));
	*at += sizeof(f);
	r->key = (struct slice){w->page.p + *at, f.key_n};
	r->value = (struct slice){w->page.p + *at + f.key_n, f.value_n};
	r->expires = f.expires;
	*at += f.key_n + f.value_n;
	return r->key;
}

static void
tell(struct walk *w)
{
	struct wire *wire = w->all->setup.wire;
	struct rows_row r;
	struct msg m;

	for (size_t at = 0; at < w->page.n;) {
		found_at(w, &at, &r);
		if (w->setup.row(w->setup.ref, &r, &m))
			wire->send(wire, w->owner->peer, &m);
	}
}

static void
done(struct work *work)
{
	struct walk *w = container_of(work, struct walk, work);
	struct pages_peer *p = w->owner;
	const struct scan *q = &w->scan;
	struct rows_row last;

	if (p == NULL) {
		walk_free(w);
		return;
	}
	p->flying--;
	tell(w);
	w->setup.limit -= q->count < w->setup.limit ? q->count : w->setup.limit;
	if (q->code != CODE_ok || !q->more || w->setup.limit == 0 ||
	    q->count == 0) {
		struct msg m;

		w->setup.end(w->setup.ref, q->code, q->more, &m);
		w->all->setup.wire->send(w->all->setup.wire, p->peer, &m);
		walk_free(w);
		return;
	}
	buf_clear(&w->from);
	buf_put(&w->from, found_at(w, &w->last, &last));
	w->setup.after = buf_slice(&w->from);
	settled(&w->pledge, CODE_ok);
}

struct walk *
walk_new(
    struct pages *all, struct pages_peer *p, const struct walk_setup *setup)
{
	struct walk *w;

	if (p->walks >= WALKS_PEER) {
		stats_add(STAT_drop_overflow, 1);
		pages_refuse(all, p, setup, CODE_busy);
		return NULL;
	}
	stats_add(STAT_row_walks, 1);
	w = xcalloc(1, sizeof(*w) + setup->prefix.n + setup->after.n);
	w->all = all;
	w->owner = p;
	p->walks++;
	list_init(&w->node);
	list_append(&all->every, &w->every);
	w->setup = *setup;
	w->setup.prefix.p = w->bytes;
	w->setup.after.p = w->bytes + setup->prefix.n;
	memcpy(w->bytes, setup->prefix.p, setup->prefix.n);
	if (setup->after.n != 0)
		memcpy(
		    w->bytes + setup->prefix.n, setup->after.p, setup->after.n);
	w->pledge.settled = settled;
	w->work = (struct work){.run = run, .done = done};
	list_append(&p->mine, &w->mine);
	return w;
}

void
walk_stand(struct walk *w, struct list *there)
{
	list_append(there, &w->node);
}

void
walk_go(struct walk *w)
{
	struct writes *writes = w->all->setup.writes;

	list_remove(&w->node);
	w->state = WALK_BEHIND;
	if (writes_pending(writes, w->setup.shard))
		writes_behind(writes, w->setup.shard, &w->pledge);
	else
		settled(&w->pledge, CODE_ok);
}

void
walks_go(struct list *there)
{
	while (!list_empty(there))
		walk_go(container_of(there->next, struct walk, node));
}

static void
fly(struct walk *w)
{
	struct pages *all = w->all;
	const struct walk_setup *s = &w->setup;

	list_remove(&w->node);
	if (list_empty(&w->owner->queue))
		list_remove(&w->owner->active);
	w->owner->flying++;
	w->state = WALK_FLYING;
	buf_clear(&w->page);
	w->scan = (struct scan){
	    .space = s->space,
	    .shard = s->shard,
	    .prefix = s->prefix,
	    .after = s->after,
	    .unix_ms = all->unix_ms,
	    .most = s->limit < PAGE_ROWS ? s->limit : PAGE_ROWS,
	    .most_bytes = PAGE_BYTES,
	    .found = found,
	};
	worker_do(all->setup.reader, &w->work);
}

/* The first peer that has room; it is the last the next time. */
static struct walk *
next(struct pages *all)
{
	list_each_safe (at, &all->active) {
		struct pages_peer *p =
		    container_of(at, struct pages_peer, active);

		if (p->flying >= FLYING || !bus_server_room(p->peer))
			continue;
		list_remove(at);
		list_append(&all->active, at);
		return container_of(p->queue.next, struct walk, node);
	}
	return NULL;
}

bool
pages_turn(struct pages *all, uint64_t unix_ms)
{
	struct walk *w = NULL;

	all->unix_ms = unix_ms;
	for (unsigned i = 0; i < TURN_PAGES; i++) {
		if ((w = next(all)) == NULL)
			return false;
		fly(w);
	}
	return next(all) != NULL;
}

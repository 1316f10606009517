/*
 * replay.c - from a position to the top, a page at a time.
 */
#include "common/must.h"
#include "common/stats.h"
#include "store/held.h"
#include "store/replay_own.h"

enum {
	TURN_MESSAGES = 256,    /* that one turn replays, over all peers */
	PAGE_BYTES = 256 << 10, /* a page stops behind the message past it */
};

struct replays *
replays_new(struct replays_setup *setup)
{
	struct replays *all = xcalloc(1, sizeof(*all));

	all->setup = setup;
	list_init(&all->active);
	return all;
}

void
replays_free(struct replays **ap)
{
	struct replays *all = *ap;

	*ap = NULL;
	if (all == NULL)
		return;
	for (unsigned i = 0; all->busy && i < all->read.count; i++)
		record_unref(&all->read.found[i]);
	free(all);
}

void
replay_peer_init(struct replay_peer *p, struct bus_peer *peer)
{
	p->peer = peer;
	list_init(&p->active);
	list_init(&p->queue);
}

static struct replay *
replay_new(struct replay_peer *p, struct slice name)
{
	struct replay *r = xcalloc(1, sizeof(*r) + name.n);

	memcpy(r->bytes, name.p, name.n);
	r->name = (struct slice){r->bytes, name.n};
	r->pattern = channel_is_pattern(name);
	r->owner = p;
	list_init(&r->node);
	return r;
}

void
replay_cancel(struct replays *all, struct replay *r)
{
	if (all->reading == r)
		all->reading = NULL;
	list_remove(&r->node);
	if (list_empty(&r->owner->queue))
		list_remove(&r->owner->active);
	if (r->join != NULL)
		r->join->replay = NULL;
	free(r);
}

void
replay_peer_gone(struct replays *all, struct replay_peer *p)
{
	while (!list_empty(&p->queue))
		replay_cancel(
		    all, container_of(p->queue.next, struct replay, node));
	stats_add(STAT_copies_gone, p->copies);
	p->copies = 0;
}

static void
leave_peer(struct replays *all, struct replay_peer *p, unsigned shard)
{
	list_each_safe (at, &p->queue) {
		struct replay *r = container_of(at, struct replay, node);

		if (r->shard != shard)
			continue;
		r->code = CODE_moved;
		replay_tell_end(all, r);
		replay_cancel(all, r);
	}
}

void
replays_leave(struct replays *all, unsigned shard)
{
	list_each_safe (at, &all->active)
		leave_peer(
		    all, container_of(at, struct replay_peer, active), shard);
}

static struct shard *
shard_of(struct replays *all, const struct replay *r)
{
	return sequence_shard(all->setup->sequence, r->shard);
}

static struct standing
standing_of(struct replays *all, const struct replay *r)
{
	return sequence_standing(all->setup->sequence, r->shard, r->name);
}

static uint64_t
released(struct replays *all, const struct replay *r)
{
	return r->pattern ? shard_of(all, r)->top : standing_of(all, r).told;
}

/* What was held for the join and stands before that offset. */
static void
tell_held(struct replays *all, struct replay *r, uint64_t before)
{
	struct join *j = r->join;

	if (j != NULL && j->held_lost != 0) {
		if (j->held_lost > r->lost)
			r->lost = j->held_lost;
		j->held_lost = 0;
	}
	while (j != NULL && !list_empty(&j->held)) {
		struct held *h = container_of(j->held.next, struct held, node);

		if (h->record->offset >= before)
			return;
		if (r->pattern)
			replay_tell_lost(all, r, h->record->offset);
		list_remove(&h->node);
		j->held_bytes -= record_size(h->record);
		j->peer->held_bytes -= record_size(h->record);
		replay_tell(all, r, h->record);
		record_unref(&h->record);
		free(h);
	}
}

/* Of a channel: it may have been forgotten, and published to anew, since we
 * began.  What is before that offset and the channel's new beginning is
 * gone. */
static void
tell_forgotten(struct replays *all, struct replay *r, uint64_t before)
{
	struct gap_told g = {
	    .epoch = shard_of(all, r)->epoch,
	    .from = r->after,
	    .to = standing_of(all, r).base,
	    .reason = GAP_FORGOTTEN,
	};

	if (g.to > r->upto)
		g.to = r->upto;
	if (g.to > r->after && g.to < before)
		replay_tell_gap(all, r, &g);
}

/* Of a channel: what is gone behind the last one told.  That something was
 * published behind it says nothing: it may be past the end that was asked
 * for, or have come since. */
static void
tell_rest(struct replays *all, struct replay *r)
{
	struct standing t = standing_of(all, r);
	struct gap_told g = {.epoch = shard_of(all, r)->epoch};

	if (r->oldest || r->code != CODE_ok || r->more)
		return;
	tell_forgotten(all, r, UINT64_MAX);
	g.from = r->after;
	g.to = t.kept ? r->lost : t.told;
	if (g.to > r->upto)
		g.to = r->upto;
	g.reason = t.kept ? GAP_TRIMMED : GAP_NOT_KEPT;
	if (g.to > r->after)
		replay_tell_gap(all, r, &g);
}

static void
finish(struct replays *all, struct replay *r)
{
	struct join *j = r->join;

	tell_held(all, r, UINT64_MAX);
	if (r->pattern)
		replay_tell_lost(all, r, UINT64_MAX);
	else
		tell_rest(all, r);
	replay_tell_end(all, r);
	replay_cancel(all, r);
	if (j != NULL)
		route_live(j);
}

/* Where it begins, and the holes that are known before anything is read. */
static void
begin_at(struct replays *all, struct replay *r, uint64_t epoch, uint64_t offset)
{
	const struct shard *s = shard_of(all, r);
	struct gap_told g = {.epoch = epoch, .from = offset};
	uint64_t base = r->pattern ? 0 : standing_of(all, r).base;

	r->top = s->top;
	r->after = offset < s->top ? offset : s->top;
	if (epoch == 0) {
		r->oldest = true;
		r->after = 0;
	} else if (epoch != s->epoch) {
		r->after = 0;
		g.to = r->pattern ? s->floor : base;
		g.reason = GAP_EPOCH;
		replay_tell_gap(all, r, &g);
	} else if (base > r->after) {
		g.to = base;
		g.reason = GAP_FORGOTTEN;
		replay_tell_gap(all, r, &g);
	}
	r->start = r->known = r->after;
	if (r->pattern && !r->oldest)
		r->lost = sequence_lost(
		    all->setup->sequence, r->shard, r->name, r->after);
	if (r->lost > r->upto)
		r->lost = r->upto;
}

/* Nothing is read where nothing is kept, or nothing happened since. */
static void
start(struct replays *all, struct replay *r)
{
	bool kept = r->pattern || standing_of(all, r).kept;

	stats_add(STAT_history_reads, 1);
	if (r->kind == REPLAY_READ && r->left == 0)
		r->more = kept && released(all, r) > r->after;
	if (!kept || r->more || r->after >= r->upto ||
	    (released(all, r) <= r->after)) {
		finish(all, r);
		return;
	}
	list_append(&r->owner->queue, &r->node);
	if (list_empty(&r->owner->active))
		list_append(&all->active, &r->owner->active);
}

void
replay_join(struct replays *all, struct replay_peer *p, struct join *j,
    const struct msg_join *m)
{
	struct replay *r = replay_new(p, m->channel);

	r->kind = j != NULL ? REPLAY_JOIN : REPLAY_HISTORY;
	r->shard = (uint16_t)m->shard;
	r->ref = m->generation;
	r->upto = j != NULL ? UINT64_MAX : m->upto;
	if ((r->join = j) != NULL)
		j->replay = r;
	if (m->resume == RESUME_NOW) {
		r->oldest = true;
		r->after = shard_of(all, r)->top;
		finish(all, r);
		return;
	}
	begin_at(all, r, m->epoch, m->offset);
	start(all, r);
}

void
replay_read(
    struct replays *all, struct replay_peer *p, const struct msg_read *m)
{
	struct replay *r = replay_new(p, m->channel);

	r->kind = REPLAY_READ;
	r->shard = (uint16_t)channel_shard(
	    m->channel, sequence_shards(all->setup->sequence));
	r->ref = m->ref;
	r->left = (unsigned)m->limit;
	r->upto = UINT64_MAX;
	begin_at(all, r, m->epoch, m->after);
	start(all, r);
}

static void
read_page(struct replays *all, struct replay *r)
{
	struct read *q = &all->read;

	memcpy(all->name, r->name.p, r->name.n);
	q->channel = (struct slice){all->name, r->name.n};
	q->pattern = r->pattern;
	q->shard = r->shard;
	q->after = r->after;
	q->upto = r->upto;
	q->most = READ_MOST;
	if (r->kind == REPLAY_READ && r->left < READ_MOST)
		q->most = r->left;
	q->most_bytes = PAGE_BYTES;
	q->unix_ms = all->unix_ms;
	q->count = 0;
	r->top = shard_of(all, r)->top;
	if (q->upto > r->top)
		q->upto = r->top;
	r->seen = released(all, r);
	if (r->kind == REPLAY_JOIN)
		held_kept(r->join, r->close);
	all->reading = r;
	all->busy = true;
	all->setup->read(all->setup, q);
}

static void
tell_found(struct replays *all, struct replay *r, const struct record *rec)
{
	struct gap_told g = {
	    .epoch = shard_of(all, r)->epoch,
	    .from = r->after,
	    .to = rec->prev,
	    .reason = GAP_TRIMMED,
	};

	tell_held(all, r, rec->offset);
	if (r->pattern)
		replay_tell_lost(all, r, rec->offset);
	else if (rec->prev > r->after && !r->oldest)
		replay_tell_gap(all, r, &g);
	replay_tell(all, r, rec);
	if (!r->pattern)
		r->oldest = false;
}

/* Of a pattern, what does not match is passed as well. */
static void
pass(struct replay *r, const struct read *q)
{
	uint64_t reached = q->reached < r->seen ? q->reached : r->seen;

	if (r->pattern && reached > r->after)
		r->after = reached;
}

/* More was published while it was read, and is not held. */
static bool
missed(struct replays *all, const struct replay *r)
{
	return r->kind == REPLAY_JOIN && r->code == CODE_ok &&
	       !r->join->holds_kept && released(all, r) != r->seen;
}

void
replays_found(struct replays *all)
{
	struct replay *r = all->reading;
	struct read *q = &all->read;
	bool ends = !q->more;

	all->busy = false;
	all->reading = NULL;
	if (r != NULL && (!r->pattern || !r->oldest) && q->lost > r->lost)
		r->lost = q->lost < r->upto ? q->lost : r->upto;
	if (r != NULL && !r->pattern && !r->oldest && q->count != 0)
		tell_forgotten(all, r, q->found[0]->offset);
	for (unsigned i = 0; i < q->count; i++) {
		if (r != NULL)
			tell_found(all, r, q->found[i]);
		record_unref(&q->found[i]);
	}
	if (r == NULL)
		return;
	r->code = q->code;
	if (r->kind == REPLAY_READ && r->left == 0) {
		r->more = q->more;
		ends = true;
	}
	if (!ends || missed(all, r)) {
		r->close = r->close || ends;
		pass(r, q);
		return;
	}
	if (r->code != CODE_ok && r->join != NULL)
		held_kept(r->join, false);
	finish(all, r);
}

/* The first peer that has room; it is the last the next time. */
static struct replay *
next(struct replays *all)
{
	list_each_safe (at, &all->active) {
		struct replay_peer *p =
		    container_of(at, struct replay_peer, active);

		if (!bus_server_room(p->peer))
			continue;
		list_remove(at);
		list_append(&all->active, at);
		return container_of(p->queue.next, struct replay, node);
	}
	return NULL;
}

bool
replays_turn(struct replays *all, uint64_t unix_ms)
{
	unsigned told = 0;
	struct replay *r;

	all->unix_ms = unix_ms;
	while (!all->busy && told < TURN_MESSAGES && (r = next(all)) != NULL) {
		all->read.count = 0;
		read_page(all, r);
		told += all->read.count + 1;
	}
	return !all->busy && told >= TURN_MESSAGES;
}

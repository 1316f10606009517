/*
 * core_lent.c - shards that come and go while the store serves (lease.h).
 *
 *	AWAY ---- gained ----> LOADING ---- its rows are read ----> OURS
 *	  ^                       | leave, or no rows                 | leave
 *	  +------ released -------+------------- nothing pends -- LEAVING
 *
 * What is in memory of a shard is made when it becomes OURS and dropped when
 * it is AWAY again.  Peers are told of every gain: what they said of the
 * shard before is void.
 */
#include "common/channel.h"
#include "common/must.h"
#include "common/stats.h"
#include "store/core_own.h"
#include "store/lease.h"

#include <stdio.h>

enum {
	LATE_MS = 100, /* past `until`: answers of this turn are too late */
};

enum lent_state { LENT_AWAY, LENT_LOADING, LENT_OURS, LENT_LEAVING };

struct lent {
	struct core *core;
	unsigned shard;
	enum lent_state state;
	bool leaves; /* while LOADING */
	uint64_t gained_term;
	uint64_t term; /* of the owner peers are told of; 0: nobody */
	char owner[64];
	struct shard_state held;
	struct work work;
	struct shard_rows rows;
	enum code code; /* of the reading */
};

static struct lent *
lent_of(struct core *c, unsigned shard)
{
	must(shard < c->setup->owners->shards);
	return &c->lent[shard];
}

static uint64_t
right_now(void)
{
	return clock_us() / 1000;
}

static const struct lender *
lender(const struct core *c)
{
	return c->setup->engine->lender;
}

/* ---- the owner table */

static void
tell_owner(struct core *c, const struct lent *l, struct bus_peer *to)
{
	struct msg m = {.id = MSG_owner,
	    .owner = {
		.term = l->term,
		.first = l->shard,
		.last = l->shard,
		.name = slice_of(l->owner),
	    }};

	if (l->term != 0)
		c->wire.send(&c->wire, to, &m);
}

/* What a peer sent before it heard that must not be taken any more: what it
 * is to send again would come later than that. */
void
core_bounced(
    struct publishing_setup *setup, struct bus_peer *to, unsigned shard)
{
	struct core *c = container_of(setup, struct core, publishing_setup);
	struct bus_peer_state *s = to->state;

	if (c->lent == NULL || s == NULL)
		return;
	if (s->bounced == NULL)
		s->bounced =
		    xcalloc(c->setup->owners->shards, sizeof(*s->bounced));
	s->newest = s->bounced[shard] = to->link.sent + 1;
}

bool
core_is_stale(struct core *c, struct bus_peer *p, const struct msg *m)
{
	struct bus_peer_state *s = p->state;
	unsigned shards = c->setup->owners->shards;

	if (s->newest == 0 || !msg_writes(m))
		return false;
	if (p->knew >= s->newest) {
		s->newest = 0;
		return false;
	}
	return p->knew < s->bounced[channel_shard(msg_home(m), shards)];
}

static void
set_owner(struct core *c, const struct lease *lease)
{
	struct lent *l = lent_of(c, lease->shard);

	if (lease->term <= l->term)
		return;
	l->term = lease->term;
	snprintf(l->owner, sizeof(l->owner), "%.*s", SLICE_ARGS(lease->owner));
	for (struct bus_peer *p = bus_server_next(c->server, NULL); p != NULL;
	     p = bus_server_next(c->server, p))
		if (p->state != NULL)
			tell_owner(c, l, p);
}

void
core_tell_owners(struct core *c, struct bus_peer *to)
{
	if (c->lent == NULL)
		owners_tell(c->setup->owners, &c->wire, to);
	for (unsigned i = 0; c->lent != NULL && i < c->setup->owners->shards;
	     i++)
		tell_owner(c, &c->lent[i], to);
}

/* ---- a shard comes */

static void
release(struct core *c, struct lent *l)
{
	l->state = LENT_AWAY;
	l->leaves = false;
	lender(c)->release(c->setup->engine, l->shard);
}

static void
read_rows(struct work *work)
{
	struct lent *l = container_of(work, struct lent, work);

	l->code = core_rows_read(&l->rows);
}

static void
tell_keys(struct core *c, unsigned shard)
{
	struct keyring_told t = {
	    &c->wire, NULL, shard, loop_unix_ms(c->setup->loop)};

	for (struct bus_peer *p = bus_server_next(c->server, NULL); p != NULL;
	     p = bus_server_next(c->server, p)) {
		t.to = p;
		if (p->state != NULL)
			keyring_tell(c->keyring, &t);
	}
}

static void
rows_read(struct work *work)
{
	struct lent *l = container_of(work, struct lent, work);
	struct lease lease = {.shard = l->shard,
	    .term = l->gained_term,
	    .owner = slice_of(owners_name(l->core->setup->owners))};
	struct core *c = l->core;
	uint64_t until;

	c->working = true;
	if (l->leaves || l->code != CODE_ok) {
		core_rows_free(&l->rows);
		free(l->held.recall);
		release(c, l);
		return;
	}
	core_begin_shard(c, l->shard, &l->held);
	sequence_shard(c->sequence, l->shard)->owned = true;
	keyring_take(c->keyring, &l->rows.keys);
	jobs_gain(c->jobs, &l->rows.jobs);
	core_rows_free(&l->rows);
	presence_gain(c->presence, l->shard);
	l->state = LENT_OURS;
	stats_add(STAT_shards, 1);
	until = lender(c)->until(c->setup->engine, l->shard);
	c->sure_until = until < c->sure_until ? until : c->sure_until;
	tell_keys(c, l->shard);
	set_owner(c, &lease);
}

static void
gained(struct lease_face *f, const struct lease *lease,
    const struct shard_state *held)
{
	struct core *c = container_of(f, struct core, lease_face);
	struct lent *l = lent_of(c, lease->shard);

	must(l->state == LENT_AWAY);
	l->state = LENT_LOADING;
	l->gained_term = lease->term;
	l->held = *held;
	core_rows_want(c, l->shard, &l->rows);
	l->work = (struct work){.run = read_rows, .done = rows_read};
	worker_do(c->reader, &l->work);
}

static void
taken(struct lease_face *f, const struct lease *lease)
{
	struct core *c = container_of(f, struct core, lease_face);

	c->working = true;
	set_owner(c, lease);
}

/* ---- a shard goes */

static void
go_if_idle(struct core *c, struct lent *l)
{
	if (l->state != LENT_LEAVING ||
	    commit_busy(publishing_commit(c->publishing), l->shard))
		return;
	boxes_leave(c->boxes, l->shard);
	jobs_leave(c->jobs, l->shard);
	sequence_leave(c->sequence, l->shard);
	keyring_leave(c->keyring, l->shard);
	release(c, l);
}

static void
leave_shard(struct core *c, unsigned shard)
{
	struct lent *l = lent_of(c, shard);

	l->leaves = l->state == LENT_LOADING;
	if (l->state != LENT_OURS)
		return;
	l->state = LENT_LEAVING;
	stats_sub(STAT_shards, 1);
	sequence_shard(c->sequence, shard)->owned = false;
	boxes_leave(c->boxes, shard);
	jobs_stop(c->jobs, shard);
	presence_leave(c->presence, shard);
	route_shard_leave(c->route, shard);
	tracks_leave(c->tracks, shard);
	replays_leave(c->replays, shard);
	go_if_idle(c, l);
}

static void
leave(struct lease_face *f, unsigned shard)
{
	struct core *c = container_of(f, struct core, lease_face);

	c->working = true;
	leave_shard(c, shard);
}

void
core_let_go(struct core *c)
{
	for (unsigned i = 0; c->lent != NULL && i < c->setup->owners->shards;
	     i++)
		go_if_idle(c, &c->lent[i]);
}

/* Of all that failed, what left the engine as it was. */
static bool
harmless(enum code code)
{
	return code == CODE_unavailable || code == CODE_full ||
	       code == CODE_too_large || code == CODE_busy;
}

void
core_write_failed(
    struct publishing_setup *setup, unsigned shard, enum code code)
{
	struct core *c = container_of(setup, struct core, publishing_setup);

	if (c->lent != NULL && !harmless(code))
		leave_shard(c, shard);
}

/* ---- the time */

static void
look_at_leases(struct core *c, uint64_t now)
{
	c->sure_until = UINT64_MAX;
	for (unsigned i = 0; i < c->setup->owners->shards; i++) {
		struct lent *l = &c->lent[i];
		uint64_t until;

		if (l->state != LENT_OURS)
			continue;
		until = lender(c)->until(c->setup->engine, i);
		if (now < until) {
			if (until < c->sure_until)
				c->sure_until = until;
			continue;
		}
		c->late = c->late || (c->working && now >= until + LATE_MS);
		leave_shard(c, i);
	}
}

void
core_check_leases(struct core *c)
{
	uint64_t now;

	if (c->lent == NULL || (now = right_now()) < c->sure_until)
		return;
	look_at_leases(c, now);
}

/* The process stood still between what it decided and here: nobody may hear
 * of it.  Peers come anew and ask again. */
void
core_drop_late(struct core *c)
{
	if (!c->late)
		return;
	c->late = false;
	bus_server_drop(c->server, "what it was to be told is too late");
}

void
core_lend(struct core *c)
{
	unsigned shards = c->setup->owners->shards;

	c->lent = xcalloc(shards, sizeof(*c->lent));
	for (unsigned i = 0; i < shards; i++) {
		c->lent[i].core = c;
		c->lent[i].shard = i;
		sequence_shard(c->sequence, i)->owned = false;
	}
	c->sure_until = UINT64_MAX;
	c->lease_face = (struct lease_face){gained, leave, taken};
	lender(c)->lend(
	    c->setup->engine, &c->lease_face, owners_name(c->setup->owners));
}

/* After the reader. */
void
core_lend_end(struct core *c)
{
	for (unsigned i = 0; c->lent != NULL && i < c->setup->owners->shards;
	     i++)
		if (c->lent[i].state == LENT_LOADING) {
			free(c->lent[i].held.recall);
			core_rows_free(&c->lent[i].rows);
		}
	free(c->lent);
	c->lent = NULL;
}

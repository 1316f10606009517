/*
 * core_errand.c - what hubs and ingresses would have Redis do, given to a
 * bridge.
 *
 * A store keeps nothing of it but who asked: a bridge that is silent or gone
 * may have done it, or not, and who asked is told so.  Nothing is told while
 * a peer is taken apart; the timer does that.
 */
#include "common/hash.h"
#include "common/must.h"
#include "common/stats.h"
#include "common/verb.h"
#include "store/core_own.h"

enum { MOST = 4096, WAIT_MS = 5000 };

struct errand {
	struct list node; /* of those on their way, oldest first */
	struct table_entry entry;
	uint64_t number;         /* how the bridge knows it */
	uint64_t ref;            /* how who asked does; 0: he does not care */
	struct bus_peer *asker;  /* NULL: gone */
	struct bus_peer *bridge; /* likewise */
	uint64_t due;
};

static struct slice
key_of(const uint64_t *number)
{
	return (struct slice){(const char *)number, sizeof(*number)};
}

static void
tell(struct core *c, struct bus_peer *asker, const struct msg_told_redis *t)
{
	struct msg m = {.id = MSG_told_redis, .told_redis = *t};

	if (asker != NULL && t->ref != 0)
		c->wire.send(&c->wire, asker, &m);
}

static void
errand_free(struct core *c, struct errand *e)
{
	stats_sub(STAT_redis_asks_pending, 1);
	if (e->bridge != NULL && e->bridge->state != NULL)
		e->bridge->state->errands--;
	if (e->asker != NULL && e->asker->state != NULL)
		e->asker->state->asked--;
	table_remove(c->errands.by_number, &e->entry);
	list_remove(&e->node);
	free(e);
}

static bool
is_better(const struct bus_peer *a, const struct bus_peer *b)
{
	if (b == NULL || a->state->refused != b->state->refused)
		return b == NULL || b->state->refused;
	return a->state->errands < b->state->errands;
}

/* Who has asks on their way goes on with the same bridge: two would do them in
 * any order. */
static bool
goes_on(const struct bus_peer_state *s)
{
	const struct bus_peer *b = s->asked != 0 ? s->bridge : NULL;

	return b != NULL && !b->dead && b->state != NULL && !b->state->refused;
}

/* Else the bridge with the least to do; one that could not reach Redis last
 * time is the last choice.  CODE_ok, or why there is none. */
static enum code
choose(struct core *c, const struct bus_peer_state *s, struct bus_peer **out)
{
	enum code code = CODE_unavailable;

	*out = NULL;
	if (goes_on(s)) {
		*out = s->bridge;
		return bus_server_room(*out) &&
		               table_count(c->errands.by_number) < MOST
		           ? CODE_ok
		           : CODE_busy;
	}
	for (struct bus_peer *p = bus_server_next(c->server, NULL); p != NULL;
	     p = bus_server_next(c->server, p)) {
		if (p->state == NULL || p->dead ||
		    strcmp(p->stage, "bridge") != 0)
			continue;
		if (!bus_server_room(p))
			code = *out == NULL ? CODE_busy : code;
		else if (is_better(p, *out))
			*out = p;
	}
	if (*out != NULL && table_count(c->errands.by_number) >= MOST)
		return CODE_busy;
	return *out != NULL ? CODE_ok : code;
}

static void
give(struct core *c, struct errand *e, const struct msg *asked)
{
	struct core_errands *all = &c->errands;
	struct msg m = *asked;

	m.ask_redis.ref = e->number = ++all->number;
	e->due = loop_now(c->setup->loop) + c->setup->errand_ms;
	if (c->setup->errand_ms == 0)
		e->due += WAIT_MS;
	e->bridge->state->errands++;
	e->asker->state->asked++;
	e->asker->state->bridge = e->bridge;
	list_append(&all->on_way, &e->node);
	table_insert(all->by_number, &e->entry, key_of(&e->number));
	stats_add(STAT_redis_asks_pending, 1);
	if (!timer_armed(&all->late))
		wheel_arm(loop_wheel(c->setup->loop), &all->late, e->due);
	c->wire.send(&c->wire, e->bridge, &m);
}

void
core_ask_redis(struct core *c, struct bus_peer_state *s, const struct msg *m)
{
	struct msg_told_redis no = {.ref = m->ask_redis.ref};
	struct bus_peer *bridge;
	struct errand *e;

	stats_add(STAT_redis_asks, 1);
	no.code = choose(c, s, &bridge);
	if (no.code != CODE_ok) {
		stats_add(STAT_redis_asks_refused, 1);
		/* nobody waits to hear that it was not said */
		stats_add(STAT_incus_messages_failed,
		    m->ask_redis.verb == VERB_publish);
		tell(c, s->peer, &no);
		return;
	}
	e = xcalloc(1, sizeof(*e));
	e->ref = m->ask_redis.ref;
	e->asker = s->peer;
	e->bridge = bridge;
	give(c, e, m);
}

void
core_told_redis(struct core *c, struct bus_peer_state *s, const struct msg *m)
{
	struct table_entry *found =
	    table_find(c->errands.by_number, key_of(&m->told_redis.ref));
	struct msg_told_redis t = m->told_redis;
	struct errand *e;

	if (found == NULL ||
	    container_of(found, struct errand, entry)->bridge != s->peer) {
		stats_add(STAT_redis_asks_late, 1);
		return;
	}
	e = container_of(found, struct errand, entry);
	s->refused = t.code == CODE_unavailable;
	t.ref = e->ref;
	tell(c, e->asker, &t);
	stats_add(STAT_redis_asks_answered, 1);
	errand_free(c, e);
}

static void
late(struct timer *t)
{
	struct core *c = container_of(t, struct core, errands.late);
	struct core_errands *all = &c->errands;
	uint64_t now = loop_now(c->setup->loop), next = UINT64_MAX;

	c->working = true;
	list_each_safe (at, &all->on_way) {
		struct errand *e = container_of(at, struct errand, node);

		if (e->bridge != NULL && e->due > now) {
			next = e->due < next ? e->due : next;
			continue;
		}
		stats_add(STAT_redis_asks_in_doubt, 1);
		tell(c, e->asker,
		    &(struct msg_told_redis){e->ref, .code = CODE_timeout});
		errand_free(c, e);
	}
	if (next != UINT64_MAX)
		wheel_arm(loop_wheel(c->setup->loop), &all->late, next);
}

void
core_errands_gone(struct core *c, const struct bus_peer *peer)
{
	list_each (at, &c->errands.on_way) {
		struct errand *e = container_of(at, struct errand, node);

		if (e->asker == peer)
			e->asker = NULL;
		if (e->asker != NULL && e->asker->state != NULL &&
		    e->asker->state->bridge == peer)
			e->asker->state->bridge = NULL;
		if (e->bridge != peer)
			continue;
		e->bridge = NULL;
		loop_arm(c->setup->loop, &c->errands.late, 0);
	}
}

/* Numbers of an earlier life are not taken for ours. */
void
core_errands_open(struct core *c)
{
	list_init(&c->errands.on_way);
	c->errands.by_number = table_new();
	c->errands.number = hash_random() >> 1;
	timer_init(&c->errands.late, late);
}

void
core_errands_close(struct core *c)
{
	timer_cancel(&c->errands.late);
	list_each_safe (at, &c->errands.on_way) {
		struct errand *e = container_of(at, struct errand, node);

		e->bridge = e->asker = NULL; /* they are freed already */
		errand_free(c, e);
	}
	table_free(&c->errands.by_number);
}

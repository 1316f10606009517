/*
 * presence_world.h - presence with a scripted clock, hubs that are nothing
 * but a boot id, and an ear for what is told.
 */
#ifndef TESTS_UNIT_PRESENCE_WORLD_H
#define TESTS_UNIT_PRESENCE_WORLD_H

#include "common/must.h"
#include "common/stats.h"
#include "store/presence.h"
#include "tests/unit/test.h"

enum { HUBS = 4, LINGER = 5000, EVENTS = 4096 };

struct world {
	struct presence_setup setup;
	struct presence *presence;
	struct wire wire;
	struct bus_peer bus[HUBS];
	struct presence_peer peers[HUBS];
	bool up[HUBS];
	uint64_t now;
	bool behind, busy;
	char *events[EVENTS]; /* "/channel BODY" */
	unsigned events_n;
	struct buf page; /* "user sessions data;" of the last roster */
	struct msg_roster_end end;
	uint64_t hubs;                           /* as told last */
	uint64_t joins, leaves, restored, users; /* counters before */
};

static inline void
world_send(struct wire *wire, struct bus_peer *peer, const struct msg *m)
{
	struct world *w = container_of(wire, struct world, wire);

	(void)peer;
	if (m->id == MSG_present) {
		buf_put(&w->page, m->present.user);
		buf_printf(&w->page, " %u ", (unsigned)m->present.sessions);
		buf_put(&w->page, m->present.data);
		buf_chr(&w->page, ';');
	} else if (m->id == MSG_roster_end) {
		w->end = m->roster_end;
	} else if (m->id == MSG_hubs) {
		w->hubs = m->hubs.count;
	}
}

static inline enum code
world_publish(struct presence_setup *s, struct slice channel, struct slice body)
{
	struct world *w = container_of(s, struct world, setup);
	struct buf b = {0};

	if (w->busy)
		return CODE_busy;
	buf_put(&b, channel);
	buf_chr(&b, ' ');
	buf_put(&b, body);
	buf_chr(&b, '\0');
	must(w->events_n < EVENTS);
	w->events[w->events_n++] = b.p;
	return CODE_ok;
}

static inline uint64_t
world_now(struct presence_setup *s)
{
	return container_of(s, struct world, setup)->now;
}

static inline void
world_position(struct presence_setup *s, struct slice channel, struct msg *end)
{
	(void)s;
	(void)channel;
	end->roster_end.epoch = 7;
	end->roster_end.offset = 9;
}

static inline void
world_up(struct world *w, unsigned hub)
{
	w->bus[hub].boot = hub + 1;
	presence_peer_init(w->presence, &w->peers[hub], &w->bus[hub]);
	w->up[hub] = true;
}

static inline void
world_down(struct world *w, unsigned hub)
{
	presence_peer_gone(&w->peers[hub]);
	w->up[hub] = false;
}

/* A hub that is killed and starts again is another one. */
static inline void
world_reborn(struct world *w, unsigned hub, uint64_t boot)
{
	w->bus[hub].boot = boot;
	presence_peer_init(w->presence, &w->peers[hub], &w->bus[hub]);
	w->up[hub] = true;
}

static inline void
world_reentered(struct world *w, unsigned hub, uint64_t hubs)
{
	presence_reentered(
	    w->presence, &w->peers[hub], &(struct msg_reentered){.hubs = hubs});
}

static inline void
world_turns(struct world *w)
{
	while (presence_turn(w->presence))
		;
}

static inline void
world_pass(struct world *w, uint64_t ms)
{
	for (; ms >= PRESENCE_TICK_MS; ms -= PRESENCE_TICK_MS) {
		w->now += PRESENCE_TICK_MS;
		presence_tick(w->presence, w->now, w->behind);
		world_turns(w);
	}
}

static inline enum code
world_again(struct world *w, unsigned hub, struct msg_enter m)
{
	if (m.channel.n == 0)
		m.channel = SLICE("/a/presence/x");
	return presence_enter(
	    w->presence, &w->peers[hub], &m, 1000000 + w->now);
}

static inline enum code
world_enter(
    struct world *w, unsigned hub, const char *user, const char *session)
{
	return world_again(w, hub,
	    (struct msg_enter){
		.user = slice_of(user), .session = slice_of(session)});
}

static inline enum code
world_data(
    struct world *w, const char *user, const char *session, const char *data)
{
	return world_again(w, 0,
	    (struct msg_enter){.user = slice_of(user),
		.session = slice_of(session),
		.data = slice_of(data)});
}

static inline void
world_exit(struct world *w, unsigned hub, const char *user, const char *session)
{
	presence_exit(w->presence, &w->peers[hub],
	    &(struct msg_exit){.channel = SLICE("/a/presence/x"),
		.user = slice_of(user),
		.session = slice_of(session)});
}

static inline void
world_lose(struct world *w, unsigned hub, const char *user, const char *session)
{
	presence_exit(w->presence, &w->peers[hub],
	    &(struct msg_exit){.channel = SLICE("/a/presence/x"),
		.user = slice_of(user),
		.session = slice_of(session),
		.linger = 1});
}

static inline const char *
world_roster(struct world *w, struct msg_roster m)
{
	if (m.channel.n == 0)
		m.channel = SLICE("/a/presence/x");
	buf_clear(&w->page);
	presence_roster(w->presence, &w->bus[0], &m);
	buf_chr(&w->page, '\0');
	return w->page.p;
}

static inline void
world_forget(struct world *w)
{
	while (w->events_n != 0)
		free(w->events[--w->events_n]);
}

#define told(w, n, text)                                                       \
	do {                                                                   \
		assert_true((n) < (w)->events_n);                              \
		assert_string_equal((w)->events[n], "/a/presence/x " text);    \
	} while (0)

/* The store starts, with nobody who was there before. */
static inline void
world_boot(struct world *w)
{
	w->presence = presence_new(&w->setup);
	presence_tick(w->presence, w->now, false);
	for (unsigned i = 0; i < HUBS; i++)
		world_up(w, i);
	w->joins = stats_get(STAT_presence_joins);
	w->leaves = stats_get(STAT_presence_leaves);
	w->restored = stats_get(STAT_presence_restored);
	w->users = stats_get(STAT_presence_users);
}

static inline void
world_stop(struct world *w)
{
	for (unsigned i = 0; i < HUBS; i++)
		if (w->up[i])
			world_down(w, i);
	presence_free(&w->presence);
}

/* Joins announced and restored, less leaves announced, are users present. */
static inline void
world_conserved(const struct world *w)
{
	assert_int_equal(stats_get(STAT_presence_joins) - w->joins +
			     stats_get(STAT_presence_restored) - w->restored -
			     (stats_get(STAT_presence_leaves) - w->leaves),
	    stats_get(STAT_presence_users) - w->users);
}

static inline int
set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->now = 1000;
	w->wire.send = world_send;
	w->setup = (struct presence_setup){
	    .wire = &w->wire,
	    .boot = 100,
	    .linger_ms = LINGER,
	    .shards = 1,
	    .users = 1000,
	    .sessions = 50,
	    .bytes = 64 << 20,
	    .publish = world_publish,
	    .now = world_now,
	    .position = world_position,
	};
	world_boot(w);
	*state = w;
	return 0;
}

/* The same, when nothing is held back any more. */
static inline int
set_up_open(void **state)
{
	struct world *w;

	set_up(state);
	w = *state;
	world_reentered(w, 0, 0);
	world_turns(w);
	return 0;
}

static inline int
tear_down(void **state)
{
	struct world *w = *state;

	world_stop(w);
	world_forget(w);
	buf_free(&w->page);
	free(w);
	return 0;
}

#define rule(f)  cmocka_unit_test_setup_teardown(f, set_up_open, tear_down)
#define start(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif

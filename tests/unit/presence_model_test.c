/* presence_model_test.c - presence against a model that is too simple to be
 * wrong: whatever hubs do, the world is told what is so, and each once. */
#include "tests/unit/presence_world.h"

enum { USERS = 12, SESSIONS = 3, STEPS = 4000 };

/* Of one session: a bit per hub. */
struct model_session {
	unsigned live, stale;
	uint64_t due; /* held by none: then it goes; 0: it is not there */
};

struct model {
	struct world *w;
	struct model_session sessions[USERS][SESSIONS];
	uint64_t due[HUBS]; /* then what is stale goes */
	uint64_t clock;
	bool told[USERS];
	uint32_t seed;
	unsigned seen; /* events */
	uint64_t boots;
};

static unsigned
draw(struct model *m, unsigned below)
{
	m->seed = m->seed * 1664525u + 1013904223u;
	return (m->seed >> 8) % below;
}

static void
name(char *out, char what, unsigned n)
{
	snprintf(out, 8, "%c%u", what, n);
}

static bool
there(const struct model_session *s)
{
	return (s->live | s->stale) != 0 || s->due != 0;
}

static void
enter(struct model *m, unsigned hub, unsigned u, unsigned s)
{
	struct model_session *x = &m->sessions[u][s];
	char user[8], session[8];

	name(user, 'u', u);
	name(session, 's', s);
	assert_int_equal(world_enter(m->w, hub, user, session), CODE_ok);
	x->live |= 1u << hub;
	x->stale = 0;
	x->due = 0;
}

static void
leave(struct model *m, unsigned hub, unsigned u, unsigned s)
{
	struct model_session *x = &m->sessions[u][s];
	unsigned held = (x->live | x->stale) & 1u << hub;
	bool lost = draw(m, 2) != 0;
	char user[8], session[8];

	name(user, 'u', u);
	name(session, 's', s);
	if (lost)
		world_lose(m->w, hub, user, session);
	else
		world_exit(m->w, hub, user, session);
	x->live &= ~held;
	x->stale &= ~held;
	if (held != 0 && (x->live | x->stale) == 0)
		x->due = lost ? m->clock + LINGER : 0;
}

static void
each_session(struct model *m,
    void (*f)(struct model *, struct model_session *, unsigned hub),
    unsigned hub)
{
	for (unsigned u = 0; u < USERS; u++)
		for (unsigned s = 0; s < SESSIONS; s++)
			f(m, &m->sessions[u][s], hub);
}

static void
becomes_stale(struct model *m, struct model_session *x, unsigned hub)
{
	(void)m;
	x->stale |= x->live & 1u << hub;
	x->live &= ~(1u << hub);
}

static void
down(struct model *m, unsigned hub)
{
	world_down(m->w, hub);
	each_session(m, becomes_stale, hub);
	m->due[hub] = m->clock + LINGER;
}

/* The same life again, which says some of what it had; or another one, of
 * which the model forgets that its number was another's. */
static void
up(struct model *m, unsigned hub)
{
	world_up(m->w, hub);
	for (unsigned u = 0; u < USERS; u++)
		for (unsigned s = 0; s < SESSIONS; s++)
			if ((m->sessions[u][s].stale & 1u << hub) != 0 &&
			    draw(m, 4) != 0)
				enter(m, hub, u, s);
	world_reentered(m->w, hub, 0);
	m->due[hub] = m->clock + LINGER;
}

static void
ends(struct model *m, struct model_session *x, unsigned hub)
{
	if (x->due != 0 && x->due <= m->clock)
		x->due = 0;
	if (m->due[hub] <= m->clock)
		x->stale &= ~(1u << hub);
}

static void
pass(struct model *m)
{
	uint64_t ticks = 1 + draw(m, 12);

	while (ticks-- != 0) {
		m->clock += PRESENCE_TICK_MS;
		world_pass(m->w, PRESENCE_TICK_MS);
		for (unsigned h = 0; h < HUBS; h++)
			each_session(m, ends, h);
	}
}

static void
hear(struct model *m)
{
	for (; m->seen < m->w->events_n; m->seen++) {
		const char *at =
		    m->w->events[m->seen] + strlen("/a/presence/x {\"");
		bool join = strncmp(at, "join", 4) == 0;
		struct slice rest = slice_of(strstr(at, "\"u") + 2), digits;
		uint64_t u = USERS;

		assert_true(slice_cut(&rest, '"', &digits));
		assert_true(slice_num(digits, &u));
		assert_true(join || strncmp(at, "leave", 5) == 0);
		assert_true(u < USERS && m->told[u] != join);
		m->told[u] = join;
	}
	world_forget(m->w);
	m->seen = 0;
}

static void
compare(struct model *m)
{
	unsigned users = 0;

	hear(m);
	for (unsigned u = 0; u < USERS; u++) {
		bool here = false;

		for (unsigned s = 0; s < SESSIONS; s++)
			here = here || there(&m->sessions[u][s]);
		assert_int_equal(m->told[u], here);
		users += here;
	}
	world_roster(m->w, (struct msg_roster){.limit = 1});
	assert_int_equal(m->w->end.users, users);
	world_conserved(m->w);
}

static void
step(struct model *m)
{
	unsigned hub = draw(m, HUBS), what = draw(m, 20);
	unsigned u = draw(m, USERS), s = draw(m, SESSIONS);

	if (what == 0 && m->w->up[hub])
		down(m, hub);
	else if (what == 1)
		m->w->busy = draw(m, 3) == 0;
	else if (what < 5)
		pass(m);
	else if (!m->w->up[hub])
		up(m, hub);
	else if (what < 13)
		enter(m, hub, u, s);
	else
		leave(m, hub, u, s);
}

static void
the_world_is_told_what_is_so(void **state)
{
	struct model m = {.w = *state};

	for (m.seed = 1; m.seed < 20;) {
		uint32_t seed = m.seed;

		for (unsigned i = 0; i < STEPS; i++) {
			step(&m);
			if (!m.w->busy) {
				/* what it was too busy for comes with a tick */
				pass(&m);
				compare(&m);
			}
		}
		m.seed = seed + 1;
	}
}

TESTS(rule(the_world_is_told_what_is_so))

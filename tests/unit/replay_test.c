/*
 * replay_test.c - the promise of a join, against a model: whatever happens
 * meanwhile, a listener gets each message behind its cursor once, in order,
 * or a gap that covers it.
 *
 * Hubs join, leave, stall, lag, die and come back; a publisher publishes; an
 * engine that blocks ends its reads and writes when the dice say so, and may
 * fail.
 */
#include "tests/unit/replay_world.h"

/* ---- The hub: it joins, and keeps each session's position */

/* A pattern's hole is told where the replay passes it, so a position inside a
 * replay that was cut off is none to go on from: all of it comes again. */
static void
forget_unfinished(struct session *s, unsigned k)
{
	if (s->state == CATCHING && s->seen != NULL &&
	    channel_is_pattern(slice_of(names[k]))) {
		memset(s->seen + s->safe + 1, 0, STEPS - s->safe);
		s->last = s->safe;
	}
	s->safe = s->last;
}

static void
send_join(struct world *w, struct hub *h, unsigned k, bool resume)
{
	struct session *s = &h->sessions[k];
	struct msg_join m = {.channel = slice_of(names[k]),
	    .generation = ++w->generation,
	    .resume = resume ? RESUME_POSITION : RESUME_NOW,
	    .epoch = EPOCH,
	    .offset = s->last};

	s->generation = m.generation;
	s->state = CATCHING;
	replay_join(
	    w->replays, &h->replay, route_join(w->route, &h->route, &m), &m);
}

static void
hub_join(struct world *w, struct hub *h, unsigned k, bool resume)
{
	struct session *s = &h->sessions[k];

	forget_unfinished(s, k);
	send_join(w, h, k, resume);
}
static bool
matches(unsigned k, unsigned channel)
{
	struct slice name = slice_of(names[k]);

	return channel_is_pattern(name)
	           ? channel_match(name, slice_of(channels[channel]))
	           : strcmp(names[k], channels[channel]) == 0;
}

/* Whatever is behind the first position was seen once, or told as a hole. */
static void
check_session(const struct world *w, const struct session *s, unsigned k)
{
	for (uint64_t o = s->begin + 1; o <= s->last; o++)
		if (w->channel_of[o] != 0 &&
		    matches(k, w->channel_of[o] - 1u) && s->seen[o] == 0)
			fail_msg("%s missed %u of %s, from %u to %u", names[k],
			    (unsigned)o, channels[w->channel_of[o] - 1],
			    (unsigned)s->begin, (unsigned)s->last);
}

static void
session_end(struct world *w, struct session *s, unsigned k)
{
	if (s->state == LIVE)
		check_session(w, s, k);
	free(s->seen);
	*s = (struct session){0};
}

static void
saw(struct session *s, const struct msg_deliver *d, unsigned k)
{
	if ((s->seen[d->offset] & ~COVERED) != 0)
		fail_msg("%s got %u twice", names[k], (unsigned)d->offset);
	if (d->offset <= s->last)
		fail_msg("%s at %u got %u", names[k], (unsigned)s->last,
		    (unsigned)d->offset);
	s->seen[d->offset]++;
	s->last = d->offset;
}

static void
got_gap(struct world *w, struct session *s, const struct msg_gap *g)
{
	w->gaps++;
	assert_true(g->from <= g->to);
	for (uint64_t o = g->from + 1; o <= g->to; o++)
		s->seen[o] |= COVERED;
	if (g->to > s->last)
		s->last = g->to;
}

static void
got_deliver(struct world *w, struct hub *h, const struct msg_deliver *d)
{
	w->delivered++;
	for (unsigned k = 0; k < NAMES; k++) {
		struct session *s = &h->sessions[k];
		struct slice name = slice_of(names[k]);

		if (channel_is_pattern(name) ? !channel_match(name, d->channel)
					     : !slice_eq(name, d->channel))
			continue;
		if (d->generation != 0
			? s->state == CATCHING && d->generation == s->generation
			: s->state == LIVE)
			saw(s, d, k);
	}
}

static struct session *
session_of(struct hub *h, uint64_t generation)
{
	for (unsigned k = 0; k < NAMES; k++)
		if (h->sessions[k].state != AWAY &&
		    h->sessions[k].generation == generation)
			return &h->sessions[k];
	return NULL;
}

/* A session begins where its first join was made. */
static void
got_joined(struct session *s, const struct msg_joined *m)
{
	if (s->seen == NULL) {
		s->seen = xcalloc(STEPS + 1, 1);
		s->begin = s->last = m->top;
	}
	if (m->top > s->last)
		s->last = m->top;
	s->state = LIVE;
}

static void
hub_read(struct world *w, struct hub *h)
{
	struct list *node = list_shift(&h->inbox);
	struct frame *f;
	struct session *s;

	if (node == NULL)
		return;
	f = container_of(node, struct frame, node);
	h->bus.link.flight -= WEIGHT;
	if (f->m.id == MSG_deliver) {
		got_deliver(w, h, &f->m.deliver);
	} else if (f->m.id == MSG_gap) {
		if ((s = session_of(h, f->m.gap.generation)) != NULL)
			got_gap(w, s, &f->m.gap);
	} else if (f->m.id == MSG_joined) {
		if ((s = session_of(h, f->m.joined.generation)) != NULL)
			got_joined(s, &f->m.joined);
	} else if (f->m.id == MSG_lag) {
		w->lags++;
		if ((s = session_of(h, f->m.lag.generation)) != NULL &&
		    s->state == LIVE)
			hub_join(w, h, (unsigned)(s - h->sessions), true);
	}
	free(f);
}

/* ---- The dice */

static void
join_or_leave(struct world *w, struct hub *h)
{
	unsigned k = dice(w, NAMES);
	struct session *s = &h->sessions[k];
	struct msg_leave m = {
	    .channel = slice_of(names[k]), .generation = s->generation};

	if (s->state == AWAY) {
		hub_join(w, h, k, false);
	} else if (s->seen != NULL && dice(w, 3) == 0) {
		hub_join(w, h, k, true); /* again, as a client of it resumes */
	} else {
		route_leave(w->route, &h->route, &m);
		session_end(w, s, k);
	}
}

/* Its link dies with all that is under way; it comes back and says again
 * where it was. */
static void
die(struct world *w, struct hub *h)
{
	hub_close(w, h);
	hub_open(w, h);
	for (unsigned k = 0; k < NAMES; k++)
		if (h->sessions[k].state != AWAY)
			hub_join(w, h, k, h->sessions[k].seen != NULL);
}

static void
step(struct world *w)
{
	struct hub *h = &w->hubs[dice(w, HUBS)];
	unsigned what = dice(w, 200);

	if (what < 70)
		publish_on(w, dice(w, CHANNELS));
	else if (what < 120)
		for (unsigned n = dice(w, 8); !h->stalled && n != 0; n--)
			hub_read(w, h);
	else if (what < 160)
		turn(w);
	else if (what < 170)
		join_or_leave(w, h);
	else if (what < 172)
		h->stalled = !h->stalled;
	else if (what < 173)
		die(w, h);
	else if (what < 186 && w->writing != NULL)
		end_write(w);
	else if (w->reading != NULL)
		end_read(w);
}

/* Everybody reads, and everything ends. */
static void
settle(struct world *w)
{
	for (unsigned i = 0; i < 2000; i++) {
		turn(w);
		if (w->writing != NULL)
			end_write(w);
		if (w->reading != NULL)
			end_read(w);
		for (unsigned h = 0; h < HUBS; h++)
			while (!list_empty(&w->hubs[h].inbox))
				hub_read(w, &w->hubs[h]);
	}
	for (unsigned h = 0; h < HUBS; h++)
		for (unsigned k = 0; k < NAMES; k++) {
			struct session *s = &w->hubs[h].sessions[k];

			if (s->state == AWAY)
				continue;
			assert_int_equal(s->state, LIVE);
			s->last = sequence_shard(w->sequence, 0)->top;
			check_session(w, s, k);
		}
	assert_int_equal(publishing_pending(w->publishing), 0);
}

static void
play(const struct config *config)
{
	unsigned lags = 0, delivered = 0;

	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct world *w = xcalloc(1, sizeof(*w));

		w->config = config;
		w->random = seed * 0x9e3779b97f4a7c15u;
		open_store(w);
		for (unsigned i = 0; i < STEPS; i++)
			step(w);
		settle(w);
		if (config->no_gaps)
			assert_int_equal(w->gaps, 0);
		lags += w->lags;
		delivered += w->delivered;
		close_store(w);
		free(w);
	}
	assert_in_range(lags, 100, 1000000); /* else nothing was tested */
	assert_in_range(delivered, 10000, 100000000);
}

static void
what_is_kept_reaches_everyone_without_a_hole(void **state)
{
	(void)state;
	play(&(struct config){
	    .policies = "/**=100000", .topics = 100, .no_gaps = true});
}

static void
what_is_lost_is_told(void **state)
{
	(void)state;
	play(&(struct config){
	    .policies = "/**=20 /a/private/**=0 /a/public/x=0", .topics = 100});
}

static void
what_is_forgotten_is_told(void **state)
{
	(void)state;
	play(&(struct config){
	    .policies = "/**=20 /a/private/**=0", .topics = 4});
}

static void
an_engine_that_blocks_loses_nothing(void **state)
{
	(void)state;
	play(&(struct config){.policies = "/**=100000",
	    .topics = 100,
	    .blocks = true,
	    .no_gaps = true});
}

static void
an_engine_that_blocks_and_forgets_tells_it(void **state)
{
	(void)state;
	play(&(struct config){
	    .policies = "/**=20", .topics = 4, .blocks = true});
}

static void
an_engine_that_remembers_leaves_no_hole(void **state)
{
	(void)state;
	play(&(struct config){.policies = "/**=100000",
	    .topics = 2,
	    .remembers = true,
	    .no_gaps = true});
	play(&(struct config){.policies = "/**=100000",
	    .topics = 2,
	    .remembers = true,
	    .blocks = true,
	    .fails = true,
	    .no_gaps = true});
}

static void
an_engine_that_fails_loses_nothing_that_was_answered(void **state)
{
	(void)state;
	play(&(struct config){.policies = "/**=20",
	    .topics = 100,
	    .blocks = true,
	    .fails = true});
}

/* What comes while the engine reads was not looked for: the end must not be
 * behind it. */
static void
a_read_ends_where_it_looked(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));
	const struct frame *f;

	(void)state;
	w->config = &(struct config){
	    .policies = "/**=100", .topics = 100, .blocks = true};
	w->random = 1;
	open_store(w);
	publish_on(w, 0);
	turn(w);
	end_write(w);
	replay_read(w->replays, &w->hubs[0].replay,
	    &(struct msg_read){.channel = slice_of(channels[0]), .limit = 9});
	turn(w);
	if (!w->read_done)
		w->engine->read(w->engine, w->reading);
	w->read_done = true;
	publish_on(w, 0);
	turn(w);
	end_write(w);
	end_read(w);
	f = container_of(w->hubs[0].inbox.prev, struct frame, node);
	assert_int_equal(f->m.id, MSG_read_end);
	assert_int_equal(f->m.read_end.offset, 1);
	assert_int_equal(f->m.read_end.lost, GAP_NONE);
	close_store(w);
	free(w);
}

TESTS(unit(a_read_ends_where_it_looked),
    unit(what_is_kept_reaches_everyone_without_a_hole),
    unit(what_is_lost_is_told), unit(what_is_forgotten_is_told),
    unit(an_engine_that_blocks_loses_nothing),
    unit(an_engine_that_blocks_and_forgets_tells_it),
    unit(an_engine_that_remembers_leaves_no_hole),
    unit(an_engine_that_fails_loses_nothing_that_was_answered))

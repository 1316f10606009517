/*
 * route_test.c - once per hub, whoever joined what; and hubs without room
 * park, then lag, then are told.
 */
#include "common/code.h"
#include "common/must.h"
#include "store/route.h"
#include "tests/unit/test.h"

enum { HUBS = 3 };

struct hub {
	struct bus_peer bus;
	struct route_peer peer;
	unsigned delivered, lags;
	uint64_t last, lag_top, lag_generation;
};

/* A channel that was published to. */
struct known {
	char name[64];
	struct route_spot spot;
};

struct world {
	struct route_setup setup;
	struct known topics[128];
	unsigned lookups;
	struct wire wire;
	struct route *route;
	struct hub hubs[HUBS];
	unsigned granted, ended, parked;
	uint64_t now;
	size_t lag_costs; /* bytes of the window, for one lag frame */
};

static void
heard(struct bus_peer *p, const struct msg *m)
{
	struct hub *h = container_of(p, struct hub, bus);

	if (m->id == MSG_deliver) {
		h->delivered++;
		h->last = m->deliver.offset;
	} else if (m->id == MSG_lag) {
		h->lags++;
		h->lag_top = m->lag.top;
		h->lag_generation = m->lag.generation;
	}
}

static void
wire_send(struct wire *w, struct bus_peer *p, const struct msg *m)
{
	heard(p, m);
	if (m->id == MSG_lag)
		p->link.flight +=
		    container_of(w, struct world, wire)->lag_costs;
}

static void
wire_send_encoded(struct wire *w, struct bus_peer *p, struct slice frame)
{
	const char *why;
	struct msg m;

	(void)w;
	assert_int_equal(msg_decode(frame, &m, &why), frame.n);
	p->link.flight += frame.n;
	heard(p, &m);
}

static void
granted(struct route_setup *s, struct withheld *held)
{
	struct world *w = container_of(s, struct world, setup);

	w->granted++;
	free(held);
}

static uint64_t
epoch(struct route_setup *s, unsigned shard)
{
	(void)s;
	return 100 + shard;
}

static void
join_ends(struct route_setup *s, struct join *j)
{
	(void)j;
	container_of(s, struct world, setup)->ended++;
}

static struct route_spot *
find_spot(struct world *w, struct slice name)
{
	for (unsigned i = 0; i < LENGTH(w->topics); i++)
		if (slice_is(name, w->topics[i].name))
			return &w->topics[i].spot;
	return NULL;
}

static struct route_spot *
spot(struct route_setup *s, struct slice name, uint32_t hash)
{
	struct world *w = container_of(s, struct world, setup);

	assert_int_equal(hash, table_hash(name));
	w->lookups++;
	return find_spot(w, name);
}

static struct route_spot *
get_spot(struct world *w, const char *name)
{
	struct route_spot *found = find_spot(w, slice_of(name));
	unsigned i = 0;

	if (found != NULL)
		return found;
	while (w->topics[i].name[0] != '\0')
		assert_true(++i < LENGTH(w->topics));
	snprintf(w->topics[i].name, sizeof(w->topics[i].name), "%s", name);
	return &w->topics[i].spot;
}

static int
set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	w->wire = (struct wire){wire_send, wire_send_encoded};
	w->setup = (struct route_setup){.shards = 2,
	    .wire = &w->wire,
	    .wheel = wheel_new(0),
	    .granted = granted,
	    .epoch = epoch,
	    .join_ends = join_ends,
	    .spot = spot};
	w->route = route_new(&w->setup);
	for (unsigned i = 0; i < HUBS; i++)
		route_peer_init(w->route, &w->hubs[i].peer, &w->hubs[i].bus);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < HUBS; i++)
		route_peer_gone(&w->hubs[i].peer);
	route_free(&w->route);
	wheel_free(&w->setup.wheel);
	assert_int_equal(w->parked, w->granted); /* every answer was given */
	free(w);
	return 0;
}

static struct join *
catching(struct world *w, unsigned hub, const char *name, uint64_t generation)
{
	return route_join(w->route, &w->hubs[hub].peer,
	    &(struct msg_join){
		.channel = slice_of(name), .generation = generation});
}

static void
live(struct world *w, unsigned hub, const char *name)
{
	route_live(catching(w, hub, name, 1));
}

static unsigned
fan(struct world *w, const char *name, uint64_t offset, struct slice body)
{
	struct msg m = {.id = MSG_deliver,
	    .deliver = {
		.channel = slice_of(name), .offset = offset, .body = body}};
	struct fan f = {.deliver = &m,
	    .spot = get_spot(w, name),
	    .hash = table_hash(m.deliver.channel),
	    .now_ms = w->now};

	if (route_fan(w->route, &f)) {
		w->parked++;
		route_withhold(w->route, xcalloc(1, sizeof(struct withheld)));
	}
	return f.hubs;
}

/* The hub's window has so many bytes in it. */
static void
fill(struct world *w, unsigned hub, size_t bytes)
{
	w->hubs[hub].bus.link.flight = bytes;
}

static void
a_hub_gets_a_message_once_whatever_matches(void **state)
{
	struct world *w = *state;

	live(w, 0, "/a/public/x/y");
	live(w, 0, "/a/public/x/*");
	live(w, 0, "/a/public/**");
	live(w, 1, "/a/public/x/**");
	live(w, 2, "/a/public/*");
	assert_int_equal(fan(w, "/a/public/x/y", 1, SLICE("b")), 2);
	assert_int_equal(w->hubs[0].delivered, 1);
	assert_int_equal(w->hubs[1].delivered, 1);
	assert_int_equal(w->hubs[2].delivered, 0);
	assert_int_equal(fan(w, "/a/public/z", 2, SLICE("b")), 2);
	assert_int_equal(w->hubs[2].last, 2);
	assert_int_equal(fan(w, "/a/private/z", 3, SLICE("b")), 0);
}

static void
a_topic_knows_its_joins_whichever_was_first(void **state)
{
	struct world *w = *state;
	struct msg_leave leave = {
	    .channel = SLICE("/a/public/x"), .generation = 1};
	struct route_spot *x;

	assert_int_equal(fan(w, "/a/public/x", 1, SLICE("b")), 0);
	x = get_spot(w, "/a/public/x");
	live(w, 0, "/a/public/x");
	live(w, 1, "/a/public/x");
	live(w, 1, "/a/public/*"); /* no topic has such a name */
	assert_int_equal(w->lookups, 1);
	assert_int_equal(fan(w, "/a/public/x", 2, SLICE("b")), 2);
	route_leave(w->route, &w->hubs[0].peer, &leave);
	route_leave(w->route, &w->hubs[1].peer, &leave);
	assert_null(x->entry);
	assert_int_equal(fan(w, "/a/public/x", 3, SLICE("b")), 1);
	live(w, 0, "/a/public/x");
	assert_int_equal(fan(w, "/a/public/x", 4, SLICE("b")), 2);
	live(w, 2, "/a/public/y");
	assert_int_equal(fan(w, "/a/public/y", 5, SLICE("b")), 2);
	assert_true(get_spot(w, "/a/public/y")->known);
}

static void
a_forgotten_topic_is_not_touched_any_more(void **state)
{
	struct world *w = *state;
	struct msg_leave leave = {
	    .channel = SLICE("/a/public/x"), .generation = 1};

	live(w, 0, "/a/public/x");
	assert_int_equal(fan(w, "/a/public/x", 1, SLICE("b")), 1);
	route_forget(get_spot(w, "/a/public/x"));
	memset(w->topics, 0xff, sizeof(w->topics));
	route_leave(w->route, &w->hubs[0].peer, &leave);
	for (unsigned i = 0; i < sizeof(w->topics); i++)
		assert_int_equal(((unsigned char *)w->topics)[i], 0xff);
	memset(w->topics, 0, sizeof(w->topics));
	live(w, 1, "/a/public/x");
	assert_int_equal(fan(w, "/a/public/x", 2, SLICE("b")), 1);
}

static void
a_leave_ends_the_join_of_its_generation(void **state)
{
	struct world *w = *state;
	struct msg_leave leave = {.channel = SLICE("/a/public/x")};

	live(w, 0, "/a/public/x");
	route_leave(w->route, &w->hubs[0].peer, &leave);
	assert_int_equal(fan(w, "/a/public/x", 1, SLICE("b")), 1);
	leave.generation = 1;
	route_leave(w->route, &w->hubs[1].peer, &leave);
	assert_int_equal(fan(w, "/a/public/x", 2, SLICE("b")), 1);
	route_leave(w->route, &w->hubs[0].peer, &leave);
	assert_int_equal(fan(w, "/a/public/x", 3, SLICE("b")), 0);
	route_leave(w->route, &w->hubs[0].peer, &leave);
}

static void
a_hub_that_is_gone_is_sent_nothing(void **state)
{
	struct world *w = *state;

	live(w, 0, "/a/public/x");
	live(w, 0, "/a/public/*");
	live(w, 1, "/a/public/x");
	route_peer_gone(&w->hubs[0].peer);
	assert_int_equal(fan(w, "/a/public/x", 1, SLICE("b")), 1);
	assert_int_equal(w->hubs[0].delivered, 0);
}

static void
a_join_that_catches_up_holds_what_no_log_has(void **state)
{
	struct world *w = *state;
	struct join *j = catching(w, 0, "/a/public/*", 1);
	struct held *h;

	fan(w, "/a/public/x", 1, SLICE("one"));
	fan(w, "/a/public/y", 2, SLICE("two"));
	assert_int_equal(w->hubs[0].delivered, 0);
	h = container_of(j->held.next, struct held, node);
	assert_int_equal(h->record->offset, 1);
	assert_true(slice_is(h->record->body, "one"));
	assert_int_equal(j->held_lost, 0);
	for (uint64_t i = 3; i < 20000 && j->held_lost == 0; i++)
		fan(w, "/a/public/y", i, SLICE("more and more of it"));
	assert_true(j->held_lost != 0);
	j = catching(w, 0, "/a/public/*", 2); /* joined again: from scratch */
	assert_true(list_empty(&j->held));
	assert_int_equal(j->held_lost, 0);
	assert_int_equal(j->held_bytes, 0);
}

static void
an_answer_is_withheld_until_there_is_room(void **state)
{
	struct world *w = *state;

	live(w, 0, "/a/public/x");
	live(w, 1, "/a/public/x");
	fill(w, 0, LINK_WINDOW);
	fill(w, 1, LINK_WINDOW);
	assert_int_equal(fan(w, "/a/public/x", 1, SLICE("b")), 2);
	assert_int_equal(w->parked, 1);
	assert_int_equal(w->hubs[0].delivered, 1); /* past the window */
	route_turn(w->route);
	assert_int_equal(w->granted, 0);
	fill(w, 0, 0);
	route_turn(w->route);
	assert_int_equal(w->granted, 0); /* waits for the other */
	fill(w, 1, 0);
	route_turn(w->route);
	assert_int_equal(w->granted, 1);
	assert_int_equal(fan(w, "/a/public/x", 2, SLICE("b")), 2);
	assert_int_equal(w->parked, 1);
}

static void
after_a_second_the_hub_lags_and_is_told_when_it_reads(void **state)
{
	struct world *w = *state;

	live(w, 0, "/a/public/x");
	live(w, 0, "/a/public/*");
	live(w, 0, "/a/public/idle");
	fill(w, 0, LINK_WINDOW);
	fan(w, "/a/public/x", 1, SLICE("b"));
	w->now = ROUTE_PARK_MS - 1;
	wheel_advance(w->setup.wheel, w->now);
	assert_int_equal(w->granted, 0);
	w->now = ROUTE_PARK_MS;
	wheel_advance(w->setup.wheel, w->now);
	assert_int_equal(w->granted, 1);
	assert_int_equal(fan(w, "/a/public/x", 2, SLICE("b")), 0);
	assert_int_equal(fan(w, "/a/public/x", 3, SLICE("b")), 0);
	assert_int_equal(w->parked, 1); /* nobody waits for it any more */
	assert_int_equal(w->hubs[0].lags, 0);
	fill(w, 0, 0);
	route_turn(w->route);
	assert_int_equal(w->hubs[0].lags, 2);
	assert_int_equal(w->hubs[0].lag_top, 3);
	assert_int_equal(fan(w, "/a/public/x", 4, SLICE("b")), 0); /* rests */
	assert_int_equal(fan(w, "/a/public/idle", 5, SLICE("b")), 1);
	route_live(catching(w, 0, "/a/public/x", 7));
	assert_int_equal(fan(w, "/a/public/x", 6, SLICE("b")), 1);
	assert_int_equal(w->hubs[0].lags, 2);
}

/* A hub that saw 4, which the pattern matches, too, would take all before it
 * for seen: it must hear first that the pattern missed 3. */
static void
nothing_new_goes_out_before_the_last_lag(void **state)
{
	struct world *w = *state;

	live(w, 0, "/a/public/x");
	live(w, 0, "/a/public/**");
	live(w, 0, "/a/public/y");
	fill(w, 0, LINK_WINDOW);
	fan(w, "/a/public/x", 1, SLICE("b"));
	w->now = ROUTE_PARK_MS;
	wheel_advance(w->setup.wheel, w->now);
	fan(w, "/a/public/x", 2, SLICE("b"));
	fan(w, "/a/public/z", 3, SLICE("b"));
	fill(w, 0, 0);
	w->lag_costs = LINK_WINDOW; /* so that there is room for one */
	route_turn(w->route);
	assert_int_equal(w->hubs[0].lags, 1);
	assert_int_equal(fan(w, "/a/public/y", 4, SLICE("b")), 0);
	assert_int_equal(w->hubs[0].delivered, 1);
	for (unsigned i = 0; i < 2; i++) {
		fill(w, 0, 0);
		route_turn(w->route);
	}
	assert_int_equal(w->hubs[0].lags, 3);
	fill(w, 0, 0);
	route_turn(w->route);
	route_live(catching(w, 0, "/a/public/y", 7));
	assert_int_equal(fan(w, "/a/public/y", 5, SLICE("b")), 1);
}

static void
a_drain_waits_for_no_hub(void **state)
{
	struct world *w = *state;

	live(w, 0, "/a/public/x");
	fill(w, 0, LINK_WINDOW);
	fan(w, "/a/public/x", 1, SLICE("b"));
	assert_int_equal(w->granted, 0);
	route_drain(w->route);
	assert_int_equal(w->granted, 1);
	route_drain(w->route);
}

static void
what_all_joins_of_a_hub_hold_is_bounded(void **state)
{
	static char body[1 << 18];
	struct world *w = *state;
	size_t held = 0;
	char name[32];

	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "/a/public/%u/*", i);
		catching(w, 0, name, 1);
	}
	for (unsigned i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "/a/public/%u/x", i % 100);
		fan(w, name, i + 1, (struct slice){body, sizeof(body)});
	}
	list_each (at, &w->hubs[0].peer.joins)
		held += container_of(at, struct join, in_peer)->held_bytes;
	assert_in_range(held, ROUTE_HELD, ROUTE_HELD_PEER);
	assert_int_equal(held, w->hubs[0].peer.held_bytes);
}

static void
past_the_overdraft_it_lags_at_once(void **state)
{
	struct world *w = *state;

	live(w, 0, "/a/public/x");
	live(w, 1, "/a/public/x");
	fill(w, 0, LINK_WINDOW);
	fan(w, "/a/public/x", 1, SLICE("b"));
	fill(w, 0, LINK_WINDOW + ROUTE_OVERDRAFT);
	assert_int_equal(fan(w, "/a/public/x", 2, SLICE("b")), 1);
	assert_int_equal(w->granted, 1);
	assert_int_equal(w->hubs[1].last, 2); /* the other one goes on */
}

static void
a_hub_that_dies_frees_the_answers_that_wait_for_it(void **state)
{
	struct world *w = *state;

	live(w, 0, "/a/public/x");
	fill(w, 0, LINK_WINDOW);
	fan(w, "/a/public/x", 1, SLICE("b"));
	fan(w, "/a/public/x", 2, SLICE("b"));
	route_peer_gone(&w->hubs[0].peer);
	assert_int_equal(w->granted, 2);
	route_turn(w->route);
}

#define routed(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

TESTS(routed(a_hub_gets_a_message_once_whatever_matches),
    routed(a_topic_knows_its_joins_whichever_was_first),
    routed(a_forgotten_topic_is_not_touched_any_more),
    routed(a_leave_ends_the_join_of_its_generation),
    routed(a_hub_that_is_gone_is_sent_nothing),
    routed(a_join_that_catches_up_holds_what_no_log_has),
    routed(an_answer_is_withheld_until_there_is_room),
    routed(after_a_second_the_hub_lags_and_is_told_when_it_reads),
    routed(nothing_new_goes_out_before_the_last_lag),
    routed(a_drain_waits_for_no_hub),
    routed(what_all_joins_of_a_hub_hold_is_bounded),
    routed(past_the_overdraft_it_lags_at_once),
    routed(a_hub_that_dies_frees_the_answers_that_wait_for_it))

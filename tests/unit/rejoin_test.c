/*
 * rejoin_test.c - after a boot writes wait for the hubs of the last life, and
 * not for longer than they must.
 */
#include "common/must.h"
#include "store/rejoin.h"
#include "tests/unit/test.h"

#include <unistd.h>

struct world {
	struct loop *loop;
	char dir[64];
	struct rejoin_setup setup;
	struct rejoin *rejoin;
	struct bus_peer hubs[2], publisher;
	unsigned overs;
};

static void
over(struct rejoin_setup *setup)
{
	struct world *w = container_of(setup, struct world, setup);

	w->overs++;
	loop_stop(w->loop, 0);
}

static void
boot(struct world *w)
{
	rejoin_free(&w->rejoin);
	w->overs = 0;
	w->rejoin = rejoin_new(&w->setup);
}

static int
set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	snprintf(w->dir, sizeof(w->dir), "/tmp/rejoin_test.XXXXXX");
	must(mkdtemp(w->dir) != NULL);
	w->loop = loop_new();
	w->setup = (struct rejoin_setup){w->loop, w->dir, "store.1", over};
	w->hubs[0] = (struct bus_peer){.stage = "hub", .name = "hub.1"};
	w->hubs[1] = (struct bus_peer){.stage = "hub", .name = "hub.2"};
	w->publisher =
	    (struct bus_peer){.stage = "ingress", .name = "ingress.1"};
	boot(w);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;
	char path[128];

	rejoin_free(&w->rejoin);
	loop_free(&w->loop);
	snprintf(path, sizeof(path), "%s/hubs.store.1", w->dir);
	unlink(path);
	rmdir(w->dir);
	free(w);
	return 0;
}

static void
hold(struct world *w, struct bus_peer *peer, uint64_t seq)
{
	struct msg m = {.id = MSG_publish,
	    .publish = {.seq = seq, .channel = SLICE("/a/public/x")}};

	rejoin_hold(w->rejoin, peer, &m);
}

static void
check_held(struct world *w, const struct bus_peer *peer, uint64_t seq)
{
	struct bus_peer *from;
	struct msg m;

	assert_true(rejoin_take(w->rejoin, &from, &m));
	assert_ptr_equal(from, peer);
	assert_int_equal(m.publish.seq, seq);
	assert_true(slice_is(m.publish.channel, "/a/public/x"));
}

static void
nobody_waits_at_the_first_boot(void **state)
{
	struct world *w = *state;

	assert_false(rejoin_waits(w->rejoin));
	rejoin_hello(w->rejoin, &w->publisher);
	boot(w);
	assert_false(rejoin_waits(w->rejoin)); /* it is no hub */
}

static void
it_is_over_when_the_last_hub_has_rejoined(void **state)
{
	struct world *w = *state;
	struct bus_peer *from;
	struct msg m;

	rejoin_hello(w->rejoin, &w->hubs[0]);
	rejoin_hello(w->rejoin, &w->hubs[1]);
	boot(w);
	assert_true(rejoin_waits(w->rejoin));
	hold(w, &w->publisher, 1);
	rejoin_hello(w->rejoin, &w->hubs[0]);
	rejoin_said(w->rejoin, &w->hubs[0]);
	rejoin_said(w->rejoin, &w->hubs[0]);
	assert_true(rejoin_waits(w->rejoin));
	hold(w, &w->publisher, 2);
	rejoin_hello(w->rejoin, &w->hubs[1]);
	rejoin_said(w->rejoin, &w->hubs[1]);
	assert_false(rejoin_waits(w->rejoin));
	assert_int_equal(w->overs, 1);
	check_held(w, &w->publisher, 1);
	check_held(w, &w->publisher, 2);
	assert_false(rejoin_take(w->rejoin, &from, &m));
}

static void
a_hub_that_never_returns_costs_a_second_once(void **state)
{
	struct world *w = *state;

	rejoin_hello(w->rejoin, &w->hubs[0]);
	rejoin_hello(w->rejoin, &w->hubs[1]);
	boot(w);
	rejoin_hello(w->rejoin, &w->hubs[0]);
	rejoin_said(w->rejoin, &w->hubs[0]);
	loop_run(w->loop); /* until the time is over */
	assert_int_equal(w->overs, 1);
	assert_false(rejoin_waits(w->rejoin));
	rejoin_hello(w->rejoin, &w->hubs[0]); /* by another link */
	boot(w);
	rejoin_hello(w->rejoin, &w->hubs[0]);
	rejoin_said(w->rejoin, &w->hubs[0]);
	assert_false(rejoin_waits(w->rejoin));
}

static void
a_store_that_dies_while_it_waits_waits_again(void **state)
{
	struct world *w = *state;

	rejoin_hello(w->rejoin, &w->hubs[0]);
	rejoin_hello(w->rejoin, &w->hubs[1]);
	boot(w);
	rejoin_hello(w->rejoin, &w->hubs[0]);
	boot(w);
	rejoin_hello(w->rejoin, &w->hubs[0]);
	rejoin_said(w->rejoin, &w->hubs[0]);
	assert_true(rejoin_waits(w->rejoin));
	rejoin_hello(w->rejoin, &w->hubs[1]);
	rejoin_said(w->rejoin, &w->hubs[1]);
	assert_false(rejoin_waits(w->rejoin));
}

static void
what_a_peer_said_that_is_gone_is_dropped(void **state)
{
	struct world *w = *state;
	struct bus_peer other = w->publisher, *from;
	struct msg m;

	hold(w, &w->publisher, 1);
	hold(w, &other, 7);
	hold(w, &w->publisher, 2);
	rejoin_gone(w->rejoin, &w->publisher);
	check_held(w, &other, 7);
	assert_false(rejoin_take(w->rejoin, &from, &m));
}

#define with_world(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

TESTS(with_world(nobody_waits_at_the_first_boot),
    with_world(it_is_over_when_the_last_hub_has_rejoined),
    with_world(a_hub_that_never_returns_costs_a_second_once),
    with_world(a_store_that_dies_while_it_waits_waits_again),
    with_world(what_a_peer_said_that_is_gone_is_dropped))

/* bridge_lease_test.c - a lease is held by Redis' word and by our own clock,
 * whichever ends first. */
#include "common/stats.h"
#include "ingress/bridge_lease.h"
#include "tests/unit/redis_world.h"

enum { TTL = 300 }; /* ms */

struct tenant {
	struct lease lease; /* first */
	unsigned changes;
};

static struct tenant *tenant; /* until() has no argument but the world */

static void
changed(struct lease *l)
{
	container_of(l, struct tenant, lease)->changes++;
}

static bool
has_changed(struct world *w)
{
	return tenant->changes == w->count;
}

static bool
has_expired(struct world *w)
{
	(void)w;
	return !lease_valid(&tenant->lease);
}

static bool
is_answered(struct world *w)
{
	(void)w;
	return !tenant->lease.asking;
}

static void
begin(struct world *w, struct tenant *t)
{
	struct lease_setup setup = {
	    .loop = w->loop,
	    .prefix = "p:",
	    .name = "pubsub",
	    .token = "bridge.1@here/b00t",
	    .ttl = TTL,
	};

	tenant = t;
	*t = (struct tenant){.lease = {.changed = changed}};
	redis_begin_up(w);
	setup.redis = w->redis;
	lease_open(&t->lease, &setup);
	lease_ask(&t->lease);
}

static void
end(struct world *w, struct tenant *t)
{
	redis_drop(w->redis); /* it knows the tenant's calls */
	lease_close(&t->lease);
}

static void
hold(struct world *w, struct tenant *t)
{
	begin(w, t);
	server_hear(w, "\r\n300\r\n");
	server_say(w, ":1\r\n");
	w->count = 1;
	until(w, has_changed);
	assert_true(t->lease.held && lease_valid(&t->lease));
}

static void
it_is_asked_for_by_key_and_token_and_first_by_name(void **state)
{
	struct world *w = *state;
	struct tenant t;

	begin(w, &t);
	server_hear(w, "*7\r\n$4\r\nEVAL\r\n");
	server_hear(w, "$1\r\n1\r\n$14\r\np:lease:pubsub\r\n"
		       "$18\r\nbridge.1@here/b00t\r\n$3\r\n300\r\n"
		       "$14\r\nbridge.1@here/\r\n");
	assert_false(t.lease.held);
	server_say(w, ":1\r\n");
	/* renewed in a third of its time, and no more taken from a former
	 * life */
	server_hear(w, "$18\r\nbridge.1@here/b00t\r\n$3\r\n300\r\n"
		       "$0\r\n\r\n");
	assert_true(t.lease.held);
	assert_int_equal(t.changes, 1);
	end(w, &t);
}

static void
who_is_told_no_waits_and_asks_again(void **state)
{
	struct world *w = *state;
	struct tenant t;

	begin(w, &t);
	server_hear(w, "*7\r\n");
	server_say(w, ":0\r\n");
	server_hear(w, "*7\r\n");
	assert_false(t.lease.held);
	assert_int_equal(t.changes, 0);
	server_say(w, ":1\r\n");
	w->count = 1;
	until(w, has_changed);
	assert_true(t.lease.held);
	end(w, &t);
}

static void
without_an_answer_it_ends_by_our_clock(void **state)
{
	struct world *w = *state;
	struct tenant t;
	uint64_t asked;

	hold(w, &t);
	asked = t.lease.asked_at;
	until(w, has_expired);
	assert_true(loop_now(w->loop) - asked >= TTL);
	assert_int_equal(t.changes, 2);
	end(w, &t);
}

static void
an_answer_that_comes_too_late_does_not_hold_it(void **state)
{
	struct world *w = *state;
	struct tenant t;

	begin(w, &t);
	server_hear(w, "*7\r\n");
	t.lease.asked_at -= TTL; /* as if it had been asked for then */
	server_say(w, ":1\r\n");
	until(w, is_answered);
	assert_false(t.lease.held);
	assert_int_equal(t.changes, 0);
	end(w, &t);
}

static void
an_error_neither_gives_nor_takes_it(void **state)
{
	struct world *w = *state;
	struct tenant t;
	uint64_t before = stats_get(STAT_redis_refused);

	hold(w, &t);
	server_hear(w, "*7\r\n");
	server_say(w, "-BUSY a script\r\n");
	until(w, is_answered);
	assert_true(t.lease.held && t.lease.refused);
	assert_int_equal(t.changes, 1);
	assert_int_equal(stats_get(STAT_redis_refused), before + 1);
	server_hear(w, "*7\r\n");
	server_say(w, ":1\r\n");
	until(w, is_answered);
	assert_true(t.lease.held && !t.lease.refused);
	end(w, &t);
}

static void
who_hears_that_another_has_it_stops_at_once(void **state)
{
	struct world *w = *state;
	struct tenant t;

	hold(w, &t);
	lease_lost(&t.lease);
	assert_false(lease_valid(&t.lease));
	assert_int_equal(t.changes, 2);
	lease_lost(&t.lease);
	assert_int_equal(t.changes, 2);
	end(w, &t);
}

static void
who_leaves_gives_it_back_and_asks_no_more(void **state)
{
	struct world *w = *state;
	struct tenant t;

	hold(w, &t);
	lease_leave(&t.lease);
	assert_false(t.lease.held);
	server_hear(w, "*5\r\n$4\r\nEVAL\r\n");
	server_hear(
	    w, "$14\r\np:lease:pubsub\r\n$18\r\nbridge.1@here/b00t\r\n");
	server_say(w, ":1\r\n");
	lease_ask(&t.lease);
	assert_false(t.lease.asking);
	end(w, &t);
}

TESTS(story(it_is_asked_for_by_key_and_token_and_first_by_name),
    story(who_is_told_no_waits_and_asks_again),
    story(without_an_answer_it_ends_by_our_clock),
    story(an_answer_that_comes_too_late_does_not_hold_it),
    story(an_error_neither_gives_nor_takes_it),
    story(who_hears_that_another_has_it_stops_at_once),
    story(who_leaves_gives_it_back_and_asks_no_more))

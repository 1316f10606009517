/*
 * presence_move_test.c - shards go and come: in silence, but for what happened
 * meanwhile.
 */
#include "common/channel.h"
#include "tests/unit/presence_world.h"

/* As the hub knew her by that life of a store. */
static void
comes(struct world *w, unsigned hub, const char *session, uint64_t again)
{
	world_again(w, hub,
	    (struct msg_enter){.user = SLICE("ann"),
		.session = slice_of(session),
		.again = again});
}

static uint64_t
users(const struct world *w)
{
	return stats_get(STAT_presence_users) - w->users;
}

static void
all_of_a_shard_go_in_silence(void **state)
{
	struct world *w = *state;
	uint64_t bytes = stats_get(STAT_presence_bytes);

	world_enter(w, 0, "ann", "1");
	world_enter(w, 1, "ann", "2");
	world_enter(w, 1, "bob", "1");
	world_lose(w, 1, "bob", "1");
	w->busy = true; /* what could not be told yet is not told any more */
	world_enter(w, 2, "eve", "1");
	world_exit(w, 1, "ann", "2");
	world_exit(w, 0, "ann", "1");
	presence_leave(w->presence, 0);
	world_turns(w);
	w->busy = false;
	world_pass(w, 2 * LINGER);
	assert_int_equal(w->events_n, 2);
	assert_int_equal(users(w), 0);
	assert_int_equal(stats_get(STAT_presence_left), 2);
	assert_int_equal(stats_get(STAT_presence_sessions), 0);
	assert_int_equal(stats_get(STAT_presence_lingering), 0);
	assert_int_equal(stats_get(STAT_presence_bytes), bytes);
}

static void
another_shard_keeps_its_users(void **state)
{
	struct world *w = *state;
	struct slice here = SLICE("/a/presence/x"), there;
	char name[32];

	world_stop(w);
	w->setup.shards = 2;
	world_boot(w);
	for (unsigned i = 0;; i++) {
		snprintf(name, sizeof(name), "/a/presence/%u", i);
		there = slice_of(name);
		if (channel_shard(there, 2) != channel_shard(here, 2))
			break;
	}
	comes(w, 0, "1", 7);
	world_again(w, 0,
	    (struct msg_enter){.channel = there,
		.user = SLICE("bob"),
		.session = SLICE("1"),
		.again = 7});
	presence_leave(w->presence, channel_shard(here, 2));
	world_turns(w);
	assert_string_equal(
	    world_roster(w, (struct msg_roster){.limit = 9}), "");
	assert_string_equal(
	    world_roster(w, (struct msg_roster){.limit = 9, .channel = there}),
	    "bob 1 ;");
}

static void
who_was_known_by_another_store_is_not_announced(void **state)
{
	struct world *w = *state;

	presence_gain(w->presence, 0);
	comes(w, 0, "1", 7);
	world_pass(w, 2 * LINGER);
	assert_int_equal(w->events_n, 0);
	world_enter(w, 0, "bob", "1");
	assert_int_equal(w->events_n, 1);
	world_exit(w, 0, "ann", "1");
	assert_int_equal(w->events_n, 2);
	told(w, 1, "{\"leave\":{\"ann\":null}}");
}

static void
nor_is_who_was_known_by_us_before(void **state)
{
	struct world *w = *state;

	world_enter(w, 0, "ann", "1");
	presence_leave(w->presence, 0);
	presence_gain(w->presence, 0);
	assert_int_equal(users(w), 0);
	comes(w, 0, "1", 100);
	world_pass(w, 2 * LINGER);
	assert_int_equal(w->events_n, 1);
	assert_int_equal(users(w), 1);
}

/* One of her hubs says that she went before the other says she is there. */
static void
nobody_leaves_until_the_hubs_have_spoken(void **state)
{
	struct world *w = *state;

	presence_gain(w->presence, 0);
	comes(w, 0, "1", 7);
	world_exit(w, 0, "ann", "1");
	world_pass(w, PRESENCE_GAIN_MS / 2);
	comes(w, 1, "2", 7);
	world_pass(w, 2 * LINGER);
	assert_int_equal(w->events_n, 0);
	assert_int_equal(users(w), 1);
}

static void
who_went_meanwhile_leaves(void **state)
{
	struct world *w = *state;

	presence_gain(w->presence, 0);
	comes(w, 0, "1", 7);
	world_exit(w, 0, "ann", "1");
	world_pass(w, PRESENCE_GAIN_MS - PRESENCE_TICK_MS);
	assert_int_equal(w->events_n, 0);
	world_pass(w, PRESENCE_TICK_MS);
	assert_int_equal(w->events_n, 1);
	told(w, 0, "{\"leave\":{\"ann\":null}}");
}

static void
who_comes_is_told_of_at_once(void **state)
{
	struct world *w = *state;

	presence_gain(w->presence, 0);
	comes(w, 0, "1", 0);
	assert_int_equal(w->events_n, 1);
}

static int
begin(void **state)
{
	stats_set(STAT_presence_left, 0);
	return set_up_open(state);
}

#define moved(f) cmocka_unit_test_setup_teardown(f, begin, tear_down)
TESTS(moved(all_of_a_shard_go_in_silence), moved(another_shard_keeps_its_users),
    moved(who_was_known_by_another_store_is_not_announced),
    moved(nor_is_who_was_known_by_us_before),
    moved(nobody_leaves_until_the_hubs_have_spoken),
    moved(who_went_meanwhile_leaves), moved(who_comes_is_told_of_at_once))

/* presence_test.c - who is told of whom, and when: one rule each. */
#include "tests/unit/presence_world.h"

static void
a_user_joins_with_the_first_session_and_leaves_with_the_last(void **state)
{
	struct world *w = *state;

	assert_int_equal(world_data(w, "ann", "1", "{\"id\":\"ann\"}"), 0);
	world_enter(w, 1, "ann", "2");
	world_enter(w, 2, "ann", "3");
	assert_int_equal(w->events_n, 1);
	told(w, 0, "{\"join\":{\"ann\":{\"id\":\"ann\"}}}");
	world_exit(w, 0, "ann", "1");
	world_exit(w, 2, "ann", "3");
	assert_int_equal(w->events_n, 1);
	world_exit(w, 1, "ann", "2");
	assert_int_equal(w->events_n, 2);
	told(w, 1, "{\"leave\":{\"ann\":null}}");
	world_conserved(w);
}

static void
other_data_is_an_update_and_the_same_is_nothing(void **state)
{
	struct world *w = *state;

	world_data(w, "7", "1", "{\"id\":7}");
	world_data(w, "7", "2", "{\"id\":7}");
	assert_int_equal(w->events_n, 1);
	world_data(w, "7", "2", "{\"id\":7,\"n\":1}");
	assert_int_equal(w->events_n, 2);
	told(w, 1, "{\"update\":{\"7\":{\"id\":7,\"n\":1}}}");
	assert_string_equal(world_roster(w, (struct msg_roster){.limit = 9}),
	    "7 2 {\"id\":7,\"n\":1};");
}

static void
a_lost_connection_lingers_and_then_leaves(void **state)
{
	struct world *w = *state;

	world_enter(w, 0, "ann", "1");
	world_lose(w, 0, "ann", "1");
	world_pass(w, LINGER - PRESENCE_TICK_MS);
	assert_int_equal(w->events_n, 1);
	assert_string_equal(
	    world_roster(w, (struct msg_roster){.limit = 9}), "ann 1 ;");
	world_pass(w, PRESENCE_TICK_MS);
	assert_int_equal(w->events_n, 2);
	told(w, 1, "{\"leave\":{\"ann\":null}}");
}

/* Wherever between two ticks it was lost. */
static void
no_linger_is_shorter_than_it_should_be(void **state)
{
	struct world *w = *state;

	world_enter(w, 0, "ann", "1");
	world_enter(w, 1, "bob", "1");
	w->now += PRESENCE_TICK_MS - 1;
	world_lose(w, 0, "ann", "1");
	world_down(w, 1);
	w->now++;
	presence_tick(w->presence, w->now, false);
	world_pass(w, LINGER - PRESENCE_TICK_MS);
	assert_int_equal(w->events_n, 2);
	world_pass(w, PRESENCE_TICK_MS);
	assert_int_equal(w->events_n, 4);
}

static void
the_same_session_by_any_hub_ends_the_linger_without_a_word(void **state)
{
	struct world *w = *state;

	world_enter(w, 0, "ann", "1");
	world_lose(w, 0, "ann", "1");
	world_pass(w, LINGER / 2);
	world_enter(w, 3, "ann", "1");
	world_pass(w, 3 * LINGER);
	assert_int_equal(w->events_n, 1);
	world_exit(w, 3, "ann", "1");
	assert_int_equal(w->events_n, 2);
}

static void
a_hub_that_notices_late_does_not_end_what_came_by_another(void **state)
{
	struct world *w = *state;

	world_enter(w, 0, "ann", "1");
	world_enter(w, 1, "ann", "1");
	world_lose(w, 0, "ann", "1");
	world_exit(w, 0, "ann", "1");
	world_exit(w, 2, "ann", "1");
	world_pass(w, 3 * LINGER);
	assert_int_equal(w->events_n, 1);
}

static void
a_lost_hub_lingers_with_all_it_had(void **state)
{
	struct world *w = *state;

	world_enter(w, 0, "ann", "1");
	world_enter(w, 0, "bob", "1");
	world_enter(w, 1, "bob", "2");
	world_down(w, 0);
	world_pass(w, LINGER - PRESENCE_TICK_MS);
	assert_int_equal(w->events_n, 2);
	world_pass(w, PRESENCE_TICK_MS);
	assert_int_equal(w->events_n, 3);
	told(w, 2, "{\"leave\":{\"ann\":null}}");
	world_conserved(w);
}

static void
who_left_by_another_hub_is_gone_though_the_first_is_lost(void **state)
{
	struct world *w = *state;

	world_enter(w, 0, "ann", "1");
	world_down(w, 0);
	world_enter(w, 1, "ann", "1");
	world_exit(w, 1, "ann", "1");
	told(w, 1, "{\"leave\":{\"ann\":null}}");
	world_pass(w, 2 * LINGER);
	assert_int_equal(w->events_n, 2);
}

static void
a_hub_that_is_back_says_again_who_is_there(void **state)
{
	struct world *w = *state;
	struct msg_enter ann = {
	    .user = SLICE("ann"), .session = SLICE("1"), .again = 100};

	world_enter(w, 0, "ann", "1");
	world_enter(w, 0, "bob", "1");
	world_down(w, 0);
	world_pass(w, LINGER / 2);
	world_up(w, 0);
	world_pass(w, 2 * LINGER); /* it has much to say */
	assert_int_equal(w->events_n, 2);
	world_again(w, 0, ann);
	world_reentered(w, 0, 1);
	world_pass(w, LINGER);
	assert_int_equal(w->events_n, 3);
	told(w, 2, "{\"leave\":{\"bob\":null}}");
}

static void
a_hub_that_never_says_it_is_done_is_waited_for_no_longer(void **state)
{
	struct world *w = *state;

	world_enter(w, 0, "ann", "1");
	world_down(w, 0);
	world_up(w, 0);
	world_pass(w, PRESENCE_REJOIN_MS);
	assert_int_equal(w->events_n, 2);
}

static void
a_hub_that_comes_back_too_late_joins_again(void **state)
{
	struct world *w = *state;

	world_enter(w, 0, "ann", "1");
	world_down(w, 0);
	world_pass(w, LINGER);
	assert_int_equal(w->events_n, 2);
	world_up(w, 0);
	world_again(w, 0,
	    (struct msg_enter){
		.user = SLICE("ann"), .session = SLICE("1"), .again = 100});
	assert_int_equal(w->events_n, 3);
	told(w, 2, "{\"join\":{\"ann\":{}}}");
	world_conserved(w);
}

static void
a_hub_that_starts_anew_within_the_linger_makes_no_storm(void **state)
{
	struct world *w = *state;
	char user[16];

	for (unsigned i = 0; i < 1000; i++) {
		snprintf(user, sizeof(user), "u%u", i);
		world_enter(w, 0, user, "s");
	}
	world_forget(w);
	world_down(w, 0);
	world_pass(w, LINGER / 2);
	world_reborn(w, 0, 77);
	world_reentered(w, 0, 0);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(user, sizeof(user), "u%u", i);
		world_enter(w, 0, user, "s");
	}
	world_pass(w, 3 * LINGER);
	assert_int_equal(w->events_n, 0);
	assert_int_equal(stats_get(STAT_presence_users) - w->users, 1000);
	world_conserved(w);
}

static void
time_this_process_lost_is_not_counted(void **state)
{
	struct world *w = *state;

	world_enter(w, 0, "ann", "1");
	world_lose(w, 0, "ann", "1");
	world_enter(w, 1, "bob", "1");
	world_down(w, 1);
	w->now += 10 * LINGER;
	presence_tick(w->presence, w->now, false);
	world_turns(w);
	w->behind = true;
	world_pass(w, 2 * LINGER);
	assert_int_equal(w->events_n, 2);
	w->behind = false;
	world_pass(w, LINGER);
	assert_int_equal(w->events_n, 4);
}

static void
who_was_there_before_a_restart_is_not_announced(void **state)
{
	struct world *w = *state;
	struct msg_enter ann = {
	    .user = SLICE("ann"), .session = SLICE("1"), .again = 99};

	world_enter(w, 1, "ann", "2"); /* new; her other session is to come */
	world_enter(w, 1, "eve", "1");
	world_reentered(w, 1, 2);
	world_pass(w, LINGER / 2);
	assert_int_equal(w->events_n, 0);
	world_again(w, 0, ann);
	world_reentered(w, 0, 2);
	world_turns(w);
	assert_int_equal(w->events_n, 1);
	told(w, 0, "{\"join\":{\"eve\":{}}}");
	world_conserved(w);
	world_exit(w, 0, "ann", "1");
	world_exit(w, 1, "ann", "2");
	told(w, 1, "{\"leave\":{\"ann\":null}}");
	world_conserved(w);
}

static void
after_one_linger_nothing_is_held_back(void **state)
{
	struct world *w = *state;

	world_enter(w, 1, "ann", "1");
	world_reentered(w, 1, 2);
	world_enter(w, 1, "bob", "1");
	world_exit(w, 1, "bob", "1");
	world_pass(w, LINGER - PRESENCE_TICK_MS);
	assert_int_equal(w->events_n, 0);
	assert_int_equal(w->hubs, 1);
	assert_string_equal(
	    world_roster(w, (struct msg_roster){.limit = 9}), "ann 1 ;");
	world_pass(w, PRESENCE_TICK_MS);
	assert_int_equal(w->events_n, 1); /* bob came and went */
	told(w, 0, "{\"join\":{\"ann\":{}}}");
}

static void
the_newest_data_counts_in_whatever_order_it_is_said_again(void **state)
{
	struct world *w = *state;
	struct msg_enter m = {.user = SLICE("ann"),
	    .session = SLICE("2"),
	    .data = SLICE("2"),
	    .at = 600,
	    .again = 99};

	world_again(w, 0, m);
	m.session = m.data = SLICE("1");
	m.at = 500;
	world_again(w, 1, m);
	assert_string_equal(
	    world_roster(w, (struct msg_roster){.limit = 9}), "ann 2 2;");
	world_pass(w, LINGER);
	assert_int_equal(w->events_n, 0);
}

static void
a_busy_store_tells_later(void **state)
{
	struct world *w = *state;

	w->busy = true;
	world_enter(w, 0, "ann", "1");
	world_enter(w, 0, "bob", "1");
	world_exit(w, 0, "bob", "1");
	world_pass(w, 1000);
	world_conserved(w);
	w->busy = false;
	world_pass(w, PRESENCE_TICK_MS);
	assert_int_equal(w->events_n, 1);
	w->busy = true;
	world_exit(w, 0, "ann", "1");
	assert_string_equal(
	    world_roster(w, (struct msg_roster){.limit = 9}), "");
	assert_int_equal(w->end.users, 0);
	world_enter(w, 0, "ann", "2"); /* back before it could be told */
	w->busy = false;
	world_pass(w, 1000);
	assert_int_equal(w->events_n, 1);
	world_conserved(w);
}

static void
limits_refuse_and_say_so(void **state)
{
	struct world *w = *state;
	char name[16];

	w->setup.users = 2;
	w->setup.sessions = 2;
	assert_int_equal(world_enter(w, 0, "", "1"), CODE_missing_field);
	assert_int_equal(world_enter(w, 0, "a", ""), CODE_missing_field);
	assert_int_equal(world_data(w, "a", "1", "{"), CODE_bad_json);
	assert_int_equal(world_enter(w, 0, "a", "1"), CODE_ok);
	assert_int_equal(world_enter(w, 0, "b", "1"), CODE_ok);
	assert_int_equal(world_enter(w, 0, "c", "1"), CODE_too_many);
	assert_int_equal(world_enter(w, 0, "a", "2"), CODE_ok);
	assert_int_equal(world_enter(w, 0, "a", "3"), CODE_too_many);
	assert_int_equal(world_enter(w, 1, "a", "2"), CODE_ok);
	w->setup.users = 100000;
	w->setup.bytes = 100000;
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		if (world_enter(w, 0, name, "1") == CODE_full)
			break;
		assert_true(i < 1000);
	}
	assert_true(stats_get(STAT_presence_bytes) <= 100000);
}

static void
a_roster_is_read_in_pages_in_the_order_of_names(void **state)
{
	struct world *w = *state;
	const char *names[] = {"d", "b", "ab", "a", "c"};

	for (unsigned i = 0; i < LENGTH(names); i++)
		world_enter(w, 0, names[i], "1");
	assert_string_equal(
	    world_roster(w, (struct msg_roster){.limit = 2}), "a 1 ;ab 1 ;");
	assert_int_equal(w->end.more, 1);
	assert_int_equal(w->end.users, 5);
	assert_int_equal(w->end.offset, 9);
	world_exit(w, 0, "ab", "1");
	assert_string_equal(world_roster(w, (struct msg_roster){.limit = 2,
						.after = SLICE("ab")}),
	    "b 1 ;c 1 ;");
	assert_int_equal(w->end.more, 1);
	assert_string_equal(world_roster(w, (struct msg_roster){.limit = 2,
						.after = SLICE("c")}),
	    "d 1 ;");
	assert_int_equal(w->end.more, 0);
	assert_string_equal(world_roster(w, (struct msg_roster){.limit = 2,
						.user = SLICE("c")}),
	    "c 1 ;");
	assert_string_equal(world_roster(w, (struct msg_roster){.limit = 2,
						.user = SLICE("bb")}),
	    "");
	assert_string_equal(
	    world_roster(w, (struct msg_roster){.limit = 0}), "");
	assert_int_equal(w->end.more, 0);
	assert_int_equal(w->end.sessions, 4);
}

static void
channels_are_apart_and_patterns_are_silent(void **state)
{
	struct world *w = *state;
	struct msg_enter m = {.channel = SLICE("/a/presence/*"),
	    .user = SLICE("ann"),
	    .session = SLICE("1")};

	world_again(w, 0, m);
	assert_int_equal(w->events_n, 0);
	assert_string_equal(
	    world_roster(
		w, (struct msg_roster){.channel = m.channel, .limit = 1}),
	    "ann 1 ;");
	world_roster(w, (struct msg_roster){.limit = 1});
	assert_int_equal(w->end.users, 0);
}

TESTS(rule(a_user_joins_with_the_first_session_and_leaves_with_the_last),
    rule(other_data_is_an_update_and_the_same_is_nothing),
    rule(a_lost_connection_lingers_and_then_leaves),
    rule(no_linger_is_shorter_than_it_should_be),
    rule(the_same_session_by_any_hub_ends_the_linger_without_a_word),
    rule(a_hub_that_notices_late_does_not_end_what_came_by_another),
    rule(a_lost_hub_lingers_with_all_it_had),
    rule(who_left_by_another_hub_is_gone_though_the_first_is_lost),
    rule(a_hub_that_is_back_says_again_who_is_there),
    rule(a_hub_that_never_says_it_is_done_is_waited_for_no_longer),
    rule(a_hub_that_comes_back_too_late_joins_again),
    rule(a_hub_that_starts_anew_within_the_linger_makes_no_storm),
    rule(time_this_process_lost_is_not_counted),
    start(who_was_there_before_a_restart_is_not_announced),
    start(after_one_linger_nothing_is_held_back),
    start(the_newest_data_counts_in_whatever_order_it_is_said_again),
    rule(a_busy_store_tells_later), rule(limits_refuse_and_say_so),
    rule(a_roster_is_read_in_pages_in_the_order_of_names),
    rule(channels_are_apart_and_patterns_are_silent))

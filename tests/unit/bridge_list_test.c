/*
 * bridge_list_test.c - a list's items are published once each, though the
 * bridge is killed between any two steps.
 */
#include "common/stats.h"
#include "tests/unit/bridge_list_world.h"

static const char *const pushed[] = {
    "one", "two", "two", "bad", "three", "four", "four"};

static struct world *
world_new(void)
{
	struct world *w = xcalloc(1, sizeof(*w));

	for (size_t i = 0; i < LENGTH(pushed); i++)
		put(w->source[w->sources++], slice_of(pushed[i]));
	w->other[w->others++] = (struct entry){"gone:1", "theirs"};
	w->busy = 2;
	live(w);
	return w;
}

static size_t
count(const struct entry *e, size_t n, const char *item)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += strcmp(e[i].item, item) == 0;
	return found;
}

static void
check_exactly_once(struct world *w)
{
	while (step(w))
		continue;
	assert_int_equal(w->accepts, 7);
	assert_int_equal(count(w->accepted, w->accepts, "one"), 1);
	assert_int_equal(count(w->accepted, w->accepts, "two"), 2);
	assert_int_equal(count(w->accepted, w->accepts, "three"), 1);
	assert_int_equal(count(w->accepted, w->accepts, "four"), 2);
	assert_int_equal(count(w->accepted, w->accepts, "theirs"), 1);
	assert_int_equal(w->deads, 1);
	assert_int_equal(count(w->dead, w->deads, "bad"), 1);
	assert_int_equal(w->hashes + w->stages + w->sources + w->others, 0);
	assert_true(bridge_list_idle(w->list));
	bridge_list_free(&w->list);
	free(w);
}

static void
a_life_undisturbed_publishes_each_item_once(void **state)
{
	(void)state;
	check_exactly_once(world_new());
}

static void
killed_at_every_step(bool arrives)
{
	size_t k = 0;
	bool more = true;

	for (; more; k++) {
		struct world *w = world_new();

		for (size_t i = 0; more && i < k; i++)
			more = step(w);
		die(w, arrives);
		live(w);
		check_exactly_once(w);
	}
	assert_true(k > 40); /* there were that many steps to die at */
}

static void
a_kill_at_any_step_loses_and_doubles_nothing(void **state)
{
	(void)state;
	killed_at_every_step(true);
	killed_at_every_step(false);
}

static void
a_lost_connection_at_any_step_loses_and_doubles_nothing(void **state)
{
	bool more = true;

	(void)state;
	for (size_t k = 0; more; k++) {
		struct world *w = world_new();

		for (size_t i = 0; more && i < k; i++)
			more = step(w);
		w->nops = 0; /* with or without effect: some were executed */
		bridge_list_stop(w->list);
		/* publishes go on meanwhile */
		while (w->nflights != 0)
			step(w);
		w->paused = false;
		bridge_list_resume(w->list);
		bridge_list_start(w->list);
		check_exactly_once(w);
	}
}

static void
order_is_kept_through_a_restart(void **state)
{
	struct world *w = world_new();

	(void)state;
	w->busy = 0;
	while (w->hashes < 4)
		assert_true(step(w));
	die(w, false);
	live(w);
	while (step(w))
		continue;
	/* the adopted one has the lowest number */
	for (size_t i = 0, k = 0; i < w->accepts; i++) {
		if (strcmp(w->accepted[i].item, "theirs") == 0)
			continue;
		while (strcmp(pushed[k], "bad") == 0)
			k++;
		assert_string_equal(w->accepted[i].item, pushed[k++]);
	}
	bridge_list_free(&w->list);
	free(w);
}

static void
what_is_on_its_way_is_not_published_again_for_an_adoption(void **state)
{
	struct world *w = world_new();

	(void)state;
	w->busy = 0;
	while (w->nflights < 3)
		assert_true(step(w));
	w->other[w->others++] = (struct entry){"gone:2", "theirs too"};
	bridge_list_adopt(w->list);
	/* Redis answers while the store does not */
	while (w->nops != 0 && w->ops[0].step != LIST_WAIT) {
		static struct op op;

		execute(w, &w->ops[0]);
		op = w->ops[0];
		memmove(w->ops, w->ops + 1, --w->nops * sizeof(op));
		deliver(w, &op);
	}
	while (step(w))
		continue;
	assert_int_equal(w->publishes, LENGTH(pushed) + 2);
	assert_int_equal(w->accepts, LENGTH(pushed) - 1 + 2);
	bridge_list_free(&w->list);
	free(w);
}

static void
without_room_nothing_is_taken(void **state)
{
	struct world *w = world_new();

	(void)state;
	w->full = true;
	while (step(w))
		continue;
	assert_int_equal(w->sources, LENGTH(pushed));
	w->full = false;
	bridge_list_room(w->list);
	check_exactly_once(w);
}

static void
what_the_store_cannot_do_for_now_is_put_aside_at_last(void **state)
{
	struct world *w = world_new();
	uint64_t before = stats_get(STAT_redis_bad_items);

	(void)state;
	w->busy = 0;
	w->code = CODE_internal;
	while (step(w))
		continue;
	assert_int_equal(w->deads, 8);
	assert_int_equal(stats_get(STAT_redis_bad_items), before + 8);
	assert_int_equal(w->accepts, 0);
	bridge_list_free(&w->list);
	free(w);
}

static void
a_refused_step_is_tried_again_after_a_pause(void **state)
{
	struct world *w = world_new();

	(void)state;
	w->error = true;
	while (!w->paused)
		assert_true(step(w));
	assert_int_equal(w->nops, 0);
	check_exactly_once(w);
}

static void
a_lost_lease_is_told(void **state)
{
	struct world *w = world_new();
	struct redis_reply lost = {
	    .kind = REDIS_IS_ERROR, .text = SLICE("LOST")};

	(void)state;
	bridge_list_answer(w->list, LIST_ADOPT, &lost);
	assert_true(w->lost);
	bridge_list_free(&w->list);
	free(w);
}

TESTS(unit(a_life_undisturbed_publishes_each_item_once),
    unit(a_kill_at_any_step_loses_and_doubles_nothing),
    unit(a_lost_connection_at_any_step_loses_and_doubles_nothing),
    unit(order_is_kept_through_a_restart),
    unit(what_is_on_its_way_is_not_published_again_for_an_adoption),
    unit(without_room_nothing_is_taken),
    unit(what_the_store_cannot_do_for_now_is_put_aside_at_last),
    unit(a_refused_step_is_tried_again_after_a_pause),
    unit(a_lost_lease_is_told))

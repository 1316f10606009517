/* hear_test.c - clients of WebSockets that say more than the store takes. */
#include "hub/hear.h"
#include "tests/unit/incus_world.h"

static bool
is_held_back(struct world *w)
{
	struct conn *c = container_of(w->hub.conns.prev, struct conn, node);

	return (c->bits & HEAR_HELD) != 0 && conn_kept_bytes(c).n != 0;
}

/* Longer than the time after which it is looked at again. */
static bool
it_is_looked_at_twice(struct world *w)
{
	return loop_now(w->hub.d.loop) - w->top >= 3 * HEAR_AGAIN_MS;
}

static void
who_comes_while_the_store_is_full_may_stay_and_waits(void **state)
{
	struct world *w = *state;
	int fd = client_ws(w, "/socket", "");

	w->hub.limits.commands = 0;
	say_text(fd, AUTH("u"));
	say_text(fd, MESSAGE(",\"user\":\"v\""));
	until(w, is_held_back);
	w->top = loop_now(w->hub.d.loop);
	until(w, it_is_looked_at_twice);
	w->top = 0;
	assert_int_equal(stats_get(STAT_incus_sockets), 1);
	assert_int_equal(w->publishes, 0);
	w->hub.limits.commands = 8;
	until(w, published_once);
	close(fd);
}

TESTS(story(who_comes_while_the_store_is_full_may_stay_and_waits))

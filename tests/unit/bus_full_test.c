/*
 * bus_full_test.c - a stage whose link ends while the system has no
 * descriptor for another one.
 */
#include "common/bus_link.h"
#include "tests/unit/bus_world.h"

#include <sys/resource.h>

static bool
none_was_left(struct world *w)
{
	return w->downs == 1 && stats_get(STAT_descriptors_exhausted) >= 2;
}

static bool
up_twice(struct world *w)
{
	return w->ups == 2 && bus_ready(w->bus);
}

static void
limit(rlim_t descriptors)
{
	struct rlimit l;

	must(getrlimit(RLIMIT_NOFILE, &l) == 0);
	l.rlim_cur = descriptors != 0 ? descriptors : l.rlim_max;
	must(setrlimit(RLIMIT_NOFILE, &l) == 0);
}

static void
a_link_waits_for_descriptors(void **state)
{
	struct world *w = *state;
	struct request r;

	open_server(w);
	open_bus(w);
	until(w, is_up);
	limit(STDERR_FILENO + 1);
	bus_link_reset(bus_link_at(w->bus, 0), "test");
	until(w, none_was_left);
	publish(w, &r);
	limit(0);
	until(w, up_twice);
	until(w, all_answered);
	assert_int_equal(r.answers, 1);
}

/* ZeroMQ opens the connection itself, again and again. */
static void
so_does_a_connection(void **state)
{
	struct world *w = *state;

	open_bus(w);
	limit(STDERR_FILENO + 1);
	pass(w, 200);
	limit(0);
	open_server(w);
	until(w, is_up);
}

TESTS(story(a_link_waits_for_descriptors), story(so_does_a_connection))

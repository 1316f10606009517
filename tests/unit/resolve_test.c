/*
 * resolve_test.c - an address is found, at once or by a thread, or it is not;
 * and whoever has stopped is not told.
 */
#include "pushers/resolve.h"

#include "common/must.h"
#include "tests/unit/test.h"
#include "tests/unit/threads.h"

#include <unistd.h>

enum { WAIT_MS = 20000 };

struct house {
	struct loop *loop;
	struct resolve resolve;
	struct timer late;
	unsigned found, threads;
};

static void
found(struct resolve *r)
{
	struct house *h = container_of(r, struct house, resolve);

	h->found++;
	loop_stop(h->loop, 0);
}

static void
late(struct timer *t)
{
	loop_stop(container_of(t, struct house, late)->loop, 1);
}

static int
setup(void **state)
{
	struct house *h = *state = xcalloc(1, sizeof(*h));

	h->threads = threads_count();
	h->loop = loop_new();
	h->resolve.loop = h->loop;
	h->resolve.found = found;
	timer_init(&h->late, late);
	return 0;
}

static int
teardown(void **state)
{
	struct house *h = *state;

	resolve_stop(&h->resolve);
	loop_free(&h->loop);
	threads_end(h->threads);
	free(h);
	return 0;
}

static unsigned
look(struct house *h, const char *host)
{
	h->found = 0;
	resolve(&h->resolve, host, "443");
	assert_int_equal(h->found, 0);
	loop_arm(h->loop, &h->late, WAIT_MS);
	loop_run(h->loop);
	timer_cancel(&h->late);
	assert_int_equal(h->found, 1);
	return h->resolve.n;
}

static void
a_number_is_an_address(void **state)
{
	struct house *h = *state;
	const struct address *a = &h->resolve.addresses[0];

	assert_int_equal(look(h, "192.0.2.1"), 1);
	assert_int_equal(a->sa.sa_family, AF_INET);
	assert_int_equal(a->in.sin_port, htons(443));
	assert_int_equal(look(h, "2001:db8::1"), 1);
	assert_int_equal(a->sa.sa_family, AF_INET6);
	assert_int_equal(a->in6.sin6_port, htons(443));
}

static void
a_name_is_looked_up(void **state)
{
	struct house *h = *state;
	char own[256] = "";

	gethostname(own, sizeof(own) - 1);
	/* Which of these a host knows is its own business. */
	if (look(h, own) == 0 && look(h, "ip6-localhost") == 0)
		skip();
	assert_in_range(h->resolve.n, 1, RESOLVED);
	assert_true(h->resolve.addresses[0].len != 0);
	assert_int_equal(h->resolve.addresses[0].in.sin_port, htons(443));
}

static void
a_name_nobody_knows_has_no_address(void **state)
{
	struct house *h = *state;
	char longest[300];

	assert_int_equal(look(h, "nobody.invalid"), 0);
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(look(h, longest), 0);
}

static void
who_has_stopped_is_not_told(void **state)
{
	struct house *h = *state;

	for (unsigned i = 0; i < 20; i++) {
		resolve(&h->resolve, "nobody.invalid", "443");
		resolve_stop(&h->resolve);
		resolve(&h->resolve, "192.0.2.1", "443");
		resolve_stop(&h->resolve);
	}
	resolve(&h->resolve, "nobody.invalid", "443");
	/* Another question forgets the first. */
	assert_int_equal(look(h, "192.0.2.1"), 1);
}

#define each(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

TESTS(each(a_number_is_an_address), each(a_name_is_looked_up),
    each(a_name_nobody_knows_has_no_address), each(who_has_stopped_is_not_told))

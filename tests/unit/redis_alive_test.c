/* redis_alive_test.c - who is taken for dead, and when. */
#include "store/redis_alive.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

/* Space separated names, as Redis may say them. */
static void
hear(struct redis_alive *a, uint64_t now, const char *names)
{
	struct slice all = slice_of(names), list[REDIS_STORES + 2];
	unsigned n = 0;

	while (slice_cut(&all, ' ', &list[n]))
		n++;
	redis_alive_hear(a, now, list, n);
}

static void
check(const struct redis_alive *a, const char *names)
{
	char got[REDIS_STORES * 4] = "";
	size_t n = 0;

	for (unsigned i = 0; i < a->count; i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%s",
		    i != 0 ? " " : "", a->names[i]);
	assert_string_equal(got, names);
}

static void
whom_redis_does_not_name_is_dead(void **state)
{
	struct redis_alive a = {0};

	(void)state;
	hear(&a, 100000, "b a");
	check(&a, "a b");
	hear(&a, 100400, "b c");
	check(&a, "b c");
	hear(&a, 100800, "");
	check(&a, "");
	assert_string_equal(redis_alive_share(&a, 3, 16), "");
}

static void
after_trouble_nobody_is_for_a_while(void **state)
{
	struct redis_alive a = {0};

	(void)state;
	hear(&a, 100000, "a b c");
	redis_alive_trouble(&a, 101000);
	hear(&a, 101400, "b d");
	check(&a, "a b c d");
	hear(&a, 101000 + REDIS_DOUBT_MS - 1, "b d");
	check(&a, "a b c d");
	hear(&a, 101000 + REDIS_DOUBT_MS, "b d");
	check(&a, "b d");
}

/* A node of a Cluster may be away for good. */
static void
trouble_that_lasts_keeps_nobody_alive(void **state)
{
	uint64_t now = 100000, died = now;
	struct redis_alive a = {0};

	(void)state;
	hear(&a, now, "a b");
	for (; now < died + REDIS_MISSED_MS; now += 400) {
		redis_alive_trouble(&a, now);
		hear(&a, now, "b");
		check(&a, "a b");
	}
	redis_alive_trouble(&a, now);
	hear(&a, now, "b");
	check(&a, "b");
}

static void
it_is_calm_while_they_are_the_same(void **state)
{
	struct redis_alive a = {0};

	(void)state;
	hear(&a, 1000, "a b");
	assert_int_equal(a.calm, 0);
	hear(&a, 1400, "b a");
	hear(&a, 1800, "a b");
	assert_int_equal(a.calm, 2);
	hear(&a, 2200, "a c");
	assert_int_equal(a.calm, 0);
}

static void
each_has_its_share(void **state)
{
	struct redis_alive a = {0};
	unsigned of[3] = {0};

	(void)state;
	hear(&a, 1000, "c b a");
	for (unsigned i = 0; i < 16; i++)
		of[*redis_alive_share(&a, i, 16) - 'a']++;
	for (unsigned i = 0; i < 3; i++)
		assert_in_range(of[i], 5, 6);
}

static void
more_than_fit_are_left_out(void **state)
{
	char all[(REDIS_STORES + 1) * 4] = "";
	struct redis_alive a = {0};
	size_t n = 0;

	(void)state;
	for (unsigned i = 0; i <= REDIS_STORES; i++)
		n += (size_t)snprintf(
		    all + n, sizeof(all) - n, "%s%02u", i != 0 ? " " : "", i);
	hear(&a, 1000, all);
	assert_int_equal(a.count, REDIS_STORES);
	assert_string_equal(a.names[REDIS_STORES - 1], "63");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whom_redis_does_not_name_is_dead),
	    cmocka_unit_test(after_trouble_nobody_is_for_a_while),
	    cmocka_unit_test(trouble_that_lasts_keeps_nobody_alive),
	    cmocka_unit_test(it_is_calm_while_they_are_the_same),
	    cmocka_unit_test(each_has_its_share),
	    cmocka_unit_test(more_than_fit_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

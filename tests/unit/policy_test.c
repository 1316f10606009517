/* policy_test.c - the most specific row says what a channel keeps. */
#include "store/policy.h"
#include "tests/unit/test.h"

static struct policies *
parsed(const char *text)
{
	struct slice bad, in = exact(text, strlen(text));
	const char *why;
	struct policies *p = policies_new(in, &why, &bad);

	free((char *)(uintptr_t)in.p);
	assert_non_null(p);
	return p;
}

static uint64_t
count_of(const struct policies *p, const char *channel)
{
	return policies_find(p, slice_of(channel))->count;
}

static void
the_most_specific_row_wins_whatever_the_order(void **state)
{
	const char *orders[] = {
	    "/**=1 /a/**=2 /a/public/*=3 /a/public/x=4 /*/private/**=5",
	    "/*/private/**=5 /a/public/x=4 /a/public/*=3 /a/**=2 /**=1",
	};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct policies *p = parsed(orders[i]);

		assert_int_equal(count_of(p, "/b/public/x"), 1);
		assert_int_equal(count_of(p, "/a/public/x/y"), 2);
		assert_int_equal(count_of(p, "/a/public/y"), 3);
		assert_int_equal(count_of(p, "/a/public/x"), 4);
		assert_int_equal(count_of(p, "/b/private/x/y"), 5);
		assert_int_equal(count_of(p, "/a/private/x"), 2);
		policies_free(&p);
		assert_null(p);
	}
}

static void
a_star_is_one_segment_and_two_are_at_least_one(void **state)
{
	struct policies *p = parsed("/a/public/*=1  /a/meta/**=2");

	(void)state;
	assert_int_equal(count_of(p, "/a/public/x"), 1);
	assert_int_equal(count_of(p, "/a/public"), 0);
	assert_int_equal(count_of(p, "/a/public/x/y"), 0);
	assert_int_equal(count_of(p, "/a/meta/x/y"), 2);
	assert_int_equal(count_of(p, "/a/meta"), 0);
	policies_free(&p);
}

static void
limits_have_units_and_may_be_left_out(void **state)
{
	struct policies *p = parsed("/a/b/c=7,90s,64k /a/b/d=1,2d /a/b/e=9");
	const struct policy *row = policies_find(p, SLICE("/a/b/c"));

	(void)state;
	assert_int_equal(row->count, 7);
	assert_int_equal(row->age_ms, 90000);
	assert_int_equal(row->bytes, 65536);
	row = policies_find(p, SLICE("/a/b/d"));
	assert_int_equal(row->age_ms, 2 * 86400000);
	assert_int_equal(row->bytes, 0);
	assert_int_equal(policies_find(p, SLICE("/a/b/e"))->age_ms, 0);
	policies_free(&p);
	p = parsed("");
	assert_int_equal(count_of(p, "/a/b/c"), 0);
	policies_free(&p);
}

static void
a_bad_row_is_named(void **state)
{
	static const char *const bad_rows[] = {
	    "a=1",
	    "/=1",
	    "/a",
	    "/a=",
	    "/a=x",
	    "/a=1,5y",
	    "/a=1,m",
	    "/a=1,,",
	    "/a=1,5m,1q",
	    "/a=1,5m,1m,2",
	    "/a//b=1",
	    "/**/a=1",
	    "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17=1",
	    "/a=99999999999999999999999",
	    "/a=1,99999999999999999999d",
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad_rows) / sizeof(*bad_rows); i++) {
		struct slice in = exact(bad_rows[i], strlen(bad_rows[i])), bad;
		const char *why;

		assert_null(policies_new(in, &why, &bad));
		assert_non_null(why);
		assert_true(slice_is(bad, bad_rows[i]));
		free((char *)(uintptr_t)in.p);
	}
}

TESTS(unit(the_most_specific_row_wins_whatever_the_order),
    unit(a_star_is_one_segment_and_two_are_at_least_one),
    unit(limits_have_units_and_may_be_left_out), unit(a_bad_row_is_named))

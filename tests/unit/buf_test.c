/* buf_test.c - a cap is a cap, and a body lives as long as its last owner. */
#include "common/buf.h"
#include "tests/unit/test.h"

static void
appends_in_order_and_grows(void **state)
{
	struct buf b = {0};

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		assert_true(buf_chr(&b, (char)('a' + i % 26)));
	assert_int_equal(b.n, 1000);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(b.p[i], 'a' + i % 26);
	buf_free(&b);
	assert_null(b.p);
}

static void
refuses_to_pass_its_cap_and_remembers(void **state)
{
	struct buf b = {.max = 10};

	(void)state;
	assert_true(buf_str(&b, "12345678"));
	assert_false(buf_str(&b, "abc"));
	assert_true(b.full);
	assert_true(slice_is(buf_slice(&b), "12345678"));
	assert_true(buf_str(&b, "ab"));
	assert_true(b.full);
	assert_false(buf_room(&b, SIZE_MAX) != NULL);
	buf_clear(&b);
	assert_false(b.full);
	buf_free(&b);
}

static void
writes_numbers_and_formats(void **state)
{
	struct buf b = {0};

	(void)state;
	buf_num(&b, 0);
	buf_chr(&b, ' ');
	buf_num(&b, UINT64_MAX);
	buf_printf(&b, " %s-%d", "x", -7);
	assert_true(slice_is(buf_slice(&b), "0 18446744073709551615 x--7"));
	buf_free(&b);
}

static void
drops_from_the_front(void **state)
{
	struct buf b = {0};

	(void)state;
	buf_str(&b, "hello world");
	buf_drop(&b, 6);
	assert_true(slice_is(buf_slice(&b), "world"));
	buf_drop(&b, 5);
	assert_int_equal(b.n, 0);
	buf_free(&b);
}

static void
a_body_outlives_all_but_its_last_owner(void **state)
{
	struct body *a = body_new(SLICE("shared")), *b = body_ref(a);

	(void)state;
	body_unref(&a);
	assert_null(a);
	assert_memory_equal(b->p, "shared", 6);
	body_unref(&b);
	body_unref(&b);
}

static void
slices_are_cut_and_counted(void **state)
{
	struct slice rest = SLICE("a,b,"), part;
	uint64_t v;

	(void)state;
	assert_true(slice_cut(&rest, ',', &part) && slice_is(part, "a"));
	assert_true(slice_cut(&rest, ',', &part) && slice_is(part, "b"));
	assert_true(slice_cut(&rest, ',', &part) && slice_is(part, ""));
	assert_false(slice_cut(&rest, ',', &part));
	assert_true(slice_num(SLICE("18446744073709551615"), &v));
	assert_true(v == UINT64_MAX);
	assert_false(slice_num(SLICE("18446744073709551616"), &v));
	assert_false(slice_num(SLICE("+1"), &v));
	assert_false(slice_num(SLICE(""), &v));
}

TESTS(unit(appends_in_order_and_grows),
    unit(refuses_to_pass_its_cap_and_remembers),
    unit(writes_numbers_and_formats), unit(drops_from_the_front),
    unit(a_body_outlives_all_but_its_last_owner),
    unit(slices_are_cut_and_counted))

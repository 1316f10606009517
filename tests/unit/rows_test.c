/*
 * rows_test.c - the ordered map against a sorted array, at random.
 */
#include "common/must.h"
#include "store/rows.h"
#include "tests/unit/test.h"

enum { KEYS = 400, STEPS = 20000 };

struct model {
	bool there[KEYS];
	unsigned value[KEYS];
};

static struct slice
key_of(char out[8], unsigned k)
{
	return (struct slice){out, (size_t)snprintf(out, 8, "k%04u", k)};
}

static void
check_walk(const struct rows_map *m, const struct model *model, unsigned from)
{
	char name[8];
	const struct rows_node *n = rows_map_after(m, key_of(name, from));

	for (unsigned k = from + 1; k < KEYS; k++) {
		struct rows_row r;

		if (!model->there[k])
			continue;
		assert_non_null(n);
		r = rows_row(n);
		assert_true(slice_eq(r.key, key_of(name, k)));
		assert_int_equal(r.expires, model->value[k]);
		assert_int_equal(r.value.n, model->value[k] % 5);
		n = rows_next(n);
	}
	assert_null(n);
}

static void
it_holds_what_an_array_would(void **state)
{
	struct rows_map *m = rows_map_new();
	struct model *model = xcalloc(1, sizeof(*model));
	char name[8];

	(void)state;
	srand(7);
	for (unsigned i = 1; i <= STEPS; i++) {
		unsigned k = (unsigned)rand() % KEYS;
		struct rows_row r = {key_of(name, k), {"12345", i % 5}, i};

		model->there[k] = rand() % 3 != 0;
		model->value[k] = i;
		if (model->there[k])
			rows_map_put(m, &r);
		else
			rows_map_delete(m, r.key);
		if (i % 500 == 0)
			check_walk(m, model, (unsigned)rand() % KEYS);
	}
	free(model);
	rows_map_free(&m);
	assert_null(m);
}

static void
a_place_between_two_rows_begins_with_the_next(void **state)
{
	struct rows_map *m = rows_map_new();

	(void)state;
	rows_map_put(m, &(struct rows_row){.key = SLICE("b")});
	rows_map_put(m, &(struct rows_row){.key = SLICE("bb")});
	assert_true(slice_is(rows_row(rows_map_from(m, SLICE("a"))).key, "b"));
	assert_true(slice_is(rows_row(rows_map_from(m, SLICE("b"))).key, "b"));
	assert_true(
	    slice_is(rows_row(rows_map_after(m, SLICE("b"))).key, "bb"));
	assert_true(
	    slice_is(rows_row(rows_map_after(m, SLICE("ba"))).key, "bb"));
	assert_null(rows_map_from(m, SLICE("c")));
	rows_map_free(&m);
}

/* Whatever is put and deleted between the looks, hand included. */
static void
what_expired_goes_a_few_looks_at_a_time(void **state)
{
	struct rows_map *m = rows_map_new();
	unsigned left = 0;
	char name[8];

	(void)state;
	for (unsigned k = 0; k < KEYS; k++)
		rows_map_put(
		    m, &(struct rows_row){key_of(name, k), SLICE("v"), k % 3});
	for (unsigned k = 0; k < KEYS / 7 + 1; k++) {
		rows_map_expire(m, 1, 7);
		rows_map_delete(m, key_of(name, k * 7 + 7));
	}
	rows_map_expire(m, 1, KEYS);
	for (const struct rows_node *n = rows_map_from(m, SLICE("")); n != NULL;
	     n = rows_next(n), left++)
		assert_int_not_equal(rows_row(n).expires, 1);
	assert_in_range(left, KEYS / 2, KEYS * 2 / 3 + 1);
	rows_map_free(&m);
}

TESTS(unit(it_holds_what_an_array_would),
    unit(a_place_between_two_rows_begins_with_the_next),
    unit(what_expired_goes_a_few_looks_at_a_time))

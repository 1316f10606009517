/* table_test.c - what went in is found, whatever has grown in between. */
#include "common/hash.h"
#include "common/must.h"
#include "common/table.h"
#include "tests/unit/test.h"

#include <stdio.h>

enum { MANY = 20000 };

struct thing {
	struct table_entry entry;
	unsigned seen;
	char key[16];
};

static struct slice
key_of(unsigned i, char *text, size_t n)
{
	snprintf(text, n, "key-%u", i);
	return slice_of(text);
}

static struct thing *
filled(struct table *t, unsigned count)
{
	struct thing *things = xcalloc(count, sizeof(*things));

	for (unsigned i = 0; i < count; i++)
		table_insert(t, &things[i].entry,
		    key_of(i, things[i].key, sizeof(things[i].key)));
	return things;
}

static void
an_empty_table_finds_and_walks_nothing(void **state)
{
	struct table *t = table_new();
	struct table_cursor c = {0};

	(void)state;
	assert_null(table_find(t, SLICE("a")));
	assert_null(table_find(t, SLICE("")));
	assert_null(table_next(t, &c));
	assert_int_equal(table_count(t), 0);
	table_free(&t);
	assert_null(t);
	table_free(&t);
}

static void
finds_all_it_was_given_while_it_grows(void **state)
{
	struct table *t = table_new();
	struct thing *things = filled(t, MANY);
	char text[16];

	(void)state;
	assert_int_equal(table_count(t), MANY);
	for (unsigned i = 0; i < MANY; i++)
		assert_ptr_equal(table_find(t, key_of(i, text, sizeof(text))),
		    &things[i].entry);
	assert_null(table_find(t, SLICE("key-")));
	assert_null(table_find(t, SLICE("key-20000")));
	table_free(&t);
	free(things);
}

static void
what_is_looked_for_ahead_is_what_will_be_found(void **state)
{
	struct table *t = table_new();
	uint32_t hashes[3] = {table_hash(SLICE("key-7")),
	    table_hash(SLICE("no such key")), table_hash(SLICE("key-9"))};
	struct table_entry *found[3];
	struct thing *things;

	(void)state;
	table_ahead(t, hashes, 3, found);
	assert_null(found[1]);
	things = filled(t, 1000);
	table_ahead(t, hashes, 3, found);
	assert_ptr_equal(found[0], &things[7].entry);
	assert_null(found[1]);
	assert_ptr_equal(found[2], &things[9].entry);
	table_free(&t);
	free(things);
}

static void
forgets_what_is_removed_and_nothing_else(void **state)
{
	struct table *t = table_new();
	struct thing *things = filled(t, MANY);
	char text[16];

	(void)state;
	for (unsigned i = 0; i < MANY; i += 2)
		table_remove(t, &things[i].entry);
	assert_int_equal(table_count(t), MANY / 2);
	for (unsigned i = 0; i < MANY; i++) {
		struct slice key = key_of(i, text, sizeof(text));

		assert_true((table_find(t, key) != NULL) == (i % 2 == 1));
	}
	for (unsigned i = 0; i < MANY; i += 2)
		table_insert(t, &things[i].entry, slice_of(things[i].key));
	assert_int_equal(table_count(t), MANY);
	table_free(&t);
	free(things);
}

static void
a_walk_meets_each_one_once_and_may_remove_it(void **state)
{
	struct table *t = table_new();
	struct thing *things = filled(t, MANY);
	struct table_cursor c = {0};
	struct table_entry *e;

	(void)state;
	while ((e = table_next(t, &c)) != NULL) {
		container_of(e, struct thing, entry)->seen++;
		table_remove(t, e);
		memset(e, 0xa5, sizeof(*e));
	}
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(things[i].seen, 1);
	assert_int_equal(table_count(t), 0);
	table_free(&t);
	free(things);
}

static void
equal_hashes_are_told_apart_by_their_keys(void **state)
{
	struct table *t = table_new();
	struct thing a = {.seen = 0}, b = {.seen = 0};

	(void)state;
	table_insert_hashed(t, &a.entry, SLICE("a"), 7);
	table_insert_hashed(t, &b.entry, SLICE("b"), 7);
	assert_ptr_equal(table_find_hashed(t, SLICE("a"), 7), &a.entry);
	assert_ptr_equal(table_find_hashed(t, SLICE("b"), 7), &b.entry);
	assert_null(table_find_hashed(t, SLICE("c"), 7));
	assert_null(table_find_hashed(t, SLICE("a"), 8));
	table_remove(t, &a.entry);
	assert_ptr_equal(table_find_hashed(t, SLICE("b"), 7), &b.entry);
	table_free(&t);
}

static void
keys_may_hold_any_bytes_and_none(void **state)
{
	struct table *t = table_new();
	struct thing a = {.seen = 0}, b = {.seen = 0};
	struct slice nul = exact("\0\0", 2);

	(void)state;
	table_insert(t, &a.entry, SLICE(""));
	table_insert(t, &b.entry, nul);
	assert_ptr_equal(table_find(t, SLICE("")), &a.entry);
	assert_ptr_equal(table_find(t, SLICE("\0\0")), &b.entry);
	assert_null(table_find(t, SLICE("\0")));
	table_free(&t);
	free((char *)nul.p);
}

static void
the_fixed_hash_never_changes(void **state)
{
	(void)state;
	assert_true(hash_fixed(SLICE("")) == 0x2d06800538d394c2u);
	assert_true(hash_fixed(SLICE("abc")) == hash_bytes(SLICE("abc"), 0));
	assert_true(hash_bytes(SLICE("abc"), 1) != hash_fixed(SLICE("abc")));
	assert_true(hash_random() != hash_random());
}

TESTS(unit(an_empty_table_finds_and_walks_nothing),
    unit(finds_all_it_was_given_while_it_grows),
    unit(what_is_looked_for_ahead_is_what_will_be_found),
    unit(forgets_what_is_removed_and_nothing_else),
    unit(a_walk_meets_each_one_once_and_may_remove_it),
    unit(equal_hashes_are_told_apart_by_their_keys),
    unit(keys_may_hold_any_bytes_and_none), unit(the_fixed_hash_never_changes))

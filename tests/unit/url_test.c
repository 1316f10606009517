/* url_test.c - an escape means one byte or nothing. */
#include "common/url.h"
#include "tests/unit/test.h"

static bool
decode(struct buf *b, const char *s, enum url_part part)
{
	struct slice in = exact(s, strlen(s));
	bool good = false;

	buf_clear(b);
	good = url_decode(b, in, part);
	free((char *)in.p);
	return good;
}

static void
decodes_paths_and_queries(void **state)
{
	struct buf b = {0};

	(void)state;
	assert_true(decode(&b, "", URL_PATH) && b.n == 0);
	assert_true(decode(&b, "a+b%2Fc%2b", URL_PATH));
	assert_true(slice_is(buf_slice(&b), "a+b/c+"));
	assert_true(decode(&b, "a+b%2Fc%2b", URL_QUERY));
	assert_true(slice_is(buf_slice(&b), "a b/c+"));
	assert_true(decode(&b, "%00%fF%25", URL_PATH));
	assert_true(slice_eq(buf_slice(&b), SLICE("\0\xff%")));
	assert_true(decode(&b, "%2541", URL_PATH)); /* once, not twice */
	assert_true(slice_is(buf_slice(&b), "%41"));
	buf_free(&b);
}

static void
bad_escapes_are_refused_and_leave_nothing(void **state)
{
	static const char *const bad[] = {"%", "%4", "a%", "a%4", "%4g", "%g4",
	    "%%41", "% 41", "%u0041", "%-1", "%+1", "abc%41%"};
	struct buf b = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(decode(&b, bad[i], URL_PATH));
		assert_false(decode(&b, bad[i], URL_QUERY));
		assert_int_equal(b.n, 0);
		assert_false(b.full);
	}
	buf_free(&b);
}

static void
the_cap_counts_decoded_bytes(void **state)
{
	struct buf b = {.max = 3};

	(void)state;
	assert_true(decode(&b, "%61%62%63", URL_PATH));
	assert_false(decode(&b, "abcd", URL_PATH));
	assert_true(b.full && b.n == 0);
	buf_clear(&b);
	assert_false(url_encode(&b, SLICE("a/")));
	assert_true(b.full && b.n == 0);
	buf_free(&b);
}

static void
walks_a_query_pair_by_pair(void **state)
{
	struct slice rest = SLICE("&a=1&&b=&c&=d&e=f=g&"), name, value;
	static const struct {
		const char *name, *value;
	} want[] = {
	    {"a", "1"}, {"b", ""}, {"c", NULL}, {"", "d"}, {"e", "f=g"}};

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_true(url_query_next(&rest, &name, &value));
		assert_true(slice_is(name, want[i].name));
		assert_int_equal(value.p == NULL, want[i].value == NULL);
		if (want[i].value != NULL)
			assert_true(slice_is(value, want[i].value));
	}
	assert_false(url_query_next(&rest, &name, &value));
	assert_false(url_query_next(&rest, &name, &value));
	rest = (struct slice){NULL, 0};
	assert_false(url_query_next(&rest, &name, &value));
	rest = SLICE("");
	assert_false(url_query_next(&rest, &name, &value));
}

static void
compares_without_decoding(void **state)
{
	(void)state;
	assert_true(url_is(SLICE("ch%61nnel"), SLICE("channel"), URL_QUERY));
	assert_true(url_is(SLICE("a+b"), SLICE("a b"), URL_QUERY));
	assert_false(url_is(SLICE("a+b"), SLICE("a b"), URL_PATH));
	assert_false(url_is(SLICE("channels"), SLICE("channel"), URL_PATH));
	assert_false(url_is(SLICE("chan"), SLICE("channel"), URL_PATH));
	assert_false(url_is(SLICE("%6"), SLICE("a"), URL_PATH));
	assert_false(url_is(SLICE("%zz"), SLICE("\xff"), URL_PATH));
	assert_true(url_is(SLICE(""), SLICE(""), URL_PATH));
}

static void
what_is_encoded_decodes_to_itself(void **state)
{
	struct buf coded = {0}, plain = {0};
	char all[256];

	(void)state;
	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	assert_true(url_encode(&coded, SLICE("a-Z_0.~/*+% \xc3\xa4")));
	assert_true(
	    slice_is(buf_slice(&coded), "a-Z_0.~%2F%2A%2B%25%20%C3%A4"));
	for (enum url_part part = URL_PATH; part <= URL_QUERY; part++) {
		buf_clear(&coded);
		buf_clear(&plain);
		assert_true(url_encode(&coded, (struct slice){all, 256}));
		assert_true(url_decode(&plain, buf_slice(&coded), part));
		assert_true(
		    slice_eq(buf_slice(&plain), (struct slice){all, 256}));
	}
	buf_free(&coded);
	buf_free(&plain);
}

TESTS(unit(decodes_paths_and_queries),
    unit(bad_escapes_are_refused_and_leave_nothing),
    unit(the_cap_counts_decoded_bytes), unit(walks_a_query_pair_by_pair),
    unit(compares_without_decoding), unit(what_is_encoded_decodes_to_itself))

/* dotenv_test.c - what a line says, and which line is wrong. */
#include "common/dotenv.h"
#include "tests/unit/test.h"

static const char good[] = "# comment\n"
			   "\n"
			   "A=1\r\n"
			   "  export B = two words  # comment\n"
			   "C='as # it $stands\\n'\n"
			   "D=\"a\\n\\t\\\"\\\\\\$b\" # comment\n"
			   "E=\n"
			   "F=a#b\n"
			   "exported=x\n"
			   "G=#all comment\n"
			   "_9=last";

static const char *const pairs[][2] = {
    {"A", "1"},
    {"B", "two words"},
    {"C", "as # it $stands\\n"},
    {"D", "a\n\t\"\\$b"},
    {"E", ""},
    {"F", "a#b"},
    {"exported", "x"},
    {"G", ""},
    {"_9", "last"},
};

static void
reads_every_form_of_a_line(void **state)
{
	struct slice text = exact(good, sizeof(good) - 1), key;
	struct dotenv d = {.rest = text};
	struct buf value = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		assert_true(dotenv_next(&d, &key, &value));
		assert_true(slice_is(key, pairs[i][0]));
		assert_true(slice_is(buf_slice(&value), pairs[i][1]));
	}
	assert_int_equal(d.line, 11);
	assert_false(dotenv_next(&d, &key, &value));
	assert_null(d.error);
	buf_free(&value);
	free((char *)text.p);
}

static void
a_bad_line_is_named_and_ends_the_reading(void **state)
{
	static const struct slice bad[] = {SLICE_INIT("A=1\nB\nC=1"),
	    SLICE_INIT("A=1\n=x"), SLICE_INIT("A=1\n9A=x"),
	    SLICE_INIT("A=1\nA-B=x"), SLICE_INIT("A=1\nA='x\ny'"),
	    SLICE_INIT("A=1\nA=\"x\\"), SLICE_INIT("A=1\nA=\"\\q\""),
	    SLICE_INIT("A=1\nA='x' y"), SLICE_INIT("A=1\nA=x\0y"),
	    SLICE_INIT("A=1\nexport"), SLICE_INIT("A=1\nA=\"x")};
	struct buf value = {0};
	struct slice key;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct slice text = exact(bad[i].p, bad[i].n);
		struct dotenv d = {.rest = text};

		assert_true(dotenv_next(&d, &key, &value));
		assert_false(dotenv_next(&d, &key, &value));
		assert_non_null(d.error);
		assert_int_equal(d.line, 2);
		assert_false(dotenv_next(&d, &key, &value));
		assert_int_equal(d.line, 2);
		free((char *)text.p);
	}
	buf_free(&value);
}

static void
no_cut_is_read_past_its_end(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(good); n++) {
		struct slice text = exact(good, n), key;
		struct dotenv d = {.rest = text};
		struct buf value = {0};
		unsigned pair = 0;

		while (dotenv_next(&d, &key, &value))
			pair++;
		assert_true(pair <= sizeof(pairs) / sizeof(pairs[0]));
		buf_free(&value);
		free((char *)text.p);
	}
}

TESTS(unit(reads_every_form_of_a_line),
    unit(a_bad_line_is_named_and_ends_the_reading),
    unit(no_cut_is_read_past_its_end))

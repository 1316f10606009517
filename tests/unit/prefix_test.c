/* prefix_test.c - lines of different writers are never mixed. */
#include "common/prefix.h"
#include "tests/unit/test.h"

static void
however_it_is_cut_the_lines_are_the_same(void **state)
{
	static const char text[] = "one\n\ntwo\r\nthree";
	static const char want[] = "p| one\np| \np| two\r\np| three\n";

	(void)state;
	for (size_t cut = 0; cut < sizeof(text); cut++) {
		struct prefix p = {.before = SLICE("p| ")};
		struct slice a = exact(text, cut);
		struct slice b = exact(text + cut, sizeof(text) - 1 - cut);
		struct buf out = {0};

		prefix_feed(&p, a, &out);
		prefix_feed(&p, b, &out);
		assert_int_equal(
		    out.n, sizeof(want) - 1 - strlen("p| three\n"));
		prefix_flush(&p, &out);
		prefix_flush(&p, &out);
		assert_true(slice_is(buf_slice(&out), want));
		prefix_free(&p);
		buf_free(&out);
		free((char *)a.p);
		free((char *)b.p);
	}
}

static void
a_line_without_end_is_passed_on_in_pieces(void **state)
{
	enum { ALL = 3 * PREFIX_LINE + 1 };
	struct prefix p = {.before = SLICE("> ")};
	struct buf out = {0};
	size_t lines = 0, bytes = 0;

	(void)state;
	for (size_t i = 0; i < ALL; i++) {
		prefix_feed(&p, SLICE("x"), &out);
		assert_true(p.line.n <= PREFIX_LINE);
	}
	prefix_flush(&p, &out);
	for (size_t i = 0; i < out.n; i++) {
		lines += out.p[i] == '\n';
		bytes += out.p[i] == 'x';
	}
	assert_int_equal(lines, 4);
	assert_int_equal(bytes, ALL);
	prefix_free(&p);
	buf_free(&out);
}

static void
a_line_of_just_the_limit_is_one_piece(void **state)
{
	char *whole = memset(malloc(PREFIX_LINE + 1), 'x', PREFIX_LINE);
	struct prefix p = {.before = SLICE("")};
	struct buf out = {0};

	(void)state;
	whole[PREFIX_LINE] = '\n';
	prefix_feed(&p, (struct slice){whole, PREFIX_LINE + 1}, &out);
	assert_true(
	    slice_eq(buf_slice(&out), (struct slice){whole, PREFIX_LINE + 1}));
	prefix_free(&p);
	buf_free(&out);
	free(whole);
}

TESTS(unit(however_it_is_cut_the_lines_are_the_same),
    unit(a_line_without_end_is_passed_on_in_pieces),
    unit(a_line_of_just_the_limit_is_one_piece))

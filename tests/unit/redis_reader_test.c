/* redis_reader_test.c - replies come out the same however they arrive, and
 * not at all past the limits. */
#include "common/redis_reader.h"
#include "tests/unit/test.h"

static const char whole[] = "*5\r\n$3\r\na\0b\r\n:-7\r\n$-1\r\n"
			    "*2\r\n+OK\r\n$0\r\n\r\n-ERR no\r\n";

static void
check_whole(const struct redis_reply *r)
{
	assert_non_null(r);
	assert_int_equal(r->kind, REDIS_IS_ARRAY);
	assert_int_equal(r->n, 5);
	assert_int_equal(r->items[0].kind, REDIS_IS_STRING);
	assert_int_equal(r->items[0].text.n, 3);
	assert_memory_equal(r->items[0].text.p, "a\0b", 3);
	assert_int_equal(r->items[1].kind, REDIS_IS_NUMBER);
	assert_int_equal(r->items[1].number, -7);
	assert_int_equal(r->items[2].kind, REDIS_IS_NIL);
	assert_int_equal(r->items[3].n, 2);
	assert_int_equal(r->items[3].items[0].kind, REDIS_IS_STATUS);
	assert_int_equal(r->items[3].items[1].text.n, 0);
	assert_int_equal(r->items[4].kind, REDIS_IS_ERROR);
	assert_true(slice_is(r->items[4].text, "ERR no"));
}

static void
a_reply_is_the_same_at_every_split_point(void **state)
{
	size_t n = sizeof(whole) - 1;

	(void)state;
	for (size_t cut = 1; cut < n; cut++) {
		struct redis_reader *reader = redis_reader_new();
		struct slice a = exact(whole, cut);
		struct slice b = exact(whole + cut, n - cut);
		struct redis_reply *r;

		redis_reader_feed(reader, a);
		assert_null(redis_reader_next(reader, &r));
		assert_null(r);
		redis_reader_feed(reader, b);
		assert_null(redis_reader_next(reader, &r));
		check_whole(r);
		redis_reply_free(&r);
		redis_reader_free(&reader);
		free((char *)(uintptr_t)a.p);
		free((char *)(uintptr_t)b.p);
	}
}

static void
an_unfinished_reply_is_freed_with_its_reader(void **state)
{
	struct redis_reader *reader = redis_reader_new();
	struct redis_reply *r;

	(void)state;
	redis_reader_feed(reader, (struct slice){whole, sizeof(whole) - 5});
	assert_null(redis_reader_next(reader, &r));
	assert_null(r);
	redis_reader_free(&reader);
}

static const char *
judge(const char *text)
{
	struct redis_reader *reader = redis_reader_new();
	struct redis_reply *r;
	bool refused;

	redis_reader_feed(reader, slice_of(text));
	refused = redis_reader_next(reader, &r) != NULL;
	redis_reply_free(&r);
	redis_reader_free(&reader);
	return refused ? "refused" : "taken";
}

static void
what_is_no_reply_or_too_much_is_refused(void **state)
{
	(void)state;
	assert_string_equal(judge("HTTP/1.1 400 Bad Request\r\n"), "refused");
	assert_string_equal(judge("*262144\r\n"), "taken");
	assert_string_equal(judge("*262145\r\n"), "refused");
	assert_string_equal(judge("*2147483647\r\n"), "refused");
	assert_string_equal(judge("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"
				  "*1\r\n*1\r\n*1\r\n*1\r\n"),
	    "refused");
}

static void
a_string_past_the_limit_is_refused_before_it_is_whole(void **state)
{
	struct redis_reader *reader = redis_reader_new();
	struct redis_reply *r;
	size_t n = 1 << 20, fed = 0;
	const char *why = NULL;
	char *block = calloc(1, n);

	(void)state;
	redis_reader_feed(reader, SLICE("$536870912\r\n"));
	while (why == NULL && fed < 40) {
		redis_reader_feed(reader, (struct slice){block, n});
		why = redis_reader_next(reader, &r);
		fed++;
	}
	assert_non_null(why);
	assert_int_equal(fed, 32);
	free(block);
	redis_reader_free(&reader);
}

TESTS(unit(a_reply_is_the_same_at_every_split_point),
    unit(an_unfinished_reply_is_freed_with_its_reader),
    unit(what_is_no_reply_or_too_much_is_refused),
    unit(a_string_past_the_limit_is_refused_before_it_is_whole))

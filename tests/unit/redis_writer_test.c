/* redis_writer_test.c - what is written is what a server reads. */
#include "common/redis_reader.h"
#include "common/redis_writer.h"
#include "tests/unit/test.h"

static void
a_command_is_spelt_as_redis_wants_it(void **state)
{
	struct buf b = {0};

	(void)state;
	redis_put_count(&b, 12);
	redis_put_word(&b, SLICE("SET"));
	redis_put_word(&b, SLICE("a\0\r\nb"));
	redis_put_word(&b, (struct slice){NULL, 0});
	redis_put_word(&b, SLICE("0123456789"));
	assert_true(slice_eq(buf_slice(&b),
	    SLICE("*12\r\n$3\r\nSET\r\n$5\r\na\0\r\nb\r\n$0\r\n\r\n"
		  "$10\r\n0123456789\r\n")));
	redis_put_count(&b, SIZE_MAX);
	assert_memory_equal(b.p + b.n - 23, "*18446744073709551615\r\n", 23);
	buf_free(&b);
}

/* A command has the form of an array of strings, so our reader reads it. */
static void
words_of_every_length_are_read_back(void **state)
{
	enum { WORDS = 1100 };
	struct redis_reader *reader = redis_reader_new();
	struct redis_reply *r = NULL;
	struct buf b = {0}, word = {0};

	(void)state;
	redis_put_count(&b, WORDS);
	for (size_t n = 0; n < WORDS; n++) {
		redis_put_word(&b, buf_slice(&word));
		buf_chr(&word, (char)n);
	}
	redis_reader_feed(reader, buf_slice(&b));
	assert_null(redis_reader_next(reader, &r));
	assert_non_null(r);
	assert_int_equal(r->n, WORDS);
	for (size_t n = 0; n < WORDS; n++)
		assert_true(
		    slice_eq(r->items[n].text, (struct slice){word.p, n}));
	redis_reply_free(&r);
	redis_reader_free(&reader);
	buf_free(&word);
	buf_free(&b);
}

TESTS(unit(a_command_is_spelt_as_redis_wants_it),
    unit(words_of_every_length_are_read_back))

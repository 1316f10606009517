/* http_header_test.c - lookups, the list of errors, the table of bytes. */
#include "common/http.h"
#include "common/http_class.h"
#include "tests/unit/test.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n"

static void
a_header_is_found_without_case_and_the_first_counts(void **state)
{
	struct http_request r;
	const char *s = GET "Via: a\r\nAccept: x\r\naccept: w\r\n\r\n";
	struct slice in = slice_of(s);
	size_t seen = 0;

	(void)state;
	assert_true(http_parse(in, &seen, HTTP_HEAD_MAX, &r) > 0);
	assert_true(slice_is(http_header(&r, SLICE("ACCEPT")), "x"));
	assert_null(http_header(&r, SLICE("accep")).p);
	assert_false(http_same(SLICE("[x"), SLICE("{x")));
}

static void
every_error_has_a_status_a_code_and_a_sentence(void **state)
{
	(void)state;
	for (int e = HTTP_ERRORS_BEGIN + 1; e < HTTP_ERRORS_END; e++) {
		struct http_fault why;
		unsigned status = http_error_status(e, &why);

		assert_true(e < 0);
		assert_true(status >= 400 && status < 600);
		assert_int_equal(why.message[strlen(why.message) - 1], '.');
		assert_int_equal(
		    strspn(why.code, "abcdefghijklmnopqrstuvwxyz_0123456789"),
		    strlen(why.code));
	}
	assert_int_equal(http_error_status(HTTP_E_VERSION, NULL), 505);
	assert_int_equal(http_error_status(HTTP_E_CODING, NULL), 501);
	assert_int_equal(http_error_status(HTTP_E_TARGET_LONG, NULL), 414);
	assert_int_equal(http_error_status(HTTP_E_EXPECT, NULL), 417);
	assert_int_equal(http_error_status(HTTP_E_HEAD_LARGE, NULL), 431);
}

static void
every_byte_is_in_the_classes_of_the_grammar(void **state)
{
	static const char alnum[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789";

	(void)state;
	for (int i = 0; i < 256; i++) {
		bool an = i != 0 && strchr(alnum, i) != NULL;
		char c = (char)i;

		assert_int_equal(http_is(c, HTTP_TOKEN),
		    an || (i != 0 && strchr("!#$%&'*+-.^_`|~", i)));
		assert_int_equal(http_is(c, HTTP_TARGET),
		    i > 32 && i < 127 && !strchr("\"#<>\\", i));
		assert_int_equal(
		    http_is(c, HTTP_VALUE), i == '\t' || (i >= 32 && i != 127));
		assert_int_equal(
		    http_is(c, HTTP_HOST), an || (i != 0 && strchr("-._", i)));
		assert_int_equal(http_is(c, HTTP_UNRESERVED),
		    an || (i != 0 && strchr("-._~", i)));
		assert_int_equal(http_is(c, HTTP_HEX),
		    i != 0 && strchr("0123456789abcdefABCDEF", i) != NULL);
	}
	assert_int_equal(http_hex('0'), 0);
	assert_int_equal(http_hex('a'), 10);
	assert_int_equal(http_hex('F'), 15);
}

TESTS(unit(a_header_is_found_without_case_and_the_first_counts),
    unit(every_error_has_a_status_a_code_and_a_sentence),
    unit(every_byte_is_in_the_classes_of_the_grammar))

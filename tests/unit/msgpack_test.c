/* msgpack_test.c - the same structures in the other spelling, and strangers'
 * msgpack read no further than it goes. */
#include "hub/msgpack.h"

#include "common/json.h"
#include "tests/unit/test.h"

static void
packs(const char *json, const char *want, size_t n)
{
	struct buf b = {0};

	assert_true(msgpack_from_json(&b, slice_of(json)));
	assert_int_equal(b.n, n);
	assert_memory_equal(b.p, want, n);
	buf_free(&b);
}

static void
scalars_are_as_small_as_they_can_be(void **state)
{
	(void)state;
	packs("null", "\xc0", 1);
	packs("true", "\xc3", 1);
	packs("false", "\xc2", 1);
	packs("0", "\0", 1);
	packs("127", "\x7f", 1);
	packs("128", "\xcc\x80", 2);
	packs("65535", "\xcd\xff\xff", 3);
	packs("65536", "\xce\0\1\0\0", 5);
	packs(
	    "18446744073709551615", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9);
	packs("-1", "\xff", 1);
	packs("-32", "\xe0", 1);
	packs("-33", "\xd0\xdf", 2);
	packs("-129", "\xd1\xff\x7f", 3);
	packs("-9223372036854775808", "\xd3\x80\0\0\0\0\0\0\0", 9);
	packs("1.5", "\xcb\x3f\xf8\0\0\0\0\0\0", 9);
	packs("\"\"", "\xa0", 1);
	packs("\"a\\n\\u00e9\"",
	    "\xa4"
	    "a\n\xc3\xa9",
	    5);
}

static void
maps_and_arrays_count_their_members(void **state)
{
	(void)state;
	packs(" { } ", "\xdf\0\0\0\0", 5);
	packs("[1,[],{\"a\":2}]",
	    "\xdd\0\0\0\3\1\xdd\0\0\0\0\xdf\0\0\0\1\xa1"
	    "a\2",
	    19);
}

static void
only_the_outermost_base64_becomes_bytes(void **state)
{
	(void)state;
	packs("{\"base64\":\"/wA=\"}",
	    "\xdf\0\0\0\1\xa6"
	    "base64\xc4\2\xff\0",
	    16);
	packs("{\"data\":{\"base64\":\"/wA=\"}}",
	    "\xdf\0\0\0\1\xa4"
	    "data\xdf\0\0\0\1\xa6"
	    "base64\xa4/wA=",
	    27);
}

static void
reads(const char *p, size_t n, const char *want)
{
	struct slice in = exact(p, n);
	struct buf b = {0};

	assert_null(msgpack_to_json(&b, in));
	assert_true(slice_is(buf_slice(&b), want));
	assert_null(json_check(buf_slice(&b), NULL, NULL));
	buf_free(&b);
	free((char *)(uintptr_t)in.p);
}

static void
becomes_json_again(void **state)
{
	(void)state;
	reads("\x83\xa2"
	      "op\xa4"
	      "ping\xa3ref\7\xa1x\x92\xc0\x80",
	    19, "{\"op\":\"ping\",\"ref\":7,\"x\":[null,{}]}");
	reads("\xc4\2\xff\0", 4, "\"/wA=\"");
	reads("\xe0", 1, "-32");
	reads("\xd1\xff\x7f", 3, "-129");
	reads("\xca\x3f\xc0\0\0", 5, "1.5");
	reads("\x91\x91\x91\x90", 4, "[[[[]]]]");
	reads("\xd9\3a\"b", 5, "\"a\\\"b\"");
}

static void
every_truncation_is_refused(void **state)
{
	static const char whole[] = "\x84\xa2"
				    "op\xa9"
				    "subscribe\xa3ref\xcd\1\0\xa1"
				    "b\xc4\3xyz\xa1"
				    "d\xcb\x3f\xf8\0\0\0\0\0\0";

	(void)state;
	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		struct slice cut = exact(whole, n);
		struct buf b = {0};

		assert_non_null(msgpack_to_json(&b, cut));
		buf_free(&b);
		free((char *)(uintptr_t)cut.p);
	}
	reads(whole, sizeof(whole) - 1,
	    "{\"op\":\"subscribe\",\"ref\":256,\"b\":\"eHl6\",\"d\":1.5}");
}

static void
refuses(const char *p, size_t n)
{
	struct slice in = exact(p, n);
	struct buf b = {.max = 4096};

	assert_non_null(msgpack_to_json(&b, in));
	buf_free(&b);
	free((char *)(uintptr_t)in.p);
}

static void
refuses_what_json_cannot_say(void **state)
{
	char deep[200];

	(void)state;
	refuses("\xc1", 1);
	refuses("\xd4\1\1", 3);
	refuses("\x81\1\1", 3);                 /* a key that is a number */
	refuses("\xa2\xff\xff", 3);             /* not UTF-8 */
	refuses("\xcb\x7f\xf0\0\0\0\0\0\0", 9); /* infinity */
	refuses("\1\1", 2);                     /* two values */
	refuses("\xdf\xff\xff\xff\xff", 5);     /* members that never come */
	memset(deep, 0x91, sizeof(deep));
	refuses(deep, sizeof(deep));
}

TESTS(unit(scalars_are_as_small_as_they_can_be),
    unit(maps_and_arrays_count_their_members),
    unit(only_the_outermost_base64_becomes_bytes), unit(becomes_json_again),
    unit(every_truncation_is_refused), unit(refuses_what_json_cannot_say))

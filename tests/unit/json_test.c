/* json_test.c - the reader takes RFC 8259, all of it, and nothing else. */
#include "common/json.h"
#include "common/must.h"
#include "tests/unit/test.h"

#include <stdio.h>

/* clang-format off */
static const struct slice good[] = {
	SLICE_INIT("0"), SLICE_INIT("-0"), SLICE_INIT("7"), SLICE_INIT("-12"),
	SLICE_INIT("0.5"), SLICE_INIT("-0.0"), SLICE_INIT("1.25e10"),
	SLICE_INIT("1E+2"), SLICE_INIT("1e-2"), SLICE_INIT("0e0"),
	SLICE_INIT("123456789012345678901234567890"), SLICE_INIT("1e999"),
	SLICE_INIT("true"), SLICE_INIT("false"), SLICE_INIT("null"),
	SLICE_INIT("\"\""), SLICE_INIT("\"abc\""), SLICE_INIT("\" \""),
	SLICE_INIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
	SLICE_INIT("\"\\u0000\""), SLICE_INIT("\"\\u00e9\\uABCD\""),
	SLICE_INIT("\"\\ud83d\\ude00\""), SLICE_INIT("\"\\uDBFF\\uDFFF\""),
	SLICE_INIT("\"\\uFFFE\\uffff\\ufdd0\""), SLICE_INIT("\"\x7f\""),
	SLICE_INIT("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""),
	SLICE_INIT("\"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\""),
	SLICE_INIT("\"\xc2\x80\xe0\xa0\x80\xf0\x90\x80\x80\""),
	SLICE_INIT("\"\xe2\x80\xa8\xe2\x80\xa9\""),
	SLICE_INIT("\"a string that is longer than eight bytes\""),
	SLICE_INIT("[]"), SLICE_INIT("{}"), SLICE_INIT("[ ]"),
	SLICE_INIT("{ }"),
	SLICE_INIT("[[]   ]"), SLICE_INIT("[1,2,3]"), SLICE_INIT("[1\n,\t2\r]"),
	SLICE_INIT("[[[[]]],{}]"), SLICE_INIT("[null,true,\"x\",{},[]]"),
	SLICE_INIT("{\"a\":1}"), SLICE_INIT("{\"\":0}"),
	SLICE_INIT("{\"a\" : {\"b\" : [ 1 , {} ] } , \"c\":null}"),
	SLICE_INIT("{\"a\":{\"x\":1,\"x\":2}}"),
	SLICE_INIT(" \t\r\n1 \t\r\n"), SLICE_INIT("\n{}\n"),
};

/* What is refused, where, and a word of the reason. */
static const struct bad {
	struct slice text;
	size_t at;
	const char *why;
} bad[] = {
	{ SLICE_INIT(""), 0, "missing" },
	{ SLICE_INIT("  "), 2, "missing" },
	{ SLICE_INIT("\xef\xbb\xbf{}"), 0, "missing" },
	{ SLICE_INIT("\0"), 0, "missing" },
	{ SLICE_INIT("1\0"), 1, "behind" },
	{ SLICE_INIT("{}\0"), 2, "behind" },
	{ SLICE_INIT("\f1"), 0, "missing" },
	{ SLICE_INIT("\v1"), 0, "missing" },
	{ SLICE_INIT("\xc2\xa0" "1"), 0, "missing" },
	{ SLICE_INIT("1 2"), 2, "behind" },
	{ SLICE_INIT("{}}"), 2, "behind" },
	{ SLICE_INIT("[]]"), 2, "behind" },
	{ SLICE_INIT("\"\"x"), 2, "behind" },
	{ SLICE_INIT("{}//"), 2, "behind" },
	{ SLICE_INIT("{}#"), 2, "behind" },
	{ SLICE_INIT("/**/1"), 0, "missing" },
	{ SLICE_INIT("01"), 0, "leading" },
	{ SLICE_INIT("-01"), 1, "leading" },
	{ SLICE_INIT("00"), 0, "leading" },
	{ SLICE_INIT("-"), 1, "digits" },
	{ SLICE_INIT("-a"), 1, "digits" },
	{ SLICE_INIT("--1"), 1, "digits" },
	{ SLICE_INIT("+1"), 0, "missing" },
	{ SLICE_INIT(".5"), 0, "missing" },
	{ SLICE_INIT("-.5"), 1, "digits" },
	{ SLICE_INIT("1."), 2, "digits" },
	{ SLICE_INIT("1.e3"), 2, "digits" },
	{ SLICE_INIT("1e"), 2, "digits" },
	{ SLICE_INIT("1e+"), 3, "digits" },
	{ SLICE_INIT("1eE2"), 2, "digits" },
	{ SLICE_INIT("1.2.3"), 3, "behind" },
	{ SLICE_INIT("1e1.5"), 3, "behind" },
	{ SLICE_INIT("0x10"), 1, "behind" },
	{ SLICE_INIT("1_000"), 1, "behind" },
	{ SLICE_INIT("1a"), 1, "behind" },
	{ SLICE_INIT("\xef\xbc\x91"), 0, "missing" },
	{ SLICE_INIT("NaN"), 0, "missing" },
	{ SLICE_INIT("Infinity"), 0, "missing" },
	{ SLICE_INIT("-Infinity"), 1, "digits" },
	{ SLICE_INIT("True"), 0, "missing" },
	{ SLICE_INIT("tru"), 0, "word" },
	{ SLICE_INIT("nul"), 0, "word" },
	{ SLICE_INIT("fals3"), 0, "word" },
	{ SLICE_INIT("truee"), 4, "behind" },
	{ SLICE_INIT("undefined"), 0, "missing" },
	{ SLICE_INIT("'a'"), 0, "missing" },
	{ SLICE_INIT("\""), 1, "end" },
	{ SLICE_INIT("\"\\"), 2, "end" },
	{ SLICE_INIT("\"\\\""), 3, "end" },
	{ SLICE_INIT("\"abcdefghijkl"), 13, "end" },
	{ SLICE_INIT("\"a\nb\""), 2, "control" },
	{ SLICE_INIT("\"\t\""), 1, "control" },
	{ SLICE_INIT("\"\0\""), 1, "control" },
	{ SLICE_INIT("\"\x1f\""), 1, "control" },
	{ SLICE_INIT("\"1234567\x1f" "123456789\""), 8, "control" },
	{ SLICE_INIT("\"\\x41\""), 1, "escape" },
	{ SLICE_INIT("\"\\a\""), 1, "escape" },
	{ SLICE_INIT("\"\\'\""), 1, "escape" },
	{ SLICE_INIT("\"\\0\""), 1, "escape" },
	{ SLICE_INIT("\"\\U0041\""), 1, "escape" },
	{ SLICE_INIT("\"\\\n\""), 1, "escape" },
	{ SLICE_INIT("\"\\\xc3\xa9\""), 1, "escape" },
	{ SLICE_INIT("\"\\u\""), 1, "four" },
	{ SLICE_INIT("\"\\u12\""), 1, "four" },
	{ SLICE_INIT("\"\\u123g\""), 1, "four" },
	{ SLICE_INIT("\"\\u 123\""), 1, "four" },
	{ SLICE_INIT("\"\\u-123\""), 1, "four" },
	{ SLICE_INIT("\"\\u00@0\""), 1, "four" },
	{ SLICE_INIT("\"\\ud800\""), 1, "half" },
	{ SLICE_INIT("\"\\udc00\""), 1, "half" },
	{ SLICE_INIT("\"\\ud800\\ud800\""), 1, "half" },
	{ SLICE_INIT("\"\\ud83d\\u0041\""), 1, "half" },
	{ SLICE_INIT("\"\\ud83d\\n\""), 1, "half" },
	{ SLICE_INIT("\"\\ud83dxude00\""), 1, "half" },
	{ SLICE_INIT("\"\\ud83d\\ude0\""), 1, "half" },
	{ SLICE_INIT("\"\\ude00\\ud83d\""), 1, "half" },
	{ SLICE_INIT("\"\x80\""), 1, "UTF-8" },
	{ SLICE_INIT("\"\xff\""), 1, "UTF-8" },
	{ SLICE_INIT("\"\xc0\xaf\""), 1, "UTF-8" },
	{ SLICE_INIT("\"\xc1\xbf\""), 1, "UTF-8" },
	{ SLICE_INIT("\"\xe0\x80\xaf\""), 1, "UTF-8" },
	{ SLICE_INIT("\"\xe0\x9f\xbf\""), 1, "UTF-8" },
	{ SLICE_INIT("\"\xf0\x8f\xbf\xbf\""), 1, "UTF-8" },
	{ SLICE_INIT("\"\xed\xa0\x80\""), 1, "UTF-8" },
	{ SLICE_INIT("\"\xed\xbf\xbf\""), 1, "UTF-8" },
	{ SLICE_INIT("\"\xf4\x90\x80\x80\""), 1, "UTF-8" },
	{ SLICE_INIT("\"\xf5\x80\x80\x80\""), 1, "UTF-8" },
	{ SLICE_INIT("\"\xf8\x88\x80\x80\x80\""), 1, "UTF-8" },
	{ SLICE_INIT("\"\xc3\""), 1, "UTF-8" },
	{ SLICE_INIT("\"\xe2\x82\""), 1, "UTF-8" },
	{ SLICE_INIT("\"\xf0\x9f\x98\""), 1, "UTF-8" },
	{ SLICE_INIT("\"a\xc3\xa9\xc3\x28\""), 4, "UTF-8" },
	{ SLICE_INIT("{\"\xe9\":1}"), 2, "UTF-8" },
	{ SLICE_INIT("["), 1, "missing" },
	{ SLICE_INIT("[1"), 2, "comma or ]" },
	{ SLICE_INIT("[1,"), 3, "value" },
	{ SLICE_INIT("[1,]"), 3, "value" },
	{ SLICE_INIT("[,1]"), 1, "value" },
	{ SLICE_INIT("[,]"), 1, "value" },
	{ SLICE_INIT("[1,,2]"), 3, "value" },
	{ SLICE_INIT("[1 2]"), 3, "comma or ]" },
	{ SLICE_INIT("[1:2]"), 2, "comma or ]" },
	{ SLICE_INIT("[1}"), 2, "comma or ]" },
	{ SLICE_INIT("[}"), 1, "value" },
	{ SLICE_INIT("]"), 0, "value" },
	{ SLICE_INIT("[\"a\"\"b\"]"), 4, "comma or ]" },
	{ SLICE_INIT("{"), 1, "name" },
	{ SLICE_INIT("{]"), 1, "name" },
	{ SLICE_INIT("}"), 0, "value" },
	{ SLICE_INIT("{a:1}"), 1, "name" },
	{ SLICE_INIT("{'a':1}"), 1, "name" },
	{ SLICE_INIT("{1:1}"), 1, "name" },
	{ SLICE_INIT("{null:1}"), 1, "name" },
	{ SLICE_INIT("{[]:1}"), 1, "name" },
	{ SLICE_INIT("{,}"), 1, "name" },
	{ SLICE_INIT("{\"a\"}"), 4, "colon" },
	{ SLICE_INIT("{\"a\" 1}"), 5, "colon" },
	{ SLICE_INIT("{\"a\",1}"), 4, "colon" },
	{ SLICE_INIT("{\"a\":}"), 5, "value" },
	{ SLICE_INIT("{\"a\"::1}"), 5, "value" },
	{ SLICE_INIT("{\"a\":1"), 6, "comma or }" },
	{ SLICE_INIT("{\"a\":1,}"), 7, "name" },
	{ SLICE_INIT("{\"a\":1 \"b\":2}"), 7, "comma or }" },
	{ SLICE_INIT("{\"a\":1,,\"b\":2}"), 7, "name" },
	{ SLICE_INIT("{\"a\":1]"), 6, "comma or }" },
	{ SLICE_INIT("{\"a\":[1}"), 7, "comma or ]" },
	{ SLICE_INIT("[{\"a\":1]"), 7, "comma or }" },
	{ SLICE_INIT("{\"a\":1:2}"), 6, "comma or }" },
	{ SLICE_INIT("{\"a\":tru}"), 5, "word" },
};
/* clang-format on */

static void
takes_what_the_grammar_has(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++) {
		struct slice s = exact(good[i].p, good[i].n);
		const char *why = json_check(s, NULL, NULL);

		if (why != NULL)
			fail_msg("%.*s: %s", SLICE_ARGS(s), why);
		free((char *)s.p);
	}
}

static void
refuses_all_else_and_says_where(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		struct slice s = exact(bad[i].text.p, bad[i].text.n);
		size_t at = SIZE_MAX;
		const char *why = json_check(s, NULL, &at);

		if (why == NULL)
			fail_msg("taken: %.*s", SLICE_ARGS(s));
		else if (strstr(why, bad[i].why) == NULL || at != bad[i].at)
			fail_msg("%.*s: %s at %zu", SLICE_ARGS(s), why, at);
		free((char *)s.p);
	}
}

/* Bad in every place where a value may stand. */
static void
refuses_it_inside_of_others_too(void **state)
{
	static const char *const around[][2] = {{"[", "]"}, {"{\"k\":", "}"},
	    {"[0,", ",0]"}, {"{\"k\":[{\"l\":", "}],\"m\":0}"}};
	char text[256];

	(void)state;
	for (size_t i = 0; i < LENGTH(bad) * LENGTH(around); i++) {
		const struct bad *b = &bad[i / LENGTH(around)];
		const char *const *pair = around[i % LENGTH(around)];
		size_t n = strlen(pair[0]), m = strlen(pair[1]);
		struct slice s;

		/* A bracket may find its partner, and nothing at all may
		 * stand in an array. */
		if (b->text.n == 0 || b->text.p[0] == ' ')
			continue;
		if (memchr("[]{}", b->text.p[0], 4) != NULL)
			continue;
		memcpy(text, pair[0], n);
		memcpy(text + n, b->text.p, b->text.n);
		memcpy(text + n + b->text.n, pair[1], m);
		s = exact(text, n + b->text.n + m);
		if (json_check(s, NULL, NULL) == NULL)
			fail_msg("taken: %.*s", SLICE_ARGS(s));
		free((char *)s.p);
	}
}

static const char envelope[] =
    "{\"channel\": \"/demo/public/\\u00e9\\ud83d\\ude00\", \"data\": "
    "{\"text\": \"na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80\", \"n\": [-1.5"
    "e+3, 0, true, false, null, {}, [] ]},\n \"id\": \"x\\\"y\"}";

static void
every_truncation_is_refused_and_not_read_past(void **state)
{
	size_t whole = sizeof(envelope) - 1;
	struct json_walk w;
	struct json_value name, value;

	(void)state;
	for (size_t n = 0; n <= whole; n++) {
		struct slice s = exact(envelope, n);
		size_t at = 0;
		const char *why = json_check(s, NULL, &at);

		assert_true((why == NULL) == (n == whole));
		assert_true(at <= n);
		if (json_object(&w, s, NULL))
			while (json_object_next(&w, &name, &value))
				assert_true(
				    value.raw.p + value.raw.n <= s.p + n);
		assert_true((w.why == NULL) == (n == whole));
		if (why != NULL && n != 0)
			assert_int_equal(w.at, at);
		free((char *)s.p);
	}
}

static void
every_changed_byte_leaves_walk_and_check_of_one_mind(void **state)
{
	size_t whole = sizeof(envelope) - 1;
	struct slice s = exact(envelope, whole);
	char *p = (char *)s.p;
	struct json_walk w;
	struct json_value name, value;

	(void)state;
	for (size_t i = 1; i < whole; i++)
		for (unsigned c = 0; c < 256; c++) {
			const char *why;
			size_t at = 0;

			p[i] = (char)c;
			why = json_check(s, NULL, &at);
			if (json_object(&w, s, NULL))
				while (json_object_next(&w, &name, &value))
					continue;
			if (why == NULL)
				assert_null(w.why);
			else
				assert_string_equal(w.why, why);
			assert_int_equal(w.at, at);
			p[i] = envelope[i];
		}
	free(p);
}

static void
depth_is_counted_and_costs_no_stack(void **state)
{
	const struct json_limits most = {.depth = JSON_DEPTH_MAX},
				 one = {.depth = 1};
	size_t n = 1 << 20, at;
	char *p = malloc(n);

	(void)state;
	for (unsigned depth = 1; depth <= 70; depth++) {
		struct slice s = {p, 2 * depth};

		memset(p, '[', depth);
		memset(p + depth, ']', depth);
		assert_true((json_check(s, NULL, &at) == NULL) ==
			    (depth <= JSON_DEPTH));
		if (depth > JSON_DEPTH)
			assert_int_equal(at, JSON_DEPTH);
		assert_true((json_check(s, &most, &at) == NULL) ==
			    (depth <= JSON_DEPTH_MAX));
		assert_true(
		    (json_check(s, &one, NULL) == NULL) == (depth == 1));
	}
	memset(p, '[', n);
	assert_non_null(json_check((struct slice){p, n}, &most, &at));
	assert_int_equal(at, JSON_DEPTH_MAX);
	free(p);
}

static void
brackets_of_both_kinds_close_in_order_at_full_depth(void **state)
{
	const struct json_limits most = {.depth = JSON_DEPTH_MAX};
	struct buf b = {0};

	(void)state;
	for (unsigned i = 0; i < JSON_DEPTH_MAX / 2; i++)
		buf_str(&b, "{\"k\":[");
	for (unsigned i = 0; i < JSON_DEPTH_MAX / 2; i++)
		buf_str(&b, "]}");
	assert_null(json_check(buf_slice(&b), &most, NULL));
	b.p[b.n - 1] = ']';
	assert_non_null(json_check(buf_slice(&b), &most, NULL));
	buf_free(&b);
}

static void
size_and_tokens_have_limits(void **state)
{
	const struct slice s = SLICE("{\"a\":[1,2]}");
	struct json_limits max = {.tokens = 5, .size = 11};
	struct json_walk w;
	size_t at;

	(void)state;
	assert_null(json_check(s, &max, &at));
	max.size = 10;
	assert_non_null(json_check(s, &max, &at));
	assert_int_equal(at, 10);
	assert_false(json_object(&w, s, &max));
	max = (struct json_limits){.tokens = 4};
	assert_non_null(json_check(s, &max, &at));
	assert_int_equal(at, 8);
	max.tokens = 1;
	assert_non_null(json_check(s, &max, &at));
	assert_int_equal(at, 1);
}

static void
the_first_value_is_found_whatever_follows(void **state)
{
	static const char *const behind[] = {"", " ", "x", "}", ",", "\xff"};
	struct slice value;

	(void)state;
	for (size_t i = 0; i < LENGTH(behind); i++) {
		char text[32];
		struct slice s;

		snprintf(text, sizeof(text), " {\"a\":[1]}%s", behind[i]);
		s = exact(text, strlen(text));
		assert_null(json_first(s, NULL, &value));
		assert_true(slice_is(value, "{\"a\":[1]}"));
		free((char *)s.p);
	}
	assert_non_null(json_first(SLICE(" "), NULL, &value));
	assert_non_null(json_first(SLICE("[1"), NULL, &value));
	assert_non_null(json_first(
	    SLICE("1234"), &(struct json_limits){.size = 3}, &value));
}

TESTS(unit(takes_what_the_grammar_has), unit(refuses_all_else_and_says_where),
    unit(refuses_it_inside_of_others_too),
    unit(every_truncation_is_refused_and_not_read_past),
    unit(every_changed_byte_leaves_walk_and_check_of_one_mind),
    unit(depth_is_counted_and_costs_no_stack),
    unit(brackets_of_both_kinds_close_in_order_at_full_depth),
    unit(size_and_tokens_have_limits),
    unit(the_first_value_is_found_whatever_follows))

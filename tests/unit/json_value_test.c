/* json_value_test.c - walks, values, paths, and what is written back. */
#include "common/json.h"
#include "common/json_path.h"
#include "common/json_write.h"
#include "common/must.h"
#include "tests/unit/test.h"

static void
a_walk_hands_out_the_members_as_they_came(void **state)
{
	struct slice s =
	    SLICE(" {\"channel\" : \"/a/b\" ,\"data\":{\"x\" : [ 1,"
		  "{} ]},\n\"n\":-1.50e2 , \"t\":true,\"z\":null} ");
	static const struct {
		const char *name, *raw;
		enum json_kind kind;
	} want[] = {
	    {"channel", "\"/a/b\"", JSON_STRING},
	    {"data", "{\"x\" : [ 1,{} ]}", JSON_OBJECT},
	    {"n", "-1.50e2", JSON_NUMBER},
	    {"t", "true", JSON_BOOL},
	    {"z", "null", JSON_NULL},
	};
	struct json_walk w;
	struct json_value name, value;
	size_t i = 0;

	(void)state;
	assert_true(json_object(&w, s, NULL));
	for (; json_object_next(&w, &name, &value); i++) {
		assert_true(i < LENGTH(want));
		assert_true(json_is(name, slice_of(want[i].name)));
		assert_true(slice_is(value.raw, want[i].raw));
		assert_int_equal(value.kind, want[i].kind);
	}
	assert_int_equal(i, LENGTH(want));
	assert_null(w.why);
	assert_false(json_object_next(&w, &name, &value));
	assert_null(w.why);
}

static void
a_walk_over_an_array_hands_out_the_elements(void **state)
{
	struct json_walk w;
	struct json_value v;
	unsigned n = 0;

	(void)state;
	assert_true(json_array(&w, SLICE("[{\"a\":1} ,2,[3]]"), NULL));
	assert_true(json_array_next(&w, &v) && v.kind == JSON_OBJECT);
	assert_true(json_array_next(&w, &v) && slice_is(v.raw, "2"));
	assert_true(json_array_next(&w, &v) && slice_is(v.raw, "[3]"));
	assert_false(json_array_next(&w, &v));
	assert_null(w.why);
	assert_true(json_array(&w, SLICE(" [ ] "), NULL));
	assert_false(json_array_next(&w, &v));
	assert_null(w.why);
	/* More elements than a walked object may have members. */
	assert_true(json_array(&w,
	    SLICE(
		"[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
		"0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
		"0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]"),
	    NULL));
	while (json_array_next(&w, &v))
		n++;
	assert_null(w.why);
	assert_int_equal(n, 89);
}

static void
a_walk_tells_what_broke_it_and_in_which_member(void **state)
{
	static const struct {
		struct slice text;
		const char *why, *field;
		size_t at;
	} cases[] = {
	    {SLICE_INIT("[]"), "not an object", "", 0},
	    {SLICE_INIT(""), "not an object", "", 0},
	    {SLICE_INIT("  7"), "not an object", "", 2},
	    {SLICE_INIT("{\"a\":1,\"b\":tru}"),
		"a word that is not true, false or null", "b", 11},
	    {SLICE_INIT("{\"a\":1,\"b\" 2}"), "a colon is missing", "b", 11},
	    {SLICE_INIT("{\"a\":1} x"), "more behind the value", "a", 8},
	    {SLICE_INIT("{\"a\":1,\"a\":2}"), "the same member twice", "a", 7},
	    {SLICE_INIT("{\"a\":1,\"\\u0061\":2}"), "the same member twice",
		"\\u0061", 7},
	    {SLICE_INIT("{\"\\u0061\":1,\"b\":0,\"a\":2}"),
		"the same member twice", "a", 18},
	    {SLICE_INIT("{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}"),
		"the same member twice", "\xf0\x9f\x98\x80", 18},
	    {SLICE_INIT("{\"\\/\":1,\"\\u002f\":2}"), "the same member twice",
		"\\u002f", 8},
	};
	struct json_walk w;
	struct json_value name, value;

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct slice s = exact(cases[i].text.p, cases[i].text.n);

		if (json_object(&w, s, NULL))
			while (json_object_next(&w, &name, &value))
				continue;
		assert_non_null(w.why);
		assert_string_equal(w.why, cases[i].why);
		assert_true(slice_is(w.field, cases[i].field));
		assert_int_equal(w.at, cases[i].at);
		assert_false(json_object_next(&w, &name, &value));
		free((char *)s.p);
	}
}

static void
names_that_only_look_alike_are_different(void **state)
{
	struct json_walk w;
	struct json_value name, value;
	unsigned n = 0;

	(void)state;
	assert_true(json_object(&w,
	    SLICE("{\"a\":1,\"\\\\u0061\":2,\"A\":3,\"aa\":4,\"\\u0061b\":5,"
		  "\"\":6,\"\\u0000\":7,\"\\ud83d\\ude00\":8}"),
	    NULL));
	while (json_object_next(&w, &name, &value))
		n++;
	assert_null(w.why);
	assert_int_equal(n, 8);
}

static void
a_walked_object_has_a_limit_of_members(void **state)
{
	struct json_walk w;
	struct json_value name, value;
	struct buf b = {0};

	(void)state;
	for (unsigned n = 0; n <= JSON_MEMBERS; n++) {
		unsigned seen = 0;

		b.n -= b.n != 0;
		buf_printf(&b, "%c\"%s%u\":0}", n == 0 ? '{' : ',',
		    n % 2 ? "\\u0078" : "", n);
		assert_true(json_object(&w, buf_slice(&b), NULL));
		while (json_object_next(&w, &name, &value))
			seen++;
		assert_int_equal(seen, n < JSON_MEMBERS ? n + 1 : n);
		assert_true((w.why == NULL) == (n < JSON_MEMBERS));
	}
	assert_string_equal(w.why, "more members than allowed");
	buf_free(&b);
}

enum { CHANNEL, DATA, TTL };

static bool
read_publish(struct json_walk *w, struct slice s, struct json_value v[3])
{
	static const struct json_field fields[] = {
	    [CHANNEL] = {SLICE_INIT("channel"), JSON_MAY(JSON_STRING), true},
	    [DATA] = {SLICE_INIT("data"), JSON_ANY, true},
	    [TTL] = {SLICE_INIT("ttl"),
		JSON_MAY(JSON_NUMBER) | JSON_MAY(JSON_NULL), false},
	};

	return json_object(w, s, NULL) &&
	       json_object_read(w, (struct json_table){fields, 3}, v);
}

static void
a_table_of_fields_is_filled_in_one_pass(void **state)
{
	struct json_walk w;
	struct json_value v[3];

	(void)state;
	assert_true(read_publish(&w,
	    SLICE("{\"data\":null,\"else\":[1],\"chan\\u006eel\":\"/a\"}"), v));
	assert_true(slice_is(v[CHANNEL].raw, "\"/a\""));
	assert_int_equal(v[DATA].kind, JSON_NULL);
	assert_int_equal(v[TTL].kind, JSON_NONE);
	assert_false(read_publish(&w, SLICE("{\"channel\":\"/a\"}"), v));
	assert_string_equal(w.why, "a member is missing");
	assert_true(slice_is(w.field, "data"));
	assert_false(read_publish(
	    &w, SLICE("{\"channel\":\"/a\",\"ttl\":\"5\",\"data\":1}"), v));
	assert_string_equal(w.why, "a member of the wrong kind");
	assert_true(slice_is(w.field, "ttl"));
	assert_true(slice_is(w.row->name, "ttl"));
	assert_int_equal(w.at, 22);
	assert_false(read_publish(
	    &w, SLICE("{\"channel\":\"/a\",\"data\":1,\"data\":2}"), v));
	assert_true(slice_is(w.field, "data"));
	/* What stands behind the last field counts too. */
	assert_false(
	    read_publish(&w, SLICE("{\"channel\":\"/a\",\"data\":1}]"), v));
	assert_string_equal(w.why, "more behind the value");
	assert_null(w.row);
	assert_true(read_publish(
	    &w, SLICE("{\"channel\":\"\",\"data\":[],\"ttl\":null}"), v));
	assert_int_equal(v[TTL].kind, JSON_NULL);
}

static void
strings_come_out_unescaped(void **state)
{
	static const struct {
		struct slice json, text;
	} cases[] = {
	    {SLICE_INIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
		SLICE_INIT("\"\\/\b\f\n\r\t")},
	    {SLICE_INIT("\"a\\u0000b\""), SLICE_INIT("a\0b")},
	    {SLICE_INIT("\"\\u007f\\u0080\\u07ff\\u0800\\uFFFF\""),
		SLICE_INIT("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf")},
	    {SLICE_INIT("\"\\ud800\\udc00\\uDbFf\\uDfFf\""),
		SLICE_INIT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")},
	    {SLICE_INIT("\"x\\ud7ff\\ue000y\""),
		SLICE_INIT("x\xed\x9f\xbf\xee\x80\x80y")},
	    {SLICE_INIT("\"\\\\u0041\""), SLICE_INIT("\\u0041")},
	};
	struct buf b = {0};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct slice s = exact(cases[i].json.p, cases[i].json.n);
		struct json_value v = json_value(s);
		struct slice text = json_string(v, &b);

		assert_null(json_check(s, NULL, NULL));
		assert_true(slice_eq(text, cases[i].text));
		assert_true(json_is(v, cases[i].text));
		assert_false(json_is(v, SLICE("")));
		assert_false(json_is(
		    v, (struct slice){cases[i].text.p, cases[i].text.n - 1}));
		free((char *)s.p);
	}
	buf_free(&b);
}

static void
strings_without_escapes_are_not_copied(void **state)
{
	struct slice s = SLICE(" \"plain \xc3\xa9\"\n");
	struct buf b = {.max = 4};
	struct slice text = json_string(json_value(s), &b);

	(void)state;
	assert_ptr_equal(text.p, s.p + 2);
	assert_int_equal(text.n, 8);
	assert_null(b.p);
	text = json_string(json_value(SLICE("\"\"")), &b);
	assert_true(text.p != NULL && text.n == 0);
	text = json_string(json_value(SLICE("\"\\n1234\"")), &b);
	assert_null(text.p);
	assert_true(b.full);
	buf_free(&b);
}

static void
numbers_are_exact_or_refused(void **state)
{
	static const char *const not_plain[] = {"1.5", "1e3", "1.0", "-0", "-1",
	    "18446744073709551616", "100000000000000000000", "\"1\"", "true"};
	uint64_t n = 1;
	bool yes = false;

	(void)state;
	assert_true(json_uint(json_value(SLICE("0")), &n) && n == 0);
	assert_true(json_uint(json_value(SLICE("18446744073709551615")), &n));
	assert_true(n == UINT64_MAX);
	for (size_t i = 0; i < LENGTH(not_plain); i++)
		assert_false(json_uint(json_value(slice_of(not_plain[i])), &n));
	assert_true(json_bool(json_value(SLICE("true")), &yes) && yes);
	assert_true(json_bool(json_value(SLICE("false")), &yes) && !yes);
	assert_false(json_bool(json_value(SLICE("null")), &yes));
}

static void
writes_strings_that_read_back(void **state)
{
	static const struct {
		struct slice text, json;
	} cases[] = {
	    {SLICE_INIT(""), SLICE_INIT("\"\"")},
	    {SLICE_INIT("a\"b\\c/d<"), SLICE_INIT("\"a\\\"b\\\\c/d<\"")},
	    {SLICE_INIT("\b\f\n\r\t"), SLICE_INIT("\"\\b\\f\\n\\r\\t\"")},
	    {SLICE_INIT("\0\x01\x1f\x7f"),
		SLICE_INIT("\"\\u0000\\u0001\\u001f\x7f\"")},
	    {SLICE_INIT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
		SLICE_INIT("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"")},
	    {SLICE_INIT("\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa"),
		SLICE_INIT("\"\xe2\x80\xa7\\u2028\\u2029\xe2\x80\xaa\"")},
	    {SLICE_INIT("a\xff"
			"b"),
		SLICE_INIT("\"a\xef\xbf\xbd"
			   "b\"")},
	    {SLICE_INIT("\xe2\x82"), SLICE_INIT("\"\xef\xbf\xbd\"")},
	    {SLICE_INIT("\xf0\x9f\x98x"), SLICE_INIT("\"\xef\xbf\xbdx\"")},
	    {SLICE_INIT("\xed\xa0\x80"),
		SLICE_INIT("\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"")},
	    {SLICE_INIT("\xc0\xaf"),
		SLICE_INIT("\"\xef\xbf\xbd\xef\xbf\xbd\"")},
	};
	struct buf b = {0};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct slice s = exact(cases[i].text.p, cases[i].text.n);

		buf_clear(&b);
		assert_true(json_escape(&b, s));
		assert_true(slice_eq(buf_slice(&b), cases[i].json));
		assert_null(json_check(buf_slice(&b), NULL, NULL));
		free((char *)s.p);
	}
	buf_free(&b);
}

static void
a_string_past_the_cap_leaves_nothing(void **state)
{
	struct buf b = {.max = 12};

	(void)state;
	buf_str(&b, "ab");
	assert_false(json_escape(&b, SLICE("\x01\x01")));
	assert_true(b.full);
	assert_true(slice_is(buf_slice(&b), "ab"));
	assert_true(json_escape(&b, SLICE("12345678")));
	assert_true(b.full);
	assert_int_equal(b.n, 12);
	buf_free(&b);
}

static void
compacts_without_touching_strings_or_numbers(void **state)
{
	struct slice s =
	    SLICE(" {\n\t\"a b\" : [ 1.50 , -0e+1 ,\r\n \"x \\\" "
		  "\\\\\" , \"\xc3\xa9 \\n\" ] , \"\\\\\" : { } }\n");
	struct slice cut, want = SLICE("{\"a b\":[1.50,-0e+1,\"x \\\" \\\\\","
				       "\"\xc3\xa9 \\n\"],\"\\\\\":{}}");
	struct buf b = {0};

	(void)state;
	assert_null(json_check(s, NULL, NULL));
	assert_false(json_one_line(s));
	assert_true(json_compact(&b, s));
	assert_true(slice_eq(buf_slice(&b), want));
	assert_true(json_one_line(buf_slice(&b)));
	assert_false(json_one_line(SLICE("[\r]")));
	for (size_t n = 0; n < s.n; n++) { /* nobody reads past the end */
		cut = exact(s.p, n);
		assert_true(json_compact(&b, cut));
		free((char *)cut.p);
	}
	buf_free(&b);
}

static void
paths_reach_into_a_document(void **state)
{
	struct slice s = SLICE(
	    "{\"command\":{\"command\":\"message\",\"user\":\"U\\u0031\"},"
	    "\"list\":[10,{\"x\":[true]},\"s\"],\"message\":{},\"\":5}");
	struct json_doc *d = json_doc_new(32);
	size_t at = 0;

	(void)state;
	assert_int_equal(json_path(d, "").kind, JSON_NONE);
	assert_null(json_doc_read(d, s, &at));
	assert_true(json_is(json_path(d, "command.user"), SLICE("U1")));
	assert_true(json_is(json_path(d, "command.command"), SLICE("message")));
	assert_true(slice_is(json_path(d, "list.0").raw, "10"));
	assert_true(slice_is(json_path(d, "list.1").raw, "{\"x\":[true]}"));
	assert_int_equal(json_path(d, "list.1.x.0").kind, JSON_BOOL);
	assert_true(slice_is(json_path(d, "list.2").raw, "\"s\""));
	assert_int_equal(json_path(d, "message").kind, JSON_OBJECT);
	assert_true(slice_eq(json_path(d, "").raw, s));
	assert_int_equal(json_path(d, "list.3").kind, JSON_NONE);
	assert_int_equal(json_path(d, "list.x").kind, JSON_NONE);
	assert_int_equal(json_path(d, "list.1.x.0.y").kind, JSON_NONE);
	assert_int_equal(json_path(d, "message.user").kind, JSON_NONE);
	assert_int_equal(json_path(d, "user").kind, JSON_NONE);
	assert_int_equal(json_path(d, "command.").kind, JSON_NONE);
	assert_null(json_doc_read(d, SLICE(" 42"), &at));
	assert_true(slice_is(json_path(d, "").raw, "42"));
	assert_null(json_doc_read(d, SLICE("\"\\n\""), &at));
	assert_true(json_is(json_path(d, ""), SLICE("\n")));
	assert_non_null(json_doc_read(d, SLICE("{\"a\":1,}"), &at));
	assert_int_equal(at, 7);
	assert_int_equal(json_path(d, "").kind, JSON_NONE);
	json_doc_free(&d);
	assert_null(d);
}

static void
a_document_has_no_more_tokens_than_it_was_made_for(void **state)
{
	struct json_doc *d = json_doc_new(5);

	(void)state;
	assert_null(json_doc_read(d, SLICE("{\"a\":[1,2]}"), NULL));
	assert_true(slice_is(json_path(d, "a.1").raw, "2"));
	assert_non_null(json_doc_read(d, SLICE("{\"a\":[1,2,3]}"), NULL));
	json_doc_free(&d);
}

static void
lines_are_cut_as_they_become_whole(void **state)
{
	struct slice s = SLICE("\n{\"a\":1}\r\n  \t\r\n\n[2]\nlast");
	struct slice rest = s, line;

	(void)state;
	assert_true(ndjson_next(&rest, &line, false));
	assert_true(slice_is(line, "{\"a\":1}"));
	assert_true(ndjson_next(&rest, &line, false));
	assert_true(slice_is(line, "[2]"));
	assert_false(ndjson_next(&rest, &line, false));
	assert_true(slice_is(rest, "last"));
	assert_true(ndjson_next(&rest, &line, true));
	assert_true(slice_is(line, "last"));
	assert_false(ndjson_next(&rest, &line, true));
	/* Whatever arrives when, the lines are the same. */
	for (size_t n = 0; n <= s.n; n++) {
		struct slice part = exact(s.p, n);
		unsigned lines = 0;

		rest = part;
		while (ndjson_next(&rest, &line, false))
			lines++;
		rest = (struct slice){s.p + (n - rest.n), s.n - n + rest.n};
		while (ndjson_next(&rest, &line, true))
			lines++;
		assert_int_equal(lines, 3);
		free((char *)part.p);
	}
}

TESTS(unit(a_walk_hands_out_the_members_as_they_came),
    unit(a_walk_over_an_array_hands_out_the_elements),
    unit(a_walk_tells_what_broke_it_and_in_which_member),
    unit(names_that_only_look_alike_are_different),
    unit(a_walked_object_has_a_limit_of_members),
    unit(a_table_of_fields_is_filled_in_one_pass),
    unit(strings_come_out_unescaped),
    unit(strings_without_escapes_are_not_copied),
    unit(numbers_are_exact_or_refused), unit(writes_strings_that_read_back),
    unit(a_string_past_the_cap_leaves_nothing),
    unit(compacts_without_touching_strings_or_numbers),
    unit(paths_reach_into_a_document),
    unit(a_document_has_no_more_tokens_than_it_was_made_for),
    unit(lines_are_cut_as_they_become_whole))

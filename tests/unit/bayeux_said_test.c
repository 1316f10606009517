/* bayeux_said_test.c - Bayeux' grammar, its errors, and what is read off a
 * message. */
#include "hub/bayeux_reply.h"
#include "hub/bayeux_said.h"

#include "common/must.h"
#include "tests/unit/test.h"

#include <stdio.h>

static void
names_and_patterns_are_those_of_faye(void **state)
{
	static const struct {
		const char *text;
		bool name, valid;
	} rows[] = {
	    {"/a", true, true},
	    {"/a/b/c", true, true},
	    {"/aZ09-_!~()$@", true, true},
	    {"/*", false, true},
	    {"/**", false, true},
	    {"/a/*", false, true},
	    {"/a/**", false, true},
	    {"/a/***", false, false},
	    {"/a*", false, false},
	    {"/a/*/b", false, false},
	    {"/**/b", false, false},
	    {"", false, false},
	    {"/", false, false},
	    {"a", false, false},
	    {"/a/", false, false},
	    {"//a", false, false},
	    {"/a//b", false, false},
	    {"/a.b", false, false},
	    {"/a b", false, false},
	    {"/a:b", false, false},
	    {"/a%20b", false, false},
	    {"/\xc3\xa9", false, false},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct slice s = slice_of(rows[i].text);

		if (bayeux_is_name(s) != rows[i].name ||
		    bayeux_is_valid(s) != rows[i].valid)
			fail_msg("%s", rows[i].text);
	}
	assert_false(bayeux_is_name((struct slice){"/a\0", 3}));
}

static void
errors_are_code_argument_text(void **state)
{
	static const struct {
		enum bayeux_code code;
		const char *arg, *text;
	} rows[] = {
	    {BAYEUX_UNKNOWN_CLIENT, "zzz", "\"401:zzz:Unknown client\""},
	    {BAYEUX_MISSING, "clientId",
		"\"402:clientId:Missing required parameter\""},
	    {BAYEUX_CONN_TYPE, "foo,bar",
		"\"301:foo,bar:Connection types not supported\""},
	    {BAYEUX_FORBIDDEN, "/meta/x", "\"403:/meta/x:Forbidden channel\""},
	    {BAYEUX_INVALID, "", "\"405::Invalid channel\""},
	    {BAYEUX_INVALID, "/a\"", "\"405:/a\\\":Invalid channel\""},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct buf b = {0};

		bayeux_put_error(&b, rows[i].code, slice_of(rows[i].arg));
		buf_chr(&b, '\0');
		assert_string_equal(b.p, rows[i].text);
		buf_free(&b);
	}
}

static void
a_client_has_31_letters_and_its_hub_in_front(void **state)
{
	char one[BAYEUX_ID + 1], other[BAYEUX_ID + 1], tag[BAYEUX_TAG];

	(void)state;
	bayeux_digits(tag, BAYEUX_TAG, 36 * 35 + 10);
	bayeux_make_id(one, tag);
	bayeux_make_id(other, tag);
	assert_int_equal(strlen(one), 31);
	assert_memory_equal(one, "0000za", BAYEUX_TAG);
	assert_string_not_equal(one, other);
	assert_int_equal(
	    strspn(one, "0123456789abcdefghijklmnopqrstuvwxyz"), 31);
}

static bool
read_it(struct bayeux_said *s, const char *json, struct buf *text)
{
	return bayeux_read(s, json_value(slice_of(json)), text);
}

static void
what_javascript_takes_for_nothing_is_not_echoed(void **state)
{
	static const struct {
		const char *id, *answer;
	} rows[] = {
	    {"\"1\"", "{\"id\":\"1\",\"successful\":true}"},
	    {"7", "{\"id\":7,\"successful\":true}"},
	    {"0", "{\"successful\":true}"},
	    {"-0.0", "{\"successful\":true}"},
	    {"0.5e1", "{\"id\":0.5e1,\"successful\":true}"},
	    {"\"\"", "{\"successful\":true}"},
	    {"null", "{\"successful\":true}"},
	    {"false", "{\"successful\":true}"},
	    {"true", "{\"id\":true,\"successful\":true}"},
	    {"[]", "{\"id\":[],\"successful\":true}"},
	};
	struct buf text = {0};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct bayeux_said s;
		struct bayeux_reply r;
		struct buf b = {0};
		char json[64];

		snprintf(json, sizeof(json), "{\"id\":%s}", rows[i].id);
		assert_true(read_it(&s, json, &text));
		bayeux_reply_to(&r, &s);
		bayeux_put(&b, &r);
		buf_chr(&b, '\0');
		assert_string_equal(b.p, rows[i].answer);
		buf_free(&b);
	}
	buf_free(&text);
}

static void
an_error_of_its_own_stands_before_successful_and_the_last_wins(void **state)
{
	struct buf text = {0}, b = {0};
	struct bayeux_said s;
	struct bayeux_reply r;

	(void)state;
	assert_true(
	    read_it(&s, "{\"channel\":\"/a\",\"error\":\"no\"}", &text));
	bayeux_reply_to(&r, &s);
	bayeux_put(&b, &r);
	buf_chr(&b, '\n');
	bayeux_fail(&r, BAYEUX_INVALID, SLICE("/a"));
	bayeux_fail(&r, BAYEUX_MISSING, SLICE("data"));
	bayeux_put(&b, &r);
	buf_chr(&b, '\n');
	r.refused.n = 0;
	r.more = SLICE("\"x\":1");
	r.advice = SLICE("{}");
	bayeux_fail(&r, BAYEUX_MISSING, SLICE("data"));
	bayeux_put(&b, &r);
	buf_chr(&b, '\0');
	assert_string_equal(b.p,
	    "{\"channel\":\"/a\",\"error\":\"no\",\"successful\":false}\n"
	    "{\"channel\":\"/a\",\"error\":\"402:data:Missing required "
	    "parameter\",\"successful\":false}\n"
	    "{\"channel\":\"/a\",\"successful\":false,\"x\":1,\"error\":"
	    "\"402:data:Missing required parameter\",\"advice\":{}}");
	buf_free(&b);
	buf_free(&text);
}

/* The envelope shows its NUL as |. */
static void
check_event(const char *json, const char *data, const char *around)
{
	struct buf text = {0}, body = {0}, envelope = {0};
	struct bayeux_said s;
	char *nul;

	assert_true(read_it(&s, json, &text));
	bayeux_put_data(&body, &s);
	buf_chr(&body, '\0');
	bayeux_put_envelope(&envelope, &s);
	nul = memchr(envelope.p, '\0', envelope.n);
	assert_non_null(nul);
	*nul = '|';
	buf_chr(&envelope, '\0');
	assert_string_equal(body.p, data);
	assert_string_equal(envelope.p, around);
	buf_free(&text);
	buf_free(&body);
	buf_free(&envelope);
}

static void
what_subscribers_see_has_no_client_credentials_or_advice(void **state)
{
	struct buf many = {0};

	(void)state;
	check_event("{\"channel\":\"/a\",\"data\":{\"n\":1.50},\"id\":\"1\"}",
	    "{\"n\":1.50}", "{\"channel\":\"/a\",\"data\":|,\"id\":\"1\"}");
	check_event("{ \"data\" : null , \"clientId\":\"c\",\"more\": [ 1 ] ,"
		    "\"channel\":\"/a\"}",
	    "null", "{\"data\":|,\"more\":[1],\"channel\":\"/a\"}");
	check_event("{\"channel\":\"/a\",\"data\":1,\"ext\":{\"auth\":{"
		    "\"token\":\"t\"},\"x\":{\"auth\":2}},\"__internal\":3}",
	    "1",
	    "{\"channel\":\"/a\",\"data\":|,\"ext\":{\"x\":{\"auth\":2}}}");
	check_event("{\"channel\":\"/a\",\"data\":1,\"ext\":{\"auth\":1}}", "1",
	    "{\"channel\":\"/a\",\"data\":|,\"ext\":{}}");
	check_event("{\"data\":{\"a\":1,\"\\u005f_auth\":{\"key\":\"k\"},"
		    "\"b\":{\"__auth\":2}}}",
	    "{\"a\":1,\"b\":{\"__auth\":2}}", "{\"data\":|}");
	check_event("{\"channel\":\"/a\",\"successful\":true,\"data\":1,"
		    "\"advice\":{\"reconnect\":\"none\"},\"id\":2}",
	    "1", "{\"channel\":\"/a\",\"data\":|,\"id\":2}");
	/* however many members there are before it */
	buf_str(&many, "{\"data\":{");
	for (unsigned i = 0; i < 200; i++)
		buf_printf(&many, "\"m%u\":0,", i);
	buf_str(&many, "\"__auth\":{\"token\":\"t\"}}}");
	buf_chr(&many, '\0');
	{
		struct buf text = {0}, body = {0};
		struct bayeux_said s;

		assert_true(read_it(&s, many.p, &text));
		assert_true(s.auth.given);
		bayeux_put_data(&body, &s);
		assert_null(memmem(body.p, body.n, "auth", 4));
		assert_non_null(memmem(body.p, body.n, "\"m199\":0}", 9));
		buf_free(&text);
		buf_free(&body);
	}
	buf_free(&many);
}

static void
credentials_are_found_in_ext_or_else_in_the_data(void **state)
{
	struct buf text = {0};
	struct bayeux_said s;

	(void)state;
	assert_true(read_it(&s,
	    "{\"ext\":{\"auth\":{\"token\":\"e\"}},"
	    "\"data\":{\"__auth\":{\"token\":\"d\"}}}",
	    &text));
	assert_true(slice_is(s.auth.token, "e"));
	assert_true(
	    read_it(&s, "{\"data\":{\"__auth\":{\"token\":\"d\"}}}", &text));
	assert_true(slice_is(s.auth.token, "d"));
	assert_true(read_it(&s, "{\"ext\":{},\"data\":[\"__auth\"]}", &text));
	assert_false(s.auth.given);
	assert_true(read_it(&s, "\"text\"", &text));
	assert_int_equal(s.v[BAYEUX_F_DATA].kind, JSON_NONE);
	assert_false(read_it(&s, "{\"id\":1,\"id\":2}", &text));
	buf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_and_patterns_are_those_of_faye),
	    cmocka_unit_test(errors_are_code_argument_text),
	    cmocka_unit_test(a_client_has_31_letters_and_its_hub_in_front),
	    cmocka_unit_test(what_javascript_takes_for_nothing_is_not_echoed),
	    cmocka_unit_test(
		an_error_of_its_own_stands_before_successful_and_the_last_wins),
	    cmocka_unit_test(
		what_subscribers_see_has_no_client_credentials_or_advice),
	    cmocka_unit_test(credentials_are_found_in_ext_or_else_in_the_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * incus_test.c - what is said to Incus is understood as Incus did, and what
 * is not understood ends as it did there.
 */
#include "common/incus.h"

#include "common/must.h"
#include "tests/unit/test.h"

#include <stdio.h>

#define M(rest) "{\"command\":{\"command\":\"message\"" rest "}}"

#define S INCUS_SOCKET
#define P INCUS_POLL
#define R INCUS_REDIS

/* clang-format off */
static const struct {
	enum incus_way way;
	const char *json;
	enum code code;
	enum incus_command command;
} rows[] = {
	{S, "{\"command\":{\"command\":\"authenticate\",\"user\":\"u\"}}", CODE_ok, INCUS_AUTHENTICATE},
	{S, "{\"command\":{\"command\":\"AuthEnticate\",\"user\":\"u\"}}", CODE_ok, INCUS_AUTHENTICATE},
	{S, "{\"COMMAND\":{\"command\":\"message\"},\"Message\":{}}", CODE_ok, INCUS_MESSAGE},
	{S, "{\"c\\u004fmmand\":{\"comm\\u0061nd\":\"\\u004dessage\"}}", CODE_ok, INCUS_MESSAGE},
	{S, "{\"command\":{\"Command\":\"message\"}}", CODE_ok, INCUS_NOTHING},
	{S, "{\"command\":{\"command\":\"setpage\",\"page\":\"p\"},\"message\":{\"time\":1}}", CODE_ok, INCUS_SETPAGE},
	{S, "{\"command\":{\"command\":\"setpresence\"},\"message\":{\"presence\":true}}", CODE_ok, INCUS_SETPRESENCE},
	{S, "{\"command\":{\"command\":\"push\"}}", CODE_ok, INCUS_NOTHING},
	{S, "{\"command\":{\"command\":\"pushormessage\"}}", CODE_ok, INCUS_NOTHING},
	{P, "{\"command\":{\"command\":\"pushios\"}}", CODE_ok, INCUS_NOTHING},
	{P, "{\"command\":{\"command\":\"authenticate\",\"user\":\"u\"}}", CODE_ok, INCUS_NOTHING},
	{R, "{\"command\":{\"command\":\"authenticate\",\"user\":\"u\"}}", CODE_ok, INCUS_NOTHING},
	{R, "{\"command\":{\"command\":\"PUSH\"}}", CODE_ok, INCUS_PUSH},
	{R, "{\"command\":{\"command\":\"pushIOS\"}}", CODE_ok, INCUS_PUSHIOS},
	{R, "{\"command\":{\"command\":\"pushandroid\"}}", CODE_ok, INCUS_PUSHANDROID},
	{R, "{\"command\":{\"command\":\"pushormessage\"}}", CODE_ok, INCUS_PUSHORMESSAGE},
	{R, "{\"command\":{\"command\":\"setpage\"}}", CODE_ok, INCUS_SETPAGE},
	{R, "{\"command\":{\"command\":\"setpresence\"}}", CODE_ok, INCUS_NOTHING},
	/* says nothing, and is no fault */
	{S, "null", CODE_ok, INCUS_NOTHING},
	{S, " null x", CODE_ok, INCUS_NOTHING},
	{R, "null", CODE_ok, INCUS_NOTHING},
	{R, "null x", CODE_bad_json, INCUS_NOTHING},
	{S, "{}", CODE_ok, INCUS_NOTHING},
	{S, "{\"command\":null}", CODE_ok, INCUS_NOTHING},
	{S, "{\"command\":{}}", CODE_ok, INCUS_NOTHING},
	{S, "{\"command\":{\"command\":null}}", CODE_ok, INCUS_NOTHING},
	{S, "{\"command\":{\"command\":\"\"}}", CODE_ok, INCUS_NOTHING},
	{S, "{\"command\":{\"command\":\"messages\"}}", CODE_ok, INCUS_NOTHING},
	{S, "{\"other\":[1,{\"command\":1}],\"message\":null}", CODE_ok, INCUS_NOTHING},
	/* half of a surrogate pair */
	{S, "{\"command\":{\"command\":\"message\",\"user\":\"\\ud83d\"},\"message\":{\"\\ude00\":\"\\\\ud83d\"}} x", CODE_ok, INCUS_MESSAGE},
	{P, "{\"command\":{\"command\":\"message\",\"user\":\"\\uD83D\\n\"}}", CODE_ok, INCUS_MESSAGE},
	{R, "{\"command\":{\"command\":\"message\"},\"message\":{\"a\":\"\\ud83d\\ud83d\\ude00\"}}", CODE_ok, INCUS_MESSAGE},
	{R, "{\"command\":{\"command\":\"message\"},\"message\":{\"a\":\"\\ud83d\"}", CODE_bad_json, INCUS_NOTHING},
	{S, "\\ud83", CODE_bad_json, INCUS_NOTHING},
	{S, "\\", CODE_bad_json, INCUS_NOTHING},
	/* what follows the first value of a frame is nobody's business */
	{S, M("") "garbage", CODE_ok, INCUS_MESSAGE},
	{S, M("") "\n{", CODE_ok, INCUS_MESSAGE},
	{R, M("") "x", CODE_bad_json, INCUS_NOTHING},
	{P, M("") "x", CODE_bad_json, INCUS_NOTHING},
	{R, " " M("") "\n", CODE_ok, INCUS_MESSAGE},
	/* not JSON, or not an object */
	{S, "", CODE_bad_json, INCUS_NOTHING},
	{S, "x", CODE_bad_json, INCUS_NOTHING},
	{S, "[]", CODE_bad_json, INCUS_NOTHING},
	{S, "\"command\"", CODE_bad_json, INCUS_NOTHING},
	{S, "7", CODE_bad_json, INCUS_NOTHING},
	{S, "{\"command\":{\"command\":\"message\"}", CODE_bad_json, INCUS_NOTHING},
	{S, "{\"command\":{},\"Command\":{}}", CODE_bad_json, INCUS_NOTHING},
	{S, M(",\"user\":\"\xff\""), CODE_bad_json, INCUS_NOTHING},
	{S, M(",\"user\":\"a\",\"user\":\"b\""), CODE_bad_json, INCUS_NOTHING},
	/* the wrong type: only a poll passes over it */
	{S, "{\"command\":7}", CODE_bad_field, INCUS_NOTHING},
	{S, "{\"command\":\"message\"}", CODE_bad_field, INCUS_NOTHING},
	{S, "{\"command\":{\"command\":\"message\"},\"message\":\"m\"}", CODE_bad_field, INCUS_NOTHING},
	{S, "{\"message\":[]}", CODE_bad_field, INCUS_NOTHING},
	{S, "{\"command\":{\"command\":7}}", CODE_bad_field, INCUS_NOTHING},
	{S, M(",\"user\":7"), CODE_bad_field, INCUS_MESSAGE},
	{S, M(",\"more\":{}"), CODE_bad_field, INCUS_MESSAGE},
	{S, M(",\"more\":true"), CODE_bad_field, INCUS_MESSAGE},
	{R, M(",\"user\":7"), CODE_bad_field, INCUS_MESSAGE},
	{P, M(",\"user\":7"), CODE_ok, INCUS_MESSAGE},
	{P, M(",\"more\":[]"), CODE_ok, INCUS_MESSAGE},
	{P, "{\"command\":[],\"message\":1}", CODE_ok, INCUS_NOTHING},
	{P, "{\"command\":{\"command\":\"message\"},\"message\":\"m\"}", CODE_ok, INCUS_MESSAGE},
	{P, "x", CODE_bad_json, INCUS_NOTHING},
};

static const struct {
	const char *words; /* behind the command */
	enum incus_to to;
	const char *channel, *filter;
} routes[] = {
	{"", INCUS_TO_ALL, "/incus/public/all", ""},
	{",\"more\":\"x\"", INCUS_TO_ALL, "/incus/public/all", ""},
	{",\"user\":\"42\"", INCUS_TO_USER, "/incus/private/user/42", ""},
	{",\"user\":\"42\",\"page\":\"\"", INCUS_TO_USER, "/incus/private/user/42", ""},
	{",\"user\":\"42\",\"page\":null", INCUS_TO_USER, "/incus/private/user/42", ""},
	{",\"user\":\"42\",\"page\":\"/a b\"", INCUS_TO_USER, "/incus/private/user/42", "%2Fa%20b"},
	{",\"page\":\"/a/*\"", INCUS_TO_PAGE, "/incus/public/page/%2Fa%2F%2A", ""},
	{",\"page\":\"http://x/?a=1#b\"", INCUS_TO_PAGE, "/incus/public/page/http:%2F%2Fx%2F%3Fa=1%23b", ""},
	{",\"user\":\"\xc3\xa4\"", INCUS_TO_USER, "/incus/private/user/%C3%A4", ""},
	{",\"user\":\"a\\u0000\"", INCUS_TO_USER, "/incus/private/user/a%00", ""},
	{",\"user\":\"\"", INCUS_TO_NOBODY, "", ""},
	{",\"user\":null", INCUS_TO_NOBODY, "", ""},
	{",\"user\":\"\",\"page\":\"p\"", INCUS_TO_NOBODY, "", ""},
	{",\"page\":\"\"", INCUS_TO_NOBODY, "", ""},
	{",\"page\":null", INCUS_TO_NOBODY, "", ""},
};
/* clang-format on */

static void
each_row_is_understood_as_it_should(void **state)
{
	struct incus c = {0};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct slice s = exact(rows[i].json, strlen(rows[i].json));

		incus_read(&c, s, rows[i].way);
		if (c.fault.code != rows[i].code ||
		    c.command != rows[i].command)
			fail_msg("%s: code %d command %d", rows[i].json,
			    c.fault.code, c.command);
		free((char *)s.p);
	}
	incus_free(&c);
}

static void
a_message_is_routed_by_what_is_there(void **state)
{
	struct incus c = {0};
	char json[256];

	(void)state;
	for (size_t i = 0; i < LENGTH(routes); i++) {
		struct incus_route r;

		snprintf(json, sizeof(json),
		    "{\"command\":{\"command\":\"message\"%s}}",
		    routes[i].words);
		assert_int_equal(
		    incus_read(&c, slice_of(json), INCUS_REDIS), CODE_ok);
		r = incus_route(&c);
		assert_int_equal(r.to, routes[i].to);
		assert_true(slice_is(r.channel, routes[i].channel));
		assert_true(slice_is(r.filter, routes[i].filter));
		if (r.to != INCUS_TO_NOBODY)
			assert_null(channel_check(r.channel));
	}
	incus_free(&c);
}

static void
a_name_that_does_not_fit_still_has_a_channel(void **state)
{
	char name[INCUS_WORD_MAX], json[INCUS_WORD_MAX + 128];
	struct incus c = {0};
	struct buf all = {0};
	struct incus_route r;

	(void)state;
	for (size_t n = 1; n < sizeof(name); n *= 2) {
		memset(name, '/', n);
		snprintf(json, sizeof(json),
		    M(",\"user\":\"%.*s\",\"page\":\"%.*s\""), (int)n, name,
		    (int)n, name);
		assert_int_equal(
		    incus_read(&c, slice_of(json), INCUS_SOCKET), CODE_ok);
		r = incus_route(&c);
		assert_null(channel_check(r.channel));
		assert_true(r.filter.n != 0 && r.filter.n <= INCUS_NAME_MAX);
		/* the filter is the last segment of the page's channel */
		buf_clear(&all);
		incus_channel(&all, INCUS_TO_PAGE, (struct slice){name, n});
		assert_true(slice_eq(
		    r.filter, slice_from(buf_slice(&all), all.n - r.filter.n)));
		assert_int_equal(all.p[all.n - r.filter.n - 1], '/');
	}
	buf_free(&all);
	incus_free(&c);
}

static void
a_word_past_its_limit_is_refused_by_name(void **state)
{
	struct incus c = {0};
	struct buf b = {0};

	(void)state;
	for (int over = 0; over < 2; over++) {
		buf_clear(&b);
		buf_str(&b, "{\"command\":{\"page\":\"");
		for (int i = 0; i < INCUS_WORD_MAX + over; i++)
			buf_chr(&b, 'p');
		buf_str(&b, "\"}}");
		assert_int_equal(incus_read(&c, buf_slice(&b), INCUS_REDIS),
		    over ? CODE_too_large : CODE_ok);
	}
	assert_string_equal(c.fault.field, "page");
	buf_free(&b);
	incus_free(&c);
}

static void
the_words_of_a_command_are_read_through_their_escapes(void **state)
{
	struct incus c = {0};

	(void)state;
	incus_read(&c,
	    SLICE("{\"message\":{\"a\": [1] },\"command\":{\"push_type\":"
		  "\"i\\u006fs\",\"build\":\"st\\/ore\",\"device_token\":null,"
		  "\"registration_ids\":\"a, b\",\"command\":\"PuSh\"}} "),
	    INCUS_REDIS);
	assert_int_equal(c.command, INCUS_PUSH);
	assert_string_equal(c.name, "push");
	assert_true(slice_is(c.words[INCUS_PUSH_TYPE], "ios"));
	assert_true(slice_is(c.words[INCUS_BUILD], "st/ore"));
	assert_non_null(c.words[INCUS_DEVICE_TOKEN].p);
	assert_int_equal(c.words[INCUS_DEVICE_TOKEN].n, 0);
	assert_true(slice_is(c.words[INCUS_REGISTRATION_IDS], "a, b"));
	assert_null(c.words[INCUS_USER].p);
	assert_true(slice_is(c.message, "{\"a\": [1] }"));
	incus_free(&c);
}

static void
a_user_who_authenticates_may_be_a_number(void **state)
{
	struct incus c = {0};

	(void)state;
	assert_int_equal(incus_read(&c,
			     SLICE("{\"command\":{\"user\":42,\"command\":"
				   "\"authenticate\"}}"),
			     INCUS_SOCKET),
	    CODE_ok);
	assert_true(slice_is(c.words[INCUS_USER], "42"));
	incus_read(&c,
	    SLICE("{\"command\":{\"command\":\"authenticate\",\"user\":42,"
		  "\"page\":1}}"),
	    INCUS_SOCKET);
	assert_int_equal(c.fault.code, CODE_bad_field);
	incus_free(&c);
}

static void
what_follows_the_first_value_is_not_part_of_the_envelope(void **state)
{
	struct incus c = {0};

	(void)state;
	incus_read(&c, SLICE(" " M("") " , x"), INCUS_SOCKET);
	assert_true(slice_is(c.json, M("")));
	incus_free(&c);
}

static void
the_name_of_a_command_is_fit_for_a_metric(void **state)
{
	static const char *const names[][2] = {
	    {"SetPage", "setpage"},
	    {"what-Is_this1", "what-is_this1"},
	    {"a:1|c\\nb", "other"},
	    {"\xc3\xa4", "other"},
	    {"a.b", "other"},
	    {"abcdefghijklmnopqrstuvwxyzabcde",
		"abcdefghijklmnopqrstuvwxyzabcde"},
	    {"abcdefghijklmnopqrstuvwxyzabcdef", "other"},
	    {"", ""},
	};
	struct incus c = {0};
	char json[128];

	(void)state;
	for (size_t i = 0; i < LENGTH(names); i++) {
		snprintf(json, sizeof(json),
		    "{\"command\":{\"command\":\"%s\"}}", names[i][0]);
		assert_int_equal(
		    incus_read(&c, slice_of(json), INCUS_REDIS), CODE_ok);
		assert_string_equal(c.name, names[i][1]);
	}
	incus_free(&c);
}

static void
a_user_is_named_in_no_log(void **state)
{
	(void)state;
	assert_true(slice_is(incus_shown(SLICE(INCUS_USER_PREFIX "ann")),
	    "/incus/private/user/..."));
	assert_true(slice_is(incus_shown(SLICE(INCUS_ALL)), INCUS_ALL));
	assert_true(slice_is(
	    incus_shown(SLICE("/app/private/user/x")), "/app/private/user/x"));
}

static void
half_a_pair_is_a_mark_and_nothing_else_is_touched(void **state)
{
	struct incus c = {.command = INCUS_NOTHING};

	(void)state;
	assert_int_equal(incus_read(&c,
			     SLICE("{\"command\":{\"command\":\"message\","
				   "\"user\":\"u\\udc00\"},"
				   "\"message\":{\"a\":\"\\ud83d\\ude00 "
				   "\\ud83d\\n\\\\ud83d\"}}"),
			     INCUS_SOCKET),
	    CODE_ok);
	assert_true(slice_is(c.words[INCUS_USER], "u\xef\xbf\xbd"));
	assert_true(slice_is(
	    c.message, "{\"a\":\"\\ud83d\\ude00 \\ufffd\\n\\\\ud83d\"}"));
	incus_free(&c);
}

TESTS(unit(each_row_is_understood_as_it_should),
    unit(a_message_is_routed_by_what_is_there),
    unit(a_name_that_does_not_fit_still_has_a_channel),
    unit(a_word_past_its_limit_is_refused_by_name),
    unit(the_words_of_a_command_are_read_through_their_escapes),
    unit(a_user_who_authenticates_may_be_a_number),
    unit(what_follows_the_first_value_is_not_part_of_the_envelope),
    unit(the_name_of_a_command_is_fit_for_a_metric),
    unit(half_a_pair_is_a_mark_and_nothing_else_is_touched),
    unit(a_user_is_named_in_no_log))

/* incus_body_test.c - every body as an Incus client reads it. */
#include "common/incus_body.h"

#include "common/json.h"
#include "common/must.h"
#include "tests/unit/test.h"

/* clang-format off */
static const struct {
	const char *type;
	struct slice body;
	const char *told;
} told[] = {
	{"", SLICE_INIT("{\"event\":\"e\",\"data\":{\"b\":1.50, \"a\":[ ]}}"),
	 "{\"event\":\"e\",\"data\":{\"b\":1.50, \"a\":[ ]},\"time\":7}"},
	{"application/json; charset=utf-8", SLICE_INIT(" {\"data\":{},\"time\":1,\"more\":2,\"event\":\"\"} "),
	 "{\"event\":\"\",\"data\":{},\"time\":7}"},
	{"", SLICE_INIT("{\"event\":\"\\u00e4\\\"\",\"data\":{\"n\":9007199254740993,\"internal_url\":\"a\\/b\"}}"),
	 "{\"event\":\"\\u00e4\\\"\",\"data\":{\"n\":9007199254740993,\"internal_url\":\"a\\/b\"},\"time\":7,\"internal_url\":\"a\\/b\"}"},
	{"", SLICE_INIT("{\"event\":\"e\",\"data\":{\"internal_url\":7}}"),
	 "{\"event\":\"e\",\"data\":{\"internal_url\":7},\"time\":7}"},
	{"", SLICE_INIT("{\"event\":\"e\",\"data\":\"d\"}"),
	 "{\"event\":\"message\",\"data\":{\"event\":\"e\",\"data\":\"d\"},\"time\":7}"},
	{"", SLICE_INIT("{\"event\":1,\"data\":{}}"),
	 "{\"event\":\"message\",\"data\":{\"event\":1,\"data\":{}},\"time\":7}"},
	{"", SLICE_INIT("{\"x\":1,\"x\":2}\n"),
	 "{\"event\":\"message\",\"data\":{\"x\":1,\"x\":2},\"time\":7}"},
	{"", SLICE_INIT("{\"internal_url\":\"u\"}"),
	 "{\"event\":\"message\",\"data\":{\"internal_url\":\"u\"},\"time\":7,\"internal_url\":\"u\"}"},
	{"", SLICE_INIT("[1, 2]"), "{\"event\":\"message\",\"data\":{\"data\":[1, 2]},\"time\":7}"},
	{"", SLICE_INIT(" null "), "{\"event\":\"message\",\"data\":{\"data\":null},\"time\":7}"},
	{"", SLICE_INIT("\"s\""), "{\"event\":\"message\",\"data\":{\"data\":\"s\"},\"time\":7}"},
	{"text/plain;charset=utf-8", SLICE_INIT("a\"\n\xc3\xa4"),
	 "{\"event\":\"message\",\"data\":{\"text\":\"a\\\"\\n\xc3\xa4\"},\"time\":7}"},
	{"text/plain", SLICE_INIT(""), "{\"event\":\"message\",\"data\":{\"text\":\"\"},\"time\":7}"},
	{"application/octet-stream", SLICE_INIT("\xff\0"),
	 "{\"event\":\"message\",\"data\":{\"base64\":\"/wA=\"},\"time\":7}"},
	{"application/vnd.posthorn.presence+json", SLICE_INIT("{\"join\":{}}"),
	 "{\"event\":\"message\",\"data\":{\"join\":{}},\"time\":7}"},
	/* it says it is JSON, and is not */
	{"", SLICE_INIT("{\"a\":"), "{\"event\":\"message\",\"data\":{\"base64\":\"eyJhIjo=\"},\"time\":7}"},
	{"", SLICE_INIT(""), "{\"event\":\"message\",\"data\":{\"base64\":\"\"},\"time\":7}"},
};

static const struct {
	const char *object, *body; /* NULL: refused */
	const char *flat;
} read[] = {
	{"{\"event\":\"e\",\"data\":{\"a\":1},\"time\":3,\"x\":4}", "{\"event\":\"e\",\"data\":{\"a\":1}}", "{\"event\":\"e\",\"data\":{\"a\":1}}"},
	{"{\"badge_count\":1,\"message_text\":\"hi\"}", NULL, "{\"event\":\"\",\"data\":{\"badge_count\":1,\"message_text\":\"hi\"}}"},
	{"{\"event\":\"e\",\"b\" : 1.0,\"time\":9, \"c\":{}}", NULL, "{\"event\":\"e\",\"data\":{\"b\":1.0,\"c\":{}}}"},
	{"{\"time\":9,\"event\":null}", NULL, "{\"event\":\"\",\"data\":{}}"},
	{"{\"event\":\"e\",\"data\":\"text\"}", NULL, "{\"event\":\"e\",\"data\":{\"data\":\"text\"}}"},
	{"{\"data\":{\"a\":1}}", NULL, "{\"event\":\"\",\"data\":{\"a\":1}}"},
	{"{}", NULL, "{\"event\":\"\",\"data\":{}}"},
	{"{\"a\":1,\"a\":2}", NULL, NULL},
	{"[]", NULL, NULL},
	{"", NULL, NULL},
};
/* clang-format on */

static void
every_body_is_an_event_with_data_to_an_incus_client(void **state)
{
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < LENGTH(told); i++) {
		struct slice body = exact(told[i].body.p, told[i].body.n);

		buf_clear(&out);
		incus_body_tell(&out,
		    &(struct incus_message){slice_of(told[i].type), body, 7});
		if (!slice_is(buf_slice(&out), told[i].told))
			fail_msg("%.*s\n%s", SLICE_ARGS(buf_slice(&out)),
			    told[i].told);
		assert_null(json_check(buf_slice(&out), NULL, NULL));
		free((char *)body.p);
	}
	buf_free(&out);
}

static void
the_body_of_a_message_is_its_event_and_data_as_spelt(void **state)
{
	struct buf out = {0}, room = {0};
	struct incus_body b;

	(void)state;
	for (size_t i = 0; i < LENGTH(read); i++) {
		struct slice s = slice_of(read[i].object);

		buf_clear(&out);
		assert_int_equal(incus_body_read(&b, s), read[i].body != NULL);
		if (read[i].body != NULL) {
			incus_body_put(&out, &b);
			assert_true(slice_is(buf_slice(&out), read[i].body));
		}
		buf_clear(&out);
		buf_clear(&room);
		assert_int_equal(
		    incus_body_flat(&b, s, &room), read[i].flat != NULL);
		if (read[i].flat == NULL)
			continue;
		incus_body_put(&out, &b);
		if (!slice_is(buf_slice(&out), read[i].flat))
			fail_msg("%.*s\n%s", SLICE_ARGS(buf_slice(&out)),
			    read[i].flat);
	}
	buf_free(&out);
	buf_free(&room);
}

static void
what_the_bridge_tells_the_hubs_comes_back(void **state)
{
	struct incus_control c;
	struct buf b = {0}, room = {0};

	(void)state;
	incus_control_setpage(&b, SLICE("u\"\n"), SLICE("/p\\"));
	assert_true(incus_control_read(&c, buf_slice(&b), &room));
	assert_true(slice_is(c.user, "u\"\n") && slice_is(c.page, "/p\\"));
	assert_false(c.says_longpoll);
	for (int on = 0; on < 2; on++) {
		buf_clear(&b);
		incus_control_longpoll(&b, on);
		assert_true(incus_control_read(&c, buf_slice(&b), &room));
		assert_true(c.says_longpoll && c.longpoll == on);
		assert_null(c.user.p);
	}
	buf_free(&b);
	buf_free(&room);
}

static void
of_what_the_bridge_does_not_say_nothing_is_taken(void **state)
{
	static const char *const bad[] = {"", "[]", "{\"longpoll\":1}",
	    "{\"setpage\":{\"user\":\"u\"}}", "{\"setpage\":[]}",
	    "{\"setpage\":{\"user\":\"u\",\"page\":1}}"};
	struct incus_control c;
	struct buf room = {0};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		assert_false(incus_control_read(&c, slice_of(bad[i]), &room));
		assert_true(c.user.p == NULL && !c.says_longpoll);
	}
	assert_true(incus_control_read(&c, SLICE("{\"new\":1}"), &room));
	assert_true(c.user.p == NULL && !c.says_longpoll);
	buf_free(&room);
}

TESTS(unit(every_body_is_an_event_with_data_to_an_incus_client),
    unit(the_body_of_a_message_is_its_event_and_data_as_spelt),
    unit(what_the_bridge_tells_the_hubs_comes_back),
    unit(of_what_the_bridge_does_not_say_nothing_is_taken))

/*
 * envelope_test.c - what a publisher may say about a message, and what is
 * wrong with the rest.
 */
#include "ingress/envelope.h"

#include "common/must.h"
#include "tests/unit/test.h"

#define C "\"channel\":\"/a/public/x\""

/* clang-format off */
static const struct {
	const char *json, *type, *body, *id;
	uint64_t ttl;
	enum receipt receipt;
} good[] = {
	{"{" C ",\"data\":{\"a\": [1, 2]}}", "", "{\"a\": [1, 2]}", "", 0, RECEIPT_ROUTED},
	{"{\"data\":null," C "}", "", "null", "", 0, RECEIPT_ROUTED},
	{" {" C " , \"data\" : 1.50e3 }\r\n", "", "1.50e3", "", 0, RECEIPT_ROUTED},
	{"{" C ",\"text\":\"a\\u00e4\\n\"}", "text/plain;charset=utf-8", "a\xc3\xa4\n", "", 0, RECEIPT_ROUTED},
	{"{" C ",\"text\":\"\"}", "text/plain;charset=utf-8", "", "", 0, RECEIPT_ROUTED},
	{"{" C ",\"base64\":\"AGE-\"}", "application/octet-stream", "\0a>", "", 0, RECEIPT_ROUTED},
	{"{" C ",\"base64\":\"aGk=\"}", "application/octet-stream", "hi", "", 0, RECEIPT_ROUTED},
	{"{" C ",\"data\":1,\"id\":\"a\\\"b\",\"ttl\":60,\"receipt\":\"stored\"}", "", "1", "a\"b", 60, RECEIPT_STORED},
	{"{" C ",\"data\":1,\"id\":null,\"receipt\":\"routed\",\"new\":[]}", "", "1", "", 0, RECEIPT_ROUTED},
	{"{\"\\u0063hannel\":\"\\/a/public/x\",\"data\":1}", "", "1", "", 0, RECEIPT_ROUTED},
};

static const struct {
	const char *json;
	enum code code;
	const char *field;
} bad[] = {
	{"", CODE_bad_json, NULL},
	{"[]", CODE_bad_json, NULL},
	{"{" C ",\"data\":}", CODE_bad_json, NULL},
	{"{" C ",\"data\":1} x", CODE_bad_json, NULL},
	{"{" C ",\"data\":\"\xff\"}", CODE_bad_json, NULL},
	{"{" C ",\"data\":1,\"data\":1}", CODE_bad_json, NULL},
	{"{\"data\":1}", CODE_missing_field, "channel"},
	{"{\"channel\":7,\"data\":1}", CODE_bad_field, "channel"},
	{"{\"channel\":\"/a/public/*\",\"data\":1}", CODE_bad_channel, "channel"},
	{"{\"channel\":\"\",\"data\":1}", CODE_bad_channel, "channel"},
	{"{" C "}", CODE_missing_field, "data"},
	{"{" C ",\"data\":1,\"text\":\"\"}", CODE_bad_field, "data"},
	{"{" C ",\"text\":1}", CODE_bad_field, "text"},
	{"{" C ",\"base64\":\"=\"}", CODE_bad_field, "base64"},
	{"{" C ",\"base64\":\"a\\u0041==\"}", CODE_bad_field, "base64"},
	{"{" C ",\"base64\":[]}", CODE_bad_field, "base64"},
	{"{" C ",\"data\":1,\"id\":5}", CODE_bad_field, "id"},
	{"{" C ",\"data\":1,\"ttl\":0}", CODE_bad_field, "ttl"},
	{"{" C ",\"data\":1,\"ttl\":-1}", CODE_bad_field, "ttl"},
	{"{" C ",\"data\":1,\"ttl\":1.5}", CODE_bad_field, "ttl"},
	{"{" C ",\"data\":1,\"ttl\":\"1\"}", CODE_bad_field, "ttl"},
	{"{" C ",\"data\":1,\"ttl\":99999999999}", CODE_bad_field, "ttl"},
	{"{" C ",\"data\":1,\"receipt\":\"maybe\"}", CODE_bad_field, "receipt"},
	{"{" C ",\"data\":1,\"receipt\":1}", CODE_bad_field, "receipt"},
};
/* clang-format on */

static void
what_may_be_said_is_understood(void **state)
{
	struct buf scratch = {0};

	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++) {
		struct slice in = exact(good[i].json, strlen(good[i].json));
		size_t n = i == 5 ? 3 : strlen(good[i].body);
		struct envelope_fault f;
		struct envelope e;

		if (!envelope_read(&e, in, &scratch, &f))
			fail_msg("row %zu: %s", i, f.why);
		assert_true(slice_is(e.channel, "/a/public/x"));
		assert_true(slice_is(e.type, good[i].type));
		assert_true(slice_eq(e.body, (struct slice){good[i].body, n}));
		assert_true(slice_is(e.id, good[i].id));
		assert_int_equal(e.ttl, good[i].ttl);
		assert_int_equal(e.receipt, good[i].receipt);
		free((char *)in.p);
	}
	buf_free(&scratch);
}

static void
what_is_wrong_is_named(void **state)
{
	struct buf scratch = {0};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		struct slice in = exact(bad[i].json, strlen(bad[i].json));
		struct envelope_fault f;
		struct envelope e;

		if (envelope_read(&e, in, &scratch, &f))
			fail_msg("row %zu was taken", i);
		if (f.code != bad[i].code)
			fail_msg("row %zu: %s", i, code_name(f.code));
		if (bad[i].field == NULL)
			assert_null(f.field);
		else
			assert_string_equal(f.field, bad[i].field);
		free((char *)in.p);
	}
	buf_free(&scratch);
}

static void
every_truncation_of_an_envelope_is_bad_json(void **state)
{
	static const char whole[] =
	    "{" C ",\"base64\":\"aGk=\",\"id\":\"\\u0041\",\"ttl\":60}";
	struct buf scratch = {0};
	struct envelope_fault f;
	struct envelope e;

	(void)state;
	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		struct slice cut = exact(whole, n);

		assert_false(envelope_read(&e, cut, &scratch, &f));
		assert_int_equal(f.code, CODE_bad_json);
		free((char *)cut.p);
	}
	assert_true(envelope_read(&e, slice_of(whole), &scratch, &f));
	buf_free(&scratch);
}

static void
an_id_of_255_bytes_is_the_longest(void **state)
{
	struct buf scratch = {0}, b = {0};
	struct envelope_fault f;
	struct envelope e;

	(void)state;
	for (size_t n = 255; n <= 256; n++) {
		buf_clear(&b);
		buf_printf(&b, "{" C ",\"data\":1,\"id\":\"%0*d\"}", (int)n, 7);
		assert_int_equal(
		    envelope_read(&e, buf_slice(&b), &scratch, &f), n == 255);
	}
	assert_string_equal(f.field, "id");
	buf_free(&b);
	buf_free(&scratch);
}

static void
a_query_says_it_for_a_raw_body(void **state)
{
	struct buf scratch = {0};
	struct envelope_fault f;
	struct envelope e;

	(void)state;
	assert_true(envelope_query(&e,
	    SLICE("x=1&channel=%2Fa/public/x&id=a+b%26&ttl=5&receipt=stored&y"),
	    &scratch, &f));
	assert_true(slice_is(e.channel, "/a/public/x"));
	assert_true(slice_is(e.id, "a b&"));
	assert_int_equal(e.ttl, 5);
	assert_int_equal(e.receipt, RECEIPT_STORED);
	buf_free(&scratch);
}

static void
a_query_that_is_wrong_is_named(void **state)
{
	static const struct {
		const char *query;
		enum code code;
	} rows[] = {
	    {"", CODE_missing_field},
	    {"id=1", CODE_missing_field},
	    {"channel", CODE_bad_channel},
	    {"channel=x", CODE_bad_channel},
	    {"channel=%2", CODE_bad_request},
	    {"channel=/a/public/x&ttl=", CODE_bad_field},
	    {"channel=/a/public/x&ttl=x", CODE_bad_field},
	    {"channel=/a/public/x&ttl=0", CODE_bad_field},
	    {"channel=/a/public/x&receipt=no", CODE_bad_field},
	};
	struct buf scratch = {0};
	struct envelope_fault f;
	struct envelope e;

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct slice q = exact(rows[i].query, strlen(rows[i].query));

		assert_false(envelope_query(&e, q, &scratch, &f));
		assert_int_equal(f.code, rows[i].code);
		free((char *)q.p);
	}
	buf_free(&scratch);
}

static void
a_raw_body_keeps_its_type_and_json_is_checked(void **state)
{
	struct envelope e = {.ttl = 0};
	struct envelope_fault f;

	(void)state;
	assert_true(envelope_raw(&e, SLICE("image/png"), SLICE("\x89"), &f));
	assert_true(slice_is(e.type, "image/png"));
	assert_true(envelope_raw(&e, (struct slice){NULL, 0}, SLICE("x"), &f));
	assert_true(slice_is(e.type, "application/octet-stream"));
	assert_true(envelope_raw(
	    &e, SLICE("Application/JSON; charset=utf-8"), SLICE(" [1] "), &f));
	assert_int_equal(e.type.n, 0);
	assert_false(
	    envelope_raw(&e, SLICE("application/json"), SLICE("[1"), &f));
	assert_int_equal(f.code, CODE_bad_json);
}

TESTS(unit(what_may_be_said_is_understood), unit(what_is_wrong_is_named),
    unit(every_truncation_of_an_envelope_is_bad_json),
    unit(an_id_of_255_bytes_is_the_longest),
    unit(a_query_says_it_for_a_raw_body), unit(a_query_that_is_wrong_is_named),
    unit(a_raw_body_keeps_its_type_and_json_is_checked))

/* native_test.c - the publish object: what is taken, and what is said of the
 * rest. */
#include "common/native.h"
#include "tests/unit/test.h"

static enum code
read_text(struct native *n, const char *json)
{
	struct slice copy = exact(json, strlen(json));
	enum code code = native_read(n, copy, 1000);

	/* what was borrowed must not be looked at after this */
	if (code != CODE_ok)
		free((char *)copy.p);
	return code;
}

#define is(slice, text) assert_true(slice_is(slice, text))

static void
data_is_passed_on_as_it_was_spelt(void **state)
{
	struct native n = {0};
	const char *json = "{\"data\": {\"b\" : 1.50, \"a\":[ ]} ,"
			   "\"channel\":\"/a/public/x\"}";

	(void)state;
	assert_int_equal(native_read(&n, slice_of(json), 5), CODE_ok);
	assert_int_equal(n.msg.id, MSG_publish);
	is(n.msg.publish.channel, "/a/public/x");
	is(n.msg.publish.body, "{\"b\" : 1.50, \"a\":[ ]}");
	is(n.msg.publish.type, "");
	assert_int_equal(n.msg.publish.expires, 0);
	native_free(&n);
}

static void
text_and_base64_have_a_type_and_are_decoded(void **state)
{
	struct native n = {0};

	(void)state;
	assert_int_equal(
	    native_read(&n,
		SLICE("{\"channel\":\"\\/a\\/public\\/x\","
		      "\"text\":\"one\\n\\u00e9\",\"id\":\"\\u0041\"}"),
		0),
	    CODE_ok);
	is(n.msg.publish.channel, "/a/public/x");
	is(n.msg.publish.body, "one\n\xc3\xa9");
	is(n.msg.publish.type, "text/plain;charset=utf-8");
	is(n.msg.publish.id, "A");
	assert_int_equal(
	    native_read(&n,
		SLICE("{\"channel\":\"/a/public/x\",\"base64\":\"\\/wA=\"}"),
		0),
	    CODE_ok);
	assert_int_equal(n.msg.publish.body.n, 2);
	assert_memory_equal(n.msg.publish.body.p, "\xff\0", 2);
	is(n.msg.publish.type, "application/octet-stream");
	is(n.msg.publish.id, "");
	native_free(&n);
}

static void
ttl_counts_from_now_and_receipts_are_two(void **state)
{
	struct native n = {0};

	(void)state;
	assert_int_equal(native_read(&n,
			     SLICE("{\"channel\":\"/a/public/x\",\"data\":1,"
				   "\"ttl\":60,\"receipt\":\"stored\"}"),
			     1000),
	    CODE_ok);
	assert_int_equal(n.msg.publish.expires, 61000);
	assert_int_equal(n.msg.publish.receipt, RECEIPT_STORED);
	native_free(&n);
}

#define OBJECT(rest) "{\"channel\":\"/a/public/x\"" rest "}"

static void
what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *json;
		enum code code;
		const char *field;
	} rows[] = {
	    {"", CODE_bad_json, ""},
	    {"{", CODE_bad_json, ""},
	    {"[]", CODE_bad_request, ""},
	    {"{}", CODE_missing_field, "channel"},
	    {OBJECT(""), CODE_missing_field, "data"},
	    {OBJECT(",\"data\":1,\"text\":\"\""), CODE_bad_field, "data"},
	    {OBJECT(",\"data\":tru"), CODE_bad_json, "data"},
	    {OBJECT(",\"text\":1"), CODE_bad_field, "text"},
	    {OBJECT(",\"base64\":\"=\""), CODE_bad_field, "base64"},
	    {OBJECT(",\"data\":1,\"id\":\"\""), CODE_bad_field, "id"},
	    {OBJECT(",\"data\":1,\"id\":7"), CODE_bad_field, "id"},
	    {OBJECT(",\"data\":1,\"ttl\":0"), CODE_bad_field, "ttl"},
	    {OBJECT(",\"data\":1,\"ttl\":1.5"), CODE_bad_field, "ttl"},
	    {OBJECT(",\"data\":1,\"ttl\":315360001"), CODE_bad_field, "ttl"},
	    {OBJECT(",\"data\":1,\"receipt\":\"x\""), CODE_bad_field,
		"receipt"},
	    {"{\"channel\":7,\"data\":1}", CODE_bad_field, "channel"},
	    {"{\"channel\":\"x\",\"data\":1}", CODE_bad_channel, "channel"},
	    {"{\"channel\":\"/a/public/*\",\"data\":1}", CODE_bad_channel,
		"channel"},
	    {"{\"channel\":\"/a/meta/x\",\"data\":1}", CODE_forbidden,
		"channel"},
	};
	struct native n = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		enum code code = read_text(&n, rows[i].json);

		if (code != rows[i].code || n.code != code || n.why == NULL)
			fail_msg("%s: %s", rows[i].json, code_name(code));
		/* a field of the input went away with it: tables stay */
		if (code != CODE_bad_json && code != CODE_bad_request &&
		    code != CODE_bad_field)
			is(n.field, rows[i].field);
	}
	native_free(&n);
}

static void
a_field_that_is_wrong_is_named_from_the_input(void **state)
{
	struct native n = {0};

	(void)state;
	assert_int_equal(
	    native_read(&n, SLICE(OBJECT(",\"text\":1")), 0), CODE_bad_field);
	is(n.field, "text");
	native_free(&n);
}

static void
every_truncation_is_refused(void **state)
{
	const char *json = OBJECT(",\"text\":\"\\u00e9\",\"ttl\":5");
	struct native n = {0};

	(void)state;
	for (size_t i = 0; i < strlen(json); i++) {
		struct slice cut = exact(json, i);

		assert_int_equal(native_read(&n, cut, 0), CODE_bad_json);
		free((char *)cut.p);
	}
	native_free(&n);
}

static void
a_message_past_the_limit_is_too_large(void **state)
{
	struct native n = {0};
	struct buf b = {0};

	(void)state;
	buf_str(&b, "{\"channel\":\"/a/public/x\",\"text\":\"");
	for (int i = 0; i < 4194304 + 1; i++)
		buf_chr(&b, 'x');
	buf_str(&b, "\"}");
	assert_int_equal(native_read(&n, buf_slice(&b), 0), CODE_too_large);
	buf_free(&b);
	native_free(&n);
}

TESTS(unit(data_is_passed_on_as_it_was_spelt),
    unit(text_and_base64_have_a_type_and_are_decoded),
    unit(ttl_counts_from_now_and_receipts_are_two),
    unit(what_is_wrong_is_named),
    unit(a_field_that_is_wrong_is_named_from_the_input),
    unit(every_truncation_is_refused),
    unit(a_message_past_the_limit_is_too_large))

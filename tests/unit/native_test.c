/*
 * native_test.c - what a publisher may say about a message, and what is said
 * of the rest.
 */
#include "common/native.h"

#include "common/must.h"
#include "tests/unit/test.h"

#define C     "\"channel\":\"/a/public/x\""
#define TEXT  "text/plain;charset=utf-8"
#define BYTES "application/octet-stream"

enum { NOW = 1000 };

/* clang-format off */
static const struct {
	const char *json, *type;
	struct slice body;
	const char *id;
	uint64_t ttl;
	enum receipt receipt;
} good[] = {
	{"{" C ",\"data\":{\"a\": [1, 2]}}", "", SLICE_INIT("{\"a\": [1, 2]}"), "", 0, RECEIPT_ROUTED},
	{"{\"data\": {\"b\" : 1.50, \"a\":[ ]} ," C "}", "", SLICE_INIT("{\"b\" : 1.50, \"a\":[ ]}"), "", 0, RECEIPT_ROUTED},
	{"{\"data\":null," C "}", "", SLICE_INIT("null"), "", 0, RECEIPT_ROUTED},
	{" {" C " , \"data\" : 1.50e3 }\r\n", "", SLICE_INIT("1.50e3"), "", 0, RECEIPT_ROUTED},
	{"{" C ",\"data\":\"\\u00e4\\/\"}", "", SLICE_INIT("\"\\u00e4\\/\""), "", 0, RECEIPT_ROUTED},
	{"{" C ",\"text\":\"a\\u00e4\\n\"}", TEXT, SLICE_INIT("a\xc3\xa4\n"), "", 0, RECEIPT_ROUTED},
	{"{" C ",\"text\":\"\"}", TEXT, SLICE_INIT(""), "", 0, RECEIPT_ROUTED},
	{"{" C ",\"base64\":\"AGE-\"}", BYTES, SLICE_INIT("\0a>"), "", 0, RECEIPT_ROUTED},
	{"{" C ",\"base64\":\"AGE+\"}", BYTES, SLICE_INIT("\0a>"), "", 0, RECEIPT_ROUTED},
	{"{" C ",\"base64\":\"aGk=\"}", BYTES, SLICE_INIT("hi"), "", 0, RECEIPT_ROUTED},
	{"{" C ",\"base64\":\"aGk\"}", BYTES, SLICE_INIT("hi"), "", 0, RECEIPT_ROUTED},
	{"{" C ",\"base64\":\"\"}", BYTES, SLICE_INIT(""), "", 0, RECEIPT_ROUTED},
	{"{" C ",\"base64\":\"\\/wA=\"}", BYTES, SLICE_INIT("\xff\0"), "", 0, RECEIPT_ROUTED},
	{"{" C ",\"base64\":\"a\\u0041==\"}", BYTES, SLICE_INIT("h"), "", 0, RECEIPT_ROUTED},
	{"{" C ",\"data\":1,\"id\":\"a\\\"b\",\"ttl\":60,\"receipt\":\"stored\"}", "", SLICE_INIT("1"), "a\"b", 60, RECEIPT_STORED},
	{"{" C ",\"data\":1,\"ttl\":315360000}", "", SLICE_INIT("1"), "", 315360000, RECEIPT_ROUTED},
	{"{" C ",\"data\":1,\"id\":null,\"receipt\":\"routed\",\"new\":[]}", "", SLICE_INIT("1"), "", 0, RECEIPT_ROUTED},
	{"{\"\\u0063hannel\":\"\\/a\\/public/x\",\"text\":\"\\t\",\"id\":\"\\u0041\"}", TEXT, SLICE_INIT("\t"), "A", 0, RECEIPT_ROUTED},
};

static const struct {
	const char *json;
	enum code code;
	const char *field;
	size_t at;
} bad[] = {
	{"", CODE_bad_json, NULL, 0},
	{"{", CODE_bad_json, NULL, 1},
	{"[]", CODE_bad_json, NULL, 0},
	{" 7", CODE_bad_json, NULL, 1},
	{"[1", CODE_bad_json, NULL, 0},
	{"{" C ",\"data\":}", CODE_bad_json, NULL, 32},
	{"{" C ",\"data\":tru", CODE_bad_json, NULL, 32},
	{"{" C ",\"data\":1} x", CODE_bad_json, NULL, 35},
	{"{" C ",\"data\":\"\xff\"}", CODE_bad_json, NULL, 33},
	{"{" C ",\"data\":1,\"data\":1}", CODE_bad_json, NULL, 34},
	{"{}", CODE_missing_field, "channel", 0},
	{"{\"data\":1}", CODE_missing_field, "channel", 0},
	{"{\"channel\":7,\"data\":1}", CODE_bad_field, "channel", 0},
	{"{\"channel\":null,\"data\":1}", CODE_bad_field, "channel", 0},
	{"{\"channel\":\"x\",\"data\":1}", CODE_bad_channel, "channel", 0},
	{"{\"channel\":\"/a/public/*\",\"data\":1}", CODE_bad_channel, "channel", 0},
	{"{\"channel\":\"\",\"data\":1}", CODE_bad_channel, "channel", 0},
	{"{\"channel\":\"/a/meta/x\",\"data\":1}", CODE_forbidden, "channel", 0},
	{"{" C "}", CODE_missing_field, "data", 0},
	{"{" C ",\"data\":1,\"text\":\"\"}", CODE_bad_field, "data", 0},
	{"{" C ",\"base64\":\"\",\"text\":\"\"}", CODE_bad_field, "data", 0},
	{"{" C ",\"text\":1}", CODE_bad_field, "text", 0},
	{"{" C ",\"base64\":\"=\"}", CODE_bad_field, "base64", 0},
	{"{" C ",\"base64\":\"+-AA\"}", CODE_bad_field, "base64", 0},
	{"{" C ",\"base64\":[]}", CODE_bad_field, "base64", 0},
	{"{" C ",\"data\":1,\"id\":5}", CODE_bad_field, "id", 0},
	{"{" C ",\"data\":1,\"id\":\"\"}", CODE_bad_field, "id", 0},
	{"{" C ",\"data\":1,\"ttl\":0}", CODE_bad_field, "ttl", 0},
	{"{" C ",\"data\":1,\"ttl\":-1}", CODE_bad_field, "ttl", 0},
	{"{" C ",\"data\":1,\"ttl\":1.5}", CODE_bad_field, "ttl", 0},
	{"{" C ",\"data\":1,\"ttl\":\"1\"}", CODE_bad_field, "ttl", 0},
	{"{" C ",\"data\":1,\"ttl\":null}", CODE_bad_field, "ttl", 0},
	{"{" C ",\"data\":1,\"ttl\":315360001}", CODE_bad_field, "ttl", 0},
	{"{" C ",\"data\":1,\"receipt\":\"maybe\"}", CODE_bad_field, "receipt", 0},
	{"{" C ",\"data\":1,\"receipt\":1}", CODE_bad_field, "receipt", 0},
	{"{" C ",\"data\":1,\"track\":1}", CODE_bad_field, "track", 0},
	{"{" C ",\"data\":1,\"track\":\"true\"}", CODE_bad_field, "track", 0},
	{"{" C ",\"data\":1,\"track\":null}", CODE_bad_field, "track", 0},
};
/* clang-format on */

#define is(slice, text) assert_true(slice_is(slice, text))

static void
what_may_be_said_is_understood(void **state)
{
	struct native n = {0};

	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++) {
		struct slice in = exact(good[i].json, strlen(good[i].json));
		const struct msg_publish *p = &n.msg.publish;
		uint64_t ttl = good[i].ttl;

		if (native_read(&n, in, NOW) != CODE_ok)
			fail_msg("row %zu: %s", i, n.fault.why);
		assert_int_equal(n.fault.code, CODE_ok);
		assert_int_equal(n.msg.id, MSG_publish);
		is(p->channel, "/a/public/x");
		is(p->type, good[i].type);
		if (!slice_eq(p->body, good[i].body))
			fail_msg("row %zu: its body", i);
		is(p->id, good[i].id);
		assert_int_equal(p->expires, ttl ? NOW + ttl * 1000 : 0);
		assert_int_equal(p->receipt, good[i].receipt);
		free((char *)in.p);
	}
	native_free(&n);
}

static void
what_is_wrong_is_named(void **state)
{
	struct native n = {0};

	(void)state;
	for (size_t i = 0; i < LENGTH(bad); i++) {
		struct slice in = exact(bad[i].json, strlen(bad[i].json));
		enum code code = native_read(&n, in, NOW);

		free((char *)in.p); /* a fault borrows nothing */
		if (code != bad[i].code || n.fault.code != code)
			fail_msg("row %zu: %s", i, code_name(code));
		if (bad[i].field == NULL)
			assert_null(n.fault.field);
		else
			assert_string_equal(n.fault.field, bad[i].field);
		if (n.fault.at != bad[i].at)
			fail_msg("row %zu: at %zu", i, n.fault.at);
	}
	native_free(&n);
}

static void
a_fault_in_words_tells_the_place(void **state)
{
	struct native n = {0};
	char room[NATIVE_WHY];

	(void)state;
	native_read(&n, SLICE("{\"a\":1,}"), NOW);
	assert_string_equal(
	    native_why(&n.fault, room), "a member name is missing at byte 7");
	native_read(&n, SLICE("{}"), NOW);
	assert_string_equal(
	    native_why(&n.fault, room), code_text(CODE_missing_field));
	native_free(&n);
}

static void
what_is_said_once_is_not_said_again(void **state)
{
	struct native n = {0};

	(void)state;
	native_read(&n,
	    SLICE("{" C ",\"text\":\"\",\"id\":\"1\",\"ttl\":5,"
		  "\"receipt\":\"stored\"}"),
	    NOW);
	native_read(&n, SLICE("["), NOW);
	assert_int_equal(
	    native_read(&n, SLICE("{" C ",\"data\":1}"), NOW), CODE_ok);
	assert_int_equal(n.msg.publish.id.n + n.msg.publish.type.n, 0);
	assert_int_equal(n.msg.publish.expires, 0);
	assert_int_equal(n.msg.publish.receipt, RECEIPT_ROUTED);
	assert_null(n.fault.why);
	native_free(&n);
}

static void
an_object_without_escapes_costs_no_memory(void **state)
{
	struct native n = {0};

	(void)state;
	assert_int_equal(
	    native_read(
		&n, SLICE("{" C ",\"text\":\"plain\",\"id\":\"1\"}"), NOW),
	    CODE_ok);
	assert_null(n.text.p);
	assert_null(n.bytes.p);
	native_free(&n);
}

static void
every_truncation_is_bad_json(void **state)
{
	static const char whole[] =
	    "{" C ",\"base64\":\"\\/wA=\",\"id\":\"\\u0041\",\"ttl\":60}";
	struct native n = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(whole) - 1; i++) {
		struct slice cut = exact(whole, i);

		assert_int_equal(native_read(&n, cut, NOW), CODE_bad_json);
		free((char *)cut.p);
	}
	assert_int_equal(native_read(&n, slice_of(whole), NOW), CODE_ok);
	native_free(&n);
}

static void
an_id_of_255_bytes_is_the_longest(void **state)
{
	struct native n = {0};
	struct buf b = {0};

	(void)state;
	for (int size = 255; size <= 256; size++) {
		buf_clear(&b);
		buf_printf(&b, "{" C ",\"data\":1,\"id\":\"%0*d\"}", size, 7);
		assert_int_equal(native_read(&n, buf_slice(&b), NOW),
		    size == 255 ? CODE_ok : CODE_bad_field);
	}
	assert_string_equal(n.fault.field, "id");
	buf_free(&b);
	native_free(&n);
}

static void
a_message_past_the_limit_is_too_large(void **state)
{
	struct native n = {0};
	struct buf b = {0};

	(void)state;
	buf_str(&b, "{" C ",\"text\":\"");
	for (int i = 0; i < NATIVE_BODY_MAX + 1; i++)
		buf_chr(&b, 'x');
	buf_str(&b, "\"}");
	assert_int_equal(native_read(&n, buf_slice(&b), NOW), CODE_too_large);
	assert_int_equal(
	    native_query(&n, SLICE("channel=/a/public/x"), NOW), CODE_ok);
	assert_int_equal(
	    native_body(&n, SLICE(""), buf_slice(&b)), CODE_too_large);
	buf_free(&b);
	native_free(&n);
}

/* It is asked for by its id, so it has one. */
static void
what_is_tracked_has_an_id(void **state)
{
	struct native n = {0}, again = {0};
	const struct msg_publish *p = &n.msg.publish;
	char first[NATIVE_MADE];

	(void)state;
	native_read(&n, SLICE("{" C ",\"data\":1,\"track\":false}"), NOW);
	assert_int_equal(p->track + p->id.n, 0);
	native_read(
	    &n, SLICE("{" C ",\"data\":1,\"track\":true,\"id\":\"i\"}"), NOW);
	assert_int_equal(p->track, 1);
	is(p->id, "i");
	native_id(&n, SLICE("made before"));
	is(p->id, "i");
	native_read(&n, SLICE("{" C ",\"data\":1,\"track\":true}"), NOW);
	assert_int_equal(p->id.n, NATIVE_MADE);
	memcpy(first, p->id.p, sizeof(first));
	native_query(&again, SLICE("channel=/a/public/x&track=true"), NOW);
	assert_int_equal(again.msg.publish.track, 1);
	assert_int_equal(again.msg.publish.id.n, NATIVE_MADE);
	assert_memory_not_equal(again.msg.publish.id.p, first, NATIVE_MADE);
	/* a line that is read again has the id it was given */
	native_id(&again, (struct slice){first, NATIVE_MADE});
	assert_memory_equal(again.msg.publish.id.p, first, NATIVE_MADE);
	native_free(&n);
	native_free(&again);
}

static void
a_query_says_it_for_a_body(void **state)
{
	struct native n = {0};

	(void)state;
	assert_int_equal(native_query(&n,
			     SLICE("x=1&channel=%2Fa/public/x&id=a+b%26&ttl=5&"
				   "receipt=stored&text=no&y"),
			     NOW),
	    CODE_ok);
	is(n.msg.publish.channel, "/a/public/x");
	is(n.msg.publish.id, "a b&");
	assert_int_equal(n.msg.publish.body.n, 0);
	assert_int_equal(n.msg.publish.expires, NOW + 5000);
	assert_int_equal(n.msg.publish.receipt, RECEIPT_STORED);
	native_free(&n);
}

static void
a_query_that_is_wrong_is_named(void **state)
{
	static const struct {
		const char *query;
		enum code code;
		const char *field;
	} rows[] = {
	    {"", CODE_missing_field, "channel"},
	    {"id=1", CODE_missing_field, "channel"},
	    {"channel", CODE_bad_channel, "channel"},
	    {"channel=x", CODE_bad_channel, "channel"},
	    {"channel=/a/meta/x", CODE_forbidden, "channel"},
	    {"channel=%2", CODE_bad_request, NULL},
	    {"channel=/a/public/x&id=", CODE_bad_field, "id"},
	    {"channel=/a/public/x&ttl", CODE_bad_field, "ttl"},
	    {"channel=/a/public/x&ttl=", CODE_bad_field, "ttl"},
	    {"channel=/a/public/x&ttl=x", CODE_bad_field, "ttl"},
	    {"channel=/a/public/x&ttl=0", CODE_bad_field, "ttl"},
	    {"channel=/a/public/x&receipt=no", CODE_bad_field, "receipt"},
	    {"channel=/a/public/x&track", CODE_bad_field, "track"},
	    {"channel=/a/public/x&track=1", CODE_bad_field, "track"},
	    {"channel=/a/public/x&channel=/a/public/y", CODE_bad_field,
		"channel"},
	    {"channel=/a/public/x&id=1&id=1", CODE_bad_field, "id"},
	};
	struct native n = {0};

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct slice q = exact(rows[i].query, strlen(rows[i].query));

		assert_int_equal(native_query(&n, q, NOW), rows[i].code);
		if (rows[i].field == NULL)
			assert_null(n.fault.field);
		else
			assert_string_equal(n.fault.field, rows[i].field);
		free((char *)q.p);
	}
	native_free(&n);
}

static void
a_body_keeps_its_type_and_json_is_checked(void **state)
{
	struct native n = {0};
	const struct msg_publish *p = &n.msg.publish;
	char type[NATIVE_TYPE_MAX + 1];

	(void)state;
	native_query(&n, SLICE("channel=/a/public/x"), NOW);
	assert_int_equal(
	    native_body(&n, SLICE("image/png"), SLICE("\x89")), CODE_ok);
	is(p->type, "image/png");
	is(p->body, "\x89");
	assert_int_equal(
	    native_body(&n, (struct slice){NULL, 0}, SLICE("x")), CODE_ok);
	is(p->type, BYTES);
	assert_int_equal(
	    native_body(
		&n, SLICE("Application/JSON; charset=utf-8"), SLICE(" [1] ")),
	    CODE_ok);
	is(p->type, "");
	is(p->body, " [1] ");
	memset(type, 'x', sizeof(type));
	assert_int_equal(
	    native_body(&n, (struct slice){type, sizeof(type)}, SLICE("x")),
	    CODE_bad_request);
	assert_int_equal(
	    native_body(&n, SLICE("application/json"), SLICE("[1")),
	    CODE_bad_json);
	assert_int_equal(n.fault.at, 2);
	assert_int_equal(
	    native_body(&n, SLICE("application/vnd.posthorn.presence+json"),
		SLICE("{}")),
	    CODE_bad_field);
	assert_string_equal(n.fault.field, "Content-Type");
	native_free(&n);
}

TESTS(unit(what_may_be_said_is_understood), unit(what_is_wrong_is_named),
    unit(a_fault_in_words_tells_the_place),
    unit(what_is_said_once_is_not_said_again),
    unit(an_object_without_escapes_costs_no_memory),
    unit(every_truncation_is_bad_json), unit(an_id_of_255_bytes_is_the_longest),
    unit(a_message_past_the_limit_is_too_large),
    unit(what_is_tracked_has_an_id), unit(a_query_says_it_for_a_body),
    unit(a_query_that_is_wrong_is_named),
    unit(a_body_keeps_its_type_and_json_is_checked))

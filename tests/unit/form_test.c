/* form_test.c - one event in every spelling. */
#include "hub/form.h"

#include "common/must.h"
#include "common/tyron_reply.h"
#include "hub/deflate.h"
#include "hub/form_tyron.h"
#include "hub/websocket.h"
#include "tests/unit/test.h"

static const struct event sample = {
    .channel = SLICE_INIT("/a/public/x"),
    .epoch = 36,
    .offset = 7,
    .body = SLICE_INIT("{\"n\": 1.0}"),
};

static void
is(const struct event *e, enum form form, const char *want)
{
	struct forms *f = forms_new(NULL);
	struct buf b = {0};

	forms_begin(f, e);
	form_put(f, form, &b);
	buf_chr(&b, '\0');
	assert_string_equal(b.p, want);
	buf_free(&b);
	forms_free(&f);
}

static void
json_is_passed_on_as_it_was_published(void **state)
{
	(void)state;
	is(&sample, FORM_POLL,
	    "{\"channel\":\"/a/public/x\",\"cursor\":\"10.7\","
	    "\"data\":{\"n\": 1.0}}");
	is(&sample, FORM_WS_TEXT,
	    "\x81\x3b"
	    "{\"channel\":\"/a/public/x\",\"cursor\":\"10.7\","
	    "\"data\":{\"n\": 1.0}}");
}

static void
an_event_stream_has_the_place_as_id(void **state)
{
	(void)state;
	is(&sample, FORM_SSE,
	    "id: 10.7\ndata: {\"channel\":\"/a/public/x\",\"cursor\":\"10.7\","
	    "\"data\":{\"n\": 1.0}}\n\n");
	is(&sample, FORM_SSE_NO_ID,
	    "data: {\"channel\":\"/a/public/x\",\"cursor\":\"10.7\","
	    "\"data\":{\"n\": 1.0}}\n\n");
}

static void
json_over_several_lines_is_one_line_of_a_stream(void **state)
{
	struct event e = sample;

	(void)state;
	e.body = SLICE("[\n1,\r\n\"a b\" ]");
	is(&e, FORM_SSE_NO_ID,
	    "data: {\"channel\":\"/a/public/x\",\"cursor\":\"10.7\","
	    "\"data\":[1,\"a b\"]}\n\n");
}

static void
text_and_bytes_are_named_as_such(void **state)
{
	struct event e = sample;

	(void)state;
	e.type = SLICE("text/plain");
	e.body = SLICE("a\n\"b\"");
	e.id = SLICE("i\\1");
	is(&e, FORM_POLL,
	    "{\"channel\":\"/a/public/x\",\"cursor\":\"10.7\","
	    "\"id\":\"i\\\\1\",\"type\":\"text/plain\","
	    "\"text\":\"a\\n\\\"b\\\"\"}");
	e.id = SLICE("");
	e.body = SLICE("\xff\0");
	is(&e, FORM_POLL,
	    "{\"channel\":\"/a/public/x\",\"cursor\":\"10.7\","
	    "\"type\":\"text/plain\",\"base64\":\"/wA=\"}");
	e.type = SLICE("Application/JSON ; charset=utf-8");
	e.body = SLICE("3");
	is(&e, FORM_POLL,
	    "{\"channel\":\"/a/public/x\",\"cursor\":\"10.7\",\"data\":3}");
}

static void
a_gap_says_from_where_to_where_and_why(void **state)
{
	struct event e = {.channel = SLICE("/a/public/x"),
	    .shard = 3,
	    .epoch = 37,
	    .offset = 2,
	    .from_epoch = 36,
	    .from = 9,
	    .reason = GAP_EPOCH};

	(void)state;
	is(&e, FORM_POLL,
	    "{\"channel\":\"/a/public/x\",\"gap\":{\"from\":\"3:10.9\","
	    "\"to\":\"3:11.2\",\"reason\":\"epoch\"}}");
	is(&e, FORM_SSE,
	    "id: 3:11.2\nevent: gap\ndata: {\"channel\":\"/a/public/x\","
	    "\"gap\":{\"from\":\"3:10.9\",\"to\":\"3:11.2\","
	    "\"reason\":\"epoch\"}}\n\n");
}

/* Read one frame as a client would that agreed on compression. */
static void
a_packed_message_is_the_message(void **state)
{
	struct deflate *d = deflate_new(1);
	struct forms *f = forms_new(d);
	struct event e = sample;
	struct buf plain = {0}, packed = {0};
	struct slice out;

	(void)state;
	e.body = SLICE("\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"");
	forms_begin(f, &e);
	form_put(f, FORM_POLL, &plain);
	form_put(f, FORM_WS_TEXT_DEFLATE, &packed);
	assert_true(packed.n < plain.n);
	assert_int_equal((unsigned char)packed.p[0], 0xc1);
	assert_int_equal(
	    deflate_unpack(d,
		slice_from(buf_slice(&packed), packed.n < 128 ? 2 : 4), 4096,
		&out),
	    DEFLATE_OK);
	assert_true(slice_eq(out, buf_slice(&plain)));
	buf_free(&plain);
	buf_free(&packed);
	forms_free(&f);
	deflate_free(&d);
}

static void
msgpack_has_bytes_where_json_has_base64(void **state)
{
	struct forms *f = forms_new(NULL);
	struct event e = sample;
	struct buf b = {0};

	(void)state;
	e.type = SLICE("x/y");
	e.body = SLICE("\xff\0");
	forms_begin(f, &e);
	form_put(f, FORM_WS_MSGPACK, &b);
	assert_int_equal((unsigned char)b.p[0], 0x82);
	assert_memory_equal(b.p + b.n - 11,
	    "\xa6"
	    "base64\xc4\2\xff\0",
	    11);
	buf_free(&b);
	forms_free(&f);
}

static void
who_came_and_went_is_no_data(void **state)
{
	struct event e = sample;

	(void)state;
	e.type = SLICE("application/vnd.posthorn.presence+json");
	e.body = SLICE("{\"leave\":{\"7\":null}}");
	is(&e, FORM_POLL,
	    "{\"channel\":\"/a/public/x\",\"cursor\":\"10.7\","
	    "\"presence\":{\"leave\":{\"7\":null}}}");
}

/* Frames of less than 126 bytes: one of text, with its length. */
static void
incus_reads_an_event_and_when_it_was(void **state)
{
	struct event e = sample;

	(void)state;
	e.unix_ms = 1446000000999;
	e.body = SLICE("{\"data\":{\"n\": 1.0},\"x\":1,\"event\":\"e\"}");
	is(&e, FORM_INCUS,
	    "\x81\x32"
	    "{\"event\":\"e\",\"data\":{\"n\": 1.0},"
	    "\"time\":1446000000}\n");
	is(&e, FORM_INCUS_PLACED,
	    "\x81\x42"
	    "{\"event\":\"e\",\"data\":{\"n\": 1.0},"
	    "\"time\":1446000000,\"cursor\":\"10.7\"}\n");
	is(&e, FORM_INCUS_POLL,
	    "{\"event\":\"e\",\"data\":{\"n\": 1.0},"
	    "\"time\":1446000000}");
	e.shard = 3;
	e.type = SLICE("text/plain");
	e.body = SLICE("a\n\"b\"");
	is(&e, FORM_INCUS_PLACED,
	    "\x81\x53"
	    "{\"event\":\"message\",\"data\":{\"text\":\"a\\n\\\"b\\\"\"},"
	    "\"time\":1446000000,\"cursor\":\"3:10.7\"}\n");
}

/* In whatever order the forms are asked for. */
static void
forms_of_one_event_do_not_disturb_each_other(void **state)
{
	static const enum form order[] = {FORM_INCUS_PLACED, FORM_INCUS_POLL,
	    FORM_BAYEUX_WS, FORM_BAYEUX, FORM_WS_TEXT_DEFLATE, FORM_INCUS,
	    FORM_TYRON, FORM_LINE, FORM_POLL, FORM_BAYEUX_EVENTS,
	    FORM_INCUS_PLACED, FORM_INCUS, FORM_INCUS_POLL, FORM_BAYEUX_WS};
	struct forms *f = forms_new(NULL);
	struct buf b = {0}, one = {0};

	(void)state;
	forms_begin(f, &sample);
	for (unsigned i = 0; i < LENGTH(order); i++) {
		struct forms *alone = forms_new(NULL);
		size_t from = b.n;

		buf_clear(&one);
		forms_begin(alone, &sample);
		form_put(alone, order[i], &one);
		form_put(f, order[i], &b);
		assert_true(
		    slice_eq(slice_from(buf_slice(&b), from), buf_slice(&one)));
		forms_free(&alone);
	}
	buf_free(&one);
	buf_free(&b);
	forms_free(&f);
}

static void
of_a_hole_only_those_hear_who_are_told_places(void **state)
{
	struct event e = sample;

	(void)state;
	e.from_epoch = 36;
	e.from = 5;
	e.reason = GAP_TRIMMED;
	is(&e, FORM_INCUS_PLACED,
	    "\x81\x4f"
	    "{\"channel\":\"/a/public/x\",\"gap\":{\"from\":\"10.5\","
	    "\"to\":\"10.7\",\"reason\":\"trimmed\"}}\n");
	is(&e, FORM_INCUS, "");
	is(&e, FORM_INCUS_POLL, "");
	is(&e, FORM_LINE, "");
	is(&e, FORM_TYRON, "");
}

static void
a_line_is_json_on_one_line_or_nothing(void **state)
{
	struct event e = sample;

	(void)state;
	e.body = SLICE("{\n\t\"a\": \"b c\"\n}");
	is(&e, FORM_LINE, "{\"a\":\"b c\"}\n");
	e.body = SLICE("no json");
	is(&e, FORM_LINE, "");
}

static void
tyron_is(struct event e, const char *type, const char *body)
{
	struct forms *f = forms_new(NULL);
	struct buf b = {0};
	struct form_tyron t;

	forms_begin(f, &e);
	form_put(f, FORM_TYRON, &b);
	t = form_tyron_read(buf_slice(&b));
	assert_true(slice_is(t.type, type));
	assert_true(slice_is(t.body, body));
	assert_int_equal(t.etag.n, TYRON_ETAG);
	assert_true(t.etag.p[0] == '"' && t.etag.p[t.etag.n - 1] == '"');
	buf_free(&b);
	forms_free(&f);
}

static void
tyron_reads_text_or_json_with_its_type_and_etag(void **state)
{
	struct event e = sample;

	(void)state;
	tyron_is(e, "application/json; charset=UTF-8", "{\"n\": 1.0}");
	e.body = SLICE("\"a\\nb\"");
	tyron_is(e, "", "a\nb");
	e.body = SLICE("null");
	tyron_is(e, "", "");
	e.type = SLICE("image/png");
	e.body = SLICE("\x89P");
	tyron_is(e, "image/png", "\x89P");
}

TESTS(unit(incus_reads_an_event_and_when_it_was),
    unit(forms_of_one_event_do_not_disturb_each_other),
    unit(of_a_hole_only_those_hear_who_are_told_places),
    unit(a_line_is_json_on_one_line_or_nothing),
    unit(tyron_reads_text_or_json_with_its_type_and_etag),
    unit(who_came_and_went_is_no_data),
    unit(json_is_passed_on_as_it_was_published),
    unit(an_event_stream_has_the_place_as_id),
    unit(json_over_several_lines_is_one_line_of_a_stream),
    unit(text_and_bytes_are_named_as_such),
    unit(a_gap_says_from_where_to_where_and_why),
    unit(a_packed_message_is_the_message),
    unit(msgpack_has_bytes_where_json_has_base64))

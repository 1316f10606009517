/* form_test.c - one event in every spelling. */
#include "hub/form.h"

#include "hub/deflate.h"
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

TESTS(unit(who_came_and_went_is_no_data),
    unit(json_is_passed_on_as_it_was_published),
    unit(an_event_stream_has_the_place_as_id),
    unit(json_over_several_lines_is_one_line_of_a_stream),
    unit(text_and_bytes_are_named_as_such),
    unit(a_gap_says_from_where_to_where_and_why),
    unit(a_packed_message_is_the_message),
    unit(msgpack_has_bytes_where_json_has_base64))

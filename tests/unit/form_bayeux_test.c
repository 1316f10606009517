/* form_bayeux_test.c - what Bayeux clients read of a message, whoever sent
 * it. */
#include "hub/form_bayeux.h"

#include "common/must.h"
#include "tests/unit/test.h"

#define ENVELOPE "{\"channel\":\"/a/public/x\",\"data\":\0,\"id\":\"1\"}"

static const struct event sample = {
    .channel = SLICE_INIT("/a/public/x"),
    .epoch = 36,
    .offset = 37,
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
a_bayeux_message_comes_out_as_it_went_in(void **state)
{
	struct event e = sample;

	(void)state;
	e.envelope = SLICE(ENVELOPE);
	e.id = SLICE("not his");
	is(&e, FORM_BAYEUX,
	    "{\"channel\":\"/a/public/x\",\"data\":{\"n\": 1.0},"
	    "\"id\":\"1\"}");
	is(&e, FORM_BAYEUX_WS,
	    "\x81\x36"
	    "[{\"channel\":\"/a/public/x\",\"data\":{\"n\": 1.0},"
	    "\"id\":\"1\"}]");
	is(&e, FORM_BAYEUX_EVENTS,
	    "data: [{\"channel\":\"/a/public/x\",\"data\":{\"n\": 1.0},"
	    "\"id\":\"1\"}]\r\n\r\n");
	e.body = SLICE("null");
	is(&e, FORM_BAYEUX,
	    "{\"channel\":\"/a/public/x\",\"data\":null,\"id\":\"1\"}");
}

static void
others_messages_are_put_into_an_envelope(void **state)
{
	struct event e = sample;

	(void)state;
	is(&e, FORM_BAYEUX,
	    "{\"channel\":\"/a/public/x\",\"data\":{\"n\": 1.0},"
	    "\"id\":\"11\"}");
	e.id = SLICE("i\"1");
	is(&e, FORM_BAYEUX,
	    "{\"channel\":\"/a/public/x\",\"data\":{\"n\": 1.0},"
	    "\"id\":\"i\\\"1\"}");
	e.id = SLICE("");
	e.offset = UINT64_MAX;
	is(&e, FORM_BAYEUX,
	    "{\"channel\":\"/a/public/x\",\"data\":{\"n\": 1.0},"
	    "\"id\":\"3w5e11264sgsf\"}");
	e.offset = 0;
	e.type = SLICE("text/plain");
	e.body = SLICE("a\n\"b\"");
	is(&e, FORM_BAYEUX,
	    "{\"channel\":\"/a/public/x\",\"data\":\"a\\n\\\"b\\\"\","
	    "\"id\":\"0\"}");
	e.body = SLICE("\xff\0");
	is(&e, FORM_BAYEUX,
	    "{\"channel\":\"/a/public/x\",\"data\":\"/wA=\",\"id\":\"0\"}");
}

/* Only JSON stands in one, and it has a place for it. */
static void
what_is_no_envelope_counts_as_none(void **state)
{
	struct event e = sample;

	(void)state;
	e.envelope = SLICE("{\"data\":");
	is(&e, FORM_BAYEUX,
	    "{\"channel\":\"/a/public/x\",\"data\":{\"n\": 1.0},"
	    "\"id\":\"11\"}");
	e.envelope = SLICE(ENVELOPE);
	e.type = SLICE("text/plain");
	e.body = SLICE("b");
	is(&e, FORM_BAYEUX,
	    "{\"channel\":\"/a/public/x\",\"data\":\"b\",\"id\":\"11\"}");
}

static void
a_stream_s_event_is_one_line(void **state)
{
	struct event e = sample;

	(void)state;
	e.body = SLICE("[\n1,\r\n\"a b\" ]");
	is(&e, FORM_BAYEUX_EVENTS,
	    "data: [{\"channel\":\"/a/public/x\",\"data\":[1,\"a b\"],"
	    "\"id\":\"11\"}]\r\n\r\n");
	e.envelope = SLICE("{\n\"data\" : \0}");
	is(&e, FORM_BAYEUX_EVENTS, "data: [{\"data\":[1,\"a b\"]}]\r\n\r\n");
	e.envelope = SLICE("{\n\"data\" : \0");
	is(&e, FORM_BAYEUX_EVENTS, "");
}

static void
who_came_and_who_left_is_told_in_pandapush_s_words(void **state)
{
	struct event e = sample;

	(void)state;
	e.type = SLICE("application/vnd.posthorn.presence+json");
	e.body = SLICE("{\"join\":{\"42\":{\"id\":42}}}");
	is(&e, FORM_BAYEUX,
	    "{\"channel\":\"/a/public/x\",\"data\":"
	    "{\"subscribe\":{\"42\":{\"id\":42}}},\"id\":\"11\"}");
	e.body = SLICE("{\"leave\":{\"42\":null}}");
	is(&e, FORM_BAYEUX,
	    "{\"channel\":\"/a/public/x\",\"data\":"
	    "{\"unsubscribe\":{\"42\":null}},\"id\":\"11\"}");
	e.body = SLICE("{\"update\":{\"42\":{}}}");
	is(&e, FORM_BAYEUX, "");
	is(&e, FORM_BAYEUX_WS, "");
	is(&e, FORM_BAYEUX_EVENTS, "");
}

static void
of_a_hole_nothing_is_told(void **state)
{
	struct event e = sample;

	(void)state;
	e.reason = GAP_TRIMMED;
	is(&e, FORM_BAYEUX, "");
	is(&e, FORM_BAYEUX_WS, "");
	is(&e, FORM_BAYEUX_EVENTS, "");
}

TESTS(unit(a_bayeux_message_comes_out_as_it_went_in),
    unit(others_messages_are_put_into_an_envelope),
    unit(what_is_no_envelope_counts_as_none),
    unit(a_stream_s_event_is_one_line),
    unit(who_came_and_who_left_is_told_in_pandapush_s_words),
    unit(of_a_hole_nothing_is_told))

/*
 * h2_test.c - every call ends once, whatever the peer does and however its
 * bytes come.
 */
#include "pushers/h2.h"

#include "tests/unit/h2_peer.h"
#include "tests/unit/test.h"

enum { CALLS = 8, LIMIT = 4 };

struct call {
	struct h2_call call;
	unsigned ends;
	enum h2_end how;
};

/* Both ends, and what ours was told. */
struct ends {
	struct h2_face face;
	struct h2 *h;
	struct peer peer;
	unsigned rooms, leaves;
	char debug[128];
	bool good;
	struct call calls[CALLS];
};

static void
ended(struct h2_face *f, struct h2_call *c, enum h2_end how)
{
	struct call *call = container_of(c, struct call, call);

	(void)f;
	call->ends++;
	call->how = how;
}

static void
room(struct h2_face *f)
{
	container_of(f, struct ends, face)->rooms++;
}

static void
leaving(struct h2_face *f, struct slice debug)
{
	struct ends *e = container_of(f, struct ends, face);

	e->leaves++;
	snprintf(e->debug, sizeof(e->debug), "%.*s", SLICE_ARGS(debug));
}

static int
setup(void **state)
{
	struct ends *e = *state = xcalloc(1, sizeof(*e));

	e->face = (struct h2_face){ended, room, leaving};
	e->h = h2_new(&(struct h2_setup){
	    .face = &e->face, .keep = SLICE("apns-id"), .streams = 1000});
	e->good = true;
	peer_new(&e->peer, LIMIT);
	return 0;
}

static int
teardown(void **state)
{
	struct ends *e = *state;

	h2_cut(e->h);
	h2_free(&e->h);
	peer_free(&e->peer);
	free(e);
	return 0;
}

/* Bytes go to and fro, so many at a time, until there are none. */
static void
meet_by(struct ends *e, size_t step)
{
	struct buf there = {0}, back = {0};
	struct slice s;

	for (bool more = true; more;) {
		buf_clear(&there);
		buf_clear(&back);
		h2_take(e->h, &there, SIZE_MAX);
		peer_feed(&e->peer, buf_slice(&there));
		peer_take(&e->peer, &back);
		for (s = buf_slice(&back); s.n != 0 && e->good;) {
			size_t n = s.n < step ? s.n : step;
			struct slice part = exact(s.p, n);

			e->good = h2_feed(e->h, part);
			free((char *)(uintptr_t)part.p);
			s = slice_from(s, n);
		}
		more = there.n != 0 || back.n != 0;
	}
	buf_free(&there);
	buf_free(&back);
}

static void
meet(struct ends *e)
{
	meet_by(e, SIZE_MAX);
}

static void
call(struct ends *e, unsigned i, struct slice body)
{
	struct h2_field fields[] = {
	    {SLICE("apns-topic"), SLICE("com.example.app"), false},
	    {SLICE("apns-id"), SLICE("123e4567-e89b-12d3-a456-426614174000"),
		true},
	};

	e->calls[i] = (struct call){0};
	assert_true(h2_submit(e->h, &e->calls[i].call,
	    &(struct h2_request){.authority = SLICE("api.push.apple.com"),
		.path = SLICE("/3/device/00ff"),
		.fields = fields,
		.n = LENGTH(fields),
		.body = body}));
}

static void
is_ended(struct ends *e, unsigned i, enum h2_end how)
{
	assert_int_equal(e->calls[i].ends, 1);
	assert_int_equal(e->calls[i].how, how);
}

/* ---- */

static void
a_request_is_a_post_with_its_fields_and_body(void **state)
{
	struct ends *e = *state;

	meet(e);
	call(e, 0, SLICE("{\"aps\":{}}"));
	meet(e);
	assert_int_equal(e->peer.n, 1);
	buf_chr(&e->peer.asked[0].fields, '\0');
	assert_string_equal(e->peer.asked[0].fields.p,
	    ":method: POST\n"
	    ":scheme: https\n"
	    ":authority: api.push.apple.com\n"
	    ":path: /3/device/00ff\n"
	    "apns-topic: com.example.app\n"
	    "apns-id: 123e4567-e89b-12d3-a456-426614174000\n");
	assert_true(e->peer.asked[0].fixed);
	assert_true(e->peer.asked[0].whole);
	assert_true(
	    slice_is(buf_slice(&e->peer.asked[0].body), "{\"aps\":{}}"));
}

static void
an_answer_ends_its_call_with_status_field_and_text(void **state)
{
	struct ends *e = *state;
	struct h2_call *c = &e->calls[0].call;

	meet(e);
	call(e, 0, SLICE("{}"));
	call(e, 1, SLICE("{}"));
	meet(e);
	peer_answer(&e->peer, 1, (struct peer_says){"200", "id-of-1", NULL});
	peer_answer(&e->peer, 0,
	    (struct peer_says){"410", "id-of-0", "{\"reason\":\"x\"}"});
	meet(e);
	is_ended(e, 0, H2_ANSWERED);
	is_ended(e, 1, H2_ANSWERED);
	assert_int_equal(c->status, 410);
	assert_true(
	    slice_is((struct slice){c->text, c->text_n}, "{\"reason\":\"x\"}"));
	assert_true(slice_is((struct slice){c->kept, c->kept_n}, "id-of-0"));
	c = &e->calls[1].call;
	assert_int_equal(c->status, 200);
	assert_int_equal(c->text_n, 0);
	assert_true(slice_is((struct slice){c->kept, c->kept_n}, "id-of-1"));
	assert_int_equal(h2_open(e->h), 0);
}

static void
an_answer_may_come_byte_by_byte(void **state)
{
	struct ends *e = *state;

	meet_by(e, 1);
	for (unsigned i = 0; i < LIMIT; i++)
		call(e, i, SLICE("{}"));
	meet_by(e, 1);
	for (unsigned i = 0; i < LIMIT; i++)
		peer_answer(&e->peer, i,
		    (struct peer_says){"200", "id", "{\"reason\":\"y\"}"});
	meet_by(e, 1);
	assert_true(e->good);
	for (unsigned i = 0; i < LIMIT; i++) {
		is_ended(e, i, H2_ANSWERED);
		assert_int_equal(e->calls[i].call.text_n, 14);
	}
}

static void
a_long_text_is_cut_and_a_long_field_left_out(void **state)
{
	struct ends *e = *state;
	char id[H2_KEPT + 2], text[3 * H2_TEXT];

	memset(id, 'i', sizeof(id));
	id[sizeof(id) - 1] = '\0';
	memset(text, 't', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	meet(e);
	call(e, 0, SLICE("{}"));
	meet(e);
	peer_answer(&e->peer, 0, (struct peer_says){"400", id, text});
	meet(e);
	is_ended(e, 0, H2_ANSWERED);
	assert_int_equal(e->calls[0].call.text_n, H2_TEXT);
	assert_int_equal(e->calls[0].call.kept_n, 0);
}

static void
there_is_room_only_after_settings_and_up_to_their_limit(void **state)
{
	struct ends *e = *state;

	assert_int_equal(h2_room(e->h), 0);
	meet(e);
	assert_int_equal(e->rooms, 1);
	assert_int_equal(h2_room(e->h), LIMIT);
	call(e, 0, SLICE("{}"));
	call(e, 1, SLICE("{}"));
	assert_int_equal(h2_room(e->h), LIMIT - 2);
	meet(e);
	peer_limit(&e->peer, 1);
	meet(e);
	assert_int_equal(h2_room(e->h), 0);
	assert_int_equal(e->rooms, 2);
	peer_limit(&e->peer, 100000);
	meet(e);
	assert_int_equal(h2_room(e->h), 1000 - 2);
	peer_answer(&e->peer, 0, (struct peer_says){"200", NULL, NULL});
	meet(e);
	assert_int_equal(h2_room(e->h), 1000 - 1);
}

static void
what_comes_behind_a_goaway_was_not_touched(void **state)
{
	struct ends *e = *state;

	meet(e);
	for (unsigned i = 0; i < 3; i++)
		call(e, i, SLICE("{}"));
	meet(e);
	peer_leave(
	    &e->peer, e->peer.asked[0].stream, "{\"reason\":\"Shutdown\"}");
	meet(e);
	assert_int_equal(e->leaves, 1);
	assert_string_equal(e->debug, "{\"reason\":\"Shutdown\"}");
	is_ended(e, 1, H2_UNTOUCHED);
	is_ended(e, 2, H2_UNTOUCHED);
	assert_int_equal(e->calls[0].ends, 0);
	assert_int_equal(h2_room(e->h), 0);
	assert_false(h2_over(e->h));
	peer_answer(&e->peer, 0, (struct peer_says){"200", NULL, NULL});
	meet(e);
	is_ended(e, 0, H2_ANSWERED);
	assert_true(h2_over(e->h));
}

static void
a_call_that_meets_a_goaway_on_its_way_was_not_touched(void **state)
{
	struct ends *e = *state;
	struct buf back = {0};

	meet(e);
	peer_leave(&e->peer, 0, "");
	peer_take(&e->peer, &back);
	call(e, 0, SLICE("{}")); /* not yet taken when the goodbye comes */
	assert_true(h2_feed(e->h, buf_slice(&back)));
	meet(e);
	h2_cut(e->h);
	is_ended(e, 0, H2_UNTOUCHED);
	buf_free(&back);
}

static void
a_reset_tells_whether_the_call_was_looked_at(void **state)
{
	struct ends *e = *state;

	meet(e);
	call(e, 0, SLICE("{}"));
	call(e, 1, SLICE("{}"));
	meet(e);
	peer_reset(&e->peer, 0, NGHTTP2_REFUSED_STREAM);
	peer_reset(&e->peer, 1, NGHTTP2_INTERNAL_ERROR);
	meet(e);
	is_ended(e, 0, H2_UNTOUCHED);
	is_ended(e, 1, H2_BROKEN);
	assert_int_equal(h2_room(e->h), LIMIT);
}

static void
a_cut_ends_each_call_by_how_far_it_came(void **state)
{
	struct ends *e = *state;

	meet(e);
	call(e, 0, SLICE("{}"));
	meet(e);
	call(e, 1, SLICE("{}")); /* never taken */
	h2_cut(e->h);
	is_ended(e, 0, H2_BROKEN);
	is_ended(e, 1, H2_UNTOUCHED);
	assert_int_equal(h2_room(e->h), 0);
}

static void
a_dropped_call_is_its_owners_at_once(void **state)
{
	struct ends *e = *state;
	char *body = strdup("{\"alert\":1}");

	meet(e);
	call(e, 0, SLICE("{}"));
	meet(e);
	call(e, 1, slice_of(body)); /* one was sent, the other was not */
	h2_drop(e->h, &e->calls[0].call);
	h2_drop(e->h, &e->calls[1].call);
	h2_drop(e->h, &e->calls[1].call);
	free(body);
	memset(e->calls, 0xff, sizeof(e->calls));
	assert_int_equal(h2_open(e->h), 0);
	meet(e);
	assert_true(e->good);
	assert_true(e->peer.asked[0].reset);
	memset(e->calls, 0, sizeof(e->calls));
	call(e, 2, SLICE("{}"));
	meet(e);
	peer_answer(
	    &e->peer, e->peer.n - 1, (struct peer_says){"200", NULL, NULL});
	meet(e);
	is_ended(e, 2, H2_ANSWERED);
}

static void
a_body_larger_than_the_window_goes_in_pieces(void **state)
{
	static char much[200000];
	struct ends *e = *state;

	memset(much, 'x', sizeof(much));
	meet(e);
	call(e, 0, (struct slice){much, sizeof(much)});
	meet(e);
	assert_true(e->peer.asked[0].whole);
	assert_int_equal(e->peer.asked[0].body.n, sizeof(much));
	peer_answer(&e->peer, 0, (struct peer_says){"413", NULL, "{}"});
	meet(e);
	is_ended(e, 0, H2_ANSWERED);
}

static void
a_ping_is_answered(void **state)
{
	struct ends *e = *state;
	struct buf there = {0}, back = {0};

	meet(e);
	h2_ping(e->h);
	h2_take(e->h, &there, SIZE_MAX);
	peer_feed(&e->peer, buf_slice(&there));
	peer_take(&e->peer, &back);
	assert_int_equal(e->peer.pings, 1);
	assert_true(back.n != 0);
	assert_true(h2_feed(e->h, buf_slice(&back)));
	buf_free(&there);
	buf_free(&back);
}

static void
what_is_not_http2_ends_the_connection(void **state)
{
	struct ends *e = *state;
	struct buf there = {0};

	h2_take(e->h, &there, SIZE_MAX);
	h2_feed(e->h, SLICE("HTTP/1.1 400 Bad Request\r\n\r\n"));
	h2_take(e->h, &there, SIZE_MAX);
	assert_true(h2_over(e->h));
	assert_int_equal(h2_room(e->h), 0);
	buf_free(&there);
}

static void
a_thousand_calls_go_over_a_limit_of_four(void **state)
{
	struct ends *e = *state;
	unsigned answered = 0;

	meet(e);
	for (unsigned made = 0; answered < 1000;) {
		while (h2_room(e->h) != 0 && made < 1000)
			call(e, made++ % LIMIT, SLICE("{}"));
		meet(e);
		for (; answered < e->peer.n; answered++)
			peer_answer(&e->peer, answered,
			    (struct peer_says){"200", "id", NULL});
		meet(e);
		for (unsigned i = 0; i < LIMIT; i++)
			is_ended(e, i, H2_ANSWERED);
	}
	assert_int_equal(e->peer.n, 1000);
}

#define each(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

TESTS(each(a_request_is_a_post_with_its_fields_and_body),
    each(an_answer_ends_its_call_with_status_field_and_text),
    each(an_answer_may_come_byte_by_byte),
    each(a_long_text_is_cut_and_a_long_field_left_out),
    each(there_is_room_only_after_settings_and_up_to_their_limit),
    each(what_comes_behind_a_goaway_was_not_touched),
    each(a_call_that_meets_a_goaway_on_its_way_was_not_touched),
    each(a_reset_tells_whether_the_call_was_looked_at),
    each(a_cut_ends_each_call_by_how_far_it_came),
    each(a_dropped_call_is_its_owners_at_once),
    each(a_body_larger_than_the_window_goes_in_pieces),
    each(a_ping_is_answered), each(what_is_not_http2_ends_the_connection),
    each(a_thousand_calls_go_over_a_limit_of_four))

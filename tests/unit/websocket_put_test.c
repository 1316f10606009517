/* websocket_put_test.c - frames we write are the shortest there are, and no
 * code or reason leaves that a client would have to refuse. */
#include "common/must.h"
#include "hub/websocket.h"
#include "tests/unit/test.h"

static void
put(struct buf *b, enum websocket_kind kind, const char *text)
{
	assert_true(websocket_put(b,
	    (struct websocket_frame){.kind = kind, .payload = slice_of(text)}));
}

/* The unmasked examples of RFC 6455 5.7. */
static void
frames_are_those_of_the_rfc(void **state)
{
	struct buf b = {0};

	(void)state;
	put(&b, WEBSOCKET_TEXT, "Hello");
	put(&b, WEBSOCKET_PING, "Hello");
	put(&b, WEBSOCKET_PONG, "Hello");
	put(&b, WEBSOCKET_BINARY, "");
	assert_true(slice_eq(buf_slice(&b),
	    SLICE("\x81\x05Hello\x89\x05Hello\x8a\x05Hello\x82\0")));
	buf_clear(&b);
	websocket_put(&b, (struct websocket_frame){.kind = WEBSOCKET_TEXT,
			      .more = true,
			      .packed = true,
			      .payload = SLICE("Hel")});
	put(&b, WEBSOCKET_CONTINUATION, "lo");
	assert_true(slice_eq(buf_slice(&b), SLICE("\x41\x03Hel\x80\x02lo")));
	buf_free(&b);
}

static void
lengths_take_the_least_room(void **state)
{
	static const struct {
		uint64_t n;
		struct slice head;
	} rows[] = {
	    {0, SLICE_INIT("\x82\0")},
	    {125, SLICE_INIT("\x82\x7d")},
	    {126, SLICE_INIT("\x82\x7e\x00\x7e")},
	    {256, SLICE_INIT("\x82\x7e\x01\x00")}, /* RFC 6455 5.7 */
	    {65535, SLICE_INIT("\x82\x7e\xff\xff")},
	    {65536, SLICE_INIT("\x82\x7f\0\0\0\0\0\1\0\0")},
	    {INT64_MAX, SLICE_INIT("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff")},
	};
	struct websocket_frame f = {.kind = WEBSOCKET_BINARY};
	char head[WEBSOCKET_HEAD_MAX];

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		size_t n = websocket_head(head, f, rows[i].n);

		assert_true(slice_eq((struct slice){head, n}, rows[i].head));
	}
}

static void
a_close_says_why_or_nothing(void **state)
{
	struct buf b = {0};

	(void)state;
	assert_true(websocket_put_close(&b, 1001, SLICE("bye")));
	assert_true(websocket_put_close(&b, 4000, SLICE("")));
	assert_true(
	    websocket_put_close(&b, WEBSOCKET_NO_CODE, SLICE("unsaid")));
	assert_true(
	    slice_eq(buf_slice(&b), SLICE("\x88\x05\x03\xe9"
					  "bye\x88\x02\x0f\xa0\x88\0")));
	buf_free(&b);
}

/* A reason of a's and one character of `width` bytes at every place about
 * the limit: it is there whole or not at all. */
static void
a_long_reason_is_cut_between_characters(void **state)
{
	static const struct slice chars[] = {SLICE_INIT("\xc3\xa9"),
	    SLICE_INIT("\xe2\x82\xac"), SLICE_INIT("\xf0\x9f\x98\x80")};
	struct buf b = {0}, reason = {0};

	(void)state;
	for (size_t c = 0; c < LENGTH(chars); c++) {
		for (size_t at = 115; at < 128; at++) {
			bool fits = at + chars[c].n <= WEBSOCKET_REASON_MAX;
			size_t want = fits ? WEBSOCKET_REASON_MAX
			              : at > WEBSOCKET_REASON_MAX
			                  ? WEBSOCKET_REASON_MAX
			                  : at;

			buf_clear(&reason);
			buf_clear(&b);
			while (reason.n < at)
				buf_chr(&reason, 'a');
			buf_put(&reason, chars[c]);
			while (reason.n < 140)
				buf_chr(&reason, 'b');
			assert_true(
			    websocket_put_close(&b, 1008, buf_slice(&reason)));
			assert_int_equal(b.n, 4 + want);
			assert_int_equal((unsigned char)b.p[1], 2 + want);
			assert_memory_equal(b.p + 4, reason.p, want);
		}
	}
	buf_free(&b);
	buf_free(&reason);
}

/* What a reader makes of it is what was put in. */
static void
a_message_is_written_as_a_client_would(void **state)
{
	struct websocket_rules rules = {.max = 100000};
	struct websocket ws = {.over = false};
	struct websocket_event e;
	struct buf b = {0}, payload = {0};
	static const size_t sizes[] = {0, 1, 125, 126, 65535, 65536};

	(void)state;
	for (size_t i = 0; i < LENGTH(sizes); i++) {
		struct websocket_input in;

		while (payload.n < sizes[i])
			buf_chr(&payload, (char)('a' + payload.n % 26));
		buf_clear(&b);
		assert_true(websocket_put_client(
		    &b, WEBSOCKET_TEXT, buf_slice(&payload)));
		in = (struct websocket_input){b.p, b.n};
		assert_true(websocket_next(&ws, &rules, &in, &e));
		assert_int_equal(e.kind, WEBSOCKET_TEXT);
		assert_true(slice_eq(e.data, buf_slice(&payload)));
		assert_false(websocket_next(&ws, &rules, &in, &e));
	}
	buf_free(&b);
	b.max = payload.n;
	assert_false(
	    websocket_put_client(&b, WEBSOCKET_TEXT, buf_slice(&payload)));
	assert_int_equal(b.n, 0);
	websocket_free(&ws);
	buf_free(&b);
	buf_free(&payload);
}

static void
past_the_cap_nothing_is_written(void **state)
{
	struct buf b = {.max = 12};

	(void)state;
	put(&b, WEBSOCKET_TEXT, "Hello");
	assert_false(
	    websocket_put(&b, (struct websocket_frame){.kind = WEBSOCKET_TEXT,
				  .payload = SLICE("Hello")}));
	assert_false(websocket_put_close(&b, 1009, SLICE("bye")));
	assert_int_equal(b.n, 7);
	assert_true(b.full);
	buf_free(&b);
}

TESTS(unit(frames_are_those_of_the_rfc), unit(lengths_take_the_least_room),
    unit(a_close_says_why_or_nothing),
    unit(a_long_reason_is_cut_between_characters),
    unit(a_message_is_written_as_a_client_would),
    unit(past_the_cap_nothing_is_written))

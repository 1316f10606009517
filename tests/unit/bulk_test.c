/*
 * bulk_test.c - many messages of one request, each answered in its place.
 */
#include "ingress/bulk.h"
#include "tests/unit/front_world.h"

#define M(data) "{\"channel\":\"/demo/public/x\",\"data\":" data "}"
#define STREAM  POST "Content-Type: application/x-ndjson\r\n"

static void
say_array(struct house *h, const char *json)
{
	char head[64];

	snprintf(
	    head, sizeof(head), "Content-Length: %zu\r\n\r\n", strlen(json));
	say(h, POST);
	say(h, head);
	say(h, json);
}

static void
an_array_is_answered_by_an_array(void **state)
{
	struct house *h = *state;

	open_all(h);
	dial(h);
	say_array(h, " [" M("1") ", 7, {\"channel\":\"/other/public/x\","
				 "\"text\":\"\"}, " M("{\"b\":[]}") "]");
	hear(h, "200 OK\r\nContent-Type: application/json\r\n");
	hear(h, "\r\n\r\n[{\"id\":null,\"channel\":\"/demo/public/x\","
		"\"cursor\":\"1.1\",\"hubs\":2},");
	hear(h, "{\"error\":{\"code\":\"bad_json\"");
	hear(h, "{\"error\":{\"code\":\"forbidden\"");
	hear(h, "\"cursor\":\"1.2\",\"hubs\":2}]");
	assert_int_equal(h->published, 2);
	assert_string_equal(h->notes[1].body, "{\"b\":[]}");
}

static void
an_empty_array_is_answered_by_one(void **state)
{
	struct house *h = *state;

	open_all(h);
	dial(h);
	say_array(h, "[ ]");
	hear(h, "\r\n\r\n[]");
}

static void
an_array_that_is_no_json_publishes_nothing(void **state)
{
	struct house *h = *state;

	open_all(h);
	dial(h);
	say_array(h, "[" M("1") "," M("2") "}");
	hear(h, "400 Bad Request");
	hear(h, "bad_json");
	assert_int_equal(h->published, 0);
}

static void
an_array_of_which_some_are_not_answered_says_so(void **state)
{
	struct house *h = *state;

	open_all(h);
	h->mute = true;
	h->front.limits.answer_ms = 1;
	dial(h);
	say_array(h, "[" M("1") "," M("2") "]");
	hear(h, "200 OK");
	hear(h, "[{\"error\":{\"code\":\"timeout\"");
	hear(h, "},{\"error\":{\"code\":\"timeout\"");
}

/* The stream as one chunked body, cut into two pieces at a place. */
static void
say_cut(struct house *h, const char *text, size_t cut)
{
	char size[32];
	size_t n = strlen(text);

	say(h, STREAM "Transfer-Encoding: chunked\r\n\r\n");
	snprintf(size, sizeof(size), "%zx\r\n", cut);
	say(h, size);
	say_bytes(h, (struct slice){text, cut});
	snprintf(size, sizeof(size), "\r\n%zx\r\n", n - cut);
	say(h, size);
	say_bytes(h, (struct slice){text + cut, n - cut});
	say(h, "\r\n0\r\n\r\n");
}

static void
lines_may_be_cut_anywhere(void **state)
{
	static const char text[] = M("1") "\r\n\n{\"chan\n" M("\"\\n\"");
	struct house *h = *state;

	open_all(h);
	for (size_t cut = 1; cut < sizeof(text) - 1; cut++) {
		h->published = 0;
		dial(h);
		say_cut(h, text, cut);
		hear(h, "200 OK\r\nContent-Type: application/x-ndjson\r\n");
		hear(h, "\"hubs\":2}\n");
		hear(h, "{\"error\":{\"code\":\"bad_json\"");
		hear(h, "\"hubs\":2}\n");
		hear(h, "\r\n0\r\n\r\n");
		assert_int_equal(h->published, 2);
		assert_string_equal(h->notes[1].body, "\"\\n\"");
	}
}

static void
a_stream_with_a_length_ends_with_it(void **state)
{
	static const char text[] = M("1") "\n" M("2") "\n";
	struct house *h = *state;
	char length[64];

	open_all(h);
	dial(h);
	say(h, STREAM);
	snprintf(length, sizeof(length), "Content-Length: %zu\r\n\r\n",
	    sizeof(text) - 1);
	say(h, length);
	say(h, text);
	hear(h, "\"cursor\":\"1.1\"");
	hear(h, "\"cursor\":\"1.2\"");
	hear(h, "\r\n0\r\n\r\n");
	say(h, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
	hear(h, "{\"healthy\":true}");
}

static void
lines_are_answered_while_the_request_goes_on(void **state)
{
	static const char line[] = M("1") "\n";
	struct house *h = *state;
	char size[16];

	open_all(h);
	dial(h);
	say(h, STREAM "Transfer-Encoding: chunked\r\n\r\n");
	snprintf(size, sizeof(size), "%zx\r\n", sizeof(line) - 1);
	for (unsigned i = 0; i < 20; i++) {
		say(h, size);
		say(h, line);
		say(h, "\r\n");
		hear(h, "\"hubs\":2}\n");
	}
}

static void
a_line_that_is_too_long_costs_only_itself(void **state)
{
	struct house *h = *state;
	struct buf b = {0};

	open_all(h);
	h->front.limits.body_max = 70000;
	for (unsigned i = 0; i < 2; i++) { /* a little, and several reads */
		size_t n = i == 0 ? 70001 : 300000;

		dial(h);
		say(h, STREAM "Transfer-Encoding: chunked\r\n\r\n");
		buf_clear(&b);
		buf_str(&b, M("1") "\n");
		memset(buf_room(&b, n), 'x', n);
		b.n += n;
		buf_str(&b, "\n" M("2") "\n");
		n = b.n;
		buf_printf(&b, "\r\n0\r\n\r\n");
		{
			char size[16];

			snprintf(size, sizeof(size), "%zx\r\n", n);
			say(h, size);
		}
		say_bytes(h, buf_slice(&b));
		hear(h, "\"hubs\":2}\n");
		hear(h, "{\"error\":{\"code\":\"too_large\"");
		hear(h, "\"hubs\":2}\n");
		hear(h, "\r\n0\r\n\r\n");
		assert_null(strstr(h->got.p, "error"));
	}
	buf_free(&b);
}

static bool
bulk_is_full(struct house *h)
{
	return h->published >= h->count;
}

static void
a_stream_waits_when_too_many_lines_are_unanswered(void **state)
{
	enum { MANY = BULK_LINES + 500 };
	static const char line[] = M("1") "\n";
	struct house *h = *state;
	struct buf b = {0};
	char size[16];

	open_all(h);
	h->mute = true;
	dial(h);
	say(h, STREAM "Transfer-Encoding: chunked\r\n\r\n");
	for (unsigned i = 0; i < MANY; i++)
		buf_add(&b, line, sizeof(line) - 1);
	snprintf(size, sizeof(size), "%zx\r\n", b.n);
	buf_str(&b, "\r\n0\r\n\r\n");
	say(h, size);
	/* what is not read fits the socket's own buffer */
	say_bytes(h, buf_slice(&b));
	h->count = BULK_LINES;
	until(h, bulk_is_full);
	few_turns(h);
	assert_int_equal(h->published, BULK_LINES);
	h->mute = false;
	for (uint64_t seq = 1; seq <= BULK_LINES; seq++)
		server_answer(h, seq);
	for (unsigned i = 0; i < MANY; i++)
		hear(h, "\"hubs\":2}\n");
	hear(h, "\r\n0\r\n\r\n");
	assert_int_equal(h->published, MANY);
	buf_free(&b);
}

static void
a_bad_chunk_ends_a_stream_with_a_last_line(void **state)
{
	struct house *h = *state;

	open_all(h);
	dial(h);
	say(h, STREAM "Transfer-Encoding: chunked\r\n\r\nx\r\n");
	hear(h, "{\"error\":{\"code\":\"bad_chunk_size\"");
	hear(h, "\r\n0\r\n\r\n");
	hear_end(h);
}

static void
a_stream_of_http_1_0_is_answered_without_chunks(void **state)
{
	struct house *h = *state;

	open_all(h);
	dial(h);
	say(h, "POST /v1/publish HTTP/1.0\r\n" KEY
	       "Content-Type: application/x-ndjson\r\n"
	       "Content-Length: 39\r\n\r\n" M("1") "\n\n");
	hear(h, "Connection: close\r\nDate: ");
	hear(h, " GMT\r\n\r\n{\"id\":null");
	hear(h, "\"hubs\":2}\n");
	hear_end(h);
	assert_int_equal(h->got.n, 0);
}

static void
a_raw_body_is_one_message(void **state)
{
	struct house *h = *state;

	open_all(h);
	dial(h);
	say(h, "POST /v1/publish?channel=/demo/public/x&id=7&ttl=60 HTTP/1.1"
	       "\r\nHost: x\r\n" KEY "Content-Type: text/csv\r\n"
	       "Content-Length: 3\r\n\r\n[1,");
	hear(h, "{\"id\":\"7\",\"channel\":\"/demo/public/x\"");
	assert_string_equal(h->notes[0].type, "text/csv");
	assert_string_equal(h->notes[0].body, "[1,");
	assert_string_equal(h->notes[0].id, "7");
	assert_true(h->notes[0].expires > 60000);
}

static void
what_the_store_refuses_is_told(void **state)
{
	struct house *h = *state;

	open_all(h);
	h->code = CODE_busy;
	dial(h);
	say(h, POST "Content-Length: 37\r\n\r\n" M("1"));
	hear(h, "HTTP/1.1 503 Service Unavailable\r\n");
	hear(h, "Retry-After: 1\r\n");
	hear(h, "{\"error\":{\"code\":\"busy\"");
}

TESTS(story(an_array_is_answered_by_an_array),
    story(an_empty_array_is_answered_by_one),
    story(an_array_that_is_no_json_publishes_nothing),
    story(an_array_of_which_some_are_not_answered_says_so),
    story(lines_may_be_cut_anywhere),
    story(a_stream_with_a_length_ends_with_it),
    story(lines_are_answered_while_the_request_goes_on),
    story(a_line_that_is_too_long_costs_only_itself),
    story(a_stream_waits_when_too_many_lines_are_unanswered),
    story(a_bad_chunk_ends_a_stream_with_a_last_line),
    story(a_stream_of_http_1_0_is_answered_without_chunks),
    story(a_raw_body_is_one_message), story(what_the_store_refuses_is_told))

/* http_reply_test.c - what goes out is whole, counted and cannot be split. */
#include "common/http_reply.h"
#include "tests/unit/test.h"

static void
is(struct buf *b, const char *want)
{
	assert_int_equal(b->n, strlen(want));
	assert_memory_equal(b->p, want, b->n);
	buf_clear(b);
}

static void
writes_whole_answers(void **state)
{
	struct buf b = {0};

	(void)state;
	http_reply(&b, &(struct http_reply){.status = 200,
			   .type = SLICE("text/plain"),
			   .extra = SLICE("A: b\r\n"),
			   .date = SLICE("Date: now\r\n"),
			   .body = SLICE("hello")});
	is(&b, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nA: b\r\n"
	       "Date: now\r\nContent-Length: 5\r\n\r\nhello");
	http_reply(&b, &(struct http_reply){.status = 404, .close = true});
	is(&b, "HTTP/1.1 404 Not Found\r\nConnection: close\r\n"
	       "Content-Length: 0\r\n\r\n");
	http_reply(&b, &(struct http_reply){.status = 200,
			   .old = true,
			   .head = true,
			   .body = SLICE("0123456789")});
	is(&b, "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n"
	       "Content-Length: 10\r\n\r\n");
	http_reply(&b, &(struct http_reply){.status = 599});
	is(&b, "HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n");
	http_reply(&b, &(struct http_reply){.status = 599, /* all it may have */
			   .close = true,
			   .type = SLICE("a/b"),
			   .extra = SLICE("A: b\r\n"),
			   .date = SLICE("Date: now\r\n"),
			   .body = SLICE("hello")});
	is(&b, "HTTP/1.1 599 \r\nContent-Type: a/b\r\nConnection: close\r\n"
	       "A: b\r\nDate: now\r\nContent-Length: 5\r\n\r\nhello");
	buf_free(&b);
}

static void
some_answers_have_no_length(void **state)
{
	static const struct {
		unsigned status;
		const char *want;
	} cases[] = {
	    {100, "HTTP/1.1 100 Continue\r\n\r\n"},
	    {101, "HTTP/1.1 101 Switching Protocols\r\n\r\n"},
	    {204, "HTTP/1.1 204 No Content\r\n\r\n"},
	    {304, "HTTP/1.1 304 Not Modified\r\n\r\n"},
	};
	struct buf b = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		http_reply(&b, &(struct http_reply){.status = cases[i].status,
				   .body = SLICE("never")});
		is(&b, cases[i].want);
	}
	buf_free(&b);
}

static void
streams_are_chunked_but_to_old_clients(void **state)
{
	struct http_reply r = {
	    .status = 200, .type = SLICE("text/event-stream")};
	struct buf b = {0};

	(void)state;
	http_reply_stream(&b, &r);
	is(&b, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	       "Transfer-Encoding: chunked\r\n\r\n");
	r.old = true;
	http_reply_stream(&b, &r);
	is(&b, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	       "Connection: close\r\n\r\n");
	buf_free(&b);
}

static void
an_answer_past_the_cap_leaves_nothing(void **state)
{
	struct http_reply r = {.status = 200, .body = SLICE("hello")};
	struct http_fault why = {"c", "m", NULL};
	size_t whole =
	    sizeof("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");

	(void)state;
	for (size_t max = 1; max < whole; max++) {
		struct buf b = {.max = max};

		assert_int_equal(http_reply(&b, &r), max == whole - 1);
		assert_int_equal(b.n, max == whole - 1 ? max : 0);
		assert_false(http_reply_fault(&b, &r, &why));
		buf_free(&b);
	}
}

static void
a_header_line_cannot_be_split(void **state)
{
	struct buf b = {0};

	(void)state;
	assert_false(http_line(&b, "Location", SLICE("/a\r\nSet-Cookie: x")));
	assert_false(http_line(&b, "Location", SLICE("/a\nb")));
	assert_false(http_line(&b, "Location", SLICE("/a\0b")));
	assert_int_equal(b.n, 0);
	assert_true(http_line(&b, "Retry-After", SLICE("1")));
	is(&b, "Retry-After: 1\r\n");
	buf_free(&b);
}

static void
error_bodies_are_json_whatever_is_put_in(void **state)
{
	/* cut: one mark; overlong, surrogate, beyond the last, stray: one a
	 * byte */
	static const struct {
		const char *in, *out;
	} cases[] = {
	    {"a\"b\\c/", "a\\\"b\\\\c/"},
	    {"\x01\n\x1f\x7f", "\\u0001\\n\\u001f\x7f"},
	    {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x93\xaf",
		"\xc3\xa4\xe2\x82\xac\xf0\x9f\x93\xaf"},
	    {"\xc3", "\xef\xbf\xbd"},
	    {"\xe2\x82", "\xef\xbf\xbd"},
	    {"\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd"},
	    {"\xe0\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	    {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	    {"\xf4\x90\x80\x80",
		"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	    {"\x80z", "\xef\xbf\xbdz"},
	    {"\xff", "\xef\xbf\xbd"},
	};
	struct buf b = {0}, want = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice in = exact(cases[i].in, strlen(cases[i].in) + 1);
		struct http_fault why = {"code", in.p, in.p};

		buf_clear(&want);
		buf_printf(&want,
		    "{\"error\":{\"code\":\"code\",\"message\":\"%s\","
		    "\"field\":\"%s\"}}%c",
		    cases[i].out, cases[i].out, 0);
		assert_true(http_error_body(&b, &why));
		is(&b, want.p);
		free((char *)in.p);
	}
	http_error_body(&b, &(struct http_fault){"c", "m", NULL});
	is(&b, "{\"error\":{\"code\":\"c\",\"message\":\"m\"}}");
	buf_free(&want);
	buf_free(&b);
}

static void
refusals_close_and_405_says_what_is_allowed(void **state)
{
	struct buf b = {0};

	(void)state;
	http_refuse(&b, HTTP_E_CONNECT, SLICE(""));
	is(&b, "HTTP/1.1 501 Not Implemented\r\n"
	       "Content-Type: application/json\r\nConnection: close\r\n"
	       "Content-Length: 72\r\n\r\n"
	       "{\"error\":{\"code\":\"not_a_proxy\","
	       "\"message\":\"CONNECT is not served here.\"}}");
	http_not_allowed(&b,
	    &(struct http_reply){.extra = SLICE("A: b\r\n"), .head = true},
	    HTTP_ALLOW(HTTP_GET) | HTTP_ALLOW(HTTP_HEAD));
	is(&b, "HTTP/1.1 405 Method Not Allowed\r\n"
	       "Content-Type: application/json\r\nA: b\r\n"
	       "Allow: GET, HEAD\r\nContent-Length: 92\r\n\r\n");
	http_allow(&b, UINT32_MAX);
	is(&b, "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n");
	http_allow(&b, 0);
	is(&b, "Allow: \r\n");
	buf_free(&b);
}

static void
every_error_status_has_a_reason(void **state)
{
	(void)state;
	for (int e = HTTP_ERRORS_BEGIN + 1; e < HTTP_ERRORS_END; e++)
		assert_true(http_reason(http_error_status(e, NULL)).n != 0);
	assert_true(slice_is(http_reason(503), "Service Unavailable"));
	assert_int_equal(http_reason(299).n, 0);
}

TESTS(unit(writes_whole_answers), unit(some_answers_have_no_length),
    unit(streams_are_chunked_but_to_old_clients),
    unit(an_answer_past_the_cap_leaves_nothing),
    unit(a_header_line_cannot_be_split),
    unit(error_bodies_are_json_whatever_is_put_in),
    unit(refusals_close_and_405_says_what_is_allowed),
    unit(every_error_status_has_a_reason))

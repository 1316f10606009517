/* http_test.c - one meaning or none: what is ambiguous is refused by name. */
#include "common/http.h"
#include "tests/unit/test.h"

#include <stdio.h>

#define LINE "GET / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define GET  LINE HOST

static const struct {
	const char *name, *request;
	int error;
} bad[] = {
    /* clang-format off */
    {"tls hello", "\x16\x03\x01", HTTP_E_BAD_METHOD},
    {"no method", " / HTTP/1.1\r\n" HOST "\r\n", HTTP_E_BAD_METHOD},
    {"method with colon", "GE:T / HTTP/1.1\r\n", HTTP_E_BAD_METHOD},
    {"method then tab", "GET\t/ HTTP/1.1\r\n", HTTP_E_BAD_METHOD},
    {"method alone", "GET\r\n", HTTP_E_BAD_METHOD},
    {"method in 8 bits", "G\xc3\x89T / HTTP/1.1\r\n", HTTP_E_BAD_METHOD},
    {"two spaces before target", "GET  / HTTP/1.1\r\n", HTTP_E_BAD_TARGET},
    {"tab before target", "GET \t/ HTTP/1.1\r\n", HTTP_E_BAD_TARGET},
    {"tab in target", "GET /a\tb HTTP/1.1\r\n", HTTP_E_BAD_TARGET},
    {"fragment", "GET /a#b HTTP/1.1\r\n", HTTP_E_BAD_TARGET},
    {"target in 8 bits", "GET /\xc3\xa4 HTTP/1.1\r\n", HTTP_E_BAD_TARGET},
    {"DEL in target", "GET /\x7f HTTP/1.1\r\n", HTTP_E_BAD_TARGET},
    {"backslash in target", "GET /a\\b HTTP/1.1\r\n", HTTP_E_BAD_TARGET},
    {"quote in target", "GET /\"a HTTP/1.1\r\n", HTTP_E_BAD_TARGET},
    {"relative target", "GET a HTTP/1.1\r\n", HTTP_E_BAD_TARGET},
    {"asterisk with GET", "GET * HTTP/1.1\r\n", HTTP_E_BAD_TARGET},
    {"asterisk and more", "OPTIONS *a HTTP/1.1\r\n", HTTP_E_BAD_TARGET},
    {"other scheme", "GET ftp://a/ HTTP/1.1\r\n", HTTP_E_BAD_TARGET},
    {"scheme without slashes", "GET http:/a HTTP/1.1\r\n", HTTP_E_BAD_TARGET},
    {"scheme cut short", "GET http HTTP/1.1\r\n", HTTP_E_BAD_TARGET},
    {"authority-form", "GET a:80 HTTP/1.1\r\n", HTTP_E_BAD_TARGET},
    {"user in authority", "GET http://u@a/ HTTP/1.1\r\n", HTTP_E_BAD_HOST},
    {"no authority", "GET http:///x HTTP/1.1\r\n", HTTP_E_BAD_HOST},
    {"CONNECT", "CONNECT a:443 HTTP/1.1\r\n", HTTP_E_CONNECT},
    {"http 0.9", "GET /\r\n", HTTP_E_BAD_VERSION},
    {"http 0.9, bare LF", "GET /\n", HTTP_E_BAD_VERSION},
    {"space and no version", "GET / \r\n", HTTP_E_BAD_VERSION},
    {"two spaces before version", "GET /  HTTP/1.1\r\n", HTTP_E_BAD_VERSION},
    {"tab before version", "GET / \tHTTP/1.1\r\n", HTTP_E_BAD_VERSION},
    {"space behind version", "GET / HTTP/1.1 \r\n", HTTP_E_BAD_VERSION},
    {"tab behind version", "GET / HTTP/1.1\t\r\n", HTTP_E_BAD_VERSION},
    {"lower case version", "GET / http/1.1\r\n", HTTP_E_BAD_VERSION},
    {"letter in version", "GET / HTTP/1.x\r\n", HTTP_E_BAD_VERSION},
    {"long version", "GET / HTTP/1.10\r\n", HTTP_E_BAD_VERSION},
    {"space in target", "GET /a b HTTP/1.1\r\n", HTTP_E_BAD_VERSION},
    {"http 2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP_E_BAD_TARGET},
    {"http 2", "GET / HTTP/2.0\r\n", HTTP_E_VERSION},
    {"http 1.2", "GET / HTTP/1.2\r\n", HTTP_E_VERSION},
    {"bare LF behind version", "GET / HTTP/1.1\n" HOST "\r\n", HTTP_E_BAD_LINE},
    {"bare CR behind version", "GET / HTTP/1.1\rHost", HTTP_E_BAD_LINE},
    {"bare LF behind header", LINE "Host: a\n\r\n", HTTP_E_BAD_LINE},
    {"bare LF at the end", GET "\n", HTTP_E_BAD_LINE},
    {"bare CR at the end", GET "\rX", HTTP_E_BAD_LINE},
    {"bare CR in value", GET "A: b\rTransfer-Encoding: x\r\n", HTTP_E_BAD_LINE},
    {"two empty lines first", "\r\n\r\n" GET "\r\n", HTTP_E_EMPTY_LINES},
    {"bare LF first", "\n" GET "\r\n", HTTP_E_BAD_LINE},
    {"bare CR first", "\rGET / HTTP/1.1\r\n", HTTP_E_BAD_LINE},
    {"fold", GET "A: b\r\n c: d\r\n\r\n", HTTP_E_FOLDED},
    {"fold by tab", GET "A: b\r\n\tc\r\n\r\n", HTTP_E_FOLDED},
    {"space before first header", LINE " " HOST "\r\n", HTTP_E_FOLDED},
    {"fold of a coding", GET "Transfer-Encoding:\r\n chunked\r\n",
	HTTP_E_CODING},
    {"space before colon", LINE "Host : a\r\n\r\n", HTTP_E_BAD_NAME},
    {"tab before colon", GET "Transfer-Encoding\t: chunked\r\n",
	HTTP_E_BAD_NAME},
    {"no name", GET ": b\r\n\r\n", HTTP_E_BAD_NAME},
    {"no colon", GET "abc\r\n\r\n", HTTP_E_BAD_NAME},
    {"VT before coding", GET "\vTransfer-Encoding: x\r\n", HTTP_E_BAD_NAME},
    {"name in 8 bits", GET "\xc3\xa4: b\r\n", HTTP_E_BAD_NAME},
    {"name with bracket", GET "a[1]: b\r\n", HTTP_E_BAD_NAME},
    {"DEL in value", GET "A: b\x7f\r\n", HTTP_E_BAD_VALUE},
    {"ESC far in value", GET "A: 0123456789abcdef\x1b-\r\n", HTTP_E_BAD_VALUE},
    {"VT around coding", GET "Transfer-Encoding: \vchunked\r\n",
	HTTP_E_BAD_VALUE},
    {"FF behind coding", GET "Transfer-Encoding: chunked\f\r\n",
	HTTP_E_BAD_VALUE},
    {"no host", LINE "\r\n", HTTP_E_NO_HOST},
    {"no host but in target", "GET http://a/ HTTP/1.1\r\n\r\n", HTTP_E_NO_HOST},
    {"two hosts", GET HOST "\r\n", HTTP_E_REPEATED},
    {"empty host", LINE "Host:\r\n\r\n", HTTP_E_BAD_HOST},
    {"host list", LINE "Host: a, b\r\n\r\n", HTTP_E_BAD_HOST},
    {"host with user", LINE "Host: a@b\r\n\r\n", HTTP_E_BAD_HOST},
    {"host with path", LINE "Host: a/b\r\n\r\n", HTTP_E_BAD_HOST},
    {"host with space", LINE "Host: a b\r\n\r\n", HTTP_E_BAD_HOST},
    {"host with escape", LINE "Host: a%00\r\n\r\n", HTTP_E_BAD_HOST},
    {"host without name", LINE "Host: :80\r\n\r\n", HTTP_E_BAD_HOST},
    {"host with word for port", LINE "Host: a:b\r\n\r\n", HTTP_E_BAD_HOST},
    {"host with two ports", LINE "Host: a:1:2\r\n\r\n", HTTP_E_BAD_HOST},
    {"port too big", LINE "Host: a:65536\r\n\r\n", HTTP_E_BAD_HOST},
    {"bracket open", LINE "Host: [::1\r\n\r\n", HTTP_E_BAD_HOST},
    {"bracket empty", LINE "Host: []\r\n\r\n", HTTP_E_BAD_HOST},
    {"bracket and name", LINE "Host: [::1]a\r\n\r\n", HTTP_E_BAD_HOST},
    {"CL.TE", GET "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
	HTTP_E_BOTH_LENGTHS},
    {"TE.CL", GET "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
	HTTP_E_BOTH_LENGTHS},
    {"TE.CL of 0",
	GET "Transfer-Encoding: chunked\r\ncontent-length: 0\r\n\r\n",
	HTTP_E_BOTH_LENGTHS},
    {"CL.CL", GET "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
	HTTP_E_REPEATED},
    {"CL.CL alike", GET "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
	HTTP_E_REPEATED},
    {"CL list", GET "Content-Length: 5, 5\r\n\r\n", HTTP_E_BAD_LENGTH},
    {"CL empty", GET "Content-Length:\r\n\r\n", HTTP_E_BAD_LENGTH},
    {"CL with plus", GET "Content-Length: +5\r\n\r\n", HTTP_E_BAD_LENGTH},
    {"CL with minus", GET "Content-Length: -5\r\n\r\n", HTTP_E_BAD_LENGTH},
    {"CL in hex", GET "Content-Length: 0x5\r\n\r\n", HTTP_E_BAD_LENGTH},
    {"CL with space", GET "Content-Length: 1 2\r\n\r\n", HTTP_E_BAD_LENGTH},
    {"CL with point", GET "Content-Length: 1.0\r\n\r\n", HTTP_E_BAD_LENGTH},
    {"CL of 2^63", GET "Content-Length: 9223372036854775808\r\n\r\n",
	HTTP_E_BAD_LENGTH},
    {"CL of 2^64 + 5", GET "Content-Length: 18446744073709551621\r\n\r\n",
	HTTP_E_BAD_LENGTH},
    {"TE.TE",
	GET "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
	HTTP_E_REPEATED},
    {"TE.TE identity", GET "Transfer-Encoding: chunked\r\n"
	"Transfer-encoding: identity\r\n", HTTP_E_REPEATED},
    {"TE list", GET "Transfer-Encoding: gzip, chunked\r\n", HTTP_E_CODING},
    {"TE twice in a list", GET "Transfer-Encoding: chunked, chunked\r\n",
	HTTP_E_CODING},
    {"TE identity", GET "Transfer-Encoding: identity\r\n", HTTP_E_CODING},
    {"TE xchunked", GET "Transfer-Encoding: xchunked\r\n", HTTP_E_CODING},
    {"TE quoted", GET "Transfer-Encoding: \"chunked\"\r\n", HTTP_E_CODING},
    {"TE with parameter", GET "Transfer-Encoding: chunked;q=1\r\n",
	HTTP_E_CODING},
    {"TE with comma", GET "Transfer-Encoding: ,chunked\r\n", HTTP_E_CODING},
    {"TE empty", GET "Transfer-Encoding:\r\n", HTTP_E_CODING},
    {"TE in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
	HTTP_E_OLD_CODING},
    {"expects wonders", GET "Expect: 200-ok\r\n\r\n", HTTP_E_EXPECT},
    {"upgrades twice", GET "Upgrade: a\r\nUpgrade: b\r\n", HTTP_E_REPEATED},
    /* clang-format on */
};

/* clang-format off */
static const char *const good[] = {
    (GET "\r\n"),
    ("\r\n" GET "\r\n"),
    ("POST /v1/publish?channel=%2Fa%2Fb&x HTTP/1.1\r\nhost: [::1]:4000\r\n"
	"Content-Type:application/json\r\nContent-Length: 17 \r\n"
	"X-Empty:\r\nX-Blank: \t \r\nX-Text: \xc3\xa4 tab\there\r\n\r\n"),
    ("GET http://a.example:80?q HTTP/1.1\r\nHost: b\r\n"
	"Connection: Keep-Alive , UPGRADE\r\nUpgrade: websocket\r\n\r\n"),
    ("OPTIONS * HTTP/1.1\r\nHost: a_b.c-d:\r\nConnection: close\r\n\r\n"),
    ("FANCY!#$%&'*+-.^_`|~ /{[|]}^` HTTP/1.0\r\n"
	"Connection: keep-alive\r\n\r\n"),
};
/* clang-format on */

/* In one piece, from a block of exactly that size. */
static int
parse(const char *p, size_t n, struct http_request *r)
{
	struct slice in = exact(p, n);
	size_t seen = 0;
	int rc = http_parse(in, &seen, HTTP_HEAD_MAX, r);

	free((char *)in.p);
	return rc;
}

/* Grown from at bytes on, step at a time, each time in a new block. */
static int
parse_grown(struct slice whole, size_t at, size_t step, struct http_request *r)
{
	size_t seen = 0;
	int rc = 0;

	for (; rc == 0; at = at + step < whole.n ? at + step : whole.n) {
		struct slice in = exact(whole.p, at);

		rc = http_parse(in, &seen, HTTP_HEAD_MAX, r);
		free((char *)in.p);
		if (at == whole.n)
			break;
	}
	return rc;
}

static void
every_smuggling_form_is_refused_by_its_name(void **state)
{
	struct http_request r;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *s = bad[i].request;
		int rc = parse(s, strlen(s), &r);

		if (rc != bad[i].error)
			fail_msg("%s: got %d", bad[i].name, rc);
	}
}

static void
the_error_does_not_depend_on_the_cuts(void **state)
{
	struct http_request r;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct slice s = slice_of(bad[i].request);

		for (size_t at = 0; at <= s.n; at++) {
			struct slice first = {s.p, at};
			int rc = parse(first.p, first.n, &r);

			assert_true(rc == 0 || rc == bad[i].error);
			rc = parse_grown(s, at, s.n, &r);
			/* without an end of line it may wait for one */
			assert_true(rc == bad[i].error ||
				    (rc == 0 && s.p[s.n - 1] != '\n'));
		}
	}
}

static void
every_truncation_of_a_good_head_wants_more(void **state)
{
	struct http_request r;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct slice s = slice_of(good[i]);

		for (size_t n = 0; n < s.n; n++)
			assert_int_equal(parse(s.p, n, &r), 0);
		assert_int_equal(parse(s.p, s.n, &r), s.n);
		for (size_t at = 0; at <= s.n; at++)
			assert_int_equal(parse_grown(s, at, s.n, &r), s.n);
		assert_int_equal(parse_grown(s, 0, 1, &r), s.n);
	}
}

/* Bytes that may stand nowhere, put everywhere. */
static void
a_control_character_is_refused_wherever_it_stands(void **state)
{
	static const char controls[] = {0, 1, 8, 11, 12, 14, 27, 31, 127};
	struct slice s = slice_of(good[2]);
	struct http_request r;
	char copy[512];

	(void)state;
	assert_true(s.n < sizeof(copy));
	for (size_t i = 0; i < s.n * sizeof(controls); i++) {
		memcpy(copy, s.p, s.n);
		copy[i / sizeof(controls)] = controls[i % sizeof(controls)];
		assert_true(parse(copy, s.n, &r) < 0);
	}
}

static void
reads_a_publish(void **state)
{
	struct slice s = exact(good[2], strlen(good[2]));
	struct http_request r;
	size_t seen = 0;

	(void)state;
	assert_int_equal(http_parse(s, &seen, HTTP_HEAD_MAX, &r), s.n);
	assert_int_equal(seen, 0);
	assert_int_equal(r.verb, HTTP_POST);
	assert_true(slice_is(r.method, "POST"));
	assert_true(slice_is(r.path, "/v1/publish"));
	assert_true(slice_is(r.query, "channel=%2Fa%2Fb&x"));
	assert_true(slice_is(r.host, "[::1]:4000"));
	assert_int_equal(r.body, HTTP_BODY_LENGTH);
	assert_int_equal(r.content_length, 17);
	assert_int_equal(r.minor, 1);
	assert_int_equal(r.count, 6);
	assert_true(r.keep_alive && !r.expect_continue);
	assert_null(r.upgrade.p);
	assert_true(slice_is(
	    http_header(&r, SLICE("CONTENT-type")), "application/json"));
	assert_non_null(http_header(&r, SLICE("x-blank")).p);
	assert_int_equal(http_header(&r, SLICE("x-blank")).n, 0);
	assert_true(
	    slice_is(http_header(&r, SLICE("x-text")), "\xc3\xa4 tab\there"));
	assert_null(http_header(&r, SLICE("x-none")).p);
	free((char *)s.p);
}

static void
the_target_overrules_the_host(void **state)
{
	struct http_request r;

	(void)state;
	assert_true(parse(good[3], strlen(good[3]), &r) > 0);
	assert_int_equal(r.path.n, 1);
	assert_int_equal(r.host.n, sizeof("a.example:80") - 1);
	assert_int_equal(r.query.n, 1);
	assert_int_equal(r.upgrade.n, sizeof("websocket") - 1);
	assert_true(r.keep_alive);
	assert_true(parse(good[4], strlen(good[4]), &r) > 0);
	assert_int_equal(r.verb, HTTP_OPTIONS);
	assert_false(r.keep_alive);
	assert_true(parse(good[5], strlen(good[5]), &r) > 0);
	assert_int_equal(r.verb, HTTP_OTHER);
	assert_true(r.keep_alive && r.minor == 0);
}

/* What follows from the headers, for both versions. */
static void
derives_what_becomes_of_the_connection(void **state)
{
	static const struct {
		const char *headers;
		unsigned minor;
		bool keep, expect, upgrade;
		enum http_body body;
	} cases[] = {
	    {"", 1, true, false, false, HTTP_BODY_NONE},
	    {"", 0, false, false, false, HTTP_BODY_NONE},
	    {"Connection: close, keep-alive\r\n", 0, false, 0, 0, 0},
	    {"Connection: foo\r\nConnection:, Close\r\n", 1, false, 0, 0, 0},
	    {"Connection: closed\r\n", 1, true, 0, 0, 0},
	    {"Content-Length: 0\r\n", 1, true, 0, 0, HTTP_BODY_NONE},
	    {"Content-Length: 007\r\n", 1, true, 0, 0, HTTP_BODY_LENGTH},
	    {"Transfer-Encoding: Chunked\r\n", 1, true, 0, 0,
		HTTP_BODY_CHUNKED},
	    {"Expect: 100-Continue\r\n", 1, true, false, 0, 0},
	    {"Expect: 100-Continue\r\nContent-Length: 1\r\n", 1, true, true, 0,
		HTTP_BODY_LENGTH},
	    {"Expect: what\r\nContent-Length: 1\r\n", 0, false, false, 0,
		HTTP_BODY_LENGTH},
	    {"Upgrade: websocket\r\n", 1, true, 0, false, 0},
	    {"Connection: upgrade\r\n", 1, true, 0, false, 0},
	    {"Connection: upgrade\r\nUpgrade: h2c\r\n", 1, true, 0, true, 0},
	    {"Connection: upgrade\r\nUpgrade: a\r\n", 0, false, 0, false, 0},
	};
	struct http_request r;
	char head[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int n = snprintf(head, sizeof(head),
		    "GET / HTTP/1.%u\r\nHost: a\r\n%s\r\n", cases[i].minor,
		    cases[i].headers);

		assert_int_equal(parse(head, (size_t)n, &r), n);
		assert_int_equal(r.keep_alive, cases[i].keep);
		assert_int_equal(r.expect_continue, cases[i].expect);
		assert_int_equal(r.upgrade.p != NULL, cases[i].upgrade);
		assert_int_equal(r.body, cases[i].body);
	}
}

static void
limits_are_exact(void **state)
{
	size_t n, seen = 0, whole = sizeof(GET "\r\n") - 1;
	struct http_request r;
	char *big = malloc(70000);

	(void)state;
	assert_int_equal(
	    http_parse(SLICE(GET "\r\n"), &seen, whole, &r), whole);
	seen = 0;
	assert_int_equal(http_parse(SLICE(GET "\r\n"), &seen, whole - 1, &r),
	    HTTP_E_HEAD_LARGE);
	memset(big, 'a', 70000);
	assert_int_equal(parse(big, HTTP_HEAD_MAX - 1, &r), 0);
	assert_int_equal(parse(big, HTTP_HEAD_MAX, &r), HTTP_E_TARGET_LONG);
	memcpy(big, "GET /", 5);
	assert_int_equal(parse(big, 4 + HTTP_TARGET_MAX, &r), 0);
	assert_int_equal(
	    parse(big, 5 + HTTP_TARGET_MAX, &r), HTTP_E_TARGET_LONG);
	memcpy(big + 4 + HTTP_TARGET_MAX, " HTTP/1.1\r\n" HOST "X: a",
	    sizeof(" HTTP/1.1\r\n" HOST "X: a") - 1);
	assert_int_equal(parse(big, HTTP_HEAD_MAX - 1, &r), 0);
	assert_int_equal(parse(big, 70000, &r), HTTP_E_HEAD_LARGE);
	n = (size_t)snprintf(big, 70000, LINE HOST);
	for (int i = 1; i < HTTP_HEADERS_MAX; i++)
		n += (size_t)snprintf(big + n, 16, "a%d:\r\n", i);
	memcpy(big + n, "\r\n", 3);
	assert_int_equal(parse(big, n + 2, &r), n + 2);
	assert_int_equal(r.count, HTTP_HEADERS_MAX);
	memcpy(big + n, "b:\r\n\r\n", 7);
	assert_int_equal(parse(big, n + 6, &r), HTTP_E_HEADERS_MANY);
	free(big);
}

/* A slow client's head is looked at again only when a line has ended: what
 * was seen may change under the parser's feet without it noticing. */
static void
does_not_look_again_without_a_new_line(void **state)
{
	struct http_request r;
	size_t seen = 0;
	char in[] = GET "Cookie: abcdef";

	(void)state;
	assert_int_equal(http_parse((struct slice){in, sizeof(in) - 4}, &seen,
			     HTTP_HEAD_MAX, &r),
	    0);
	assert_int_equal(seen, sizeof(in) - 4);
	in[0] = '\0';
	assert_int_equal(http_parse((struct slice){in, sizeof(in) - 1}, &seen,
			     HTTP_HEAD_MAX, &r),
	    0);
	assert_int_equal(seen, sizeof(in) - 1);
	seen = 0;
	assert_int_equal(http_parse((struct slice){in, sizeof(in) - 1}, &seen,
			     HTTP_HEAD_MAX, &r),
	    HTTP_E_BAD_METHOD);
}

static void
pipelined_requests_come_one_by_one(void **state)
{
	struct slice in =
	    SLICE(GET "\r\n\r\n" GET "Content-Length: 2\r\n\r\nhi");
	struct http_request r;
	size_t seen = 0;
	int n;

	(void)state;
	n = http_parse(in, &seen, HTTP_HEAD_MAX, &r);
	assert_int_equal(n, sizeof(GET "\r\n") - 1);
	in = slice_from(in, (size_t)n);
	n = http_parse(in, &seen, HTTP_HEAD_MAX, &r);
	assert_int_equal(n, in.n - 2);
	assert_int_equal(r.content_length, 2);
}

TESTS(unit(every_smuggling_form_is_refused_by_its_name),
    unit(the_error_does_not_depend_on_the_cuts),
    unit(every_truncation_of_a_good_head_wants_more),
    unit(a_control_character_is_refused_wherever_it_stands),
    unit(reads_a_publish), unit(the_target_overrules_the_host),
    unit(derives_what_becomes_of_the_connection), unit(limits_are_exact),
    unit(does_not_look_again_without_a_new_line),
    unit(pipelined_requests_come_one_by_one))

/* tyron_reply_test.c - answers are those of Tornado, byte for byte. */
#include "common/tyron_reply.h"

#include "tests/unit/test.h"

/* Of "x", and of nothing. */
#define SHA_X "\"11f6ad8ec52a2984abaafd7c3b516503785c2072\""
#define SHA_0 "\"da39a3ee5e6b4b0d3255bfef95601890afd80709\""
#define DATE  "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
#define END   "Server: TornadoServer/3.2\r\n\r\n"

static void
is(const struct tyron_reply *r, bool error, const char *text)
{
	struct buf b = {0};

	if (error)
		tyron_reply_error(&b, r);
	else
		tyron_reply(&b, r);
	if (!slice_is(buf_slice(&b), text))
		fail_msg("%.*s", (int)b.n, b.p);
	buf_free(&b);
}

static void
a_message_has_these_headers_in_this_order(void **state)
{
	struct tyron_reply r = {.status = 200,
	    .date = SLICE(DATE),
	    .etag = SLICE(SHA_X),
	    .type = SLICE("text/plain"),
	    .body = SLICE("x")};

	(void)state;
	is(&r, false,
	    "HTTP/1.1 200 OK\r\n" DATE "Content-Length: 1\r\nEtag: " SHA_X
	    "\r\nContent-Type: text/plain\r\n" END "x");
	r.etag = (struct slice){NULL, 0};
	r.close = true;
	r.lines = SLICE("A: b\r\n");
	is(&r, false,
	    "HTTP/1.1 200 OK\r\nConnection: close\r\n" DATE
	    "Content-Length: 1\r\nContent-Type: text/plain\r\nA: b\r\n" END
	    "x");
}

static void
a_body_that_is_known_is_not_sent_again(void **state)
{
	struct tyron_reply r = {.status = 200,
	    .date = SLICE(DATE),
	    .etag = SLICE(SHA_X),
	    .match = SLICE("\"a\", " SHA_X ", \"b\""),
	    .type = SLICE("text/plain"),
	    .body = SLICE("x")};

	(void)state;
	is(&r, false,
	    "HTTP/1.1 304 Not Modified\r\n" DATE "Etag: " SHA_X "\r\n" END);
	r.match = SLICE(SHA_0);
	is(&r, false,
	    "HTTP/1.1 200 OK\r\n" DATE "Content-Length: 1\r\nEtag: " SHA_X
	    "\r\nContent-Type: text/plain\r\n" END "x");
}

static void
an_error_is_a_small_page(void **state)
{
	struct tyron_reply r = {.status = 404, .date = SLICE(DATE)};

	(void)state;
	is(&r, true,
	    "HTTP/1.1 404 Not Found\r\n" DATE "Content-Length: 69\r\n"
	    "Content-Type: text/html; charset=UTF-8\r\n" END
	    "<html><title>404: Not Found</title>"
	    "<body>404: Not Found</body></html>");
	r.head = r.old = true;
	is(&r, true,
	    "HTTP/1.1 404 Not Found\r\nConnection: keep-alive\r\n" DATE
	    "Content-Length: 69\r\n"
	    "Content-Type: text/html; charset=UTF-8\r\n" END);
}

static void
an_etag_is_the_digest_of_the_body(void **state)
{
	char room[TYRON_ETAG];

	(void)state;
	assert_true(slice_is(tyron_etag(SLICE("x"), room), SHA_X));
	assert_true(slice_is(tyron_etag(SLICE(""), room), SHA_0));
}

TESTS(unit(a_message_has_these_headers_in_this_order),
    unit(a_body_that_is_known_is_not_sent_again),
    unit(an_error_is_a_small_page), unit(an_etag_is_the_digest_of_the_body))

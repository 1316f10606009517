/* http_chunk_test.c - a body is the same however it was cut up. */
#include "common/http.h"
#include "common/http_chunk.h"
#include "tests/unit/test.h"

#include <stdio.h>

static const struct {
	const char *name, *body;
	int error;
} bad[] = {
    /* clang-format off */
    {"no size", "\r\n", HTTP_E_CHUNK_SIZE},
    {"plus", "+5\r\nhello\r\n", HTTP_E_CHUNK_SIZE},
    {"minus", "-5\r\n", HTTP_E_CHUNK_SIZE},
    {"0x", "0x5\r\nhello\r\n", HTTP_E_CHUNK_SIZE},
    {"space first", " 5\r\nhello\r\n", HTTP_E_CHUNK_SIZE},
    {"space behind", "5 \r\nhello\r\n", HTTP_E_CHUNK_SIZE},
    {"tab before extension", "5\t;a\r\n", HTTP_E_CHUNK_SIZE},
    {"not hex", "g\r\n", HTTP_E_CHUNK_SIZE},
    {"underscore", "1_0\r\n", HTTP_E_CHUNK_SIZE},
    {"2^32 + 1", "100000001\r\n", HTTP_E_CHUNK_SIZE},
    {"2^64", "10000000000000000\r\n", HTTP_E_CHUNK_SIZE},
    {"17 zeros", "00000000000000000\r\n", HTTP_E_CHUNK_SIZE},
    {"extension without size", ";a\r\n", HTTP_E_CHUNK_SIZE},
    {"bare LF behind size", "5\nhello\r\n", HTTP_E_CHUNK_SIZE},
    {"bare CR behind size", "5\rhello", HTTP_E_CHUNK_LINE},
    {"bare LF in extension", "5;a\nhello\r\n", HTTP_E_CHUNK_LINE},
    {"bare CR in extension", "5;a\rb\r\n", HTTP_E_CHUNK_LINE},
    {"control in extension", "5;a\vb\r\n", HTTP_E_CHUNK_LINE},
    {"data too long", "5\r\nhello!\r\n", HTTP_E_CHUNK_LINE},
    {"bare LF behind data", "5\r\nhello\n0\r\n\r\n", HTTP_E_CHUNK_LINE},
    {"bare CR behind data", "5\r\nhello\r0\r\n\r\n", HTTP_E_CHUNK_LINE},
    {"bare LF at the end", "0\r\n\n", HTTP_E_TRAILER},
    {"bare CR at the end", "0\r\n\rX", HTTP_E_TRAILER},
    {"trailer without colon", "0\r\nab\r\n\r\n", HTTP_E_TRAILER},
    {"trailer without name", "0\r\n: b\r\n\r\n", HTTP_E_TRAILER},
    {"trailer with space", "0\r\na : b\r\n\r\n", HTTP_E_TRAILER},
    {"trailer folded", "0\r\na: b\r\n c\r\n\r\n", HTTP_E_TRAILER},
    {"trailer, bare LF", "0\r\na: b\n\r\n", HTTP_E_TRAILER},
    {"trailer, bare CR", "0\r\na: b\rc\r\n\r\n", HTTP_E_TRAILER},
    {"trailer, control", "0\r\na: \x01\r\n\r\n", HTTP_E_TRAILER},
    /* clang-format on */
};

#define REST "GET / HTTP/1.1\r\n"

static const struct {
	const char *coded, *plain;
} good[] = {
    {"0\r\n\r\n", ""},
    {"5\r\nhello\r\n0\r\n\r\n", "hello"},
    {"5\r\nhello\r\n00A;x=\"y z\";w\r\n, \r\n world\r\n000\r\n\r\n",
	"hello, \r\n world"},
    {"1\r\n0\r\n1\r\n\r\r\n0;\r\nA:b\r\nX-Sum: \t\xc3\xa4\r\n\r\n", "0\r"},
    {"000000000000001A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n",
	"abcdefghijklmnopqrstuvwxyz"},
};

struct result {
	int rc;
	size_t left; /* of the piece that ended it */
	struct buf plain;
};

/* Feed a piece from its own exact block; true: that was the end. */
static bool
feed(struct http_chunk *c, struct slice piece, struct result *r)
{
	struct slice block = exact(piece.p, piece.n), in = block, out;

	while ((r->rc = http_chunk_read(c, &in, &out)) == HTTP_CHUNK_DATA) {
		assert_true(out.n != 0);
		assert_true(out.p >= block.p && out.p + out.n <= in.p);
		buf_put(&r->plain, out);
	}
	r->left = in.n;
	free((char *)block.p);
	return r->rc != HTTP_CHUNK_MORE;
}

/* The first `at` bytes, then `step` by `step`. */
static struct result
decode(struct slice s, size_t at, size_t step)
{
	struct http_chunk c = {0};
	struct result r = {0};

	while (!feed(&c, (struct slice){s.p, at}, &r)) {
		s = slice_from(s, at);
		if (s.n == 0)
			break;
		at = step < s.n ? step : s.n;
	}
	return r;
}

static void
bodies_are_decoded_at_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct slice s = slice_of(good[i].coded);

		for (size_t at = 0; at <= s.n; at++)
			for (size_t step = 1; step <= s.n; step++) {
				struct result r = decode(s, at, step);

				assert_int_equal(r.rc, HTTP_CHUNK_DONE);
				assert_int_equal(r.left, 0);
				assert_true(slice_is(
				    buf_slice(&r.plain), good[i].plain));
				buf_free(&r.plain);
			}
	}
}

static void
every_truncation_wants_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct slice s = slice_of(good[i].coded);

		for (size_t n = 0; n < s.n; n++) {
			struct result r = decode((struct slice){s.p, n}, n, 1);

			assert_int_equal(r.rc, HTTP_CHUNK_MORE);
			assert_true(slice_starts(
			    slice_of(good[i].plain), buf_slice(&r.plain)));
			buf_free(&r.plain);
		}
	}
}

static void
what_follows_the_body_is_left_alone(void **state)
{
	struct slice s = SLICE("2\r\nhi\r\n0\r\n\r\n" REST);
	struct result r = decode(s, s.n, s.n);

	(void)state;
	assert_int_equal(r.rc, HTTP_CHUNK_DONE);
	assert_int_equal(r.left, sizeof(REST) - 1);
	buf_free(&r.plain);
}

static void
every_bad_body_is_refused_at_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct slice s = slice_of(bad[i].body);

		for (size_t at = 0; at <= s.n; at++) {
			struct result r = decode(s, at, 1);

			if (r.rc != bad[i].error)
				fail_msg("%s: got %d", bad[i].name, r.rc);
			buf_free(&r.plain);
		}
	}
}

static void
a_bad_body_stays_bad(void **state)
{
	struct slice in = SLICE("x\r\n0\r\n\r\n"), out;
	struct http_chunk c = {0};

	(void)state;
	assert_int_equal(http_chunk_read(&c, &in, &out), HTTP_E_CHUNK_SIZE);
	assert_int_equal(http_chunk_read(&c, &in, &out), HTTP_E_CHUNK_SIZE);
	in.n = 0;
	assert_int_equal(http_chunk_read(&c, &in, &out), HTTP_E_CHUNK_SIZE);
}

static void
the_biggest_chunk_is_4_gib(void **state)
{
	struct slice in = SLICE("100000000\r\nx"), out;
	struct http_chunk c = {0};

	(void)state;
	assert_int_equal(http_chunk_read(&c, &in, &out), HTTP_CHUNK_DATA);
	assert_int_equal(out.n, 1);
	assert_true(c.left == HTTP_CHUNK_MAX - 1);
}

/* The budget is the whole body's, or one byte of data could cost 4 kB. */
static void
extensions_and_trailers_are_bounded(void **state)
{
	static const struct {
		int extra, trailer, rc;
	} cases[] = {
	    {HTTP_EXTRA_MAX, HTTP_TRAILER_MAX, HTTP_CHUNK_DONE},
	    {HTTP_EXTRA_MAX + 1, 4, HTTP_E_CHUNK_EXTRA},
	    {HTTP_EXTRA_MAX, HTTP_TRAILER_MAX + 1, HTTP_E_TRAILER_LONG},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b = {0};
		struct result r;

		for (int n = cases[i].extra; n > 0; n -= 1000)
			buf_printf(
			    &b, "1;%0*d\r\nx\r\n", n < 1000 ? n : 1000, 0);
		buf_printf(&b, "0\r\na:%0*d\r\n\r\n", cases[i].trailer - 4, 0);
		r = decode(buf_slice(&b), b.n, 1);
		assert_int_equal(r.rc, cases[i].rc);
		buf_free(&r.plain);
		buf_free(&b);
	}
}

static void
what_is_written_reads_back(void **state)
{
	struct buf b = {.max = 40};
	struct result r;

	(void)state;
	assert_true(http_chunk_write(&b, SLICE("hello, whole world")));
	assert_true(http_chunk_write(&b, SLICE("")));
	assert_false(http_chunk_write(&b, SLICE("too long for the cap")));
	assert_true(http_chunk_write(&b, SLICE("!")));
	assert_true(http_chunk_end(&b));
	assert_true(slice_is(
	    buf_slice(&b), "12\r\nhello, whole world\r\n1\r\n!\r\n0\r\n\r\n"));
	r = decode(buf_slice(&b), b.n, 1);
	assert_int_equal(r.rc, HTTP_CHUNK_DONE);
	assert_true(slice_is(buf_slice(&r.plain), "hello, whole world!"));
	buf_free(&r.plain);
	buf_free(&b);
}

TESTS(unit(bodies_are_decoded_at_every_split),
    unit(every_truncation_wants_more),
    unit(what_follows_the_body_is_left_alone),
    unit(every_bad_body_is_refused_at_every_split), unit(a_bad_body_stays_bad),
    unit(the_biggest_chunk_is_4_gib), unit(extensions_and_trailers_are_bounded),
    unit(what_is_written_reads_back))

/*
 * deflate_test.c - offers are weighed strictly, a packed message serves every
 * client of its window, and a bomb goes off in our hand only up to a limit.
 */
#include "common/must.h"
#include "hub/deflate.h"
#include "tests/unit/test.h"

#include <zlib.h>

#define S     SLICE_INIT
#define PMD   "permessage-deflate"
#define PLAIN PMD "; server_no_context_takeover; client_no_context_takeover"
#define BITS  PLAIN "; server_max_window_bits="

/* clang-format off */
static const struct {
	struct slice offers;
	const char *answer; /* NULL: malformed, "": none taken */
} rows[] = {
    {{NULL, 0}, ""},
    {S(""), ""},
    {S(" , ,"), ""},
    {S(PMD), PLAIN},
    {S(" " PMD " "), PLAIN},
    {S(PMD "; server_no_context_takeover"), PLAIN},
    {S(PMD ";client_no_context_takeover"), PLAIN},
    {S(PMD "; client_max_window_bits"), PLAIN},
    {S(PMD "; client_max_window_bits=8"), PLAIN},
    {S(PMD "; client_max_window_bits=15; server_max_window_bits=15"), BITS "15"},
    {S(PMD "; server_max_window_bits=10"), BITS "10"},
    {S(PMD " ; server_max_window_bits = \"9\" ; server_no_context_takeover"), BITS "9"},
    /* RFC 7692 7.1.3's, and other lists: the first that can be kept */
    {S(PMD "; client_max_window_bits; server_max_window_bits=10, " PMD "; client_max_window_bits"), BITS "10"},
    {S(PMD "; server_max_window_bits=8, " PMD), PLAIN},
    {S(PMD "; mystery, x-unknown; a=b, " PMD "; server_max_window_bits=12, " PMD), BITS "12"},
    {S("x-unknown;a;a;b=\"c\""), ""},
    /* offers we pass over */
    {S(PMD "; mystery"), ""},
    {S(PMD "; mystery=1"), ""},
    {S(PMD "; server_no_context_takeover=1"), ""},
    {S(PMD "; client_no_context_takeover=\"x\""), ""},
    {S(PMD "; server_no_context_takeover; server_no_context_takeover"), ""},
    {S(PMD "; client_max_window_bits; client_max_window_bits=9"), ""},
    {S(PMD "; client_max_window_bits=7"), ""},
    {S(PMD "; client_max_window_bits=16"), ""},
    {S(PMD "; client_max_window_bits=x"), ""},
    {S(PMD "; server_max_window_bits"), ""},
    {S(PMD "; server_max_window_bits=8"), ""},
    {S(PMD "; server_max_window_bits=08"), ""},
    {S(PMD "; server_max_window_bits=09"), ""},
    {S(PMD "; server_max_window_bits=16"), ""},
    {S(PMD "; server_max_window_bits=9; server_max_window_bits=9"), ""},
    {S(PMD "; server_max_window_bits=99999999999999999999999"), ""},
    {S("Permessage-Deflate"), ""},
    {S(PMD "s"), ""},
    /* not the grammar, though a good offer came first */
    {S(PMD ";"), NULL},
    {S(PMD "; ;"), NULL},
    {S(PMD "; =1"), NULL},
    {S(PMD "; server_max_window_bits="), NULL},
    {S(PMD "; server_max_window_bits=\""), NULL},
    {S(PMD "; server_max_window_bits=\"9"), NULL},
    {S(PMD "; server_max_window_bits=\"\""), NULL},
    {S(PMD "; server_max_window_bits=9 9"), NULL},
    {S(PMD " " PMD), NULL},
    {S(PMD ", a; b=c=d"), NULL},
    {S(PMD ", \"a\""), NULL},
    {S(PMD ", a\0"), NULL},
    {S(PMD ", \xc3\xa9"), NULL},
};
/* clang-format on */

static void
offers_are_taken_or_passed_over(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct slice offers = exact(rows[i].offers.p, rows[i].offers.n);
		struct deflate_terms terms;
		struct buf b = {0};
		const char *why = deflate_choose(offers, &terms);

		if ((why == NULL) != (rows[i].answer != NULL))
			fail_msg("%.*s: %s", SLICE_ARGS(offers),
			    why != NULL ? why : "taken");
		if (why == NULL) {
			assert_true(deflate_answer(&b, terms));
			buf_chr(&b, '\0');
			assert_string_equal(b.p, rows[i].answer);
		}
		buf_free(&b);
		free((char *)offers.p);
	}
}

static void
an_offer_cut_anywhere_is_read_no_further(void **state)
{
	static const struct slice all =
	    S(PMD "; server_max_window_bits=\"10\" , x; y=z,, " PMD);
	struct deflate_terms terms;

	(void)state;
	for (size_t n = 0; n <= all.n; n++) {
		struct slice cut = exact(all.p, n);

		if (deflate_choose(cut, &terms) == NULL && n > 48)
			assert_int_equal(terms.window, 10);
		free((char *)cut.p);
	}
	assert_int_equal(terms.window, 10);
}

/* What some client makes of a payload of ours; it has a window of so many
 * bits and looks only there, because it takes one byte at a time. */
static void
client_reads(struct slice packed, int window, struct slice want)
{
	static const unsigned char marker[] = {0, 0, 0xff, 0xff};
	z_stream z = {0};
	struct buf in = {0};
	size_t n = 0;
	unsigned char c;

	buf_put(&in, packed);
	buf_add(&in, (const char *)marker, sizeof(marker));
	assert_int_equal(inflateInit2(&z, -window), Z_OK);
	z.next_in = (Bytef *)in.p;
	z.avail_in = (uInt)in.n;
	for (;; n++) {
		z.next_out = &c;
		z.avail_out = 1;
		if (inflate(&z, Z_SYNC_FLUSH) < 0 || z.avail_out != 0)
			break;
		assert_true(n < want.n && c == (unsigned char)want.p[n]);
	}
	assert_int_equal(n, want.n);
	assert_int_equal(z.avail_in, 0);
	inflateEnd(&z);
	buf_free(&in);
}

/* Half of it repeats from far away, so that windows matter. */
static void
fill(struct buf *b, size_t n)
{
	uint32_t x = 12345;

	buf_clear(b);
	while (b->n < n) {
		x = x * 1103515245 + 12345;
		if ((x >> 16 & 31) == 0 && b->n > 400)
			for (size_t i = 0; i < 30 && b->n < n; i++)
				buf_chr(b, b->p[(x >> 8) % (b->n - 50)]);
		else if (b->n > 3000 && (x >> 16 & 3) == 0)
			buf_chr(b, b->p[b->n - 3000]);
		else
			buf_chr(b, (char)('a' + (x >> 24) % 16));
	}
}

static void
every_window_can_read_its_form(void **state)
{
	static const size_t sizes[] = {
	    0, 1, 2, 5, 128, 511, 512, 513, 4096, 40000};
	struct deflate *d = deflate_new(6);
	struct buf text = {0}, packed = {0};
	struct slice out;

	(void)state;
	for (size_t i = 0; i < LENGTH(sizes); i++) {
		fill(&text, sizes[i]);
		for (unsigned bits = 9; bits <= 15; bits++) {
			unsigned form = deflate_window(bits, text.n);

			assert_true(form == (text.n <= 1u << bits ? 15 : bits));
			buf_clear(&packed);
			assert_true(
			    deflate_pack(d, form, buf_slice(&text), &packed));
			client_reads(
			    buf_slice(&packed), (int)bits, buf_slice(&text));
			assert_int_equal(
			    deflate_unpack(d, buf_slice(&packed), text.n, &out),
			    DEFLATE_OK);
			assert_true(slice_eq(out, buf_slice(&text)));
		}
	}
	buf_free(&text);
	buf_free(&packed);
	deflate_free(&d);
}

static void
hello_packs_as_in_the_rfc(void **state)
{
	struct deflate *d = deflate_new(6);
	struct buf b = {0};

	(void)state;
	for (unsigned twice = 0; twice < 2; twice++) {
		buf_clear(&b);
		assert_true(deflate_pack(d, 15, SLICE("Hello"), &b));
		assert_true(slice_eq(
		    buf_slice(&b), SLICE("\xf2\x48\xcd\xc9\xc9\x07\x00")));
	}
	buf_clear(&b);
	assert_true(deflate_pack(d, 15, SLICE(""), &b));
	assert_true(slice_eq(buf_slice(&b), SLICE("\0")));
	buf_free(&b);
	b.max = 10;
	assert_false(deflate_pack(d, 15, SLICE("Hello"), &b));
	assert_int_equal(b.n, 0);
	buf_free(&b);
	deflate_free(&d);
}

static void
a_payload_cut_anywhere_is_broken(void **state)
{
	struct deflate *d = deflate_new(6);
	struct buf text = {0}, b = {0};
	struct slice out;

	(void)state;
	fill(&text, 1000);
	assert_true(deflate_pack(d, 15, buf_slice(&text), &b));
	for (size_t n = 1; n < b.n; n++) {
		struct slice cut = exact(b.p, n);

		assert_int_equal(
		    deflate_unpack(d, cut, 9999, &out), DEFLATE_BROKEN);
		free((char *)cut.p);
	}
	buf_free(&text);
	buf_free(&b);
	deflate_free(&d);
}

static void
a_bomb_stops_at_the_limit(void **state)
{
	struct deflate *d = deflate_new(9);
	struct buf text = {0}, once = {0};
	struct slice out;

	(void)state;
	while (text.n < 1 << 20)
		buf_chr(&text, 0);
	assert_true(deflate_pack(d, 15, buf_slice(&text), &once));
	assert_true(once.n < 2000);
	for (size_t max = 1; max < 1 << 20; max = max * 5 + 3)
		assert_int_equal(deflate_unpack(d, buf_slice(&once), max, &out),
		    DEFLATE_TOO_BIG);
	assert_int_equal(
	    deflate_unpack(d, buf_slice(&once), (1 << 20) - 1, &out),
	    DEFLATE_TOO_BIG);
	assert_int_equal(
	    deflate_unpack(d, buf_slice(&once), 1 << 20, &out), DEFLATE_OK);
	assert_int_equal(out.n, 1 << 20);
	buf_free(&text);
	buf_free(&once);
	deflate_free(&d);
}

/* Final blocks end a stream but not the message (RFC 7692 7.2.3.4). */
static void
blocks_may_follow_a_final_one(void **state)
{
	struct deflate *d = deflate_new(6);
	struct slice out;

	(void)state;
	assert_int_equal(deflate_unpack(d,
			     SLICE("\xf3\x48\xcd\xc9\xc9\x07\x00"
				   "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
			     10, &out),
	    DEFLATE_OK);
	assert_true(slice_is(out, "HelloHello"));
	assert_int_equal(
	    deflate_unpack(d, SLICE("\xf3\x48\xcd\xc9\xc9\x07\x00"), 5, &out),
	    DEFLATE_OK);
	assert_true(slice_is(out, "Hello"));
	deflate_free(&d);
}

/* A sender without a flush finishes its stream; the end of one may be read
 * before all that it stands for is written. */
static void
a_finished_stream_needs_no_marker(void **state)
{
	static unsigned char packed[2000];
	struct deflate *d = deflate_new(6);
	struct buf text = {0};
	struct slice out, in = {(char *)packed, 0};

	(void)state;
	for (size_t n = 4090; n < 4400; n++) {
		z_stream z = {0};

		while (text.n < n)
			buf_chr(&text, 'x');
		assert_int_equal(
		    deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY),
		    Z_OK);
		z.next_in = (Bytef *)text.p;
		z.avail_in = (uInt)n;
		z.next_out = packed;
		z.avail_out = sizeof(packed);
		assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
		in.n = z.total_out;
		deflateEnd(&z);
		assert_int_equal(deflate_unpack(d, in, n, &out), DEFLATE_OK);
		assert_true(slice_eq(out, buf_slice(&text)));
	}
	buf_free(&text);
	deflate_free(&d);
}

TESTS(unit(offers_are_taken_or_passed_over),
    unit(an_offer_cut_anywhere_is_read_no_further),
    unit(every_window_can_read_its_form), unit(hello_packs_as_in_the_rfc),
    unit(a_payload_cut_anywhere_is_broken), unit(a_bomb_stops_at_the_limit),
    unit(blocks_may_follow_a_final_one),
    unit(a_finished_stream_needs_no_marker))

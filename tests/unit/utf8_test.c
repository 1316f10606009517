/* utf8_test.c - the same verdict whole, in pieces, and by another rule. */
#include "common/must.h"
#include "common/swar.h"
#include "common/utf8.h"
#include "tests/unit/test.h"

/* clang-format off */
static const struct {
	struct slice text;
	size_t good; /* bytes before the first one that cannot be */
} cases[] = {
	{ SLICE_INIT(""), 0 },
	{ SLICE_INIT("plain text, longer than a word"), 30 },
	{ SLICE_INIT("\0\x01\x7f"), 3 },
	{ SLICE_INIT("\xc2\x80\xdf\xbf"), 4 },
	{ SLICE_INIT("\xe0\xa0\x80\xec\xbf\xbf\xed\x9f\xbf\xee\x80\x80"), 12 },
	{ SLICE_INIT("\xef\xbf\xbe\xef\xbf\xbf"), 6 },
	{ SLICE_INIT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), 8 },
	{ SLICE_INIT("1234567\xc3\xa9" "1234567\xe2\x82\xac" "12345678"), 27 },
	{ SLICE_INIT("\x80"), 0 },
	{ SLICE_INIT("a\xbf"), 1 },
	{ SLICE_INIT("\xc0\x80"), 0 },
	{ SLICE_INIT("\xc1\xbf"), 0 },
	{ SLICE_INIT("\xc2\x41"), 1 },
	{ SLICE_INIT("\xc2\xc2"), 1 },
	{ SLICE_INIT("\xe0\x9f\xbf"), 1 },
	{ SLICE_INIT("\xed\xa0\x80"), 1 },
	{ SLICE_INIT("\xe2\x82\x28"), 2 },
	{ SLICE_INIT("\xf0\x8f\xbf\xbf"), 1 },
	{ SLICE_INIT("\xf4\x90\x80\x80"), 1 },
	{ SLICE_INIT("\xf0\x9f\x98\xc0"), 3 },
	{ SLICE_INIT("\xf5\x80\x80\x80"), 0 },
	{ SLICE_INIT("\xfe"), 0 },
	{ SLICE_INIT("\xff"), 0 },
	{ SLICE_INIT("12345678\xff"), 8 },
	{ SLICE_INIT("\xce\xba\xcf\x8c\xed\xa0\x80" "edited"), 5 },
};
/* clang-format on */

static void
fragments_are_refused_at_the_first_wrong_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		for (size_t n = 0; n <= cases[i].text.n; n++) {
			struct slice s = exact(cases[i].text.p, n);
			struct utf8 u = {0};

			assert_int_equal(utf8_feed(&u, s), n <= cases[i].good);
			free((char *)s.p);
		}
}

static void
every_split_gives_the_verdict_of_the_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct slice all = cases[i].text;
		bool valid = cases[i].good == all.n;

		assert_int_equal(utf8_valid(all), valid);
		for (size_t a = 0; a <= all.n; a++)
			for (size_t b = a; b <= all.n; b++) {
				struct slice x = exact(all.p, a);
				struct slice y = exact(all.p + a, b - a);
				struct slice z = exact(all.p + b, all.n - b);
				struct utf8 u = {0};

				assert_int_equal(
				    utf8_feed(&u, x) && utf8_feed(&u, y) &&
					utf8_feed(&u, z) && utf8_ended(&u),
				    valid);
				free((char *)x.p);
				free((char *)y.p);
				free((char *)z.p);
			}
	}
}

static void
a_text_cut_inside_a_sequence_has_not_ended(void **state)
{
	struct utf8 u = {0};

	(void)state;
	assert_true(utf8_ended(&u));
	assert_true(utf8_feed(&u, SLICE("a\xf0\x9f")));
	assert_false(utf8_ended(&u));
	assert_true(utf8_feed(&u, (struct slice){NULL, 0}));
	assert_false(utf8_ended(&u));
	assert_true(utf8_feed(&u, SLICE("\x98\x80")));
	assert_true(utf8_ended(&u));
	assert_false(utf8_valid(SLICE("a\xf0\x9f")));
	assert_true(utf8_valid((struct slice){NULL, 0}));
}

/* Every code point there is, written by utf8_put and read three ways. */
static void
every_code_point_survives_and_no_surrogate_does(void **state)
{
	char p[4];

	(void)state;
	for (uint32_t code = 0; code <= 0x10ffff; code++) {
		size_t n = utf8_put(p, code), len;
		bool valid = code < 0xd800 || code > 0xdfff;

		if (utf8_valid((struct slice){p, n}) != valid ||
		    (utf8_one(p, n) == n) != valid ||
		    utf8_next(p, n, &len) != valid || (valid && len != n) ||
		    (n > 1 && utf8_one(p, n - 1) != 0))
			fail_msg("U+%04X", (unsigned)code);
	}
}

/* By definition: decode freely, then demand the shortest form and the range. */
static bool
by_definition(const unsigned char *p, size_t n)
{
	uint32_t code = p[0] & (0xffu >> (n + 1));
	char again[4];

	if ((unsigned)p[0] >> (7 - n) != (1u << (n + 1)) - 2)
		return false;
	for (size_t i = 1; i < n; i++) {
		if (p[i] >> 6 != 2)
			return false;
		code = code << 6 | (p[i] & 0x3f);
	}
	return code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) &&
	       utf8_put(again, code) == n;
}

static void
every_pair_and_triple_of_bytes_is_judged_by_the_definition(void **state)
{
	static const unsigned char edges[] = {
	    0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
	unsigned char p[4];

	(void)state;
	for (unsigned i = 0x8000; i < 0x10000; i++) {
		const char *at = (const char *)p;

		p[0] = (unsigned char)(i >> 8);
		p[1] = (unsigned char)i;
		assert_int_equal(utf8_one(at, 2) == 2, by_definition(p, 2));
		for (size_t j = 0; j < LENGTH(edges); j++) {
			p[2] = edges[j];
			p[3] = edges[(j * 7 + i) % LENGTH(edges)];
			assert_int_equal(
			    utf8_one(at, 3) == 3, by_definition(p, 3));
			assert_int_equal(
			    utf8_one(at, 4) == 4, by_definition(p, 4));
		}
	}
}

static void
one_replacement_stands_for_the_longest_possible_beginning(void **state)
{
	size_t n;

	(void)state;
	assert_true(!utf8_next("\xf0\x9f\x98x", 4, &n) && n == 3);
	assert_true(!utf8_next("\xf0\x9f\x98", 3, &n) && n == 3);
	assert_true(!utf8_next("\xe2", 1, &n) && n == 1);
	assert_true(!utf8_next("\xed\xa0\x80", 3, &n) && n == 1);
	assert_true(!utf8_next("\xff\xff", 2, &n) && n == 1);
	assert_true(utf8_next("\xe2\x82\xac", 3, &n) && n == 3);
}

/* Each byte value at each place, so that no neighbour hides or invents one. */
static void
words_find_the_first_odd_byte_wherever_it_is(void **state)
{
	(void)state;
	for (size_t n = 0; n <= 20; n++)
		for (size_t at = 0; at < n; at++)
			for (unsigned c = 0; c < 256; c++) {
				char fill[20];
				struct slice s;
				bool odd = c < 0x20 || c >= 0x80 || c == '"' ||
				           c == '\\';

				memset(fill, c % 2 ? '!' : 0x7f, sizeof(fill));
				fill[at] = (char)c;
				if (at + 1 < n)
					fill[at + 1] = '#';
				s = exact(fill, n);
				assert_ptr_equal(swar_plain(s.p, s.p + n),
				    s.p + (odd ? at : n));
				assert_ptr_equal(swar_ascii(s.p, s.p + n),
				    s.p + (c >= 0x80 ? at : n));
				free((char *)s.p);
			}
}

TESTS(unit(fragments_are_refused_at_the_first_wrong_byte),
    unit(every_split_gives_the_verdict_of_the_whole),
    unit(a_text_cut_inside_a_sequence_has_not_ended),
    unit(every_code_point_survives_and_no_surrogate_does),
    unit(every_pair_and_triple_of_bytes_is_judged_by_the_definition),
    unit(one_replacement_stands_for_the_longest_possible_beginning),
    unit(words_find_the_first_odd_byte_wherever_it_is))

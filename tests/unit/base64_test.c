/* base64_test.c - one spelling per value and form, and every other refused. */
#include "common/base64.h"
#include "common/must.h"
#include "tests/unit/test.h"

/* RFC 4648 section 10, and the letters in which the alphabets differ. */
static const struct {
	struct slice bytes;
	const char *std, *std_bare, *url, *url_bare;
} cases[] = {
    {SLICE_INIT(""), "", "", "", ""},
    {SLICE_INIT("f"), "Zg==", "Zg", "Zg==", "Zg"},
    {SLICE_INIT("fo"), "Zm8=", "Zm8", "Zm8=", "Zm8"},
    {SLICE_INIT("foo"), "Zm9v", "Zm9v", "Zm9v", "Zm9v"},
    {SLICE_INIT("foob"), "Zm9vYg==", "Zm9vYg", "Zm9vYg==", "Zm9vYg"},
    {SLICE_INIT("fooba"), "Zm9vYmE=", "Zm9vYmE", "Zm9vYmE=", "Zm9vYmE"},
    {SLICE_INIT("foobar"), "Zm9vYmFy", "Zm9vYmFy", "Zm9vYmFy", "Zm9vYmFy"},
    {SLICE_INIT("\xfb\xff"), "+/8=", "+/8", "-_8=", "-_8"},
    {SLICE_INIT("\0\0\0\0"), "AAAAAA==", "AAAAAA", "AAAAAA==", "AAAAAA"},
    {SLICE_INIT("\xff\xff\xff"), "////", "////", "____", "____"},
};

static void
check_case(struct slice bytes, const char *text, unsigned form)
{
	struct slice s = exact(text, strlen(text));
	struct buf b = {0};

	assert_true(base64_encode(&b, bytes, form));
	assert_true(slice_eq(buf_slice(&b), s));
	buf_clear(&b);
	assert_null(base64_decode(&b, s, form));
	assert_true(slice_eq(buf_slice(&b), bytes));
	buf_clear(&b);
	assert_null(base64_decode(&b, s, (form & BASE64_URL) | BASE64_EITHER));
	assert_true(slice_eq(buf_slice(&b), bytes));
	buf_free(&b);
	free((char *)s.p);
}

static void
known_values_go_both_ways_in_every_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		check_case(cases[i].bytes, cases[i].std, BASE64_STD);
		check_case(cases[i].bytes, cases[i].std_bare, BASE64_BARE);
		check_case(cases[i].bytes, cases[i].url, BASE64_URL);
		check_case(cases[i].bytes, cases[i].url_bare, BASE64_TOKEN);
	}
}

static void
wrong_spellings_are_refused_by_name(void **state)
{
	static const struct {
		struct slice text;
		unsigned form;
		const char *why;
	} wrong[] = {
	    {SLICE_INIT("Zg"), BASE64_STD, "padding"},
	    {SLICE_INIT("Zg="), BASE64_STD, "padding"},
	    {SLICE_INIT("Zg="), BASE64_EITHER, "padding"},
	    {SLICE_INIT("Zg==="), BASE64_EITHER, "padding"},
	    {SLICE_INIT("Zm9v="), BASE64_EITHER, "padding"},
	    {SLICE_INIT("Zm9v===="), BASE64_STD, "length"},
	    {SLICE_INIT("Z==="), BASE64_STD, "length"},
	    {SLICE_INIT("===="), BASE64_STD, "length"},
	    {SLICE_INIT("="), BASE64_BARE, "padding"},
	    {SLICE_INIT("Zg=="), BASE64_BARE, "padding"},
	    {SLICE_INIT("Zg=="), BASE64_TOKEN, "padding"},
	    {SLICE_INIT("Z"), BASE64_BARE, "length"},
	    {SLICE_INIT("Zm9vY"), BASE64_EITHER, "length"},
	    {SLICE_INIT("Zh=="), BASE64_STD, "stray"},
	    {SLICE_INIT("Zn8"), BASE64_BARE, NULL},
	    {SLICE_INIT("Zm9="), BASE64_STD, "stray"},
	    {SLICE_INIT("Zm9"), BASE64_TOKEN, "stray"},
	    {SLICE_INIT("Zg=v"), BASE64_STD, "foreign"},
	    {SLICE_INIT("Zg==Zg=="), BASE64_STD, "foreign"},
	    {SLICE_INIT("Zm 9"), BASE64_STD, "foreign"},
	    {SLICE_INIT("Zm9v\n"), BASE64_BARE, "length"},
	    {SLICE_INIT("Zm9vZm9\n"), BASE64_STD, "foreign"},
	    {SLICE_INIT("+/8="), BASE64_URL, "foreign"},
	    {SLICE_INIT("-_8="), BASE64_STD, "foreign"},
	    {SLICE_INIT("-_8"), BASE64_BARE, "foreign"},
	    {SLICE_INIT("Zm9\0"), BASE64_STD, "foreign"},
	    {SLICE_INIT("Zm9\xc1"), BASE64_STD, "foreign"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(wrong); i++) {
		struct slice s = exact(wrong[i].text.p, wrong[i].text.n);
		struct buf b = {0};
		const char *why = base64_decode(&b, s, wrong[i].form);

		if (wrong[i].why == NULL
			? why != NULL
			: why == NULL || strstr(why, wrong[i].why) == NULL)
			fail_msg("%.*s: %s", SLICE_ARGS(s), why);
		assert_true(why == NULL || b.n == 0);
		buf_free(&b);
		free((char *)s.p);
	}
}

/* Whatever decodes encodes back to the same letters: one spelling each. */
static void
every_letter_at_every_place_has_one_meaning(void **state)
{
	static const unsigned forms[] = {
	    BASE64_STD, BASE64_URL, BASE64_BARE, BASE64_TOKEN};
	static const char *const texts[] = {
	    "AAAAAA==", "AAAAAAA=", "AAAAAAAA", "AAAAAA", "AAAAAAA"};
	struct buf b = {0}, again = {0};
	unsigned taken = 0;

	(void)state;
	for (size_t i = 0; i < LENGTH(forms) * LENGTH(texts) * 8 * 256; i++) {
		unsigned form = forms[i / (LENGTH(texts) * 8 * 256)];
		const char *text = texts[i / (8 * 256) % LENGTH(texts)];
		struct slice s = exact(text, strlen(text));

		((char *)s.p)[i / 256 % s.n] = (char)i;
		buf_clear(&b);
		buf_clear(&again);
		if (base64_decode(&b, s, form) == NULL) {
			assert_true(base64_encode(&again, buf_slice(&b), form));
			assert_true(slice_eq(buf_slice(&again), s));
			taken++;
		}
		free((char *)s.p);
	}
	assert_true(taken > 5000);
	buf_free(&b);
	buf_free(&again);
}

static void
all_lengths_come_back_and_caps_hold(void **state)
{
	struct buf in = {0}, b = {0}, back = {0}, tiny = {.max = 3};

	(void)state;
	for (unsigned n = 0; n < 300; n++) {
		struct slice s = exact(in.p, in.n);

		buf_clear(&b);
		buf_clear(&back);
		assert_true(base64_encode(&b, s, n % 4));
		assert_null(base64_decode(&back, buf_slice(&b), n % 4));
		assert_true(slice_eq(buf_slice(&back), s));
		buf_chr(&in, (char)(n * 37 + n / 7));
		free((char *)s.p);
	}
	assert_false(base64_encode(&tiny, SLICE("f"), BASE64_STD));
	assert_true(tiny.full && tiny.n == 0);
	assert_non_null(base64_decode(&tiny, SLICE("Zm9vYg=="), BASE64_STD));
	assert_null(base64_decode(&tiny, SLICE("Zm9v"), BASE64_STD));
	buf_free(&in);
	buf_free(&b);
	buf_free(&back);
	buf_free(&tiny);
}

TESTS(unit(known_values_go_both_ways_in_every_form),
    unit(wrong_spellings_are_refused_by_name),
    unit(every_letter_at_every_place_has_one_meaning),
    unit(all_lengths_come_back_and_caps_hold))

/*
 * base64.c - the two alphabets through one table.
 *
 * A row of the table is a letter's six bits and two flags: only in the plain
 * alphabet, only in the URL's.  A foreign byte carries both, so or-ing the
 * rows of a group and looking once tells whether all of them are allowed.
 */
#include "common/base64.h"

enum {
	SIX = 0x3f,
	STD_ONLY = 0x40, /* + and / */
	URL_ONLY = 0x80, /* - and _ */
	LETTERS = 128,   /* rows; what is not ASCII is foreign */
};

/* clang-format off */
static const char plain[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static const unsigned char letters[LETTERS] = {
	0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0,
	0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0,
	0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0,
	0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0,
	0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0,
	0xc0, 0xc0, 0xc0, 0x7e, 0xc0, 0xbe, 0xc0, 0x7f,
	0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x3b,
	0x3c, 0x3d, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0,
	0xc0, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06,
	0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e,
	0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16,
	0x17, 0x18, 0x19, 0xc0, 0xc0, 0xc0, 0xc0, 0xbf,
	0xc0, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x20,
	0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28,
	0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x30,
	0x31, 0x32, 0x33, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0,
};
/* clang-format on */

bool
base64_encode(struct buf *b, struct slice s, unsigned form)
{
	const char *letter = (form & BASE64_URL) != 0 ? url : plain;
	size_t tail = s.n % 3, pad = tail != 0 ? 3 - tail : 0;
	size_t n = s.n / 3 * 4 + (tail != 0 ? tail + 1 : 0);
	const unsigned char *p = (const unsigned char *)s.p;
	char *to;

	if ((form & BASE64_BARE) != 0)
		pad = 0;
	if ((to = buf_room(b, n + pad)) == NULL)
		return false;
	b->n += n + pad;
	for (size_t left = s.n / 3; left != 0; left--, p += 3) {
		uint32_t w = (uint32_t)p[0] << 16 | p[1] << 8 | p[2];

		*to++ = letter[w >> 18];
		*to++ = letter[w >> 12 & SIX];
		*to++ = letter[w >> 6 & SIX];
		*to++ = letter[w & SIX];
	}
	if (tail != 0) {
		unsigned second = tail == 2 ? p[1] : 0;

		*to++ = letter[p[0] >> 2];
		*to++ = letter[(p[0] << 4 | second >> 4) & SIX];
		if (tail == 2)
			*to++ = letter[second << 2 & SIX];
	}
	while (pad-- != 0)
		*to++ = '=';
	return true;
}

/* Take the padding off, if this form may have it. */
static const char *
unpad(struct slice *s, unsigned form)
{
	size_t pad = 0;

	while (pad < 3 && pad < s->n && s->p[s->n - pad - 1] == '=')
		pad++;
	if (pad != 0 && (form & BASE64_BARE) != 0)
		return "base64 with padding where none is allowed";
	if (s->n % 4 != 0 &&
	    (pad != 0 || (form & (BASE64_BARE | BASE64_EITHER)) == 0))
		return "base64 with wrong padding";
	s->n -= pad;
	if (pad > 2 || s->n % 4 == 1)
		return "base64 of an impossible length";
	return NULL;
}

static unsigned
row(char c)
{
	unsigned char at = (unsigned char)c;

	return at < LETTERS ? letters[at] : STD_ONLY | URL_ONLY;
}

/* The last two or three letters; *seen collects their rows.  False: bits
 * are set that no byte uses. */
static bool
decode_tail(struct slice s, char *to, unsigned *seen)
{
	unsigned a = row(s.p[0]), b = row(s.p[1]);
	unsigned c = s.n == 3 ? row(s.p[2]) : 0;

	*seen |= a | b | c;
	to[0] = (char)((a & SIX) << 2 | (b & SIX) >> 4);
	if (s.n == 2)
		return (b & 0xf) == 0;
	to[1] = (char)((b & SIX) << 4 | (c & SIX) >> 2);
	return (c & 3) == 0;
}

const char *
base64_decode(struct buf *out, struct slice s, unsigned form)
{
	unsigned seen = 0;
	const char *why = unpad(&s, form);
	size_t n = s.n / 4 * 3 + (s.n % 4 != 0 ? s.n % 4 - 1 : 0);
	bool whole = true;
	char *to;

	if (why != NULL)
		return why;
	if ((to = buf_room(out, n)) == NULL)
		return "base64 of too much";
	for (; s.n >= 4; s = slice_from(s, 4), to += 3) {
		unsigned a = row(s.p[0]), b = row(s.p[1]);
		unsigned c = row(s.p[2]), d = row(s.p[3]);
		uint32_t w = (a & SIX) << 18 | (b & SIX) << 12 |
		             (c & SIX) << 6 | (d & SIX);

		seen |= a | b | c | d;
		to[0] = (char)(w >> 16);
		to[1] = (char)(w >> 8);
		to[2] = (char)w;
	}
	if (s.n != 0)
		whole = decode_tail(s, to, &seen);
	if ((seen & ((form & BASE64_URL) != 0 ? STD_ONLY : URL_ONLY)) != 0)
		return "base64 with a foreign letter";
	if (!whole)
		return "base64 with stray bits at the end";
	out->n += n;
	return NULL;
}

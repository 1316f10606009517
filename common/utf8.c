/*
 * utf8.c - the validator that may be interrupted at any byte.
 *
 * A sequence is checked by the bounds of its next byte: only the second byte
 * has bounds of its own (that is where overlong forms, surrogates and too
 * large numbers show), all later ones are 80..BF.  So a wrong byte is refused
 * as it arrives, and not when the sequence would have been complete.
 */
#include "common/utf8.h"

#include "common/swar.h"

/* What the first byte of a sequence says of the rest; false: not a first
 * byte.  ASCII leaves need at 0. */
static bool
begin(struct utf8 *u, unsigned char c)
{
	*u = (struct utf8){.lo = 0x80, .hi = 0xbf};
	if (c < 0x80)
		return true;
	if (c < 0xc2 || c > 0xf4)
		return false;
	u->need = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	if (c == 0xe0)
		u->lo = 0xa0;
	else if (c == 0xed)
		u->hi = 0x9f;
	else if (c == 0xf0)
		u->lo = 0x90;
	else if (c == 0xf4)
		u->hi = 0x8f;
	return true;
}

static bool
go_on(struct utf8 *u, unsigned char c)
{
	if (c < u->lo || c > u->hi)
		return false;
	u->need--;
	u->lo = 0x80;
	u->hi = 0xbf;
	return true;
}

bool
utf8_feed(struct utf8 *u, struct slice s)
{
	const char *p = s.p, *end = s.n != 0 ? s.p + s.n : s.p;

	for (; p != end && u->need != 0; p++)
		if (!go_on(u, (unsigned char)*p))
			return false;
	while (p != end && (p = swar_ascii(p, end)) != end) {
		size_t n = utf8_one(p, (size_t)(end - p));

		/* Text of one script: stay with the sequences. */
		while (n > 1) {
			p += n;
			n = utf8_one(p, (size_t)(end - p));
		}
		if (n == 0)
			break;
	}
	/* At most one sequence is left: a wrong one or one cut short. */
	if (p != end && !begin(u, (unsigned char)*p++))
		return false;
	for (; p != end; p++)
		if (u->need == 0 || !go_on(u, (unsigned char)*p))
			return false;
	return true;
}

bool
utf8_valid(struct slice s)
{
	struct utf8 u = {0};

	return utf8_feed(&u, s) && utf8_ended(&u);
}

bool
utf8_next(const char *p, size_t n, size_t *len)
{
	struct utf8 u;

	*len = 1;
	if (!begin(&u, (unsigned char)p[0]))
		return false;
	while (u.need != 0) {
		if (*len == n || !go_on(&u, (unsigned char)p[*len]))
			return false;
		++*len;
	}
	return true;
}

size_t
utf8_put(char out[4], uint32_t code)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

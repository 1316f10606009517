/*
 * json_write.c - the few places where bytes are not copied as they are.
 *
 * Plain text goes in runs: find the next byte that needs a thought, copy all
 * before it.
 */
#include "common/json_write.h"

#include "common/swar.h"
#include "common/utf8.h"

static const char hex[] = "0123456789abcdef";

static bool
escape_ascii(struct buf *b, unsigned char c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *known = memchr(from, c, sizeof(from) - 1);
	char code[6] = "\\u00";

	if (known != NULL) {
		code[1] = to[known - from];
		return buf_add(b, code, 2);
	}
	code[4] = hex[c >> 4];
	code[5] = hex[c & 0xf];
	return buf_add(b, code, 6);
}

/* Over what is not ASCII and may stay; *p then stands at a byte that is
 * ASCII, or must be replaced, or at the end. */
static const char *
keep(const char *p, const char *end)
{
	size_t n;

	while ((n = utf8_one(p, (size_t)(end - p))) > 1) {
		if (n == 3 && memcmp(p, "\xe2\x80", 2) == 0 &&
		    ((unsigned char)p[2] & 0xfe) == 0xa8)
			break;
		p += n;
	}
	return p;
}

/* Write what stands for the bytes at p, and say how many they were. */
static size_t
replace(struct buf *b, const char *p, const char *end)
{
	size_t n;

	if ((unsigned char)*p < 0x80) {
		escape_ascii(b, (unsigned char)*p);
		return 1;
	}
	if (!utf8_next(p, (size_t)(end - p), &n))
		buf_add(b, "\xef\xbf\xbd", 3);
	else
		buf_add(b, p[2] == '\xa8' ? "\\u2028" : "\\u2029", 6);
	return n;
}

bool
json_escape(struct buf *b, struct slice s)
{
	const char *p = s.p, *end = s.n != 0 ? s.p + s.n : s.p, *from = p;
	size_t before = b->n;
	bool full = b->full;

	b->full = false;
	/* What is written is never shorter than the text. */
	if (buf_room(b, s.n + 2) == NULL)
		return false;
	buf_chr(b, '"');
	while (!b->full && (p = swar_plain(p, end)) != end) {
		if ((unsigned char)*p >= 0x80) {
			const char *kept = keep(p, end);

			if (kept != p) {
				p = kept;
				continue;
			}
		}
		buf_add(b, from, (size_t)(p - from));
		from = p += replace(b, p, end);
	}
	buf_add(b, from, (size_t)(end - from));
	buf_chr(b, '"');
	if (b->full) {
		b->n = before;
		return false;
	}
	b->full = full;
	return true;
}

/* Behind the string that begins at p; never past end. */
static const char *
over_string(const char *p, const char *end)
{
	p++;
	while (p != end && (p = swar_plain(p, end)) != end) {
		if (*p == '"')
			return p + 1;
		p += *p == '\\' && end - p > 1 ? 2 : 1;
		while (p != end && (unsigned char)*p >= 0x80)
			p++;
	}
	return end;
}

bool
json_compact(struct buf *b, struct slice s)
{
	const char *p = s.p, *end = s.n != 0 ? s.p + s.n : s.p;
	char *to = buf_room(b, s.n);
	const char *from = p;
	char *begin = to;

	if (to == NULL)
		return false;
	while (p != end) {
		if (*p == '"') {
			p = over_string(p, end);
			continue;
		}
		if (*p != ' ' && *p != '\n' && *p != '\r' && *p != '\t') {
			p++;
			continue;
		}
		memcpy(to, from, (size_t)(p - from));
		to += p - from;
		from = ++p;
	}
	if (from != end)
		memcpy(to, from, (size_t)(end - from));
	to += end - from;
	b->n += (size_t)(to - begin);
	return true;
}

bool
json_one_line(struct slice s)
{
	return s.n == 0 || (memchr(s.p, '\n', s.n) == NULL &&
			       memchr(s.p, '\r', s.n) == NULL);
}

/*
 * cursor.c - positions as text, written for every message that leaves.
 */
#include "common/cursor.h"

#include "common/must.h"

static const char digits36[] = "0123456789abcdefghijklmnopqrstuvwxyz";

static int
value36(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 36;
}

/* One number of that base from the front of *s, canonical. */
static bool
take(struct slice *s, unsigned base, uint64_t *out)
{
	uint64_t v = 0;
	size_t n;

	for (n = 0; n < s->n; n++) {
		unsigned digit = (unsigned)value36(s->p[n]);

		if (digit >= base)
			break;
		if (v > (UINT64_MAX - digit) / base)
			return false;
		v = v * base + digit;
	}
	if (n == 0 || (n > 1 && s->p[0] == '0'))
		return false;
	*out = v;
	*s = slice_from(*s, n);
	return true;
}

static bool
skip(struct slice *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = slice_from(*s, 1);
	return true;
}

static bool
take_place(struct slice *s, struct cursor_part *part)
{
	return take(s, 36, &part->epoch) && skip(s, '.') &&
	       take(s, 10, &part->offset);
}

static bool
take_part(struct slice *s, struct cursor_part *part)
{
	uint64_t shard;

	if (!take(s, 10, &shard) || shard > CURSOR_SHARD_MAX || !skip(s, ':'))
		return false;
	part->shard = (unsigned)shard;
	return take_place(s, part);
}

int
cursor_parse(struct slice s, struct cursor_part *parts, unsigned max)
{
	unsigned n = 0;

	if (max == 0 || s.n == 0)
		return -1;
	if (memchr(s.p, ':', s.n) == NULL) {
		parts[0].shard = 0;
		return take_place(&s, &parts[0]) && s.n == 0 ? 1 : -1;
	}
	do {
		if (n == max || !take_part(&s, &parts[n]))
			return -1;
		if (n != 0 && parts[n].shard <= parts[n - 1].shard)
			return -1;
		n++;
	} while (skip(&s, '-'));
	/* Shard 0 alone has the short text only. */
	return s.n == 0 && (n > 1 || parts[0].shard != 0) ? (int)n : -1;
}

size_t
cursor_write(char *out, uint64_t epoch, uint64_t offset)
{
	char text[CURSOR_ONE], *p = text + sizeof(text);
	size_t n;

	do
		*--p = (char)('0' + offset % 10);
	while ((offset /= 10) != 0);
	*--p = '.';
	do
		*--p = digits36[epoch % 36];
	while ((epoch /= 36) != 0);
	n = (size_t)(text + sizeof(text) - p);
	memcpy(out, p, n);
	return n;
}

static bool
put_place(struct buf *out, const struct cursor_part *part)
{
	char text[CURSOR_ONE];

	return buf_add(
	    out, text, cursor_write(text, part->epoch, part->offset));
}

bool
cursor_put(struct buf *out, const struct cursor_part *parts, unsigned n)
{
	bool fits = true;

	if (n == 1 && parts[0].shard == 0)
		return put_place(out, &parts[0]);
	for (unsigned i = 0; i < n; i++) {
		must(i == 0 || parts[i].shard > parts[i - 1].shard);
		fits = (i == 0 || buf_chr(out, '-')) && fits;
		fits = buf_num(out, parts[i].shard) && fits;
		fits = buf_chr(out, ':') && put_place(out, &parts[i]) && fits;
	}
	return fits;
}

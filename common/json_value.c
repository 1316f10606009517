/*
 * json_value.c - what a checked value means.
 *
 * Everything here trusts that the scanner has passed over the bytes: an
 * escape is whole and known, a surrogate has its partner.
 */
#include "common/json_scan.h"
#include "common/must.h"
#include "common/utf8.h"

static uint32_t
hex4(const char *p)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < 4; i++) {
		unsigned c = (unsigned char)p[i];

		v = v << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return v;
}

/* Decode the escape at *p, a backslash, and step over it.  1 to 4 bytes. */
static size_t
unescape(const char **p, char out[4])
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	char c = (*p)[1];
	const char *known;
	uint32_t code;

	if (c != 'u') {
		known = memchr(from, c, sizeof(from) - 1);
		out[0] = known != NULL ? to[known - from] : c;
		*p += 2;
		return 1;
	}
	code = hex4(*p + 2);
	*p += 6;
	if (code >= 0xd800 && code <= 0xdbff) {
		code =
		    0x10000 + ((code & 0x3ff) << 10) + (hex4(*p + 2) & 0x3ff);
		*p += 6;
	}
	return utf8_put(out, code);
}

/* A text read byte by byte, through its escapes if it has some. */
struct text {
	const char *p, *end;
	bool escaped;
	char held[4]; /* of an escape, held[at..n) still to come */
	size_t at, n;
};

/* -1 at the end. */
static int
text_byte(struct text *t)
{
	if (t->at == t->n && t->escaped && t->p != t->end && *t->p == '\\') {
		t->n = unescape(&t->p, t->held);
		t->at = 0;
	}
	if (t->at != t->n)
		return (unsigned char)t->held[t->at++];
	return t->p != t->end ? (unsigned char)*t->p++ : -1;
}

static struct slice
unquoted(struct json_value v)
{
	must(v.kind == JSON_STRING && v.raw.n >= 2);
	return (struct slice){v.raw.p + 1, v.raw.n - 2};
}

static bool
texts_equal(struct json_value a, struct slice b, bool escaped)
{
	struct slice in = unquoted(a);
	struct text ta = {.p = in.p, .end = in.p + in.n, .escaped = a.escaped};
	struct text tb = {.p = b.p, .end = b.p + b.n, .escaped = escaped};
	int c;

	do {
		if ((c = text_byte(&ta)) != text_byte(&tb))
			return false;
	} while (c != -1);
	return true;
}

bool
json_is(struct json_value v, struct slice text)
{
	if (v.kind != JSON_STRING)
		return false;
	return v.escaped ? texts_equal(v, text, false)
	                 : slice_eq(unquoted(v), text);
}

bool
json_same(struct json_value a, struct json_value b)
{
	if (a.kind != JSON_STRING || b.kind != JSON_STRING)
		return false;
	if (!a.escaped && !b.escaped)
		return slice_eq(a.raw, b.raw);
	return texts_equal(a, unquoted(b), b.escaped);
}

struct json_value
json_value(struct slice s)
{
	struct json_scan scan = {.end = s.p + s.n};
	const char *p = json_blanks(&scan, s.p), *end = scan.end;
	struct json_value v = {.kind = JSON_NONE};

	must(p != end);
	while ((unsigned char)end[-1] <= ' ')
		end--;
	v.raw = (struct slice){p, (size_t)(end - p)};
	v.kind = json_kind_of(*p);
	v.escaped =
	    v.kind == JSON_STRING && memchr(v.raw.p, '\\', v.raw.n) != NULL;
	return v;
}

struct slice
json_string(struct json_value v, struct buf *out)
{
	struct slice in = unquoted(v);
	const char *p = in.p, *end = in.p + in.n, *stop;
	char *to, *from;

	if (!v.escaped)
		return in;
	/* An escape is never shorter than what it stands for. */
	if ((from = to = buf_room(out, in.n)) == NULL)
		return (struct slice){NULL, 0};
	while (p != end) {
		if (*p == '\\') {
			char code[4];
			size_t n = unescape(&p, code);

			memcpy(to, code, n);
			to += n;
			continue;
		}
		stop = memchr(p, '\\', (size_t)(end - p));
		stop = stop != NULL ? stop : end;
		memcpy(to, p, (size_t)(stop - p));
		to += stop - p;
		p = stop;
	}
	out->n += (size_t)(to - from);
	return (struct slice){from, (size_t)(to - from)};
}

bool
json_uint(struct json_value v, uint64_t *n)
{
	return v.kind == JSON_NUMBER && slice_num(v.raw, n);
}

bool
json_bool(struct json_value v, bool *b)
{
	if (v.kind != JSON_BOOL)
		return false;
	*b = v.raw.p[0] == 't';
	return true;
}

bool
ndjson_next(struct slice *rest, struct slice *line, bool final)
{
	while (rest->n != 0) {
		const char *end = memchr(rest->p, '\n', rest->n);
		size_t n = end != NULL ? (size_t)(end - rest->p) : rest->n;

		if (end == NULL && !final)
			return false;
		*line = (struct slice){rest->p, n};
		*rest = slice_from(*rest, n + (end != NULL));
		if (line->n != 0 && line->p[line->n - 1] == '\r')
			line->n--;
		if (slice_trim(*line).n != 0)
			return true;
	}
	return false;
}

/*
 * msgpack.c - from JSON: a client of the msgpack subprotocol is sent what
 * others are sent, respelt once per message and not once per client.
 *
 * The input was checked, so a scan for the next token is all the parsing
 * there is.  Sizes of maps and arrays are known only at their end and patched
 * into a head of full width.
 */
#include "hub/msgpack.h"

#include "common/base64.h"
#include "common/json.h"
#include "common/must.h"

enum { HEAD = 5 }; /* bytes of a map or array head of full width */

/* One open map or array. */
struct level {
	size_t head;    /* where its head stands */
	uint32_t count; /* values so far; of a map, names as well */
	bool map;
};

struct writer {
	struct buf *out;
	const char *p, *end;
	struct level levels[JSON_DEPTH_MAX];
	unsigned depth;
	bool base64; /* the name just read was "base64", in the outermost */
	struct buf text;
};

static void
put_be(struct buf *b, unsigned char head, uint64_t v, unsigned bytes)
{
	char room[9] = {(char)head};

	for (unsigned i = 0; i < bytes; i++)
		room[1 + i] = (char)(v >> (8 * (bytes - 1 - i)));
	buf_add(b, room, 1 + bytes);
}

static void
put_str(struct buf *b, struct slice s)
{
	if (s.n < 32)
		buf_chr(b, (char)(0xa0 | s.n));
	else if (s.n < 256)
		put_be(b, 0xd9, s.n, 1);
	else if (s.n < 65536)
		put_be(b, 0xda, s.n, 2);
	else
		put_be(b, 0xdb, s.n, 4);
	buf_put(b, s);
}

static void
put_bin(struct buf *b, struct slice s)
{
	if (s.n < 256)
		put_be(b, 0xc4, s.n, 1);
	else if (s.n < 65536)
		put_be(b, 0xc5, s.n, 2);
	else
		put_be(b, 0xc6, s.n, 4);
	buf_put(b, s);
}

static void
put_uint(struct buf *b, uint64_t v)
{
	if (v < 128)
		buf_chr(b, (char)v);
	else if (v < 256)
		put_be(b, 0xcc, v, 1);
	else if (v < 65536)
		put_be(b, 0xcd, v, 2);
	else if (v <= UINT32_MAX)
		put_be(b, 0xce, v, 4);
	else
		put_be(b, 0xcf, v, 8);
}

/* v stands for -v, from 1 to 2^63. */
static void
put_negative(struct buf *b, uint64_t v)
{
	if (v <= 32)
		buf_chr(b, (char)(0x100 - v));
	else if (v <= 128)
		put_be(b, 0xd0, 0 - v, 1);
	else if (v <= 32768)
		put_be(b, 0xd1, 0 - v, 2);
	else if (v <= (UINT64_C(1) << 31))
		put_be(b, 0xd2, 0 - v, 4);
	else
		put_be(b, 0xd3, 0 - v, 8);
}

static void
put_double(struct buf *b, struct slice s)
{
	char *text = xmalloc(s.n + 1);
	uint64_t bits;
	double v;

	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	v = strtod(text, NULL);
	free(text);
	memcpy(&bits, &v, sizeof(bits));
	put_be(b, 0xcb, bits, 8);
}

static void
put_number(struct buf *b, struct slice s)
{
	uint64_t v;

	if (slice_num(s, &v))
		put_uint(b, v);
	else if (s.p[0] == '-' && slice_num(slice_from(s, 1), &v) && v != 0 &&
		 v <= (UINT64_C(1) << 63))
		put_negative(b, v);
	else
		put_double(b, s);
}

static void
put_string(struct writer *w, struct slice raw, bool escaped)
{
	struct json_value v = {
	    .raw = raw, .kind = JSON_STRING, .escaped = escaped};
	struct slice text;

	buf_clear(&w->text);
	text = json_string(v, &w->text);
	if (w->base64 && w->depth == 1) {
		struct buf bytes = {0};

		if (base64_decode(&bytes, text, BASE64_STD) == NULL) {
			put_bin(w->out, buf_slice(&bytes));
			buf_free(&bytes);
			return;
		}
		buf_free(&bytes);
	}
	w->base64 = slice_is(text, "base64");
	put_str(w->out, text);
}

static void
take_string(struct writer *w)
{
	const char *start = w->p++;
	bool escaped = false;

	while (*w->p != '"') {
		if (*w->p == '\\') {
			escaped = true;
			w->p++;
		}
		w->p++;
	}
	w->p++;
	put_string(w, (struct slice){start, (size_t)(w->p - start)}, escaped);
}

static bool
begin(struct writer *w, bool map)
{
	if (w->depth == JSON_DEPTH_MAX)
		return false;
	w->levels[w->depth++] = (struct level){.head = w->out->n, .map = map};
	put_be(w->out, map ? 0xdf : 0xdd, 0, HEAD - 1);
	w->p++;
	return true;
}

static void
end(struct writer *w)
{
	struct level *l = &w->levels[--w->depth];
	uint32_t n = l->map ? l->count / 2 : l->count;

	w->p++;
	if (w->out->full)
		return;
	for (unsigned i = 1; i < HEAD; i++)
		w->out->p[l->head + i] = (char)(n >> (8 * (HEAD - 1 - i)));
}

static void
take_word(struct writer *w)
{
	const char *start = w->p;

	while (w->p != w->end && strchr(" \t\r\n,:]}", *w->p) == NULL)
		w->p++;
	if (*start == 't')
		buf_chr(w->out, (char)0xc3);
	else if (*start == 'f')
		buf_chr(w->out, (char)0xc2);
	else if (*start == 'n')
		buf_chr(w->out, (char)0xc0);
	else
		put_number(
		    w->out, (struct slice){start, (size_t)(w->p - start)});
}

bool
msgpack_from_json(struct buf *out, struct slice json)
{
	struct writer w = {.out = out, .p = json.p, .end = json.p + json.n};
	bool deep = false;

	while (w.p != w.end && !deep) {
		char c = *w.p;

		if (c == ' ' || c == '\t' || c == '\r' || c == '\n' ||
		    c == ',' || c == ':') {
			w.p++;
			continue;
		}
		if (c == ']' || c == '}') {
			end(&w);
			continue;
		}
		if (w.depth != 0)
			w.levels[w.depth - 1].count++;
		if (c == '"')
			take_string(&w);
		else if (c == '{' || c == '[')
			deep = !begin(&w, c == '{');
		else
			take_word(&w);
	}
	buf_free(&w.text);
	return !deep && !out->full;
}

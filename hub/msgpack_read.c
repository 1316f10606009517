/*
 * msgpack_read.c - from a stranger's msgpack to JSON, strictly.
 *
 * Lengths are never trusted: a string must lie within the input before it is
 * looked at, and a map that claims 2^32 members costs nothing until they
 * come.
 */
#include "hub/msgpack.h"

#include "common/base64.h"
#include "common/json.h"
#include "common/json_write.h"
#include "common/must.h"
#include "common/utf8.h"

#include <math.h>

struct level {
	uint64_t left; /* values still to come; of a map, names as well */
	bool map;
};

struct reader {
	struct slice in;
	struct buf *out;
	struct level levels[JSON_DEPTH_MAX];
	unsigned depth;
	const char *why;
};

/* What a head says: its kind, and a number or a length. */
enum item { NIL, NO, YES, UINT, INT, FLOAT, DOUBLE, STR, BIN, ARRAY, MAP, BAD };
struct head {
	enum item item;
	uint64_t n; /* the number's bits, or a length or count */
};

/* clang-format off */
static const struct { uint8_t item, bytes; } heads[32] = {
	[0x00] = {NIL, 0},    [0x01] = {BAD, 0},   [0x02] = {NO, 0},
	[0x03] = {YES, 0},    [0x04] = {BIN, 1},   [0x05] = {BIN, 2},
	[0x06] = {BIN, 4},    [0x07] = {BAD, 0},   [0x08] = {BAD, 0},
	[0x09] = {BAD, 0},    [0x0a] = {FLOAT, 4}, [0x0b] = {DOUBLE, 8},
	[0x0c] = {UINT, 1},   [0x0d] = {UINT, 2},  [0x0e] = {UINT, 4},
	[0x0f] = {UINT, 8},   [0x10] = {INT, 1},   [0x11] = {INT, 2},
	[0x12] = {INT, 4},    [0x13] = {INT, 8},   [0x14] = {BAD, 0},
	[0x15] = {BAD, 0},    [0x16] = {BAD, 0},   [0x17] = {BAD, 0},
	[0x18] = {BAD, 0},    [0x19] = {STR, 1},   [0x1a] = {STR, 2},
	[0x1b] = {STR, 4},    [0x1c] = {ARRAY, 2}, [0x1d] = {ARRAY, 4},
	[0x1e] = {MAP, 2},    [0x1f] = {MAP, 4},
};
/* clang-format on */

static bool
fail(struct reader *r, const char *why)
{
	r->why = why;
	return false;
}

static bool
take_head(struct reader *r, struct head *h)
{
	unsigned char c, bytes;

	if (r->in.n == 0)
		return fail(r, "msgpack is cut short");
	c = (unsigned char)r->in.p[0];
	r->in = slice_from(r->in, 1);
	if (c < 0x80)
		*h = (struct head){UINT, c};
	else if (c < 0x90)
		*h = (struct head){MAP, c & 15};
	else if (c < 0xa0)
		*h = (struct head){ARRAY, c & 15};
	else if (c < 0xc0)
		*h = (struct head){STR, c & 31};
	else if (c >= 0xe0)
		*h = (struct head){INT, (uint64_t)(int64_t)(int8_t)c};
	if (c < 0xc0 || c >= 0xe0)
		return true;
	*h = (struct head){(enum item)heads[c - 0xc0].item, 0};
	bytes = heads[c - 0xc0].bytes;
	if (r->in.n < bytes)
		return fail(r, "msgpack is cut short");
	for (unsigned i = 0; i < bytes; i++)
		h->n = h->n << 8 | (unsigned char)r->in.p[i];
	if (h->item == INT && bytes < 8 && (h->n >> (bytes * 8 - 1)) != 0)
		h->n |= UINT64_MAX << (bytes * 8);
	r->in = slice_from(r->in, bytes);
	return true;
}

static bool
put_double(struct reader *r, struct head h)
{
	double v;

	if (h.item == FLOAT) {
		uint32_t bits = (uint32_t)h.n;
		float f;

		memcpy(&f, &bits, sizeof(f));
		v = (double)f;
	} else {
		memcpy(&v, &h.n, sizeof(v));
	}
	if (!isfinite(v))
		return fail(r, "msgpack holds a number JSON cannot say");
	buf_printf(r->out, "%.17g", v);
	return true;
}

static bool
put_bytes(struct reader *r, struct head h)
{
	struct slice s = {r->in.p, (size_t)h.n};

	if (r->in.n < h.n)
		return fail(r, "msgpack is cut short");
	r->in = slice_from(r->in, s.n);
	if (h.item == BIN) {
		buf_chr(r->out, '"');
		base64_encode(r->out, s, BASE64_STD);
		buf_chr(r->out, '"');
		return true;
	}
	if (!utf8_valid(s))
		return fail(r, "a msgpack string is not UTF-8");
	json_escape(r->out, s);
	return true;
}

static bool
put_begin(struct reader *r, struct head h)
{
	bool map = h.item == MAP;

	if (r->depth == JSON_DEPTH_MAX)
		return fail(r, "msgpack is nested too deeply");
	buf_chr(r->out, map ? '{' : '[');
	r->levels[r->depth++] =
	    (struct level){.left = map ? h.n * 2 : h.n, .map = map};
	return true;
}

static bool
put_value(struct reader *r, struct head h)
{
	switch (h.item) {
	case NIL:
		return buf_str(r->out, "null");
	case NO:
		return buf_str(r->out, "false");
	case YES:
		return buf_str(r->out, "true");
	case UINT:
		return buf_num(r->out, h.n);
	case INT:
		return buf_printf(r->out, "%lld", (long long)(int64_t)h.n);
	case FLOAT:
	case DOUBLE:
		return put_double(r, h);
	case STR:
	case BIN:
		return put_bytes(r, h);
	case ARRAY:
	case MAP:
		return put_begin(r, h);
	case BAD:
		break;
	}
	return fail(r, "msgpack of a type that is not taken");
}

/* A value is complete: a comma when more follow, else its end as well. */
static void
close_levels(struct reader *r)
{
	while (r->depth != 0) {
		struct level *l = &r->levels[r->depth - 1];

		if (l->left != 0) {
			buf_chr(r->out, ',');
			return;
		}
		buf_chr(r->out, l->map ? '}' : ']');
		r->depth--;
	}
}

const char *
msgpack_to_json(struct buf *out, struct slice in)
{
	struct reader r = {.in = in, .out = out};

	do {
		struct level *l = r.depth != 0 ? &r.levels[r.depth - 1] : NULL;
		bool name = l != NULL && l->map && l->left % 2 == 0;
		struct head h;

		if (!take_head(&r, &h))
			return r.why;
		if (name && h.item != STR)
			return "a msgpack map has a key that is no string";
		if (l != NULL)
			l->left--;
		if (!put_value(&r, h))
			return r.why != NULL ? r.why : "too large";
		if (name)
			buf_chr(out, ':');
		else if ((h.item != MAP && h.item != ARRAY) || h.n == 0)
			close_levels(&r);
	} while (r.depth != 0);
	if (out->full)
		return "too large";
	return r.in.n == 0 ? NULL : "something follows the msgpack value";
}

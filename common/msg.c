/*
 * msg.c - the wire protocol, derived from msg.def.
 *
 * Packing is msgpack-c's.  Unpacking is by hand: a frame is flat, so there
 * is nothing to allocate, and a hostile length is believed only as far as
 * the bytes that came with it.
 */
#include "common/msg.h"

#include "common/base64.h"
#include "common/json_write.h"
#include "common/must.h"
#include "common/utf8.h"

#include <msgpack.h>

enum kind { KIND_num, KIND_str, KIND_bin };
enum { FIELDS_MAX = 64 }; /* of a frame from a newer writer */

struct field {
	const char *name, *why;
	size_t at;      /* offset in struct msg */
	uint64_t limit; /* of the number, or bytes */
	enum kind kind;
};

struct schema {
	const char *name, *why;
	const struct field *fields;
	size_t count; /* of fields */
	size_t size;  /* of the struct */
};

/* clang-format off */
#define MSG(name, id, why) static const struct field name##_fields[] = {
#define FIELD(name, field, kind, limit, why) \
	{ #field, why, offsetof(struct msg, name.field), limit, KIND_##kind },
#define END(name) };
#include "common/msg.def"

#define MSG(name, id, why) [id] = { #name, why, name##_fields, \
	LENGTH(name##_fields), sizeof(struct msg_##name) },
#define FIELD(name, field, kind, limit, why)
#define END(name)
static const struct schema schemas[MSG_IDS] = {
#include "common/msg.def"
};
/* clang-format on */

static const struct schema *
schema_of(uint64_t id)
{
	if (id >= MSG_IDS || schemas[id].name == NULL)
		return NULL;
	return &schemas[id];
}

static uint64_t *
num_at(struct msg *m, const struct field *f)
{
	return (uint64_t *)(void *)((char *)m + f->at);
}

static struct slice *
bytes_at(struct msg *m, const struct field *f)
{
	return (struct slice *)(void *)((char *)m + f->at);
}

static int
pack_write(void *out, const char *p, size_t n)
{
	must(buf_add(out, p, n));
	return 0;
}

static void
pack_field(msgpack_packer *pk, const struct msg *m, const struct field *f)
{
	struct msg *fields = (struct msg *)(uintptr_t)m;
	struct slice *s;

	if (f->kind == KIND_num) {
		msgpack_pack_uint64(pk, *num_at(fields, f));
		return;
	}
	s = bytes_at(fields, f);
	must(s->n <= f->limit);
	if (f->kind == KIND_str) {
		msgpack_pack_str(pk, s->n);
		msgpack_pack_str_body(pk, s->p, s->n);
	} else {
		msgpack_pack_bin(pk, s->n);
		msgpack_pack_bin_body(pk, s->p, s->n);
	}
}

/* Trailing fields that are zero need not be sent: the reader sees zero. */
static size_t
fields_to_send(const struct schema *s, const struct msg *m)
{
	struct msg *fields = (struct msg *)(uintptr_t)m;
	size_t n = s->count;

	while (n != 0) {
		const struct field *f = &s->fields[n - 1];

		if (f->kind == KIND_num ? *num_at(fields, f) != 0
					: bytes_at(fields, f)->n != 0)
			break;
		n--;
	}
	return n;
}

void
msg_encode(struct buf *out, const struct msg *m)
{
	const struct schema *s = schema_of(m->id);
	msgpack_packer pk;
	size_t n;

	must(s != NULL);
	n = fields_to_send(s, m);
	msgpack_packer_init(&pk, out, pack_write);
	msgpack_pack_array(&pk, n + 1);
	msgpack_pack_uint64(&pk, m->id);
	for (size_t i = 0; i < n; i++)
		pack_field(&pk, m, &s->fields[i]);
}

/* What one element of the array turned out to be. */
struct element {
	enum { E_MORE, E_BAD, E_NUM, E_STR, E_BIN, E_OTHER } what;
	uint64_t num;
	struct slice bytes;
	size_t size; /* on the wire, all of it */
};

static uint64_t
big_endian(const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	while (n-- != 0)
		v = v << 8 | *p++;
	return v;
}

/* Tags 0xc0-0xdf: what they hold and how many bytes of it, or of its length,
 * follow.  Nil, booleans, floats and negative numbers are not ours but can
 * be skipped; arrays, maps and extensions are refused. */
static const struct {
	unsigned char what, bytes;
} tags[32] = {
    [0x00] = {E_OTHER, 0},
    [0x02] = {E_OTHER, 0},
    [0x03] = {E_OTHER, 0},
    [0x04] = {E_BIN, 1},
    [0x05] = {E_BIN, 2},
    [0x06] = {E_BIN, 4},
    [0x0a] = {E_OTHER, 4},
    [0x0b] = {E_OTHER, 8},
    [0x0c] = {E_NUM, 1},
    [0x0d] = {E_NUM, 2},
    [0x0e] = {E_NUM, 4},
    [0x0f] = {E_NUM, 8},
    [0x10] = {E_OTHER, 1},
    [0x11] = {E_OTHER, 2},
    [0x12] = {E_OTHER, 4},
    [0x13] = {E_OTHER, 8},
    [0x19] = {E_STR, 1},
    [0x1a] = {E_STR, 2},
    [0x1b] = {E_STR, 4},
};

static struct element
element_tagged(struct slice in, unsigned tag)
{
	const unsigned char *p = (const unsigned char *)in.p;
	struct element e = {.what = E_BAD};
	size_t head = 1 + (size_t)tags[tag].bytes;
	uint64_t v;

	/* E_MORE doubles as the zero of an unlisted tag */
	if (tags[tag].what == E_MORE)
		return e;
	e.what = E_MORE;
	if (in.n < head)
		return e;
	v = big_endian(p + 1, head - 1);
	e.size = head;
	e.num = v;
	if (tags[tag].what == E_STR || tags[tag].what == E_BIN) {
		if (v > in.n - head)
			return e;
		e.bytes = (struct slice){in.p + head, (size_t)v};
		e.size = head + (size_t)v;
	}
	e.what = tags[tag].what;
	return e;
}

static inline struct element
element_read(struct slice in)
{
	struct element e = {.what = E_MORE};
	unsigned char tag;

	if (in.n == 0)
		return e;
	tag = (unsigned char)in.p[0];
	if (tag <= 0x7f)
		return (struct element){.what = E_NUM, .num = tag, .size = 1};
	if (tag >= 0xe0)
		return (struct element){.what = E_OTHER, .size = 1};
	if (tag >= 0xc0)
		return element_tagged(in, tag - 0xc0u);
	if (tag < 0xa0)
		return (struct element){.what = E_BAD};
	if ((tag & 0x1fu) > in.n - 1)
		return e;
	e.what = E_STR;
	e.bytes = (struct slice){in.p + 1, tag & 0x1fu};
	e.size = 1 + e.bytes.n;
	return e;
}

static const char *
field_set(struct msg *m, const struct field *f, const struct element *e)
{
	if (f->kind == KIND_num) {
		if (e->what != E_NUM)
			return "a field is not a number";
		if (e->num > f->limit)
			return "a number is past its limit";
		*num_at(m, f) = e->num;
		return NULL;
	}
	if (e->what != (f->kind == KIND_str ? E_STR : E_BIN))
		return "a field is not a string";
	if (e->bytes.n > f->limit)
		return "a string is past its limit";
	*bytes_at(m, f) = e->bytes;
	return NULL;
}

/* The number of elements, and in *size the bytes of the array's own head. */
static long
array_head(struct slice in, size_t *size)
{
	const unsigned char *p = (const unsigned char *)in.p;

	if (in.n == 0)
		return 0;
	if (p[0] >= 0x91 && p[0] <= 0x9f) {
		*size = 1;
		return p[0] & 0x0f;
	}
	if (p[0] != 0xdc)
		return -1;
	if (in.n < 3)
		return 0;
	*size = 3;
	if (big_endian(p + 1, 2) == 0 || big_endian(p + 1, 2) > FIELDS_MAX)
		return -1;
	return (long)big_endian(p + 1, 2);
}

long
msg_decode(struct slice in, struct msg *m, const char **why)
{
	const struct schema *schema = NULL;
	size_t at = 0;
	long count = array_head(in, &at);

	*why = "not an array of 1 to 64 elements";
	if (count <= 0)
		return count;
	for (long i = 0; i < count; i++) {
		struct element e = element_read(slice_from(in, at));

		if (e.what == E_MORE)
			return 0;
		*why = "an element is not a number or string";
		if (e.what == E_BAD || (i == 0 && e.what != E_NUM))
			return -1;
		at += e.size;
		if (i == 0) {
			schema = schema_of(e.num);
			m->id =
			    schema != NULL ? (enum msg_id)e.num : MSG_unknown;
			if (schema != NULL)
				memset((char *)m + schema->fields[0].at, 0,
				    schema->size);
		} else if (schema != NULL && (size_t)i <= schema->count &&
			   (*why = field_set(m, &schema->fields[i - 1], &e)) !=
			       NULL) {
			return -1;
		}
	}
	*why = NULL;
	return (long)at;
}

static void
put_u64(unsigned char *p, uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		p[i] = (unsigned char)(v & 0xff);
}

/* Fixed width, so that the header can be written last, before its frames. */
void
msg_header_write(char out[MSG_HEADER], uint64_t n, uint64_t acked)
{
	unsigned char *p = (unsigned char *)out;

	p[0] = 0x92;
	p[1] = p[10] = 0xcf;
	put_u64(p + 2, n);
	put_u64(p + 11, acked);
}

bool
msg_header_read(struct slice in, uint64_t *n, uint64_t *acked)
{
	const unsigned char *p = (const unsigned char *)in.p;

	if (in.n < MSG_HEADER || p[0] != 0x92 || p[1] != 0xcf || p[10] != 0xcf)
		return false;
	*n = big_endian(p + 2, 8);
	*acked = big_endian(p + 11, 8);
	return true;
}

const char *
msg_name(enum msg_id id)
{
	const struct schema *s = schema_of(id);

	return s != NULL ? s->name : NULL;
}

enum msg_id
msg_by_name(struct slice name)
{
	for (unsigned id = 0; id < MSG_IDS; id++)
		if (schemas[id].name != NULL &&
		    slice_is(name, schemas[id].name))
			return (enum msg_id)id;
	return MSG_unknown;
}

static void
dump_bytes(struct buf *out, const struct field *f, struct slice s)
{
	if (strcmp(f->name, "secret") == 0) {
		buf_str(out, "null");
	} else if (utf8_valid(s)) {
		json_escape(out, s);
	} else {
		buf_str(out, "{\"base64\":\"");
		base64_encode(out, s, BASE64_STD);
		buf_str(out, "\"}");
	}
}

void
msg_dump(struct buf *out, const struct msg *m)
{
	const struct schema *s = schema_of(m->id);
	struct msg *fields = (struct msg *)(uintptr_t)m;

	must(s != NULL);
	buf_printf(out, "{\"frame\":\"%s\"", s->name);
	for (size_t i = 0; i < s->count; i++) {
		const struct field *f = &s->fields[i];

		buf_printf(out, ",\"%s\":", f->name);
		if (f->kind == KIND_num)
			buf_num(out, *num_at(fields, f));
		else
			dump_bytes(out, f, *bytes_at(fields, f));
	}
	buf_chr(out, '}');
}

void
msg_print_protocol(struct buf *out)
{
	static const char *const kinds[] = {"number", "string", "bytes"};

	for (unsigned id = 0; id < MSG_IDS; id++) {
		const struct schema *s = &schemas[id];

		if (s->name == NULL)
			continue;
		buf_printf(out, "%3u %-10s %s\n", id, s->name, s->why);
		for (size_t i = 0; i < s->count; i++)
			buf_printf(out, "      %2zu %-11s %-7s <= %-20llu %s\n",
			    i + 1, s->fields[i].name, kinds[s->fields[i].kind],
			    (unsigned long long)s->fields[i].limit,
			    s->fields[i].why);
	}
}

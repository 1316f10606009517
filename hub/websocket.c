/*
 * websocket.c - what clients send, checked byte by byte.
 *
 * There are two ways through.  Nearly every frame arrives whole: the fast
 * way checks its head where it lies, unmasks in place and yields.  Anything
 * else - cut by the network, or fragmented by the client - goes the slow way
 * through a struct websocket_part, which lives only as long as it is needed.
 * Both use the same checks in the same order, so how bytes were cut never
 * shows in the events: the fuzz target holds us to it.
 *
 * Packed messages are kept packed until their last fragment and unpacked at
 * once, because zlib's state for a half-read one would cost each connection
 * 40 kB.  Their text is therefore checked at the end, not as it arrives.
 */
#include "hub/websocket.h"

#include "common/must.h"
#include "common/utf8.h"

enum {
	HEAD_LEAST = 6,  /* two bytes and the mask */
	HEAD_MOST = 14,  /* with a 64-bit length */
	LENGTH_16 = 126, /* 7-bit lengths that announce another */
	LENGTH_64 = 127,
	FIN = 0x80,
	RSV1 = 0x40,
	RSV23 = 0x30,
	OPCODE = 0x0f,
	CONTROL = 0x08, /* bit of the opcode */
	MASKED = 0x80,
	/* A packed message may be longer than the message, by no more than
	 * the worst of fixed Huffman codes (an eighth) and a few blocks. */
	PACKED_SHARE = 8,
	PACKED_SLACK = 64,
};

struct head {
	uint64_t n; /* bytes of payload */
	unsigned char mask[4];
	enum websocket_kind kind;
	bool fin, packed;
};

struct websocket_part {
	struct buf message;       /* so far; as sent, if packed */
	struct utf8 text;         /* of the message, if text and not packed */
	enum websocket_kind kind; /* of it; CONTINUATION: none is underway */
	bool packed;              /* it is */
	bool spent;               /* all was yielded: free it */
	bool in_frame;            /* the head below is whole and checked */
	uint8_t raw_n, control_n; /* bytes present of the arrays below */
	struct head frame;        /* n counts down, mask rotates */
	unsigned char raw[HEAD_MOST];
	char control[WEBSOCKET_CONTROL_MAX];
};

/* What one call works on. */
struct reader {
	struct websocket *ws;
	const struct websocket_rules *rules;
	struct websocket_input *in;
	struct websocket_event *e;
};

/*
 * Unmask n bytes with a mask that stands at its first byte.  Returns the
 * plain bytes or-ed together: below 0x80 in all eight lanes is ASCII.
 */
static uint64_t
unmask(char *p, size_t n, const unsigned char mask[4])
{
	uint64_t key, word, all = 0, more = 0;
	uint32_t half;

	memcpy(&half, mask, sizeof(half));
	key = (uint64_t)half << 32 | half;
	for (; n >= 16; p += 16, n -= 16) {
		uint64_t two;

		memcpy(&word, p, 8);
		memcpy(&two, p + 8, 8);
		all |= word ^= key;
		more |= two ^= key;
		memcpy(p, &word, 8);
		memcpy(p + 8, &two, 8);
	}
	all |= more;
	if (n >= 8) {
		memcpy(&word, p, 8);
		all |= word ^= key;
		memcpy(p, &word, 8);
		p += 8;
		n -= 8;
	}
	for (size_t i = 0; i < n; i++) {
		p[i] = (char)((unsigned char)p[i] ^ mask[i & 3]);
		all |= (unsigned char)p[i];
	}
	return all;
}

static bool
ascii(uint64_t all)
{
	return (all & 0x8080808080808080u) == 0;
}

static void
rotate(unsigned char mask[4], size_t n)
{
	unsigned char old[4];

	memcpy(old, mask, 4);
	for (size_t i = 0; i < 4; i++)
		mask[i] = old[(i + n) & 3];
}

static bool
fail(struct reader *r, unsigned code, const char *why)
{
	*r->e = (struct websocket_event){
	    .kind = WEBSOCKET_ERROR, .code = (uint16_t)code, .why = why};
	r->ws->over = true;
	return true;
}

static bool
fail_head(struct reader *r, const unsigned char *head, const char *why)
{
	fail(r, WEBSOCKET_PROTOCOL_ERROR, why);
	r->e->head = head[0];
	return true;
}

/* The bytes a head has, told from its first two. */
static size_t
head_size(const unsigned char *p)
{
	unsigned n = p[1] & 0x7f;

	return HEAD_LEAST + (n == LENGTH_16 ? 2u : n == LENGTH_64 ? 8u : 0u);
}

/* What the first two bytes do wrong, or NULL.  Underway: a fragmented
 * message is. */
static const char *
head_wrong(const unsigned char *p, bool underway, bool packing)
{
	bool fin = (p[0] & FIN) != 0, packed = (p[0] & RSV1) != 0;

	if ((p[0] & RSV23) != 0 || (packed && !packing))
		return "reserved bit set";
	if ((p[1] & MASKED) == 0)
		return "frame not masked";
	switch (p[0] & OPCODE) {
	case WEBSOCKET_CONTINUATION:
		if (packed)
			return "reserved bit set on a continuation";
		return underway ? NULL : "continuation of nothing";
	case WEBSOCKET_TEXT:
	case WEBSOCKET_BINARY:
		return underway ? "continuation expected" : NULL;
	case WEBSOCKET_CLOSE:
	case WEBSOCKET_PING:
	case WEBSOCKET_PONG:
		if (packed)
			return "reserved bit set on a control frame";
		if ((p[1] & 0x7f) > WEBSOCKET_CONTROL_MAX)
			return "control frame too long";
		return fin ? NULL : "control frame fragmented";
	default:
		return "unknown opcode";
	}
}

/* Read a whole head whose first two bytes are good.  False: its length is
 * not in the shortest form, or negative. */
static bool
head_read(const unsigned char *p, struct head *h)
{
	size_t size = head_size(p), i;

	h->kind = (enum websocket_kind)(p[0] & OPCODE);
	h->fin = (p[0] & FIN) != 0;
	h->packed = (p[0] & RSV1) != 0;
	memcpy(h->mask, p + size - 4, 4);
	if (size == HEAD_LEAST) {
		h->n = p[1] & 0x7f;
		return true;
	}
	for (h->n = 0, i = 2; i < size - 4; i++)
		h->n = h->n << 8 | p[i];
	if (size == HEAD_MOST)
		return h->n > UINT16_MAX && h->n >> 63 == 0;
	return h->n >= LENGTH_16;
}

/* Would the message, with this frame, pass the limit? */
static bool
too_big(const struct reader *r, uint64_t have, uint64_t more, bool packed)
{
	uint64_t max = r->rules->max;

	if (packed)
		max += max / PACKED_SHARE + PACKED_SLACK;
	return more > max || have > max - more;
}

static bool
yield(struct reader *r, enum websocket_kind kind, struct slice data)
{
	*r->e = (struct websocket_event){.kind = kind, .data = data};
	return true;
}

static bool
yield_close(struct reader *r, struct slice data)
{
	unsigned code = WEBSOCKET_NO_CODE;

	if (data.n == 1)
		return fail(r, WEBSOCKET_PROTOCOL_ERROR, "half a close code");
	if (data.n != 0) {
		code = (unsigned)(unsigned char)data.p[0] << 8 |
		       (unsigned char)data.p[1];
		if (!websocket_code_good(code))
			return fail(
			    r, WEBSOCKET_PROTOCOL_ERROR, "bad close code");
		data = slice_from(data, 2);
		if (!utf8_valid(data))
			return fail(
			    r, WEBSOCKET_BAD_DATA, "close reason is not UTF-8");
	}
	r->ws->over = true;
	yield(r, WEBSOCKET_CLOSE, data);
	r->e->code = (uint16_t)code;
	return true;
}

static bool
yield_packed(struct reader *r, enum websocket_kind kind, struct slice packed)
{
	struct slice data;

	switch (
	    deflate_unpack(r->rules->deflate, packed, r->rules->max, &data)) {
	case DEFLATE_BROKEN:
		return fail(r, WEBSOCKET_BAD_DATA, "compressed data broken");
	case DEFLATE_TOO_BIG:
		return fail(r, WEBSOCKET_TOO_BIG, "message too big");
	default:
		break;
	}
	if (kind == WEBSOCKET_TEXT && !utf8_valid(data))
		return fail(r, WEBSOCKET_BAD_DATA, "text is not UTF-8");
	return yield(r, kind, data);
}

/*
 * The fast way: a frame that is all of its message, or a control frame, and
 * lies whole in the input.  False: it does not, and nothing was consumed.
 */
static bool
whole_frame(struct reader *r)
{
	const unsigned char *p = (const unsigned char *)r->in->p;
	size_t n = r->in->n, size;
	const char *why;
	struct head h;
	struct slice data;
	uint64_t all;

	if (n < HEAD_LEAST || n < (size = head_size(p)))
		return false;
	why = head_wrong(p, false, r->ws->deflate.window != 0);
	if (why != NULL)
		return fail_head(r, p, why);
	if (!head_read(p, &h))
		return fail(r, WEBSOCKET_PROTOCOL_ERROR, "length malformed");
	if ((h.kind & CONTROL) == 0 && too_big(r, 0, h.n, h.packed))
		return fail(r, WEBSOCKET_TOO_BIG, "message too big");
	if (!h.fin || h.n > n - size)
		return false;
	data = (struct slice){r->in->p + size, (size_t)h.n};
	all = unmask(r->in->p + size, data.n, h.mask);
	r->in->p += size + data.n;
	r->in->n -= size + data.n;
	if (h.kind == WEBSOCKET_CLOSE)
		return yield_close(r, data);
	if (h.packed)
		return yield_packed(r, h.kind, data);
	if (h.kind == WEBSOCKET_TEXT && !ascii(all) && !utf8_valid(data))
		return fail(r, WEBSOCKET_BAD_DATA, "text is not UTF-8");
	return yield(r, h.kind, data);
}

static void
part_free(struct websocket_part **part)
{
	if (*part != NULL)
		buf_free(&(*part)->message);
	free(*part);
	*part = NULL;
}

void
websocket_free(struct websocket *ws)
{
	part_free(&ws->part);
	ws->over = false;
}

/* Collect the head.  False: go on (in_frame tells whether it is whole). */
static bool
part_head(struct reader *r, struct websocket_part *part)
{
	size_t want, take;
	const char *why;

	for (;;) {
		if (r->in->n == 0)
			return false;
		want = part->raw_n < 2 ? 2 : head_size(part->raw);
		take = want - part->raw_n;
		if (take > r->in->n)
			take = r->in->n;
		memcpy(part->raw + part->raw_n, r->in->p, take);
		part->raw_n = (uint8_t)(part->raw_n + take);
		r->in->p += take;
		r->in->n -= take;
		if (part->raw_n < want)
			return false;
		if (want != 2)
			break;
		why =
		    head_wrong(part->raw, part->kind != WEBSOCKET_CONTINUATION,
			r->ws->deflate.window != 0);
		if (why != NULL)
			return fail_head(r, part->raw, why);
	}
	if (!head_read(part->raw, &part->frame))
		return fail(r, WEBSOCKET_PROTOCOL_ERROR, "length malformed");
	part->raw_n = 0;
	part->in_frame = true;
	if ((part->frame.kind & CONTROL) != 0)
		return false;
	if (part->frame.kind != WEBSOCKET_CONTINUATION) {
		part->kind = part->frame.kind;
		part->packed = part->frame.packed;
	}
	if (too_big(r, part->message.n, part->frame.n, part->packed))
		return fail(r, WEBSOCKET_TOO_BIG, "message too big");
	return false;
}

/* Take what there is of the payload.  False: no complaint. */
static bool
part_payload(struct reader *r, struct websocket_part *part)
{
	struct head *h = &part->frame;
	struct slice got = {
	    r->in->p, h->n < r->in->n ? (size_t)h->n : r->in->n};

	if (got.n == 0)
		return false;
	unmask(r->in->p, got.n, h->mask);
	rotate(h->mask, got.n);
	h->n -= got.n;
	r->in->p += got.n;
	r->in->n -= got.n;
	if ((h->kind & CONTROL) != 0) {
		memcpy(part->control + part->control_n, got.p, got.n);
		part->control_n = (uint8_t)(part->control_n + got.n);
		return false;
	}
	if (part->kind == WEBSOCKET_TEXT && !part->packed &&
	    !utf8_feed(&part->text, got))
		return fail(r, WEBSOCKET_BAD_DATA, "text is not UTF-8");
	buf_put(&part->message, got);
	return false;
}

/* The frame is whole.  False: it was not the last of its message. */
static bool
part_end(struct reader *r, struct websocket_part *part)
{
	struct slice data = buf_slice(&part->message);

	part->in_frame = false;
	if ((part->frame.kind & CONTROL) != 0) {
		data = (struct slice){part->control, part->control_n};
		part->control_n = 0;
		part->spent = part->kind == WEBSOCKET_CONTINUATION;
		if (part->frame.kind == WEBSOCKET_CLOSE)
			return yield_close(r, data);
		return yield(r, part->frame.kind, data);
	}
	if (!part->frame.fin)
		return false;
	part->spent = true;
	if (part->packed)
		return yield_packed(r, part->kind, data);
	if (part->kind == WEBSOCKET_TEXT && !utf8_ended(&part->text))
		return fail(r, WEBSOCKET_BAD_DATA, "text is not UTF-8");
	return yield(r, part->kind, data);
}

bool
websocket_next(struct websocket *ws, const struct websocket_rules *rules,
    struct websocket_input *in, struct websocket_event *e)
{
	struct reader r = {ws, rules, in, e};
	struct websocket_part *part = ws->part;

	if (part != NULL && (part->spent || ws->over)) {
		part_free(&ws->part);
		part = NULL;
	}
	if (ws->over)
		in->n = 0;
	if (part == NULL && in->n != 0) {
		if (whole_frame(&r))
			return true;
		part = ws->part = xcalloc(1, sizeof(*part));
	}
	while (part != NULL) {
		if (!part->in_frame && part_head(&r, part))
			return true;
		if (!part->in_frame)
			return false;
		if (part_payload(&r, part))
			return true;
		if (part->frame.n != 0)
			return false;
		if (part_end(&r, part))
			return true;
	}
	return false;
}

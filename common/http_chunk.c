/*
 * http_chunk.c - the chunked coding.
 *
 * Smugglers live on lenient chunk sizes, on extensions that one side ends at
 * LF and the other at CR LF, and on bodies that are mostly extensions.  So
 * all between two pieces of data goes through one step per byte, in which
 * each state names the only bytes it takes.
 */
#include "common/http_chunk.h"

#include "common/http.h"
#include "common/http_class.h"

/*
 *   START -> SIZE -> EXTRA -> SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> START
 *                                |
 *                            (size 0) -> LINE -> NAME -> VALUE -> VALUE_LF
 *                                          | ^--------------------------'
 *                                        END_LF -> DONE
 */
enum state {
	START, /* wants the first digit of a size */
	SIZE,
	EXTRA, /* in extensions */
	SIZE_LF,
	DATA, /* left > 0 bytes of it */
	DATA_CR,
	DATA_LF,
	LINE, /* at the first byte of a trailer, or of the last line */
	NAME,
	VALUE,
	VALUE_LF,
	END_LF,
	DONE,
};

static int
step_size(struct http_chunk *c, char byte)
{
	if (http_is(byte, HTTP_HEX)) {
		if (++c->digits > HTTP_SIZE_DIGITS_MAX)
			return HTTP_E_CHUNK_SIZE;
		c->left = c->left << 4 | http_hex(byte);
		return c->left <= HTTP_CHUNK_MAX ? SIZE : HTTP_E_CHUNK_SIZE;
	}
	if (c->digits == 0)
		return HTTP_E_CHUNK_SIZE;
	if (byte == '\r')
		return SIZE_LF;
	return byte == ';' ? EXTRA : HTTP_E_CHUNK_SIZE;
}

static int
step_extra(struct http_chunk *c, char byte)
{
	if (byte == '\r')
		return SIZE_LF;
	if (!http_is(byte, HTTP_VALUE))
		return HTTP_E_CHUNK_LINE;
	return ++c->extra <= HTTP_EXTRA_MAX ? EXTRA : HTTP_E_CHUNK_EXTRA;
}

static int
step_size_lf(struct http_chunk *c, char byte)
{
	if (byte != '\n')
		return HTTP_E_CHUNK_LINE;
	c->digits = 0;
	if (c->left != 0)
		return DATA;
	c->extra = 0;
	return LINE;
}

static int
step_trailer(struct http_chunk *c, char byte)
{
	if (c->state == LINE && byte == '\r')
		return END_LF;
	if (++c->extra > HTTP_TRAILER_MAX)
		return HTTP_E_TRAILER_LONG;
	switch (c->state) {
	case NAME:
		if (byte == ':')
			return VALUE;
		/* fall through */
	case LINE:
		return http_is(byte, HTTP_TOKEN) ? NAME : HTTP_E_TRAILER;
	case VALUE:
		if (byte == '\r')
			return VALUE_LF;
		return http_is(byte, HTTP_VALUE) ? VALUE : HTTP_E_TRAILER;
	default: /* VALUE_LF */
		return byte == '\n' ? LINE : HTTP_E_TRAILER;
	}
}

static int
step(struct http_chunk *c, char byte)
{
	switch (c->state) {
	case START:
	case SIZE:
		return step_size(c, byte);
	case EXTRA:
		return step_extra(c, byte);
	case SIZE_LF:
		return step_size_lf(c, byte);
	case DATA_CR:
		return byte == '\r' ? DATA_LF : HTTP_E_CHUNK_LINE;
	case DATA_LF:
		return byte == '\n' ? START : HTTP_E_CHUNK_LINE;
	case END_LF:
		return byte == '\n' ? DONE : HTTP_E_TRAILER;
	default:
		return step_trailer(c, byte);
	}
}

int
http_chunk_read(struct http_chunk *c, struct slice *in, struct slice *out)
{
	while (in->n != 0 && c->state >= 0 && c->state != DONE) {
		if (c->state == DATA) {
			size_t n = c->left < in->n ? (size_t)c->left : in->n;

			*out = (struct slice){in->p, n};
			*in = slice_from(*in, n);
			if ((c->left -= n) == 0)
				c->state = DATA_CR;
			return HTTP_CHUNK_DATA;
		}
		c->state = step(c, *in->p);
		*in = slice_from(*in, 1);
	}
	if (c->state < 0)
		return c->state;
	return c->state == DONE ? HTTP_CHUNK_DONE : HTTP_CHUNK_MORE;
}

bool
http_chunk_write(struct buf *b, struct slice data)
{
	static const char hex[] = "0123456789abcdef";
	char line[sizeof(data.n) * 2 + 2], *p = line + sizeof(line);
	size_t n = data.n, digits;
	char *room;

	if (n == 0)
		return true;
	*--p = '\n';
	*--p = '\r';
	for (; n != 0; n >>= 4)
		*--p = hex[n & 15];
	digits = (size_t)(line + sizeof(line) - p);
	if ((room = buf_room(b, digits + data.n + 2)) == NULL)
		return false;
	memcpy(room, p, digits);
	memcpy(room + digits, data.p, data.n);
	memcpy(room + digits + data.n, "\r\n", 2);
	b->n += digits + data.n + 2;
	return true;
}

bool
http_chunk_end(struct buf *b)
{
	return buf_put(b, SLICE("0\r\n\r\n"));
}

/*
 * deflate.c - the file that knows zlib.
 *
 * Streams are reset between messages and never freed, because a reset is
 * cheap and an init is not.  zlib's promise that a flush ends in the empty
 * stored block 00 00 ff ff is what the extension is built on.
 */
#include "hub/deflate.h"

#include "common/must.h"

#include <limits.h>
#define ZLIB_CONST /* it reads its input and no more */
#include <zlib.h>

enum {
	MEMORY = 8,        /* zlib's default: 128 kB of hash and symbols */
	FLUSH_ROOM = 16,   /* past deflateBound(), for the flush marker */
	MARKER = 4,        /* bytes of 00 00 ff ff */
	FIRST_ROOM = 4096, /* least bytes unpacked at a time */
	KEEP = 64 * 1024,  /* bytes of output kept between messages */
};

struct deflate {
	int level;
	z_stream reader;
	z_stream *writers[DEFLATE_WINDOW_MAX + 1]; /* by window, made late */
	struct buf out;                            /* of the last unpack */
};

struct deflate *
deflate_new(int level)
{
	struct deflate *d = xcalloc(1, sizeof(*d));

	d->level = level;
	must(inflateInit2(&d->reader, -DEFLATE_WINDOW_MAX) == Z_OK);
	return d;
}

void
deflate_free(struct deflate **dp)
{
	struct deflate *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	for (size_t i = 0; i < LENGTH(d->writers); i++) {
		if (d->writers[i] != NULL)
			deflateEnd(d->writers[i]);
		free(d->writers[i]);
	}
	inflateEnd(&d->reader);
	buf_free(&d->out);
	free(d);
}

static z_stream *
writer(struct deflate *d, unsigned window)
{
	z_stream *z;

	must(window >= DEFLATE_WINDOW_MIN && window <= DEFLATE_WINDOW_MAX);
	if ((z = d->writers[window]) != NULL)
		return z;
	z = d->writers[window] = xcalloc(1, sizeof(*z));
	must(deflateInit2(z, d->level, Z_DEFLATED, -(int)window, MEMORY,
		 Z_DEFAULT_STRATEGY) == Z_OK);
	return z;
}

bool
deflate_pack(
    struct deflate *d, unsigned window, struct slice message, struct buf *out)
{
	z_stream *z = writer(d, window);
	size_t bound = deflateBound(z, message.n) + FLUSH_ROOM;
	char *room = buf_room(out, bound);

	if (room == NULL)
		return false;
	must(message.n <= UINT_MAX && bound <= UINT_MAX);
	z->next_in = (const Bytef *)message.p;
	z->avail_in = (uInt)message.n;
	z->next_out = (Bytef *)room;
	z->avail_out = (uInt)bound;
	must(deflate(z, Z_SYNC_FLUSH) == Z_OK && z->avail_out != 0);
	bound -= z->avail_out;
	must(bound >= MARKER && deflateReset(z) == Z_OK);
	out->n += bound - MARKER;
	return true;
}

/*
 * Unpack one piece of the stream.  What follows a final block is a stream of
 * its own: RFC 7692 7.2.3.4 lets a sender end its blocks that way.  *ended
 * tells whether the piece came out exactly at the end of one.
 */
static enum deflate_result
unpack_piece(struct deflate *d, struct slice piece, size_t max, bool *ended)
{
	z_stream *z = &d->reader;
	int rc;

	must(piece.n <= UINT_MAX);
	z->next_in = (const Bytef *)piece.p;
	z->avail_in = (uInt)piece.n;
	do {
		size_t want = d->out.n < FIRST_ROOM ? FIRST_ROOM : d->out.n;

		/* One byte more than allowed shows that there is more. */
		if (want > max + 1 - d->out.n)
			want = max + 1 - d->out.n;
		if (want > UINT_MAX)
			want = UINT_MAX;
		z->next_out = (Bytef *)buf_room(&d->out, want);
		z->avail_out = (uInt)want;
		rc = inflate(z, Z_SYNC_FLUSH);
		d->out.n += want - z->avail_out;
		if (d->out.n > max)
			return DEFLATE_TOO_BIG;
		if (rc == Z_STREAM_END) {
			must(inflateReset(z) == Z_OK);
			if ((*ended = z->avail_in == 0))
				break;
		} else if (rc != Z_OK && rc != Z_BUF_ERROR) {
			return DEFLATE_BROKEN;
		}
	} while (z->avail_in != 0 || z->avail_out == 0);
	return DEFLATE_OK;
}

enum deflate_result
deflate_unpack(
    struct deflate *d, struct slice packed, size_t max, struct slice *out)
{
	/* The marker the sender left out, and then a final empty block: only
	 * a stream that was whole reaches that one's end. */
	static const struct slice rest =
	    SLICE_INIT("\0\0\xff\xff\1\0\0\xff\xff");
	enum deflate_result r = DEFLATE_OK;
	bool ended = packed.n == 0; /* no block at all is let pass */

	must(max < SIZE_MAX);
	if (d->out.cap > KEEP)
		buf_free(&d->out);
	buf_clear(&d->out);
	must(inflateReset(&d->reader) == Z_OK);
	if (!ended)
		r = unpack_piece(d, packed, max, &ended);
	if (r == DEFLATE_OK && !ended)
		r = unpack_piece(d, rest, max, &ended);
	if (r == DEFLATE_OK && !ended)
		r = DEFLATE_BROKEN;
	if (r == DEFLATE_OK)
		*out = buf_slice(&d->out);
	return r;
}

/*
 * segment.c - escapes, and digests of what does not fit.
 */
#include "common/segment.h"

#include "common/base64.h"
#include "common/channel.h"
#include "common/crypto.h"
#include "common/must.h"

/* . and .. mean something else in a path. */
static bool
is_dots(struct slice s)
{
	return slice_is(s, ".") || slice_is(s, "..");
}

/* But for dots, which always fit. */
static size_t
escaped_size(struct slice s)
{
	size_t n = s.n;

	for (size_t i = 0; i < s.n; i++)
		n += channel_plain(s.p[i]) ? 0 : 2;
	return n;
}

static void
put_escaped(struct buf *out, struct slice s)
{
	bool dots = is_dots(s);

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (channel_plain(s.p[i]) && !dots)
			buf_chr(out, s.p[i]);
		else
			buf_printf(out, "%%%02X", c);
	}
}

static void
put_digest(struct buf *out, struct slice s)
{
	unsigned char digest[CRYPTO_SHA256_SIZE];

	crypto_sha256(s, digest);
	buf_chr(out, '~');
	base64_encode(
	    out, (struct slice){(char *)digest, sizeof(digest)}, BASE64_TOKEN);
}

static bool
is_digest(struct slice s)
{
	return s.n == SEGMENT_DIGEST && s.p[0] == '~';
}

void
segment_put(struct buf *out, struct slice name, size_t bytes)
{
	must(bytes >= SEGMENT_DIGEST);
	if (name.n == 0 || is_digest(name) || escaped_size(name) > bytes)
		put_digest(out, name);
	else
		put_escaped(out, name);
}

void
segment_path(struct buf *out, struct slice name, struct segment_room room)
{
	struct slice rest = {name.p != NULL ? name.p : "", name.n}, part;
	size_t from = out->n, segments = 0;

	while (slice_cut(&rest, '/', &part) && segments++ < room.segments) {
		if (segments > 1)
			buf_chr(out, '/');
		segment_put(out, part, room.bytes);
		if (out->n - from > room.bytes)
			segments = room.segments;
	}
	if (segments <= room.segments && out->n - from <= room.bytes)
		return;
	out->n = from;
	put_digest(out, name);
}

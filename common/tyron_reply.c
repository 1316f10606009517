/*
 * tyron_reply.c - heads in the order of the original.
 */
#include "common/tyron_reply.h"

#include "common/crypto.h"
#include "common/http_reply.h"

#define PAGE_TYPE "text/html; charset=UTF-8"

static bool
holds(struct slice all, struct slice part)
{
	return all.n != 0 && part.n != 0 &&
	       memmem(all.p, all.n, part.p, part.n) != NULL;
}

static void
put_line(struct buf *b, const char *name, struct slice value)
{
	buf_str(b, name);
	buf_put(b, value);
	buf_str(b, "\r\n");
}

static void
put_status(struct buf *b, const struct tyron_reply *r, unsigned status)
{
	if (status == 200) {
		buf_str(b, "HTTP/1.1 200 OK\r\n");
	} else {
		buf_printf(b, "HTTP/1.1 %u ", status);
		put_line(b, "", http_reason(status));
	}
	if (r->close)
		buf_str(b, "Connection: close\r\n");
	else if (r->old)
		buf_str(b, "Connection: keep-alive\r\n");
}

void
tyron_reply(struct buf *b, const struct tyron_reply *r)
{
	bool known = r->status == 200 && holds(r->match, r->etag);

	put_status(b, r, known ? 304 : r->status);
	buf_put(b, r->date);
	if (!known)
		buf_printf(b, "Content-Length: %zu\r\n", r->body.n);
	if (r->etag.n != 0)
		put_line(b, "Etag: ", r->etag);
	if (!known && r->type.n != 0)
		put_line(b, "Content-Type: ", r->type);
	buf_put(b, r->lines);
	buf_str(b, "Server: TornadoServer/3.2\r\n\r\n");
	if (!known && !r->head)
		buf_put(b, r->body);
}

void
tyron_reply_error(struct buf *b, const struct tyron_reply *reply)
{
	struct tyron_reply r = *reply;
	struct slice why = http_reason(r.status);
	struct buf page = {0};

	buf_printf(&page,
	    "<html><title>%u: %.*s</title><body>%u: %.*s</body></html>",
	    r.status, SLICE_ARGS(why), r.status, SLICE_ARGS(why));
	r.type = SLICE(PAGE_TYPE);
	r.body = buf_slice(&page);
	tyron_reply(b, &r);
	buf_free(&page);
}

struct slice
tyron_etag(struct slice body, char room[TYRON_ETAG])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char digest[CRYPTO_SHA1_SIZE];
	char *to = room;

	crypto_sha1(body, digest);
	*to++ = '"';
	for (unsigned i = 0; i < sizeof(digest); i++) {
		*to++ = digits[digest[i] >> 4];
		*to++ = digits[digest[i] & 15];
	}
	*to = '"';
	return (struct slice){room, TYRON_ETAG};
}

void
tyron_cors(struct buf *lines)
{
	buf_str(lines, "Access-Control-Allow-Methods: GET, POST, OPTIONS\r\n"
		       "Access-Control-Max-Age: 21600\r\n");
}

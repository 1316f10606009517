/*
 * fuzz_http.c - whatever arrives, its meaning does not depend on the cuts.
 *
 * The first byte seeds the cuts, the rest is a stream: a head, and behind it
 * (or from its start, if there is no good head) a chunked body.
 */
#include "common/buf.h"
#include "common/http.h"
#include "common/http_chunk.h"
#include "common/must.h"
#include "common/url.h"

struct piecewise {
	struct slice rest;
	uint32_t seed;
};

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* A few bytes more, in a block of exactly their size; the caller frees p. */
static struct slice
piece(struct piecewise *w, size_t have)
{
	const char *start = w->rest.p - have;
	size_t n, size;
	char *copy;

	w->seed = w->seed * 1664525 + 1013904223;
	n = 1 + (w->seed >> 24) % (w->seed & 0x8000 ? 3 : 40);
	n = n < w->rest.n ? n : w->rest.n;
	size = have + n;
	copy = xmalloc(size);
	if (size != 0)
		memcpy(copy, start, size);
	w->rest = slice_from(w->rest, n);
	return (struct slice){copy, size};
}

static void
within(struct slice part, struct slice whole)
{
	static const char *const ours[] = {"/", "*"};

	if (part.p == NULL || part.n == 0)
		return;
	if (part.n == 1 && (part.p < whole.p || part.p >= whole.p + whole.n)) {
		must(slice_is(part, ours[0]) || slice_is(part, ours[1]));
		return;
	}
	must(part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void
check_request(const struct http_request *r, struct slice head)
{
	struct slice rest = r->query, name, value;
	struct buf b = {0};

	must(r->count <= HTTP_HEADERS_MAX && r->minor <= 1);
	must(r->minor == 0 || r->host.n != 0);
	must(r->path.n != 0 && (*r->path.p == '/' || *r->path.p == '*'));
	must((r->body == HTTP_BODY_LENGTH) == (r->content_length != 0));
	within(r->path, head);
	within(r->query, head);
	within(r->host, head);
	within(r->upgrade, head);
	for (unsigned i = 0; i < r->count; i++) {
		within(r->headers[i].name, head);
		within(r->headers[i].value, head);
		must(r->headers[i].name.n != 0);
	}
	url_decode(&b, r->path, URL_PATH);
	while (url_query_next(&rest, &name, &value)) {
		size_t n = b.n;

		if (url_decode(&b, value, URL_QUERY))
			must(url_is(
			    value, slice_from(buf_slice(&b), n), URL_QUERY));
	}
	buf_free(&b);
}

/* The whole at once, then in growing pieces; the length of the head or 0. */
static size_t
fuzz_head(struct slice in, uint32_t seed)
{
	struct piecewise w = {in, seed};
	struct http_request r;
	size_t seen = 0;
	int whole = http_parse(in, &seen, HTTP_HEAD_MAX, &r), rc = 0;

	if (whole > 0)
		check_request(&r, (struct slice){in.p, (size_t)whole});
	if (whole < 0)
		must(http_error_status(whole, NULL) >= 400);
	seen = 0;
	while (rc == 0 && w.rest.n != 0) {
		struct slice sofar = piece(&w, in.n - w.rest.n);

		rc = http_parse(sofar, &seen, HTTP_HEAD_MAX, &r);
		if (rc > 0)
			check_request(&r, sofar);
		free((char *)sofar.p);
	}
	/* an error inside a line may wait for the line's end */
	must(rc == whole ||
	     (rc == 0 && whole < 0 && in.n != 0 && in.p[in.n - 1] != '\n'));
	return whole > 0 ? (size_t)whole : 0;
}

static int
decode(struct http_chunk *c, struct slice *in, struct buf *plain)
{
	struct slice out;
	int rc;

	while ((rc = http_chunk_read(c, in, &out)) == HTTP_CHUNK_DATA) {
		must(out.n != 0);
		buf_put(plain, out);
	}
	must(rc != HTTP_CHUNK_MORE || in->n == 0);
	return rc;
}

static void
fuzz_body(struct slice in, uint32_t seed)
{
	struct http_chunk one = {0}, many = {0};
	struct piecewise w = {in, seed};
	struct buf a = {0}, b = {0};
	struct slice rest = in;
	int whole = decode(&one, &rest, &a), rc = HTTP_CHUNK_MORE;
	size_t left = 0;

	while (rc == HTTP_CHUNK_MORE && w.rest.n != 0) {
		struct slice copy = piece(&w, 0), part = copy;

		rc = decode(&many, &part, &b);
		left = part.n + w.rest.n;
		free((char *)copy.p);
	}
	must(rc == whole && slice_eq(buf_slice(&a), buf_slice(&b)));
	must(rc != HTTP_CHUNK_DONE || left == rest.n);
	buf_free(&a);
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = {(const char *)data, size};
	uint32_t seed;

	if (size == 0)
		return 0;
	seed = data[0];
	in = slice_from(in, 1);
	fuzz_body(slice_from(in, fuzz_head(in, seed)), seed);
	return 0;
}

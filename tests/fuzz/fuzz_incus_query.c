/*
 * fuzz_incus_query.c - whatever a poll of Incus asks, its words are bytes of
 * the request or of the text, and those of the body stand before the URL's.
 *
 * The input is a request, what stands behind its head is the body, each in a
 * block of exactly its size.
 */
#include "common/must.h"
#include "hub/incus_query.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { WORDS = 6 };

static void
words_of(const struct incus_query *q, struct slice *words)
{
	const struct slice all[WORDS] = {
	    q->user, q->page, q->command, q->cursor, q->messages, q->timeout};

	memcpy(words, all, sizeof(all));
}

static bool
within(struct slice part, struct slice whole)
{
	return whole.n != 0 && part.p >= whole.p &&
	       part.p + part.n <= whole.p + whole.n;
}

static void
check(const struct http_request *r, struct slice body)
{
	struct incus_query both = {.text = {0}}, url = {.text = {0}};
	struct slice all[WORDS], without[WORDS];

	incus_query_read(&both, r, body);
	incus_query_read(&url, r, SLICE(""));
	words_of(&both, all);
	words_of(&url, without);
	for (unsigned i = 0; i < WORDS; i++) {
		must(without[i].p == NULL || all[i].p != NULL);
		must(all[i].n == 0 || within(all[i], body) ||
		     within(all[i], buf_slice(&both.text)));
		if (body.n == 0 && all[i].p != NULL)
			must(slice_eq(all[i], without[i]));
		if (r->verb == HTTP_GET && all[i].p != NULL)
			must(slice_eq(all[i], without[i]));
	}
	incus_query_free(&both);
	incus_query_free(&url);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = {(const char *)data, size};
	struct http_request r;
	size_t seen = 0, n;
	int head = http_parse(in, &seen, HTTP_HEAD_MAX, &r);
	char *body;

	if (head <= 0)
		return 0;
	n = size - (size_t)head;
	body = xmalloc(n + 1);
	memcpy(body, in.p + head, n);
	body = xrealloc(body, n != 0 ? n : 1);
	check(&r, (struct slice){body, n});
	free(body);
	return 0;
}

/*
 * fuzz_websocket.c - frames fed in pieces mean what they mean fed whole.
 *
 * The first byte chooses compression (lowest bit) and the size of the pieces
 * (the rest); a client's bytes follow.
 */
#include "tests/unit/websocket_log.h"

enum { MAX = 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct websocket_rules rules = {.max = MAX};
	struct buf whole = {0}, pieces = {0};
	struct slice all;
	size_t step;

	if (n < 2)
		return 0;
	all = (struct slice){(const char *)data + 1, n - 1};
	step = 1u + data[0] / 2u % 64u;
	if ((data[0] & 1) != 0)
		rules.deflate = deflate_new(1);
	feed_cut(&rules, all, (struct cut){all.n, 1}, &whole);
	feed_cut(&rules, all, (struct cut){step, step}, &pieces);
	must(slice_eq(buf_slice(&whole), buf_slice(&pieces)));
	buf_clear(&pieces);
	feed_cut(&rules, all, (struct cut){step, all.n}, &pieces);
	must(slice_eq(buf_slice(&whole), buf_slice(&pieces)));
	buf_free(&whole);
	buf_free(&pieces);
	deflate_free(&rules.deflate);
	return 0;
}

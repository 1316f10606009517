/*
 * fuzz_gcm_answer.c - whatever a vendor answers, it is a verdict.
 *
 * Input is a status, a number of ids, and a body, read by either protocol.
 */
#include "common/must.h"
#include "pushers/gcm_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

enum { IDS = 8 };

static void
holds_together(const struct gcm_answer *a)
{
	must(a->verdict > GCM_NONE && a->verdict <= GCM_LOCKED_OUT);
	must(a->verdict == GCM_DELIVERED || a->error.n != 0);
	must(a->verdict != GCM_GONE || (!a->down && !a->unheard));
	must(gcm_legacy_word(a).n != 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const unsigned codes[] = {
	    200, 400, 401, 403, 404, 413, 429, 500, 503, 302};
	struct gcm_answer at[IDS];
	struct gcm_answers all = {at, 0};
	struct buf scratch = {0};
	struct gcm_reply r = {.why = "none", .attempt = 1};

	if (n < 2)
		return 0;
	r.status = codes[p[0] % LENGTH(codes)];
	r.body = (struct slice){(const char *)p + 2, n - 2};
	gcm_answer_v1(&at[0], &r, &scratch);
	holds_together(&at[0]);
	buf_free(&scratch);
	all.n = 1 + p[1] % IDS;
	gcm_answer_legacy(all, &r, &scratch);
	for (unsigned i = 0; i < all.n; i++)
		holds_together(&at[i]);
	buf_free(&scratch);
	return 0;
}

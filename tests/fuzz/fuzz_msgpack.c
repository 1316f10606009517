/*
 * fuzz_msgpack.c - what strangers send as msgpack becomes JSON, or is refused.
 *
 * For any bytes: what is taken is one whole valid JSON value; cut short
 * anywhere it is refused; and spelt in msgpack again it comes back as the
 * same JSON, which then stays as it is.
 */
#include "hub/msgpack.h"

#include "common/json.h"
#include "common/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static bool
is_taken(struct slice s)
{
	struct buf json = {0};
	char *copy = xmalloc(s.n != 0 ? s.n : 1); /* ASan sees one more read */
	bool taken;

	if (s.n != 0)
		memcpy(copy, s.p, s.n);
	taken = msgpack_to_json(&json, (struct slice){copy, s.n}) == NULL;
	free(copy);
	buf_free(&json);
	return taken;
}

/* As deep as msgpack may be; who reads the JSON asks for less. */
static const struct json_limits limits = {.depth = JSON_DEPTH_MAX};

static void
comes_back(struct slice json)
{
	struct buf packed = {0}, again = {0};

	must(json_check(json, &limits, NULL) == NULL);
	must(msgpack_from_json(&packed, json));
	must(msgpack_to_json(&again, buf_slice(&packed)) == NULL);
	must(slice_eq(json, buf_slice(&again)));
	buf_free(&packed);
	buf_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct slice in = {(const char *)data, n};
	struct buf json = {0}, small = {.max = 64};

	if (msgpack_to_json(&json, in) == NULL) {
		comes_back(buf_slice(&json));
		must(n != 0 && !is_taken((struct slice){in.p, n - 1}));
		must(!is_taken((struct slice){in.p, n / 2}) || n < 2);
	}
	(void)msgpack_to_json(&small, in);
	must(small.n <= 64);
	buf_free(&json);
	buf_free(&small);
	return 0;
}

/*
 * fuzz_msg.c - frames from a hostile peer: whatever decodes, encodes to
 * something that decodes to the same, and dumps to valid JSON.
 */
#include "common/json.h"
#include "common/msg.h"
#include "common/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = {(const char *)data, size};
	struct buf once = {0}, twice = {0}, dump = {0};
	const char *why;
	struct msg m, again;
	long n;

	while ((n = msg_decode(in, &m, &why)) > 0) {
		must((size_t)n <= in.n);
		in = slice_from(in, (size_t)n);
		if (m.id == MSG_unknown)
			continue;
		buf_clear(&once);
		buf_clear(&twice);
		buf_clear(&dump);
		msg_encode(&once, &m);
		must(
		    msg_decode(buf_slice(&once), &again, &why) == (long)once.n);
		msg_encode(&twice, &again);
		must(slice_eq(buf_slice(&once), buf_slice(&twice)));
		msg_dump(&dump, &again);
		must(json_check(buf_slice(&dump), NULL, NULL) == NULL);
	}
	must(n == 0 || why != NULL);
	buf_free(&once);
	buf_free(&twice);
	buf_free(&dump);
	return 0;
}

/*
 * fuzz_names.c - channel names, positions and PROXY headers from strangers:
 * what is accepted keeps its promises.
 */
#include "common/channel.h"
#include "common/cursor.h"
#include "common/must.h"
#include "common/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
names(struct slice s)
{
	char room[CHANNEL_PATTERN];
	struct slice key;

	if (channel_pattern_check(s) == NULL)
		must(channel_covers(s, s));
	if (channel_check(s) != NULL)
		return;
	must(s.n <= 255 && s.p[0] == '/');
	must(channel_shard(s, 64) < 64);
	for (unsigned i = 0; channel_patterns(s, i, room, &key); i++) {
		must(i <= 16);
		must(channel_match(key, s));
		must(channel_covers(key, s));
	}
}

static void
positions(struct slice s)
{
	struct cursor_part parts[16];
	struct buf b = {0};
	int n = cursor_parse(s, parts, LENGTH(parts));

	if (n > 0) {
		cursor_put(&b, parts, (unsigned)n);
		must(slice_eq(buf_slice(&b), s));
	}
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = {(const char *)data, size};
	struct proxy proxy;

	names(in);
	positions(in);
	must(proxy_parse(in, &proxy) <= (int)size);
	return 0;
}

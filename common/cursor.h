/*
 * cursor.h - a place in the numbering, the same text on every transport.
 *
 * Of shard 0 alone it is <epoch>.<offset>, as k3f9.1042: the epoch in base 36,
 * the offset decimal.  Otherwise <shard>:<epoch>.<offset>, joined by - in
 * rising order of shards.  Nothing in it needs escaping in a query, a header
 * or JSON.  A place has exactly one text: no leading zeros, no capitals.
 */
#ifndef COMMON_CURSOR_H
#define COMMON_CURSOR_H

#include "common/buf.h"
#include "common/slice.h"

struct cursor_part {
	unsigned shard;
	uint64_t epoch, offset;
};

enum {
	CURSOR_ONE = 13 + 1 + 20, /* bytes of the longest epoch.offset */
	CURSOR_PARTS = 256,       /* shards a stream may span */
	CURSOR_SHARD_MAX = 65535,
};

/* Read at most max parts; how many, or -1 if it is no cursor of ours. */
int cursor_parse(struct slice, struct cursor_part *, unsigned max);

/* Write epoch.offset at out, which has room for CURSOR_ONE bytes; how many
 * there were.  Not terminated.  Of every message, hence without a buf. */
size_t cursor_write(char *out, uint64_t epoch, uint64_t offset);

/* Append n parts, sorted by shard.  False: the buf is full. */
bool cursor_put(struct buf *, const struct cursor_part *, unsigned n);

#endif

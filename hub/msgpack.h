/*
 * msgpack.h - JSON as msgpack and back, for clients that chose it.
 *
 * The native API is defined in JSON; the msgpack subprotocol is the same
 * structures in the other spelling, so both ways are one pass over the
 * input, append to a buf, and know nothing of what it means.  Integers that
 * fit 64 bits are integers, other numbers doubles.  A member named "base64"
 * with a string is a byte string in msgpack, and every byte string is base64
 * in JSON.  No recursion: depth is bounded by JSON_DEPTH_MAX.
 */
#ifndef HUB_MSGPACK_H
#define HUB_MSGPACK_H

#include "common/buf.h"
#include "common/slice.h"

/* One checked JSON value.  False: past the buf's cap or too deep. */
bool msgpack_from_json(struct buf *, struct slice checked);

/* One msgpack value from a stranger, and nothing behind it.  Map keys must be
 * strings; no extension types; a double must be finite.  NULL, or what was
 * wrong, and then part of it may have been written. */
const char *msgpack_to_json(struct buf *, struct slice);

#endif

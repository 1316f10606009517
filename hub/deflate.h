/*
 * deflate.h - permessage-deflate without context takeover (RFC 7692).
 *
 * Every message is compressed from an empty window, in both directions, so a
 * message packed once serves every client of its window, and no connection
 * owns any zlib state: a hub has one struct deflate.  It costs about 40 kB
 * for reading and, from the first packed message of a window on, up to
 * 260 kB for each window in use.
 */
#ifndef HUB_DEFLATE_H
#define HUB_DEFLATE_H

#include "common/buf.h"
#include "common/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DEFLATE_WINDOW_MIN = 9, /* zlib writes no raw stream of 8 bits */
	DEFLATE_WINDOW_MAX = 15,
};

/* What was agreed with one client; zeroed is no compression. */
struct deflate_terms {
	uint8_t window; /* bits of ours: 9 to 15, 0 without compression */
	bool named;     /* the client asked for a window and is told it */
};

/*
 * Read the value of Sec-WebSocket-Extensions (several headers are joined by
 * commas) and take the first permessage-deflate offer that can be kept.  An
 * offer with a parameter that is unknown, repeated, or has a wrong value, or
 * that wants an 8-bit window of us, is passed over; the others still count.
 * The client's own window is not restricted: reading copes with any.
 * NULL, or what is wrong with the header: the handshake is refused
 * (RFC 6455 9.1).
 */
const char *deflate_choose(struct slice offers, struct deflate_terms *);

/* The extension as the response names it, without header name or CRLF.
 * Writes nothing when there is no compression. */
bool deflate_answer(struct buf *, struct deflate_terms);

struct deflate;

/* Level 1 (fast) to 9 (small). */
struct deflate *deflate_new(int level);
void deflate_free(struct deflate **); /* and sets it to NULL */

/* The window to pack a message of n bytes with, for a client of this window.
 * What is not longer than the client's window cannot point out of it, so all
 * clients share one form of a short message. */
static inline unsigned
deflate_window(unsigned agreed, size_t n)
{
	return n <= (size_t)1 << agreed ? DEFLATE_WINDOW_MAX : agreed;
}

/* Append the message, packed, without the 00 00 ff ff at its end: the payload
 * of a frame with RSV1.  It may be longer than the message was; sending that
 * one plain is always right.  False: past the buf's cap, nothing written. */
bool deflate_pack(
    struct deflate *, unsigned window, struct slice message, struct buf *);

enum deflate_result { DEFLATE_OK, DEFLATE_BROKEN, DEFLATE_TOO_BIG };

/* Unpack a whole payload to at most max bytes, and stop there: a bomb costs
 * the time to fill max bytes and no more.  *out is borrowed until the next
 * call and is only set on DEFLATE_OK. */
enum deflate_result deflate_unpack(
    struct deflate *, struct slice packed, size_t max, struct slice *out);

#endif

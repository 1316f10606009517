/*
 * link.h - one direction-pair between a stage and a store: numbers, windows
 * and silence.  Pure state, no I/O.
 *
 * A link is lossless or dead.  Every message out carries the next number and
 * the highest number of the other side that was processed; a hole in the
 * numbers coming in ends the link, and both sides start over with a new one.
 * Frames wait in `out` until link_seal() makes one message of them.
 *
 * Flow control is in bytes: the window is what may be sent and not be
 * acknowledged.  It is advice to the sender (link_room), never enforced on
 * what is appended: answers must get through.
 *
 * Silence is counted in one's own beats, so that time this process did not
 * run is not held against the other side.
 */
#ifndef COMMON_LINK_H
#define COMMON_LINK_H

#include "common/buf.h"
#include "common/msg.h"

enum {
	LINK_WINDOW = 4 << 20,          /* bytes */
	LINK_SILENT_BEATS = 3,          /* then the other side is dead */
	LINK_MESSAGE_FRAMES = 256,      /* one turn of the receiver */
	LINK_MESSAGE_BYTES = 256 << 10, /* likewise */
};

struct link {
	uint64_t sent;   /* number of the last message out */
	uint64_t acked;  /* of ours, processed over there */
	uint64_t seen;   /* of theirs, processed here */
	uint64_t told;   /* seen, as they know it */
	size_t flight;   /* bytes of sent - acked */
	size_t owed;     /* bytes of seen - told */
	uint32_t *sizes; /* ring: bytes of each one in flight */
	uint32_t ring;   /* its slots, a power of two, or 0 */
	struct buf out;  /* header room, then frames */
	unsigned frames; /* in out */
	bool handling;   /* the last of theirs: it is not acknowledged yet */
	unsigned silent; /* beats since anything was heard */
};

enum link_verdict {
	LINK_OK,
	LINK_HOLE, /* a number is missing: the link is dead */
	LINK_BAD,  /* it acknowledges what was never sent */
};

void link_init(struct link *);
void link_free(struct link *); /* and makes it a fresh one */

/* Append a frame, or whole encoded frames. */
void link_add(struct link *, const struct msg *);
void link_add_encoded(struct link *, struct slice, unsigned frames);

/* Bytes waiting and in flight are below the window. */
bool link_room(const struct link *);

/* `out` is as large as one message should get. */
bool link_ripe(const struct link *);

/* Something must go out: frames, or an acknowledgement that is due. */
bool link_due(const struct link *);

/* Number what is in `out` (maybe nothing but the header).  The caller takes
 * the bytes and frees them with free(). */
struct slice link_seal(struct link *);

/* A message of `size` bytes came; call before its frames are handled. */
enum link_verdict link_heard(
    struct link *, uint64_t n, uint64_t acked, size_t size);

/* Its frames are being handled, or were.  Where it matters to the other side
 * that what it reads behind an acknowledgement was said knowing all of it. */
void link_handle(struct link *, bool begins);

/* One beat of our own passed.  `drained`: nothing was left to read.  True:
 * the other side has been silent for too long. */
bool link_beat(struct link *, bool drained);

#endif

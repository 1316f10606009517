/*
 * passing.h - one descriptor and some bytes, over a SEQPACKET socket.
 *
 * A record arrives whole or is refused.  The descriptor received is
 * close-on-exec; the one sent stays the sender's to close.
 */
#ifndef COMMON_PASSING_H
#define COMMON_PASSING_H

#include "common/slice.h"

enum { PASSING_MAX = 65536 + 4096 }; /* a hand-over's 64 kB, and its frame */

enum passed {
	PASSED,
	PASS_AGAIN, /* not now: the other side is slow, or there is nothing */
	PASS_GONE,  /* the other side has left */
	PASS_BAD,   /* truncated or several descriptors; all were closed */
	PASS_ERROR, /* errno */
};

/* fd -1 sends bytes alone; there must be at least one byte. */
enum passed pass_send(int door, int fd, struct slice);

struct passing_room {
	char *p;
	size_t n;   /* room at p */
	size_t got; /* bytes that came */
};

/* *fd is -1 when none came with the bytes. */
enum passed pass_receive(int door, int *fd, struct passing_room *);

#endif

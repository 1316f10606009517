/*
 * stream.h - a connection's bytes, whether or not TLS is around them.
 *
 * One struct for both, so that all above it is written once.  Owns the
 * descriptor and the TLS state.  Nothing blocks.
 */
#ifndef INGRESS_STREAM_H
#define INGRESS_STREAM_H

#include "common/slice.h"

struct tls_stream;

struct stream {
	int fd;
	struct tls_stream *tls; /* NULL: plain */
	unsigned wants;         /* LOOP_* bits that TLS itself waits for */
};

enum {
	STREAM_EOF = 0,
	STREAM_LATER = -1, /* wait until it is readable, writable, or `wants` */
	STREAM_BROKEN = -2,
};

/* Bytes, or one of the above. */
long stream_read(struct stream *, char *, size_t n);
long stream_write(struct stream *, struct slice);

/* What stands before the handshake: look at it, which may be done again, and
 * drop what was understood; false: it is broken.  Both leave TLS alone. */
long stream_peek(const struct stream *, char *, size_t n);
bool stream_drop(const struct stream *, char *, size_t n);

/* 1 when it is done, STREAM_LATER or STREAM_BROKEN; then, why, for the log. */
int stream_handshake(struct stream *);
const char *stream_why(const struct stream *);

/* Bytes wait inside where no poll sees them. */
bool stream_pending(const struct stream *);

/* Nothing more will be written: the peer reads an end. */
void stream_finish(struct stream *);
void stream_close(struct stream *);

#endif

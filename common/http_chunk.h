/*
 * http_chunk.h - the chunked coding of RFC 9112 7.1, read strictly, written.
 *
 * The reader keeps 24 bytes of state, copies nothing and looks at each byte
 * once, however the network cut them up.
 */
#ifndef COMMON_HTTP_CHUNK_H
#define COMMON_HTTP_CHUNK_H

#include "common/buf.h"
#include "common/slice.h"

#include <stdint.h>

enum {
	HTTP_SIZE_DIGITS_MAX = 16, /* leading zeros are legal, but why more */
	HTTP_EXTRA_MAX =
	    4096, /* extension bytes of one body: nobody needs any */
	HTTP_TRAILER_MAX = 4096, /* bytes; we only look whether they are sane */
};
#define HTTP_CHUNK_MAX (UINT64_C(1) << 32) /* bytes; a slip, not a size */

/* A zeroed one stands at the beginning of a body. */
struct http_chunk {
	uint64_t left;        /* of this chunk; or the size being read */
	uint32_t extra;       /* extension bytes, then trailer bytes, so far */
	int state;            /* private; an enum http_error once it is bad */
	unsigned char digits; /* of the size being read */
};

enum { HTTP_CHUNK_MORE, HTTP_CHUNK_DATA, HTTP_CHUNK_DONE };

/*
 * Take the next piece of body off the front of *in.  HTTP_CHUNK_DATA: *out
 * borrows a piece (never empty) of *in, ask again.  HTTP_CHUNK_MORE: *in is
 * used up.  HTTP_CHUNK_DONE: the body ended; *in holds what follows.  Else an
 * enum http_error, now and ever after.  Trailers are checked and dropped.
 */
int http_chunk_read(struct http_chunk *, struct slice *in, struct slice *out);

/* Append one chunk; an empty one writes nothing, because it would be the end.
 * False: it does not fit below the buf's cap, nothing was written. */
bool http_chunk_write(struct buf *, struct slice);
bool http_chunk_end(struct buf *);

#endif

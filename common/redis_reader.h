/*
 * redis_reader.h - bytes from Redis to replies, RESP2.
 *
 * Copies what it is fed and what it yields.  A reply's whole bytes are held
 * until it is complete, at most REDIS_REPLY_BYTES.
 */
#ifndef COMMON_REDIS_READER_H
#define COMMON_REDIS_READER_H

#include "common/slice.h"

struct redis_reader;

enum {
	REDIS_REPLY_BYTES = 32
	                    << 20, /* of one reply; whoever asks knows less */
	REDIS_ELEMENTS = 1 << 18,  /* of one array */
};

enum redis_kind { /* crosses the bus: rows are only appended */
	REDIS_IS_NIL,
	REDIS_IS_STATUS,
	REDIS_IS_ERROR,
	REDIS_IS_NUMBER,
	REDIS_IS_STRING,
	REDIS_IS_ARRAY,
};

struct redis_reply {
	enum redis_kind kind;
	int64_t number;
	struct slice text;         /* of a string, status or error */
	struct redis_reply *items; /* of an array */
	size_t n;
};

struct redis_reader *redis_reader_new(void);
void redis_reader_free(struct redis_reader **); /* and sets it to NULL */

void redis_reader_feed(struct redis_reader *, struct slice);

/* The next reply, which the caller frees; NULL while none is whole.  What is
 * not a reply, or past a limit, is said in words, and the reader is of no
 * more use. */
const char *redis_reader_next(struct redis_reader *, struct redis_reply **);
void redis_reply_free(struct redis_reply **); /* and sets it to NULL */

#endif

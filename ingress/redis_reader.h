/*
 * redis_reader.h - bytes from Redis to replies, RESP2.
 *
 * Copies what it is fed and what it yields.  A reply's whole bytes are held
 * until it is complete, at most REDIS_REPLY_BYTES.
 */
#ifndef INGRESS_REDIS_READER_H
#define INGRESS_REDIS_READER_H

#include "ingress/redis.h"

struct redis_reader;

struct redis_reader *redis_reader_new(void);
void redis_reader_free(struct redis_reader **); /* and sets it to NULL */

void redis_reader_feed(struct redis_reader *, struct slice);

/* The next reply, which the caller frees; NULL while none is whole.  What is
 * not a reply, or past a limit, is said in words, and the reader is of no
 * more use. */
const char *redis_reader_next(struct redis_reader *, struct redis_reply **);
void redis_reply_free(struct redis_reply **); /* and sets it to NULL */

#endif

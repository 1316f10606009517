/*
 * redis_writer.h - commands to Redis, as RESP: a number of words, then each.
 *
 * Appended to the caller's buf, which has no cap: half a command would be read
 * with the next one.  A word costs one copy.
 */
#ifndef COMMON_REDIS_WRITER_H
#define COMMON_REDIS_WRITER_H

#include "common/buf.h"

/* So many words follow. */
void redis_put_count(struct buf *, size_t words);
void redis_put_word(struct buf *, struct slice);

#endif

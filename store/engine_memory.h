/*
 * engine_memory.h - messages kept in memory, for tests and for ephemeral use.
 *
 * Per channel what its policy says; over all channels at most so many bytes:
 * past that the oldest of all goes first, whatever its channel.  A new one is
 * a new numbering: the epoch is the time of its opening.
 */
#ifndef STORE_ENGINE_MEMORY_H
#define STORE_ENGINE_MEMORY_H

#include "store/engine.h"

struct engine *engine_memory_new(unsigned shards, uint64_t max_bytes);

#endif

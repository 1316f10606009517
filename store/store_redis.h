/*
 * store_redis.h - the settings of the engine on Redis.
 */
#ifndef STORE_STORE_REDIS_H
#define STORE_STORE_REDIS_H

#include "common/options.h"
#include "store/engine_redis.h"

/* Fills in all but the loop and the shards; borrows from the options.  NULL,
 * or what is wrong with the setting named *name. */
const char *store_redis_read(
    struct redis_engine_setup *, const struct options *, const char **name);

#endif

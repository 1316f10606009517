/*
 * engine_redis.h - the engine that several stores share: a Redis server, one
 * that Sentinels watch, or a Cluster.  Version 6.2 or newer.
 *
 * Each shard has one owner at a time, by a lease that Redis keeps: it lasts
 * REDIS_LEASE_MS and is renewed every REDIS_ROUND_MS.  Every write checks it.
 * A store that dies leaves its shards to the others, one that comes back is
 * given its share.  What a write promises is what Redis promises, and that
 * so many replicas have it.
 */
#ifndef STORE_ENGINE_REDIS_H
#define STORE_ENGINE_REDIS_H

#include "common/loop.h"
#include "store/engine.h"
#include "store/redis_net.h"

enum { REDIS_LEASE_MS = 2000, REDIS_ROUND_MS = 400 };

/* The strings are borrowed. */
struct redis_engine_setup {
	struct loop *loop;
	struct redis_net_setup net;
	const char *prefix;  /* of all keys */
	uint64_t journal_ms; /* patterns find what is younger */
	unsigned shards;
};

/* Connects when it is asked for something. */
struct engine *engine_redis_new(const struct redis_engine_setup *);

#endif

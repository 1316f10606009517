/*
 * redis_lua.h - what is carried out inside Redis, as scripts.
 *
 * All keys of a call carry one hash tag, so they are in one slot; how they are
 * named is redis_key.h's business.  Numbers that do not fit a double of Lua
 * (2^53) never occur: offsets and milliseconds stay far below.
 */
#ifndef STORE_REDIS_LUA_H
#define STORE_REDIS_LUA_H

#include "store/redis_cmd.h"

struct redis_lua {
	/* owner meta journal ages, hash order expiry of each space, channels;
	 * owner's value, batch, the one before, ttl, top or "", reserved or "",
	 * journal or "", now, first offset or "", "1" if it only takes away,
	 * then
	 *   c count age bytes n, n times (offset prev size at, blob)
	 *   p space key value expires  |  d space key
	 * -> ok prevs | moved owner | lost batch | behind top */
	struct redis_script write;
	/* channel meta; from, upto, most, bytes, now
	 * -> epoch, more, lost, then (id, head, blob) ... */
	struct redis_script read;
	/* journal meta; from, count, bytes -> epoch, floor, (id, time, blob) */
	struct redis_script journal;
	/* journal; before, count, bytes -> (id, time, blob) ..., newest first */
	struct redis_script recall;
	/* hash order expiry; from, most, bytes, now -> more, (key, value,
	 * expires) */
	struct redis_script scan;
	/* owner meta; name, ttl, now, epoch, batch and term of the last time it
	 * was ours or "", numbers to reserve, life
	 * -> ok term epoch top reserved floor batch fresh | taken owner */
	struct redis_script take;
	/* owner meta; owner's value or "", ttl, batch -> owner, lost or "" */
	struct redis_script look;
	/* owner meta; owner's value, name of the next or "", ttl, now
	 * -> term, or nil */
	struct redis_script give;
	/* stores; name, ms to remember, leave -> those alive */
	struct redis_script alive;
	/* owner meta journal ages, spaces as above; owner's value, now, ms a
	 * journal lasts, how many at most -> how many went */
	struct redis_script tidy;
};

void redis_lua_init(struct redis_lua *);

#endif

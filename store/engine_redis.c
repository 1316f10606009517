/*
 * engine_redis.c - the engine as a whole, and how its keys are named.
 *
 *	PREFIX:{sN}:owner      the lease: "term name life", with a time to live
 *	PREFIX:{sN}:meta       epoch, top, reserved, batch, reply, term, replid,
 *	                       floor (of channels that are gone), gone (of the
 *	                       journal)
 *	PREFIX:{sN}:journal    stream: one entry per batch, top-batch
 *	PREFIX:{sN}:ages       channels by when their last message is too old
 *	PREFIX:{sN}:c:CHANNEL  stream: one entry per message, offset-0
 *	PREFIX:{sN}:SPACE:row, :order, :expiry
 *	PREFIX:{stores}        stores by when they were last heard of
 */
#include "store/redis_own.h"

#include "common/crypto.h"
#include "common/must.h"
#include "common/stats.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

enum { KEY = 400 };

static const char *const all_keys[] = {"owner", "meta", "journal", "ages",
    "box:row", "box:order", "box:expiry", "job:row", "job:order", "job:expiry",
    "table:row", "table:order", "table:expiry"};

uint64_t
redis_wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void
redis_key(struct redis_engine *r, struct redis_cmd *c, unsigned shard,
    const char *name)
{
	char key[KEY];
	int n = snprintf(
	    key, sizeof(key), "%s:{s%u}:%s", r->setup.prefix, shard, name);

	must(n > 0 && n < KEY);
	redis_cmd_word(c, (struct slice){key, (size_t)n});
}

void
redis_key_channel(struct redis_engine *r, struct redis_cmd *c, unsigned shard,
    struct slice channel)
{
	char name[KEY / 2 + 80];

	snprintf(name, sizeof(name), "c:%.*s", SLICE_ARGS(channel));
	redis_key(r, c, shard, name);
}

void
redis_begin(struct redis_engine *r, struct redis_cmd *c, unsigned shard,
    const struct redis_script *script)
{
	redis_cmd_free(c);
	c->script = script;
	c->slot = r->shards[shard].slot;
}

void
redis_keys_of(struct redis_engine *r, struct redis_cmd *c, unsigned shard,
    const char *const *names)
{
	size_t n = 0;

	while (names[n] != NULL)
		n++;
	redis_cmd_num(c, n);
	for (size_t i = 0; i < n; i++)
		redis_key(r, c, shard, names[i]);
}

void
redis_keys(
    struct redis_engine *r, struct redis_cmd *c, unsigned shard, size_t more)
{
	redis_cmd_num(c, LENGTH(all_keys) + more);
	for (size_t i = 0; i < LENGTH(all_keys); i++)
		redis_key(r, c, shard, all_keys[i]);
}

void
redis_keys_rows(struct redis_engine *r, struct redis_cmd *c, unsigned shard,
    enum space space)
{
	redis_cmd_num(c, 3);
	for (unsigned i = 0; i < 3; i++)
		redis_key(r, c, shard, all_keys[4 + (unsigned)space * 3 + i]);
}

/* For who has no keeper: tests, and tools. */
static enum code
open_shard(
    struct engine *e, unsigned shard, uint64_t unix_ms, struct shard_state *s)
{
	struct redis_engine *r = redis_of(e);
	struct redis_taking t = {r->writer, "alone", shard, unix_ms};

	must(shard < r->setup.shards);
	return redis_take(r, &t, s);
}

static void
count(_Atomic uint64_t *n, enum stat_id id)
{
	stats_add(id, atomic_exchange(n, 0));
}

static void
tick(struct engine *e, uint64_t unix_ms)
{
	struct redis_counts *c = &redis_of(e)->counts;

	(void)unix_ms;
	count(&c->reconnects, STAT_redis_reconnects);
	count(&c->redirects, STAT_redis_redirects);
	count(&c->doubts, STAT_commits_in_doubt);
	count(&c->epochs, STAT_epochs_begun);
	count(&c->gained, STAT_shards_gained);
	count(&c->lost, STAT_shards_lost);
}

static void
close_engine(struct engine **ep)
{
	struct redis_engine *r = redis_of(*ep);

	*ep = NULL;
	redis_keeper_free(r);
	redis_net_free(&r->writer);
	redis_net_free(&r->reader);
	pthread_mutex_destroy(&r->mutex);
	free(r->shards);
	free(r);
}

static void
make_life(struct redis_engine *r)
{
	uint64_t life;

	crypto_random(&life, sizeof(life));
	snprintf(r->life, sizeof(r->life), "%016llx", (unsigned long long)life);
}

struct engine *
engine_redis_new(const struct redis_engine_setup *setup)
{
	struct redis_engine *r = xcalloc(1, sizeof(*r));
	struct redis_net_setup net = setup->net;
	char tag[16];

	r->setup = *setup;
	r->setup.net.counts = net.counts = &r->counts;
	r->face = (struct engine){
	    .name = "redis",
	    .remembers = true,
	    .kept = KEPT_MEMORY,
	    .lender = &redis_lender,
	    .open = open_shard,
	    .write = redis_write,
	    .read = redis_read,
	    .scan = redis_scan,
	    .tick = tick,
	    .close = close_engine,
	};
	redis_lua_init(&r->lua);
	make_life(r);
	must(pthread_mutex_init(&r->mutex, NULL) == 0);
	r->shards = xcalloc(setup->shards, sizeof(*r->shards));
	for (unsigned i = 0; i < setup->shards; i++) {
		snprintf(tag, sizeof(tag), "{s%u}", i);
		r->shards[i].slot = redis_slot(slice_of(tag));
	}
	net.label = "writing";
	r->writer = redis_net_new(&net);
	net.label = "reading";
	net.replicas = 0;
	r->reader = redis_net_new(&net);
	return &r->face;
}

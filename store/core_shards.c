/*
 * core_shards.c - beginning with a shard: its numbers, and what is recalled
 * of its last life.
 */
#include "common/stats.h"
#include "store/core_own.h"

#include <stdlib.h>

/* Who published in the last minutes, and what: it may be repeated. */
static void
recall(struct core *c, unsigned shard, const struct recall *r)
{
	uint64_t now = loop_now(c->setup->loop);
	uint64_t unix_now = loop_unix_ms(c->setup->loop);
	uint64_t age = unix_now > r->at ? unix_now - r->at : 0;
	struct answer a = {
	    .offset = r->offset,
	    .shard = (uint16_t)shard,
	    .code = CODE_ok,
	    .state = (uint8_t)c->setup->engine->kept,
	};

	if (r->mark.boot != 0)
		publishers_recall(c->publishers,
		    &(struct recalled){r->mark.boot, r->mark.seq, a}, now);
	if ((r->mark.id[0] | r->mark.id[1]) != 0)
		ids_recall(c->ids,
		    &(struct id_recalled){{r->mark.id[0], r->mark.id[1]},
			now > age ? now - age : 0, a});
}

void
core_begin_shard(struct core *c, unsigned shard, struct shard_state *held)
{
	struct shard *s = sequence_shard(c->sequence, shard);

	s->epoch = held->epoch;
	s->evicted = s->muddled = 0;
	s->top = s->born = held->top;
	s->next = held->top + 1;
	s->floor = held->floor;
	s->plain_floor = held->top;
	s->reserved = held->reserved;
	for (size_t i = 0; i < held->recalled; i++)
		recall(c, shard, &held->recall[i]);
	free(held->recall);
	held->recall = NULL;
}

void
core_rows_want(struct core *c, unsigned shard, struct shard_rows *r)
{
	uint64_t now = loop_unix_ms(c->setup->loop);

	r->keys = keyring_rows(c->setup->engine, shard, now);
	r->jobs = jobs_rows(c->setup->engine, shard, now);
}

enum code
core_rows_read(struct shard_rows *r)
{
	snapshot_read(&r->keys);
	if (r->keys.code == CODE_ok)
		snapshot_read(&r->jobs);
	return r->keys.code == CODE_ok ? r->jobs.code : r->keys.code;
}

static void
take_rows(struct core *c, const struct shard_rows *r)
{
	keyring_take(c->keyring, &r->keys);
	jobs_open(c->jobs, &r->jobs);
}

void
core_rows_free(struct shard_rows *r)
{
	snapshot_free(&r->keys);
	snapshot_free(&r->jobs);
}

static enum code
load_rows(struct core *c, unsigned shard)
{
	struct shard_rows r;
	enum code code;

	core_rows_want(c, shard, &r);
	code = core_rows_read(&r);
	if (code == CODE_ok)
		take_rows(c, &r);
	core_rows_free(&r);
	return code;
}

bool
core_open_shards(struct core *c)
{
	const struct owners *o = c->setup->owners;

	for (unsigned i = 0; c->setup->engine->lender == NULL && i < o->shards;
	     i++) {
		struct shard *s = sequence_shard(c->sequence, i);
		struct shard_state held;

		s->owned = owners_own(o, i);
		if (!s->owned)
			continue;
		if (c->setup->engine->open(c->setup->engine, i,
			c->setup->epoch_ms, &held) != CODE_ok)
			return false;
		core_begin_shard(c, i, &held);
		stats_add(STAT_shards, 1);
		if (load_rows(c, i) != CODE_ok)
			return false;
	}
	return true;
}

/*
 * rocks_sweep.c - channels that nobody uses any more leave the disk.
 *
 * A channel has a row for its name and one for where it stands, for as long
 * as it might be asked about.  When all it kept died of age a day ago, both
 * go.  Who comes back later yet, from a position before that, cannot be told
 * what became of it, only that something may have: `forgotten` of the shard
 * is the highest offset of any channel that left, and stands before the first
 * message of a new one.
 */
#include "store/rocks_own.h"

enum {
	DAY_MS = 86400000,
	LEAST = 256, /* channels looked at each time: a ms */
	MOST = 8192, /* while most of them leave */
};

struct sweep {
	struct rocks *r;
	struct rocks_key key; /* of the row of ids */
	uint16_t shard;
	struct rocks_state state;
	struct slice name;
};

/* Messages of before their channel had an age die only by its row. */
static bool
has_ageless(struct sweep *s)
{
	struct rocks_log row;
	struct kv_walk w;
	bool found = false;

	kv_walk(s->r->kv, KV_LOG, &w);
	kv_from(&w, rocks_key_slice(&s->key));
	if (w.valid && w.key.n == ROCKS_PLACE &&
	    slice_starts(w.key, rocks_key_slice(&s->key)))
		found = !rocks_get_log(
			    w.value, rocks_num_at(w.key, ROCKS_ID), &row) ||
		        row.deadline == 0;
	kv_walk_end(&w);
	return found;
}

static bool
is_dead(struct sweep *s)
{
	const struct rocks_shard *shard = &s->r->shards[s->shard];
	const struct rocks_state *state = &s->state;
	uint64_t age = state->policy.age_ms;

	return age != 0 && shard->open &&
	       state->at + age + DAY_MS < atomic_load(&s->r->now) &&
	       state->last <= shard->meta.floor_lost &&
	       rocks_dir_late(s->r->dir, s->shard, state->id) == 0 &&
	       !has_ageless(s) && rocks_dir_leave(s->r->dir, s->name);
}

static void
leave(struct sweep *s)
{
	struct rocks *r = s->r;
	struct rocks_meta *m = &r->shards[s->shard].meta;
	struct rocks_key name;

	rocks_key_shard(&name, s->shard);
	rocks_key_bytes(&name, s->name);
	kv_delete(r->kv, r->batch, KV_NAMES, rocks_key_slice(&name));
	kv_delete(r->kv, r->batch, KV_IDS, rocks_key_slice(&s->key));
	if (s->state.last > m->forgotten)
		m->forgotten = s->state.last;
	rocks_put_meta_row(r, s->shard);
}

static bool
read_row(struct sweep *s, const struct kv_walk *w)
{
	if (w->key.n != ROCKS_ID ||
	    rocks_shard_at(w->key) >= s->r->setup.shards)
		return false;
	s->shard = rocks_shard_at(w->key);
	s->state.id = rocks_num_at(w->key, ROCKS_SHARD);
	rocks_key_id(&s->key, s->shard, s->state.id);
	return rocks_get_state(w->value, &s->state, &s->name);
}

void
rocks_sweep(struct rocks *r)
{
	unsigned most = r->sweep.most > LEAST ? r->sweep.most : LEAST;
	unsigned seen = 0, left = 0;
	struct sweep s = {.r = r};
	struct kv_walk w;

	kv_walk(r->kv, KV_IDS, &w);
	for (kv_from(&w, rocks_key_slice(&r->sweep.at)); w.valid && seen < most;
	     kv_next(&w), seen++)
		if (read_row(&s, &w) && is_dead(&s)) {
			leave(&s);
			left++;
		}
	r->sweep.at.n = 0; /* from the first again */
	if (w.valid)
		rocks_key_bytes(&r->sweep.at, w.key);
	r->sweep.most = left > seen / 2 && most < MOST ? most * 2 : most / 2;
	kv_walk_end(&w);
}

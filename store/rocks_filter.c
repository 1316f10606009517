/*
 * rocks_filter.c - what may leave the disk when its file is written anew.
 *
 * On threads of RocksDB.  A message is judged by what its channel's row says
 * on disk, which is never ahead of the truth: what lives is not dropped, and
 * what the row does not know yet is kept, for it is how we find out where
 * the channel stands.
 */
#include "store/rocks_own.h"

/* The words of a scratch: the channel judged last. */
enum { KNOWN, SHARD, ID, NTH, TOTAL, COUNT, BYTES, AGE };
enum { NOT_KNOWN, IS_KNOWN, HAS_LEFT };

static void
look_up(struct rocks *r, struct kv_scratch *s, uint16_t shard, uint64_t id)
{
	struct rocks_state state = {0};
	enum kv_status status = KV_FAILED;
	struct slice name;
	struct rocks_key k;
	struct buf got = {0};

	rocks_key_id(&k, shard, id);
	pthread_mutex_lock(&r->looking);
	if (r->looked != NULL)
		status = kv_get(r->looked, KV_IDS, rocks_key_slice(&k), &got);
	pthread_mutex_unlock(&r->looking);
	s->words[KNOWN] = NOT_KNOWN;
	if (status == KV_NONE)
		s->words[KNOWN] = HAS_LEFT;
	else if (status == KV_OK &&
		 rocks_get_state(buf_slice(&got), &state, &name))
		s->words[KNOWN] = IS_KNOWN;
	s->words[SHARD] = shard;
	s->words[ID] = id;
	s->words[NTH] = state.nth;
	s->words[TOTAL] = state.total;
	s->words[COUNT] = state.policy.count;
	s->words[BYTES] = state.policy.bytes;
	s->words[AGE] = state.policy.age_ms;
	buf_free(&got);
}

static bool
drops_message(
    struct rocks *r, struct kv_scratch *s, struct slice key, struct slice value)
{
	uint64_t id, offset, now = atomic_load(&r->now);
	struct rocks_state state;
	struct rocks_log row;
	uint16_t shard;

	if (key.n != ROCKS_PLACE)
		return false;
	shard = rocks_shard_at(key);
	id = rocks_num_at(key, ROCKS_SHARD);
	offset = rocks_num_at(key, ROCKS_ID);
	if (s->words[KNOWN] == NOT_KNOWN || s->words[SHARD] != shard ||
	    s->words[ID] != id)
		look_up(r, s, shard, id);
	if (s->words[KNOWN] == NOT_KNOWN || !rocks_get_log(value, offset, &row))
		return false;
	if (s->words[KNOWN] == HAS_LEFT)
		return row.deadline != 0 && row.deadline <= now;
	state = (struct rocks_state){
	    .nth = s->words[NTH],
	    .total = s->words[TOTAL],
	    .policy = {.count = s->words[COUNT],
		.bytes = s->words[BYTES],
		.age_ms = s->words[AGE]},
	};
	return row.nth <= state.nth && rocks_dead(&row, &state, now);
}

static bool
drops_commit(struct rocks *r, struct slice key)
{
	uint64_t position, serial, floor;
	uint16_t shard;

	if (key.n != ROCKS_PLACE ||
	    (shard = rocks_shard_at(key)) >= r->setup.shards)
		return false;
	position = rocks_num_at(key, ROCKS_SHARD);
	serial = rocks_num_at(key, ROCKS_ID);
	floor = atomic_load(&r->floors[shard][0]);
	return position < floor ||
	       (position == floor &&
		   serial < atomic_load(&r->floors[shard][1]));
}

bool
rocks_drops(
    struct kv_face *face, struct kv_scratch *s, const struct kv_row *row)
{
	struct rocks *r = container_of(face, struct rocks, filter);
	struct slice rest = row->value;
	uint64_t expires;

	if (row->family == KV_LOG)
		return drops_message(r, s, row->key, row->value);
	if (row->family == KV_JOURNAL)
		return drops_commit(r, row->key);
	return rocks_get_num(&rest, &expires) && expires != 0 &&
	       expires <= atomic_load(&r->now);
}

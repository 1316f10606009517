/*
 * rocks_find.c - what a channel stands at: from memory, else from its rows.
 */
#include "store/rocks_own.h"

#include "common/log.h"
#include "common/must.h"

struct sought {
	uint16_t shard;
	uint64_t id;
	struct buf *got;   /* room to read into */
	struct slice name; /* found */
	struct rocks_state state;
};

static enum kv_status
find_id(struct rocks *r, const struct rocks_asked *a, struct sought *s)
{
	struct rocks_key k;
	enum kv_status status;
	struct slice rest;

	rocks_key_shard(&k, a->shard);
	rocks_key_bytes(&k, a->channel);
	status = kv_get(r->kv, KV_NAMES, rocks_key_slice(&k), s->got);
	if (status != KV_OK)
		return status;
	rest = buf_slice(s->got);
	s->shard = a->shard;
	return rocks_get_num(&rest, &s->id) ? KV_OK : KV_CORRUPT;
}

/* Rows that were not noted do not vanish, so the last one is there. */
static enum kv_status
catch_up(struct rocks *r, struct sought *s, uint64_t last)
{
	struct rocks_log row;
	struct rocks_key k;
	enum kv_status status;
	struct buf got = {0};

	rocks_key_place(&k, s->shard, s->id, last);
	status = kv_get(r->kv, KV_LOG, rocks_key_slice(&k), &got);
	if (status == KV_OK && !rocks_get_log(buf_slice(&got), last, &row))
		status = KV_CORRUPT;
	if (status == KV_OK) {
		s->state.last = last;
		s->state.nth = row.nth;
		s->state.at = row.at;
		s->state.total = row.before + rocks_log_size(&row, s->name.n);
	}
	buf_free(&got);
	return status == KV_NONE ? KV_CORRUPT : status;
}

static enum kv_status
find_state(struct rocks *r, struct sought *s, uint64_t late)
{
	struct rocks_key k;
	enum kv_status status;

	rocks_key_id(&k, s->shard, s->id);
	status = kv_get(r->kv, KV_IDS, rocks_key_slice(&k), s->got);
	if (status == KV_NONE)
		return KV_CORRUPT;
	if (status != KV_OK)
		return status;
	s->state = (struct rocks_state){.id = s->id};
	if (!rocks_get_state(buf_slice(s->got), &s->state, &s->name))
		return KV_CORRUPT;
	return late > s->state.last ? catch_up(r, s, late) : KV_OK;
}

/* One that has to leave for it is written down first. */
static struct rocks_channel *
add(struct rocks *r, const struct rocks_found *f)
{
	const struct rocks_channel *old;

	while ((old = rocks_dir_evict(r->dir)) != NULL)
		if (!list_empty(&old->dirty))
			rocks_note_channel(r, old);
	return rocks_dir_add(r->dir, f);
}

static struct rocks_channel *
add_found(struct rocks *r, const struct sought *s, uint64_t late)
{
	struct rocks_found f = {
	    s->name, table_hash(s->name), s->shard, s->state};
	struct rocks_channel *c = add(r, &f);

	if (late != 0)
		rocks_dir_found_late(r->dir, c);
	return c;
}

static void
complain(const struct sought *s, enum kv_status status)
{
	if (status != KV_OK && status != KV_NONE)
		log_err("rocks_channel", "shard=%u id=%llu why=%s", s->shard,
		    (unsigned long long)s->id,
		    status == KV_CORRUPT ? "corrupt" : "unreadable");
}

struct rocks_channel *
rocks_find(struct rocks *r, const struct record *record, enum kv_status *status)
{
	struct rocks_channel *c =
	    rocks_dir_find(r->dir, record->channel, record->hash);
	struct rocks_asked a = {record->channel, record->shard};
	struct sought s = {.got = &r->got};
	uint64_t late = 0;

	*status = KV_OK;
	if (c != NULL)
		return c;
	*status = find_id(r, &a, &s);
	if (*status == KV_NONE) {
		*status = KV_OK;
		return add(r, &(struct rocks_found){.name = record->channel,
				  .hash = record->hash,
				  .shard = record->shard});
	}
	if (*status == KV_OK) {
		late = rocks_dir_late(r->dir, s.shard, s.id);
		*status = find_state(r, &s, late);
	}
	complain(&s, *status);
	return *status == KV_OK ? add_found(r, &s, late) : NULL;
}

enum kv_status
rocks_find_late(struct rocks *r, uint16_t shard, uint64_t id)
{
	struct sought s = {.shard = shard, .id = id, .got = &r->got};
	uint64_t late = rocks_dir_late(r->dir, shard, id);
	enum kv_status status = find_state(r, &s, late);

	complain(&s, status);
	if (status == KV_OK)
		add_found(r, &s, late);
	else
		rocks_dir_drop_late(r->dir, shard, id);
	return status;
}

/* Late and then known, or known and then noted: looked for in that order, it
 * is found in one of the three. */
enum kv_status
rocks_state_of(
    struct rocks *r, const struct rocks_asked *a, struct rocks_state *out)
{
	struct buf got = {0};
	struct sought s = {.got = &got};
	enum kv_status status = KV_OK;
	uint64_t late;

	if (rocks_dir_state(r->dir, a->channel, out))
		return out->id != 0 ? KV_OK : KV_NONE;
	status = find_id(r, a, &s);
	if (status == KV_OK) {
		late = rocks_dir_late(r->dir, s.shard, s.id);
		if (!rocks_dir_state(r->dir, a->channel, out)) {
			status = find_state(r, &s, late);
			*out = s.state;
		}
	}
	buf_free(&got);
	return status;
}

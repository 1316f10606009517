/*
 * rocks_note.c - what is written down late: where channels stand, and where
 * the journal begins.
 *
 * A channel's row on disk is some seconds old, so that a message costs no more
 * than its own row.  The journal tells the rest: it stays from the first
 * offset that is not noted.
 */
#include "store/rocks_own.h"

/* Clocks are set back by less as they are mended. */
enum { WRONG_MS = 86400000 };
enum { PASS = 8192 }; /* journal rows that may leave at once */

void
rocks_note_channel(struct rocks *r, const struct rocks_channel *c)
{
	struct rocks_key k;

	rocks_key_id(&k, c->shard, c->next.id);
	buf_clear(&r->row);
	rocks_put_state(&r->row, &c->next, table_key(&c->entry));
	kv_put(r->kv, r->batch,
	    &(struct kv_row){KV_IDS, rocks_key_slice(&k), buf_slice(&r->row)});
}

void
rocks_put_meta_row(struct rocks *r, unsigned shard)
{
	struct rocks_shard *s = &r->shards[shard];
	struct rocks_key k;

	rocks_key_shard(&k, (uint16_t)shard);
	buf_clear(&r->row);
	rocks_put_meta(&r->row, &s->meta);
	kv_put(r->kv, r->batch,
	    &(struct kv_row){KV_META, rocks_key_slice(&k), buf_slice(&r->row)});
	s->changed = true;
}

/* What was written later than it may be by now came by a clock that was wrong
 * and is set back since: to wait for that time may be to wait for ever. */
static bool
is_young(const struct rocks *r, uint64_t at)
{
	uint64_t now = atomic_load(&r->now);

	return at + r->setup.journal_ms >= now && at <= now + WRONG_MS;
}

/* What is old, and noted, is left behind. */
static void
move_floor(struct rocks *r, unsigned shard)
{
	struct rocks_shard *s = &r->shards[shard];
	unsigned passed = 0;
	struct rocks_commit c;
	struct rocks_key k;
	struct kv_walk w;

	rocks_key_place(
	    &k, (uint16_t)shard, s->meta.floor[0], s->meta.floor[1]);
	kv_walk(r->kv, KV_JOURNAL, &w);
	for (kv_from(&w, rocks_key_slice(&k));
	     w.valid && w.key.n == ROCKS_PLACE &&
	     rocks_shard_at(w.key) == shard && passed < PASS;
	     kv_next(&w), passed++) {
		if (!rocks_commit_open(w.value, &c) || is_young(r, c.at) ||
		    c.top >= s->meta.noted)
			break;
		s->meta.floor[0] = rocks_num_at(w.key, ROCKS_SHARD);
		s->meta.floor[1] = rocks_num_at(w.key, ROCKS_ID) + 1;
		if (c.top > s->meta.floor_lost)
			s->meta.floor_lost = c.top;
	}
	kv_walk_end(&w);
	if (s->meta.floor_lost > s->meta.top)
		s->meta.top = s->meta.floor_lost;
}

static void
note_shard(struct rocks *r, unsigned shard, uint64_t before_ms, unsigned most)
{
	struct rocks_shard *s = &r->shards[shard];
	struct rocks_meta old = s->meta;
	const struct rocks_channel *c;
	uint64_t since, id;

	for (unsigned n = 0;
	     n < most && rocks_dir_any_late(r->dir, (uint16_t)shard, &id); n++)
		if (rocks_find_late(r, (uint16_t)shard, id) != KV_OK)
			break;
	since = rocks_dir_since(r->dir, shard);
	s->meta.noted = since != 0 ? since : s->top + 1;
	for (unsigned n = 0;
	     n < most && (c = rocks_dir_note(r->dir, shard, before_ms)) != NULL;
	     n++)
		rocks_note_channel(r, c);
	move_floor(r, shard);
	if (s->meta.noted != old.noted || s->meta.floor[0] != old.floor[0] ||
	    s->meta.floor[1] != old.floor[1])
		rocks_put_meta_row(r, shard);
}

void
rocks_note(struct rocks *r, uint64_t before_ms, unsigned most)
{
	for (unsigned s = 0; s < r->setup.shards; s++)
		if (r->shards[s].open)
			note_shard(r, s, before_ms, most);
}

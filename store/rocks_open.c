/*
 * rocks_open.c - what a shard holds when a life begins.
 *
 * The journal is read from its end back to what was noted, and to what may be
 * repeated: that is some minutes, whatever is kept.  Channels found there are
 * `late`: where they stand is looked up when they are needed.
 */
#include "store/rocks_own.h"

#include "common/log.h"

enum {
	RESERVE = 65536,       /* numbers, until more are asked for */
	RECALL_MOST = 1 << 20, /* writes, the newest */
};

struct opening {
	struct rocks *r;
	struct shard_state *out;
	unsigned shard;
	uint64_t since; /* unix ms: what is older is not recalled */
	size_t room;
	bool sound;
};

static bool
here(const struct opening *o, const struct kv_walk *w)
{
	return w->valid && w->key.n == ROCKS_PLACE &&
	       rocks_shard_at(w->key) == o->shard;
}

static void
recall(struct opening *o, const struct rocks_entry *e)
{
	struct shard_state *s = o->out;

	if (e->at < o->since ||
	    (e->mark.boot == 0 && e->mark.id[0] == 0 && e->mark.id[1] == 0))
		return;
	if (s->recalled == o->room) {
		o->room = o->room != 0 ? o->room * 2 : 1024;
		s->recall = xrealloc(s->recall, o->room * sizeof(*s->recall));
	}
	s->recall[s->recalled++] = (struct recall){e->mark, e->offset, e->at};
}

static void
read_commit(struct opening *o, struct slice value)
{
	const struct rocks_meta *m = &o->r->shards[o->shard].meta;
	struct rocks_commit c;
	struct rocks_entry e;

	if (!rocks_commit_open(value, &c)) {
		o->sound = false;
		return;
	}
	while (rocks_commit_next(&c, &e)) {
		if (e.append && e.offset >= m->noted)
			rocks_dir_add_late(
			    o->r->dir, (uint16_t)o->shard, e.id, e.offset);
		recall(o, &e);
	}
	o->sound = o->sound && c.count == 0;
}

/* Back to the first commit that matters; false: none does. */
static bool
go_back(struct opening *o, struct kv_walk *w)
{
	struct rocks_shard *s = &o->r->shards[o->shard];
	struct rocks_key end, floor;
	struct rocks_commit c;
	uint64_t entries = 0;
	bool found = false;

	rocks_key_place(&end, (uint16_t)o->shard, UINT64_MAX, UINT64_MAX);
	rocks_key_place(
	    &floor, (uint16_t)o->shard, s->meta.floor[0], s->meta.floor[1]);
	for (kv_until(w, rocks_key_slice(&end));
	     here(o, w) && slice_order(w->key, rocks_key_slice(&floor)) >= 0;
	     kv_prev(w)) {
		o->sound = o->sound && rocks_commit_open(w->value, &c);
		if (!o->sound)
			return false;
		if (!found)
			s->serial = rocks_num_at(w->key, ROCKS_ID) + 1;
		found = true;
		if (c.top > s->top)
			s->top = c.top;
		entries += c.count;
		if ((c.at < o->since || entries > RECALL_MOST) &&
		    rocks_num_at(w->key, ROCKS_SHARD) < s->meta.noted &&
		    c.top < s->meta.noted)
			return true;
	}
	if (!found)
		return false;
	if (w->valid)
		kv_next(w);
	else
		kv_from(w, rocks_key_slice(&floor));
	return true;
}

static void
read_journal(struct opening *o)
{
	struct shard_state *s = o->out;
	struct kv_walk w;

	kv_walk(o->r->kv, KV_JOURNAL, &w);
	rocks_dir_late_since(
	    o->r->dir, o->shard, o->r->shards[o->shard].meta.noted);
	if (go_back(o, &w))
		for (; o->sound && here(o, &w); kv_next(&w))
			read_commit(o, w.value);
	if (!w.valid && kv_walk_status(&w, NULL) != KV_OK)
		o->sound = false;
	kv_walk_end(&w);
	if (s->recalled <= RECALL_MOST)
		return;
	memmove(s->recall, s->recall + s->recalled - RECALL_MOST,
	    RECALL_MOST * sizeof(*s->recall));
	s->recalled = RECALL_MOST;
}

static enum code
read_meta(struct opening *o, uint64_t unix_ms)
{
	struct rocks *r = o->r;
	struct rocks_shard *s = &r->shards[o->shard];
	struct rocks_key k;
	enum kv_status status;

	rocks_key_shard(&k, (uint16_t)o->shard);
	status = kv_get(r->kv, KV_META, rocks_key_slice(&k), &r->got);
	s->meta = (struct rocks_meta){.epoch = unix_ms, .noted = 1};
	if (status == KV_NONE)
		return CODE_ok;
	if (status != KV_OK)
		return rocks_code(status);
	if (rocks_get_meta(buf_slice(&r->got), &s->meta))
		return CODE_ok;
	if (r->got.n == 0)
		log_err("rocks_shard",
		    "path=%s shard=%u why=\"its import, or drop, did not end\"",
		    r->path, o->shard);
	return CODE_internal;
}

static enum code
begin(struct opening *o, uint64_t unix_ms)
{
	struct rocks_shard *s = &o->r->shards[o->shard];
	enum code code = read_meta(o, unix_ms);

	if (code != CODE_ok)
		return code;
	s->top = s->meta.top;
	read_journal(o);
	if (!o->sound)
		return CODE_internal;
	o->out->epoch = s->meta.epoch;
	o->out->top = s->top > s->meta.reserved ? s->top : s->meta.reserved;
	o->out->reserved = s->meta.reserved = o->out->top + RESERVE;
	rocks_put_meta_row(o->r, o->shard);
	return rocks_commit(o->r);
}

enum code
rocks_open_shard(
    struct engine *e, unsigned shard, uint64_t unix_ms, struct shard_state *out)
{
	struct rocks *r = rocks_of(e);
	uint64_t now = atomic_load(&r->now);
	struct opening o = {
	    .r = r,
	    .out = out,
	    .shard = shard,
	    .since = now > RECALL_MS ? now - RECALL_MS : 0,
	    .sound = true,
	};
	enum code code;

	*out = (struct shard_state){0};
	code = begin(&o, unix_ms);
	if (code == CODE_ok) {
		r->shards[shard].open = true;
		return CODE_ok;
	}
	log_err("rocks_shard", "path=%s shard=%u code=%s", r->path, shard,
	    code_name(code));
	free(out->recall);
	*out = (struct shard_state){0};
	return code;
}

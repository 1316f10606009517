/*
 * rocks_read.c - histories and rows, on the reader's thread.
 *
 * A channel's rows that are dead stand before those that live.  Most reads
 * begin among the living; else the border is found by halving.
 */
#include "store/rocks_own.h"

#include "common/log.h"

struct reading {
	struct rocks *r;
	struct read *q;
	struct rocks_state state;
	struct kv_walk walk;
	uint64_t offset; /* of the row the walk is at */
	struct rocks_log row;
};

struct record *
rocks_record(const struct rocks_whole *w, const struct rocks_log *row)
{
	struct record *r = record_new(&(struct msg_deliver){
	    .channel = w->channel,
	    .epoch = w->epoch,
	    .offset = w->offset,
	    .prev = row->prev,
	    .type = row->type,
	    .body = row->body,
	    .filter = row->filter,
	    .id = row->id,
	    .expires = row->expires,
	    .envelope = row->envelope,
	});

	r->hash = w->hash;
	r->shard = w->shard;
	r->kept = true;
	r->at = row->at;
	return r;
}

/* The row the walk stands on, if it is one of the channel. */
static bool
at_row(struct reading *g)
{
	const struct kv_walk *w = &g->walk;

	if (!w->valid || w->key.n != ROCKS_PLACE ||
	    rocks_shard_at(w->key) != g->q->shard ||
	    rocks_num_at(w->key, ROCKS_SHARD) != g->state.id)
		return false;
	g->offset = rocks_num_at(w->key, ROCKS_ID);
	if (rocks_get_log(w->value, g->offset, &g->row))
		return true;
	g->q->code = CODE_internal;
	return false;
}

static bool
seek(struct reading *g, uint64_t offset)
{
	struct rocks_key k;

	rocks_key_place(&k, g->q->shard, g->state.id, offset);
	kv_from(&g->walk, rocks_key_slice(&k));
	return at_row(g);
}

static bool
next(struct reading *g)
{
	kv_next(&g->walk);
	return at_row(g);
}

static bool
dead(const struct reading *g)
{
	return rocks_dead(&g->row, &g->state, g->q->unix_ms);
}

static void
lose(struct read *q, uint64_t offset)
{
	if (offset > q->after && offset > q->lost)
		q->lost = offset;
}

/* To the first living row behind a dead one; false: there is none. */
static bool
first_living(struct reading *g)
{
	uint64_t low = g->offset, high = g->state.last + 1;

	while (high > low + 1) {
		uint64_t middle = low + (high - low) / 2;

		if (seek(g, middle) && dead(g))
			low = g->offset;
		else
			high = middle;
		if (g->q->code != CODE_ok)
			return false;
	}
	return seek(g, high);
}

static void
collect(struct reading *g, const struct rocks_whole *whole)
{
	struct rocks_whole w = *whole;
	struct read *q = g->q;
	uint64_t past = g->row.prev;
	size_t bytes = 0;
	bool more = true;

	for (; more && g->offset <= q->upto; more = next(g)) {
		if (g->row.prev > past)
			lose(q, g->row.prev);
		past = g->offset;
		if (dead(g)) {
			lose(q, g->offset);
			continue;
		}
		q->more = q->count == q->most || bytes >= q->most_bytes;
		if (q->more) {
			q->reached = g->offset - 1;
			return;
		}
		w.offset = g->offset;
		q->found[q->count++] = rocks_record(&w, &g->row);
		bytes += record_size(q->found[q->count - 1]);
	}
}

static void
read_channel(struct rocks *r, struct read *q)
{
	struct rocks_asked a = {q->channel, q->shard};
	struct reading g = {.r = r, .q = q};
	struct rocks_whole w = {.channel = q->channel,
	    .shard = q->shard,
	    .hash = table_hash(q->channel)};
	enum kv_status status = rocks_state_of(r, &a, &g.state);
	uint64_t forgotten;
	bool found;

	pthread_mutex_lock(&r->mutex);
	w.epoch = r->shards[q->shard].told.epoch;
	forgotten = r->shards[q->shard].told.forgotten;
	pthread_mutex_unlock(&r->mutex);
	if (status == KV_NONE) {
		lose(q, forgotten);
		return;
	}
	if (status != KV_OK) {
		q->code = rocks_code(status);
		return;
	}
	kv_walk(r->kv, KV_LOG, &g.walk);
	found = seek(&g, q->after + 1);
	if (found && dead(&g))
		found = first_living(&g);
	lose(q, found ? g.row.prev : g.state.last);
	if (found)
		collect(&g, &w);
	if (!found && q->code == CODE_ok &&
	    kv_walk_status(&g.walk, NULL) != KV_OK)
		q->code = CODE_internal;
	kv_walk_end(&g.walk);
}

void
rocks_read(struct engine *e, struct read *q)
{
	struct rocks *r = rocks_of(e);

	if (!read_begin(q))
		return;
	pthread_rwlock_rdlock(&r->open);
	if (r->kv == NULL)
		q->code = CODE_unavailable;
	else if (q->pattern)
		rocks_read_pattern(r, q);
	else
		read_channel(r, q);
	pthread_rwlock_unlock(&r->open);
	if (!read_end(q))
		log_err("rocks_read", "path=%s code=%s", r->path,
		    code_name(q->code));
}

static bool
scan_row(struct scan *q, const struct kv_walk *w, size_t *bytes)
{
	struct slice key = slice_from(w->key, ROCKS_SHARD), value = w->value;
	uint64_t expires;

	if (!rocks_get_num(&value, &expires)) {
		q->code = CODE_internal;
		return false;
	}
	if (expires != 0 && expires <= q->unix_ms)
		return true;
	q->more = q->count == q->most || *bytes >= q->most_bytes;
	if (q->more)
		return false;
	q->found(q, key, value, expires);
	q->count++;
	*bytes += key.n + value.n;
	return true;
}

static void
scan_rows(struct rocks *r, struct scan *q)
{
	static const enum kv_family families[SPACES] = {
	    [SPACE_BOX] = KV_BOX,
	    [SPACE_JOB] = KV_JOB,
	    [SPACE_TABLE] = KV_TABLE,
	};
	struct rocks_key prefix, from;
	struct kv_walk w;
	size_t bytes = 0;

	rocks_key_shard(&prefix, q->shard);
	rocks_key_bytes(&prefix, q->prefix);
	rocks_key_shard(&from, q->shard);
	rocks_key_bytes(&from, q->after.n != 0 ? q->after : q->prefix);
	if (q->after.n != 0) /* the least that is above it */
		from.p[from.n++] = 0;
	kv_walk(r->kv, families[q->space], &w);
	for (kv_from(&w, rocks_key_slice(&from));
	     w.valid && slice_starts(w.key, rocks_key_slice(&prefix)) &&
	     scan_row(q, &w, &bytes);
	     kv_next(&w))
		;
	if (!w.valid && kv_walk_status(&w, NULL) != KV_OK)
		q->code = CODE_internal;
	kv_walk_end(&w);
}

void
rocks_scan(struct engine *e, struct scan *q)
{
	struct rocks *r = rocks_of(e);

	scan_begin(q);
	pthread_rwlock_rdlock(&r->open);
	if (r->kv == NULL)
		q->code = CODE_unavailable;
	else
		scan_rows(r, q);
	pthread_rwlock_unlock(&r->open);
}

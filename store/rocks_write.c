/*
 * rocks_write.c - a batch of the store becomes one of RocksDB.
 *
 *	make ----- a row cannot be made --------------------> refused
 *	  | one write, one sync
 *	written -- ok --> what it changes in memory is so
 *	  | failed: opened again, it is there ---------------> ok
 *	  | opened again, it is not there; or not opened ----> refused
 *
 * A write that failed may still have reached the disk, and nobody may ever
 * meet numbers twice.  So we look for its journal row, and what is found
 * where it was refused is taken out by rocks_reopen().
 */
#include "store/rocks_own.h"

#include "common/log.h"
#include "common/must.h"

enum {
	NOTE_MS = 15000,  /* a channel's row may be so old */
	EVERY_MS = 1000,  /* how often that is looked after */
	NOTE_MOST = 4096, /* channels of a shard at once */
};

static uint64_t
highest(const struct rocks_shard *s)
{
	return s->journal.top != 0 ? s->journal.top : s->top;
}

static void
put_log(
    struct rocks *r, const struct rocks_channel *c, const struct record *record)
{
	uint64_t age = c->next.policy.age_ms;
	struct rocks_log row = {
	    .deadline = age != 0 ? record->at + age : 0,
	    .at = record->at,
	    .prev = record->prev,
	    .expires = record->expires,
	    .nth = c->next.nth + 1,
	    .before = c->next.total,
	    .type = record->type,
	    .id = record->id,
	    .filter = record->filter,
	    .envelope = record_envelope(record),
	    .body = record->body,
	};
	struct rocks_key k;

	rocks_key_place(&k, record->shard, c->next.id, record->offset);
	buf_clear(&r->row);
	rocks_put_log(&r->row, record->offset, &row);
	kv_put(r->kv, r->batch,
	    &(struct kv_row){KV_LOG, rocks_key_slice(&k), buf_slice(&r->row)});
}

static bool
same(const struct policy *a, const struct policy *b)
{
	return a->count == b->count && a->age_ms == b->age_ms &&
	       a->bytes == b->bytes;
}

static enum code
append(struct rocks *r, const struct op_append *op)
{
	struct record *record = op->record;
	struct rocks_shard *s = &r->shards[record->shard];
	enum kv_status status;
	struct rocks_channel *c;

	if (record->offset <= highest(s))
		return CODE_internal;
	if ((c = rocks_find(r, record, &status)) == NULL)
		return rocks_code(status);
	rocks_dir_stage(r->dir, c);
	if (c->next.id == 0) {
		c->next.id = record->offset;
		c->next.last = s->meta.forgotten;
		c->fresh = true;
	}
	if (c->began == 0)
		c->began = record->offset;
	if (!same(&c->next.policy, op->policy)) {
		c->next.policy = *op->policy;
		c->told = true;
	}
	if (record->prev == PREV_UNKNOWN)
		record->prev = c->next.last;
	put_log(r, c, record);
	c->next.last = record->offset;
	c->next.at = record->at;
	c->next.nth++;
	c->next.total += record_size(record);
	rocks_journal_add(
	    &s->journal, &(struct rocks_entry){true, record->offset, c->next.id,
			     record->at, op->mark});
	return CODE_ok;
}

static void
put_row(struct rocks *r, const struct op *op)
{
	static const enum kv_family families[SPACES] = {
	    [SPACE_BOX] = KV_BOX,
	    [SPACE_JOB] = KV_JOB,
	    [SPACE_TABLE] = KV_TABLE,
	};
	const struct op_row *o = &op->row;
	enum kv_family f = families[o->space];
	struct rocks_key k;

	rocks_key_shard(&k, o->shard);
	rocks_key_bytes(&k, o->key);
	if (op->kind == OP_DELETE) {
		kv_delete(r->kv, r->batch, f, rocks_key_slice(&k));
		return;
	}
	buf_clear(&r->row);
	rocks_put_num(&r->row, o->expires);
	buf_put(&r->row, o->value);
	kv_put(r->kv, r->batch,
	    &(struct kv_row){f, rocks_key_slice(&k), buf_slice(&r->row)});
}

static enum code
put_op(struct rocks *r, const struct op *op)
{
	struct rocks_shard *s = &r->shards[op_shard(op)];

	if (!s->open)
		return CODE_moved;
	switch (op->kind) {
	case OP_APPEND:
		return append(r, &op->append);
	case OP_MARK:
		rocks_journal_add(&s->journal,
		    &(struct rocks_entry){.offset = op->mark.offset,
			.at = op->mark.at,
			.mark = op->mark.mark});
		return CODE_ok;
	case OP_RESERVE:
		if (op->reserve.upto > s->meta.reserved)
			s->meta.reserved = op->reserve.upto;
		rocks_put_meta_row(r, op->reserve.shard);
		return CODE_ok;
	case OP_FORGET: /* never comes: we remember */
		return CODE_ok;
	default:
		if (op->row.key.n > ROW_KEY)
			return CODE_too_large;
		put_row(r, op);
		return CODE_ok;
	}
}

/* Rows of channels that are new, or keep from now on something else. */
static void
put_channels(struct rocks *r)
{
	struct rocks_channel *c = NULL;
	struct rocks_key k;

	while ((c = rocks_dir_staged(r->dir, c)) != NULL) {
		if (c->fresh) {
			rocks_key_shard(&k, c->shard);
			rocks_key_bytes(&k, table_key(&c->entry));
			buf_clear(&r->row);
			rocks_put_num(&r->row, c->next.id);
			kv_put(r->kv, r->batch,
			    &(struct kv_row){KV_NAMES, rocks_key_slice(&k),
				buf_slice(&r->row)});
		}
		if (!c->fresh && !c->told)
			continue;
		rocks_note_channel(r, c);
		c->noted = true;
	}
}

static void
put_journals(struct rocks *r)
{
	for (unsigned i = 0; i < r->setup.shards; i++) {
		struct rocks_shard *s = &r->shards[i];
		uint64_t position = s->journal.first;

		if (s->journal.count == 0)
			continue;
		if (position == 0)
			position = s->top + 1;
		rocks_key_place(
		    &s->journal_key, (uint16_t)i, position, s->serial);
		buf_clear(&r->row);
		rocks_journal_end(&s->journal, &r->row);
		kv_put(r->kv, r->batch,
		    &(struct kv_row){KV_JOURNAL,
			rocks_key_slice(&s->journal_key), buf_slice(&r->row)});
	}
}

/* What keeps more than it takes away; the part of such a shard is refused
 * while the disk is nearly full. */
static void
refuse_full(struct rocks *r, struct batch *b)
{
	if (rocks_room(r))
		return;
	for (size_t i = 0; i < b->count; i++) {
		const struct op *op = &b->ops[i];

		if (op->kind != OP_APPEND && op->kind != OP_PUT)
			continue;
		b->codes[op_shard(op)] = CODE_full;
		engine_was_full(&r->face, op_shard(op));
	}
}

static enum code
make(struct rocks *r, struct batch *b)
{
	uint64_t now = atomic_load(&r->now);
	enum code code = CODE_ok;

	for (unsigned i = 0; i < r->setup.shards; i++)
		if (r->shards[i].changed) /* and that was not written */
			rocks_put_meta_row(r, i);
	for (size_t i = 0; code == CODE_ok && i < b->count; i++)
		if (b->codes[op_shard(&b->ops[i])] == CODE_ok)
			code = put_op(r, &b->ops[i]);
	if (code != CODE_ok)
		return code;
	put_channels(r);
	put_journals(r);
	if (kv_batch_count(r->batch) != 0 &&
	    (now >= r->noted_ms + EVERY_MS || now < r->noted_ms)) {
		r->noted_ms = now;
		rocks_note(r, now > NOTE_MS ? now - NOTE_MS : 0, NOTE_MOST);
		rocks_sweep(r);
	}
	return CODE_ok;
}

/* Is it there, now that the directory was opened again? */
static bool
arrived(struct rocks *r)
{
	for (unsigned i = 0; i < r->setup.shards; i++) {
		struct rocks_shard *s = &r->shards[i];

		if (s->journal.count != 0)
			return kv_get(r->kv, KV_JOURNAL,
				   rocks_key_slice(&s->journal_key),
				   &r->got) == KV_OK;
	}
	return false;
}

static enum code
write_out(struct rocks *r)
{
	struct kv_why why;
	enum kv_status status;

	if (kv_batch_count(r->batch) == 0)
		return CODE_ok;
	status = kv_write(r->kv, r->batch, &why);
	if (status == KV_OK)
		return CODE_ok;
	log_err("rocks_write", "path=%s why=\"%s\"", r->path, why.text);
	r->broken = true;
	r->why = rocks_code(status);
	r->suspect = !rocks_reopen(r);
	return !r->suspect && arrived(r) ? CODE_ok : rocks_code(status);
}

/* What the batch changed is so, or is not. */
static void
settle(struct rocks *r, bool ok)
{
	rocks_dir_done(r->dir, atomic_load(&r->now), ok);
	for (unsigned i = 0; i < r->setup.shards; i++) {
		struct rocks_shard *s = &r->shards[i];

		if (ok && s->journal.count != 0) {
			s->top = highest(s);
			s->serial++;
		}
		rocks_journal_clear(&s->journal);
		if (!ok || !s->changed)
			continue;
		s->changed = false;
		pthread_mutex_lock(&r->mutex);
		s->told = s->meta;
		pthread_mutex_unlock(&r->mutex);
		atomic_store(&r->floors[i][1], s->meta.floor[1]);
		atomic_store(&r->floors[i][0], s->meta.floor[0]);
	}
	kv_batch_clear(r->batch);
}

enum code
rocks_commit(struct rocks *r)
{
	enum code code = write_out(r);

	settle(r, code == CODE_ok);
	return code;
}

static bool
ready(struct rocks *r)
{
	if (r->broken && !rocks_reopen(r))
		return false;
	if (r->suspect)
		r->suspect = !rocks_purge(r);
	return !r->suspect;
}

void
rocks_write(struct engine *e, struct batch *b)
{
	struct rocks *r = rocks_of(e);
	enum code code;

	if (!ready(r)) {
		batch_fail(b, r->why);
		return;
	}
	refuse_full(r, b);
	code = make(r, b);
	if (code == CODE_ok)
		code = rocks_commit(r);
	else
		settle(r, false);
	if (code == CODE_ok)
		return;
	for (size_t i = 0; i < b->count; i++)
		if (b->codes[op_shard(&b->ops[i])] == CODE_ok)
			b->codes[op_shard(&b->ops[i])] = code;
}

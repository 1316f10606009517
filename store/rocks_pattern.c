/*
 * rocks_pattern.c - histories of patterns: the journal, entry by entry.
 *
 * An entry has the id of its channel; the names of the last some thousand ids
 * are held, by place, so that most entries cost no look at the disk.
 */
#include "store/rocks_own.h"

#include "common/channel.h"

enum { LOOK = 16384 }; /* entries one read may pass: some ms of the reader */

struct passing {
	struct rocks *r;
	struct read *q;
	struct rocks_meta meta;
	struct buf got;
	size_t bytes;
	unsigned looked;
};

static void
lose(struct read *q, uint64_t offset)
{
	if (offset > q->after && offset > q->lost)
		q->lost = offset;
}

static void
fail(struct read *q, enum kv_status status)
{
	q->code = rocks_code(status == KV_NONE ? KV_CORRUPT : status);
}

/* NULL: q->code says why. */
static const struct rocks_name *
name_of(struct passing *p, uint64_t id)
{
	struct rocks *r = p->r;
	struct rocks_name *n =
	    &r->names[(id * 31 + p->q->shard) & (ROCKS_NAMES - 1)];
	struct rocks_state s;
	struct slice name;
	struct rocks_key k;
	enum kv_status status;

	if (n->id == id && n->shard == p->q->shard)
		return n;
	rocks_key_id(&k, p->q->shard, id);
	status = kv_get(r->kv, KV_IDS, rocks_key_slice(&k), &p->got);
	if (status == KV_OK &&
	    (!rocks_get_state(buf_slice(&p->got), &s, &name) ||
		name.n > sizeof(n->text)))
		status = KV_CORRUPT;
	if (status != KV_OK) {
		fail(p->q, status);
		return NULL;
	}
	n->id = id;
	n->shard = p->q->shard;
	n->n = (uint16_t)name.n;
	memcpy(n->text, name.p, name.n);
	return n;
}

static bool
get_row(struct passing *p, const struct rocks_entry *e, struct rocks_log *row)
{
	struct rocks_key k;
	enum kv_status status;

	rocks_key_place(&k, p->q->shard, e->id, e->offset);
	status = kv_get(p->r->kv, KV_LOG, rocks_key_slice(&k), &p->got);
	if (status == KV_OK &&
	    !rocks_get_log(buf_slice(&p->got), e->offset, row))
		status = KV_CORRUPT;
	if (status != KV_OK && status != KV_NONE)
		fail(p->q, status);
	return status == KV_OK;
}

/* False: no more. */
static bool
pass(struct passing *p, const struct rocks_entry *e)
{
	struct read *q = p->q;
	const struct rocks_name *n = name_of(p, e->id);
	struct rocks_whole w = {
	    .offset = e->offset, .epoch = p->meta.epoch, .shard = q->shard};
	struct rocks_asked a = {.shard = q->shard};
	struct rocks_state state;
	struct rocks_log row;
	enum kv_status status;

	if (n == NULL)
		return false;
	a.channel = w.channel = (struct slice){n->text, n->n};
	q->more = ++p->looked > LOOK || q->count == q->most ||
	          p->bytes >= q->most_bytes;
	if (q->more) {
		q->reached = e->offset - 1;
		return false;
	}
	if (!channel_match(q->channel, w.channel))
		return true;
	status = rocks_state_of(p->r, &a, &state);
	if (status != KV_OK)
		fail(q, status);
	else if (!get_row(p, e, &row) || rocks_dead(&row, &state, q->unix_ms))
		lose(q, e->offset);
	else {
		w.hash = table_hash(w.channel);
		q->found[q->count++] = rocks_record(&w, &row);
		p->bytes += record_size(q->found[q->count - 1]);
	}
	return q->code == CODE_ok;
}

/* False: no more. */
static bool
pass_commit(struct passing *p, struct slice value)
{
	struct rocks_commit c;
	struct rocks_entry e;

	if (!rocks_commit_open(value, &c)) {
		fail(p->q, KV_CORRUPT);
		return false;
	}
	if (c.top != 0 && c.top <= p->q->after)
		return true;
	while (rocks_commit_next(&c, &e)) {
		if (!e.append || e.offset <= p->q->after)
			continue;
		if (e.offset > p->q->upto || !pass(p, &e))
			return false;
	}
	if (c.count != 0)
		fail(p->q, KV_CORRUPT);
	return p->q->code == CODE_ok;
}

/* The commit that has the offset behind `after`, or the first there is. */
static void
begin(const struct passing *p, struct kv_walk *w)
{
	const struct read *q = p->q;
	struct rocks_key k, floor;

	rocks_key_place(&floor, q->shard, p->meta.floor[0], p->meta.floor[1]);
	rocks_key_place(&k, q->shard, q->after, UINT64_MAX);
	kv_until(w, rocks_key_slice(&k));
	if (!w->valid || slice_order(w->key, rocks_key_slice(&floor)) < 0)
		kv_from(w, rocks_key_slice(&floor));
}

void
rocks_read_pattern(struct rocks *r, struct read *q)
{
	struct passing p = {.r = r, .q = q};
	struct kv_walk w;

	pthread_mutex_lock(&r->mutex);
	p.meta = r->shards[q->shard].told;
	pthread_mutex_unlock(&r->mutex);
	lose(q, p.meta.floor_lost);
	kv_walk(r->kv, KV_JOURNAL, &w);
	for (begin(&p, &w);
	     w.valid && w.key.n == ROCKS_PLACE &&
	     rocks_shard_at(w.key) == q->shard && pass_commit(&p, w.value);
	     kv_next(&w))
		;
	if (!w.valid && q->code == CODE_ok && kv_walk_status(&w, NULL) != KV_OK)
		q->code = CODE_internal;
	kv_walk_end(&w);
	buf_free(&p.got);
}

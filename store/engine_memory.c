/*
 * engine_memory.c - the log, without a disk.
 *
 * A kept message is in two rings: its channel's, in which a channel's history
 * is found, and its shard's journal, in which patterns are found and which
 * knows the oldest when memory is short.  What is gone leaves a number: the
 * highest offset its channel lost.  Channels stay until they are forgotten.
 */
#include "store/engine_memory.h"

#include "common/channel.h"
#include "common/list.h"
#include "common/must.h"
#include "common/stats.h"
#include "common/table.h"
#include "store/deque.h"
#include "store/rows.h"

enum {
	LOOK = 4096,    /* journal places or channels one read may pass */
	SQUEEZE = 1024, /* blanks that are not worth a squeeze */
	AGED = 20000,   /* messages one tick may drop */
	ROWS = 2000,    /* rows of a shard and space one tick looks at */
};

struct journal {
	struct deque all;     /* owns one count of each record */
	struct list channels; /* struct engine_channel, latest loss last */
	uint64_t lost;        /* highest offset any channel lost */
	uint64_t forgotten;   /* the same, of channels that are gone */
	struct rows_map *rows[SPACES];
};

struct engine_channel {
	struct table_entry entry;
	struct list node; /* of its journal */
	struct deque own; /* borrows: the journal owns */
	struct policy policy;
	size_t bytes;
	uint64_t lost; /* highest offset lost; 0 is none */
	uint16_t shard;
	char name[];
};

struct memory {
	struct engine face;
	struct table *channels; /* struct engine_channel */
	struct journal *journals;
	unsigned shards;
	struct list ages; /* struct record of all shards, oldest first */
	uint64_t bytes, max, messages;
};

static struct memory *
memory_of(struct engine *e)
{
	return container_of(e, struct memory, face);
}

static struct engine_channel *
find(const struct memory *m, struct slice name, uint32_t hash)
{
	struct table_entry *e = table_find_hashed(m->channels, name, hash);

	return e != NULL ? container_of(e, struct engine_channel, entry) : NULL;
}

/* The channel of a message; one that forgot its home is found by name. */
static struct engine_channel *
channel_of(struct memory *m, const struct record *r)
{
	struct engine_channel *k = find(m, r->channel, r->hash);

	if (k != NULL)
		return k;
	k = xcalloc(1, sizeof(*k) + r->channel.n);
	memcpy(k->name, r->channel.p, r->channel.n);
	k->shard = r->shard;
	list_append(&m->journals[r->shard].channels, &k->node);
	table_insert_hashed(m->channels, &k->entry,
	    (struct slice){k->name, r->channel.n}, r->hash);
	return k;
}

/* The oldest message of a channel goes. */
static void
lose_first(struct memory *m, struct engine_channel *k)
{
	struct journal *j = &m->journals[k->shard];
	struct record *r = deque_at(&k->own, k->own.first)->record;
	size_t size = record_size(r);

	k->lost = r->offset;
	if (r->offset > j->lost)
		j->lost = r->offset;
	list_remove(&r->age);
	list_remove(&k->node);
	list_append(&j->channels, &k->node);
	k->bytes -= size;
	m->bytes -= size;
	m->messages--;
	deque_blank(&k->own, k->own.first);
	deque_blank(&j->all, r->slot);
	if (j->all.blanks > SQUEEZE &&
	    j->all.blanks > (j->all.end - j->all.first) / 2)
		deque_squeeze(&j->all);
	record_unref(&r);
}

static bool
too_much(const struct engine_channel *k, uint64_t now)
{
	const struct policy *p = &k->policy;
	uint64_t count = k->own.end - k->own.first;
	const struct record *oldest;

	if (count == 0)
		return false;
	oldest = deque_at(&k->own, k->own.first)->record;
	return count > p->count || (p->bytes != 0 && k->bytes > p->bytes) ||
	       (p->age_ms != 0 && now >= oldest->at &&
		   now - oldest->at >= p->age_ms);
}

static void
append(struct memory *m, const struct op_append *op)
{
	struct record *r = record_ref(op->record);
	struct journal *j = &m->journals[r->shard];
	struct engine_channel *k = *op->home;

	if (k == NULL)
		k = *op->home = channel_of(m, r);
	r->home = k;
	k->policy = *op->policy;
	r->slot = deque_append(&j->all, r);
	deque_append(&k->own, r);
	list_append(&m->ages, &r->age);
	k->bytes += record_size(r);
	m->bytes += record_size(r);
	m->messages++;
	while (too_much(k, r->at))
		lose_first(m, k);
	while (m->bytes > m->max) {
		r = container_of(m->ages.next, struct record, age);
		lose_first(m, r->home);
	}
}

static void
forget(struct memory *m, const struct op_forget *op)
{
	struct engine_channel *k = op->home;
	struct journal *j;

	if (k == NULL)
		k = find(m, op->channel, op->hash);
	if (k == NULL)
		return;
	while (k->own.first < k->own.end)
		lose_first(m, k);
	j = &m->journals[k->shard];
	if (k->lost > j->forgotten)
		j->forgotten = k->lost;
	table_remove(m->channels, &k->entry);
	list_remove(&k->node);
	deque_free(&k->own);
	free(k);
}

static void
write_row(struct memory *m, const struct op *op)
{
	struct rows_map *rows = m->journals[op->row.shard].rows[op->row.space];

	if (op->kind == OP_DELETE)
		rows_map_delete(rows, op->row.key);
	else
		rows_map_put(rows, &(struct rows_row){op->row.key,
				       op->row.value, op->row.expires});
}

/* Marks and reserves are for engines that outlive the process. */
static void
memory_write(struct engine *e, struct batch *b)
{
	struct memory *m = memory_of(e);

	for (size_t i = 0; i < b->count; i++) {
		const struct op *op = &b->ops[i];

		if (op->kind == OP_APPEND)
			append(m, &op->append);
		else if (op->kind == OP_FORGET)
			forget(m, &op->forget);
		else if (op->kind == OP_PUT || op->kind == OP_DELETE)
			write_row(m, op);
	}
	stats_set(STAT_history_messages, m->messages);
	stats_set(STAT_history_bytes, m->bytes);
}

static void
memory_scan(struct engine *e, struct scan *q)
{
	const struct rows_map *rows =
	    memory_of(e)->journals[q->shard].rows[q->space];
	const struct rows_node *n = q->after.n != 0
	                                ? rows_map_after(rows, q->after)
	                                : rows_map_from(rows, q->prefix);
	size_t bytes = 0;

	scan_begin(q);
	for (; n != NULL; n = rows_next(n)) {
		struct rows_row r = rows_row(n);

		if (!slice_starts(r.key, q->prefix))
			return;
		if (r.expires != 0 && r.expires <= q->unix_ms)
			continue;
		q->more = q->count == q->most || bytes >= q->most_bytes;
		if (q->more)
			return;
		q->found(q, r.key, r.value, r.expires);
		q->count++;
		bytes += r.key.n + r.value.n;
	}
}

static void
memory_ahead(struct engine *e, struct engine_channel *const *homes, unsigned n)
{
	(void)e;
	for (unsigned i = 0; i < n; i++)
		if (homes[i] != NULL)
			touch(&homes[i]->shard); /* behind it lies the rest */
	for (unsigned i = 0; i < n; i++)
		if (homes[i] != NULL && homes[i]->own.room != 0)
			touch(deque_at(&homes[i]->own, homes[i]->own.end));
	for (unsigned i = 0; i < n; i++)
		if (homes[i] != NULL && homes[i]->own.first < homes[i]->own.end)
			prefetch(&deque_at(&homes[i]->own, homes[i]->own.first)
				      ->record->at);
}

/* Highest offset past `after` that a channel of the pattern lost.  Past LOOK
 * channels the answer is on the safe side: something may have been. */
static uint64_t
lost_of(const struct memory *m, const struct read *q)
{
	const struct journal *j = &m->journals[q->shard];
	uint64_t lost = j->forgotten > q->after ? j->forgotten : 0;
	unsigned looked = 0;

	if (j->lost <= q->after)
		return 0;
	for (const struct list *at = j->channels.prev; at != &j->channels;
	     at = at->prev) {
		const struct engine_channel *k =
		    container_of(at, struct engine_channel, node);

		if (++looked > LOOK)
			return j->lost;
		if (k->lost > q->after && k->lost > lost &&
		    channel_match(q->channel, table_key(&k->entry)))
			lost = k->lost;
	}
	return lost;
}

static void
memory_read(struct engine *e, struct read *q)
{
	struct memory *m = memory_of(e);
	struct engine_channel *k =
	    q->pattern ? NULL : find(m, q->channel, table_hash(q->channel));
	struct deque *d = k != NULL ? &k->own : &m->journals[q->shard].all;
	uint64_t place = deque_after(d, q->after), looked = 0;
	size_t bytes = 0;

	if (!read_begin(q) || (k == NULL && !q->pattern))
		return;
	if (q->pattern)
		q->lost = lost_of(m, q);
	if (k != NULL && k->lost > q->after)
		q->lost = k->lost;
	for (; place < d->end; place++) {
		struct deque_slot *s = deque_at(d, place);

		if (s->offset > q->upto)
			return;
		if (q->count == q->most || bytes >= q->most_bytes ||
		    looked++ == LOOK)
			break;
		if (s->record == NULL ||
		    (q->pattern &&
			!channel_match(q->channel, s->record->channel)))
			continue;
		q->found[q->count++] = record_ref(s->record);
		bytes += record_size(s->record);
	}
	q->more = place < d->end;
	if (q->more)
		q->reached = deque_at(d, place)->offset - 1;
}

static enum code
memory_open(
    struct engine *e, unsigned shard, uint64_t unix_ms, struct shard_state *s)
{
	must(shard < memory_of(e)->shards);
	*s = (struct shard_state){.epoch = unix_ms, .reserved = UINT64_MAX};
	return CODE_ok;
}

/* The oldest of all is also the oldest of its channel.  Behind one that is
 * kept longer, old messages wait for the next of their own channel. */
static void
memory_tick(struct engine *e, uint64_t unix_ms)
{
	struct memory *m = memory_of(e);

	for (unsigned i = 0; i < AGED && !list_empty(&m->ages); i++) {
		struct record *r =
		    container_of(m->ages.next, struct record, age);

		if (!too_much(r->home, unix_ms))
			break;
		lose_first(m, r->home);
	}
	for (unsigned s = 0; s < m->shards; s++)
		for (unsigned k = 0; k < SPACES; k++)
			rows_map_expire(m->journals[s].rows[k], unix_ms, ROWS);
	stats_set(STAT_history_messages, m->messages);
	stats_set(STAT_history_bytes, m->bytes);
}

static void
memory_close(struct engine **ep)
{
	struct memory *m = memory_of(*ep);
	struct table_cursor at = {0};
	struct table_entry *e;

	*ep = NULL;
	for (unsigned s = 0; s < m->shards; s++) {
		struct deque *d = &m->journals[s].all;

		for (uint64_t i = d->first; i < d->end; i++)
			record_unref(&deque_at(d, i)->record);
		deque_free(d);
		for (unsigned k = 0; k < SPACES; k++)
			rows_map_free(&m->journals[s].rows[k]);
	}
	while ((e = table_next(m->channels, &at)) != NULL) {
		struct engine_channel *k =
		    container_of(e, struct engine_channel, entry);

		table_remove(m->channels, e);
		deque_free(&k->own);
		free(k);
	}
	table_free(&m->channels);
	free(m->journals);
	free(m);
}

struct engine *
engine_memory_new(unsigned shards, uint64_t max_bytes)
{
	struct memory *m = xcalloc(1, sizeof(*m));

	m->face = (struct engine){
	    .name = "memory",
	    .immediate = true,
	    .kept = KEPT_MEMORY,
	    .open = memory_open,
	    .write = memory_write,
	    .read = memory_read,
	    .scan = memory_scan,
	    .ahead = memory_ahead,
	    .tick = memory_tick,
	    .close = memory_close,
	};
	m->channels = table_new();
	list_init(&m->ages);
	m->shards = shards;
	m->max = max_bytes;
	m->journals = xcalloc(shards, sizeof(*m->journals));
	for (unsigned i = 0; i < shards; i++) {
		list_init(&m->journals[i].channels);
		for (unsigned k = 0; k < SPACES; k++)
			m->journals[i].rows[k] = rows_map_new();
	}
	return &m->face;
}

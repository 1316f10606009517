/*
 * rocks_move.c - what export, import and drop have in common; and drop.
 */
#include "store/rocks_move_own.h"

#include "store/folder.h"
#include "store/rocks_own.h"

#include <stdarg.h>
#include <unistd.h>

enum { PATH = 4096, WRITE = 1 << 20, CACHE = 16 << 20 };

bool
rocks_move_list(struct rocks_move *m, struct slice list)
{
	struct slice word;
	uint64_t first, last;

	while (slice_cut(&list, ',', &word)) {
		struct slice from = word, upto = word;

		if (memchr(word.p, '-', word.n) != NULL) {
			upto = word;
			slice_cut(&upto, '-', &from);
		}
		if (!slice_num(from, &first) || !slice_num(upto, &last) ||
		    first > last || last >= MOVE_SHARDS)
			return false;
		for (; first <= last; first++)
			m->shards[first] = true;
	}
	for (first = 0; first < MOVE_SHARDS; first++)
		if (m->shards[first])
			return true;
	return false;
}

bool
move_refuse(struct move *m, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(m->setup->out, fmt, args);
	va_end(args);
	fputc('\n', m->setup->out);
	return false;
}

static bool
has(const struct move *m, const char *file)
{
	char path[PATH];

	return snprintf(path, sizeof(path), "%s/%s", m->setup->folder, file) <
	           (int)sizeof(path) &&
	       access(path, F_OK) == 0;
}

static bool
begin(struct move *m)
{
	struct buf value = {0};

	rocks_put_num(&value, ROCKS_FORMAT);
	rocks_put_num(&value, m->shards);
	kv_put(m->kv, m->batch,
	    &(struct kv_row){KV_META, SLICE("format"), buf_slice(&value)});
	buf_free(&value);
	return move_write(m, true);
}

static bool
judge(struct move *m)
{
	enum kv_status status =
	    kv_get(m->kv, KV_META, SLICE("format"), &m->got);
	struct slice rest = buf_slice(&m->got);
	uint64_t version, shards;

	if (status == KV_NONE && m->shards != 0)
		return begin(m);
	if (status != KV_OK || !rocks_get_num(&rest, &version) ||
	    version != ROCKS_FORMAT || !rocks_get_num(&rest, &shards) ||
	    shards > MOVE_SHARDS)
		return move_refuse(
		    m, "%s: not format %d", m->setup->folder, ROCKS_FORMAT);
	if (m->shards != 0 && shards != m->shards)
		return move_refuse(m,
		    "%s: made for %u shards, the file is of %u",
		    m->setup->folder, (unsigned)shards, m->shards);
	m->shards = (unsigned)shards;
	return true;
}

bool
move_open(struct move *m)
{
	struct kv_setup setup = {.path = m->setup->folder, .cache = CACHE};
	struct kv_why why;

	m->batch = kv_batch_new();
	if (m->shards == 0 && !has(m, "CURRENT"))
		return move_refuse(
		    m, "%s: no store kept anything there", m->setup->folder);
	if (has(m, ROCKS_IS_COPY))
		return move_refuse(m,
		    "%s: a copy, and no store has begun from it",
		    m->setup->folder);
	if (m->shards != 0 && !folder_make(m->setup->folder))
		return move_refuse(m, "%s: cannot be made", m->setup->folder);
	m->kv = kv_open(&setup, &why);
	if (m->kv == NULL)
		return move_refuse(m, "%s: %s", m->setup->folder,
		    why.status == KV_LOCKED ? "a store has it" : why.text);
	return judge(m);
}

void
move_close(struct move *m)
{
	kv_batch_free(&m->batch);
	kv_close(&m->kv);
	buf_free(&m->got);
}

bool
move_write(struct move *m, bool anyway)
{
	struct kv_why why;

	if (!anyway && m->bytes < WRITE)
		return true;
	if (kv_batch_count(m->batch) != 0 &&
	    kv_write(m->kv, m->batch, &why) != KV_OK)
		return move_refuse(m, "%s: %s", m->setup->folder, why.text);
	kv_batch_clear(m->batch);
	m->bytes = 0;
	return true;
}

void
move_break(struct move *m)
{
	struct rocks_key k;

	for (unsigned i = 0; i < MOVE_SHARDS; i++) {
		rocks_key_shard(&k, (uint16_t)i);
		if (m->mine[i])
			kv_put(m->kv, m->batch,
			    &(struct kv_row){
				KV_META, rocks_key_slice(&k), {"", 0}});
	}
}

void
move_walk(
    struct move *m, enum kv_family family, unsigned shard, struct kv_walk *w)
{
	struct rocks_key k;

	rocks_key_shard(&k, (uint16_t)shard);
	kv_walk(m->kv, family, w);
	kv_from(w, rocks_key_slice(&k));
}

bool
move_here(const struct kv_walk *w, unsigned shard)
{
	return w->valid && w->key.n >= ROCKS_SHARD &&
	       rocks_shard_at(w->key) == shard;
}

bool
move_walked(struct move *m, struct kv_walk *w)
{
	struct kv_why why;
	bool sound = w->valid || kv_walk_status(w, &why) == KV_OK;

	kv_walk_end(w);
	return sound || move_refuse(m, "%s: %s", m->setup->folder, why.text);
}

/* All but what says that it is there. */
static bool
drop_rows(struct move *m, unsigned shard)
{
	bool ok = true;
	struct kv_walk w;

	for (unsigned f = KV_META + 1; ok && f < KV_FAMILIES; f++) {
		move_walk(m, (enum kv_family)f, shard, &w);
		for (; ok && move_here(&w, shard); kv_next(&w)) {
			kv_delete(m->kv, m->batch, (enum kv_family)f, w.key);
			m->rows++;
			m->bytes += w.key.n;
			ok = move_write(m, false);
		}
		ok = move_walked(m, &w) && ok;
	}
	return ok;
}

static bool
drop(struct move *m)
{
	struct rocks_key k;

	move_break(m);
	if (!move_write(m, true))
		return false;
	for (unsigned i = 0; i < MOVE_SHARDS; i++) {
		if (m->mine[i] && !drop_rows(m, i))
			return false;
		rocks_key_shard(&k, (uint16_t)i);
		if (m->mine[i])
			kv_delete(
			    m->kv, m->batch, KV_META, rocks_key_slice(&k));
	}
	return move_write(m, true);
}

bool
rocks_drop(const struct rocks_move *setup)
{
	struct move m = {.setup = setup};
	bool ok = move_open(&m);

	memcpy(m.mine, setup->shards, sizeof(m.mine));
	ok = ok && drop(&m);
	if (ok)
		fprintf(setup->out, "rows=%llu\n", (unsigned long long)m.rows);
	move_close(&m);
	return ok;
}

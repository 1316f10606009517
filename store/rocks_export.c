/*
 * rocks_export.c - what some shards keep, to a file.
 *
 * A store that gives out numbers while they are copied would give the other
 * store the same ones again, so the directory is taken as a store takes it.
 */
#include "store/rocks_move_own.h"
#include "store/rowfile.h"

#include "common/must.h"

#include <errno.h>

static void
put_head(const struct move *m, struct rowfile_out *s)
{
	struct buf value = {0};

	rocks_put_num(&value, ROCKS_FORMAT);
	rocks_put_num(&value, m->shards);
	for (unsigned i = 0; i < MOVE_SHARDS; i++)
		if (m->mine[i])
			rocks_put_num(&value, i);
	rowfile_put(s, &(struct rowfile_row){
			   MOVE_HEAD, SLICE("shards"), buf_slice(&value)});
	buf_free(&value);
}

static bool
put_family(struct move *m, struct rowfile_out *s, unsigned family)
{
	struct kv_walk w;

	for (unsigned i = 0; i < MOVE_SHARDS; i++) {
		if (!m->mine[i])
			continue;
		move_walk(m, (enum kv_family)family, i, &w);
		for (; move_here(&w, i); kv_next(&w)) {
			m->rows++;
			rowfile_put(
			    s, &(struct rowfile_row){family, w.key, w.value});
		}
		if (!move_walked(m, &w))
			return false;
	}
	return true;
}

static bool
put_meta(struct move *m, struct rowfile_out *s)
{
	struct rocks_key k;

	for (unsigned i = 0; i < MOVE_SHARDS; i++) {
		rocks_key_shard(&k, (uint16_t)i);
		if (!m->mine[i])
			continue;
		must(kv_get(m->kv, KV_META, rocks_key_slice(&k), &m->got) ==
		     KV_OK); /* we looked */
		rowfile_put(s, &(struct rowfile_row){KV_META,
				   rocks_key_slice(&k), buf_slice(&m->got)});
	}
	return true;
}

/* Each shard must be here, and whole. */
static bool
look(struct move *m)
{
	struct rocks_meta meta;
	struct rocks_key k;

	for (unsigned i = 0; i < MOVE_SHARDS; i++) {
		rocks_key_shard(&k, (uint16_t)i);
		if (!m->mine[i])
			continue;
		if (kv_get(m->kv, KV_META, rocks_key_slice(&k), &m->got) !=
		    KV_OK)
			return move_refuse(m, "shard %u is not there", i);
		if (!rocks_get_meta(buf_slice(&m->got), &meta))
			return move_refuse(m, "shard %u is not whole", i);
	}
	return true;
}

static bool
copy(struct move *m, struct rowfile_out *s)
{
	put_head(m, s);
	for (unsigned f = KV_META + 1; f < KV_FAMILIES; f++)
		if (!put_family(m, s, f))
			return false;
	return put_meta(m, s);
}

static bool
write_file(struct move *m)
{
	const char *file = m->setup->file;
	struct rowfile_out *s = rowfile_create(file);

	if (s == NULL)
		return move_refuse(m, "%s: %s", file, strerror(errno));
	if (!copy(m, s)) {
		rowfile_abandon(&s);
		return false;
	}
	return rowfile_end(&s) ||
	       move_refuse(m, "%s: %s", file, strerror(errno));
}

bool
rocks_export(const struct rocks_move *setup)
{
	struct move m = {.setup = setup};
	bool ok;

	memcpy(m.mine, setup->shards, sizeof(m.mine));
	ok = move_open(&m) && look(&m) && write_file(&m);
	if (ok)
		fprintf(setup->out, "rows=%llu\n", (unsigned long long)m.rows);
	move_close(&m);
	return ok;
}

/*
 * rocks_import.c - what some shards keep, from a file.
 *
 * The file is read twice: to its end before anything is written, so that one
 * that is torn changes nothing.
 */
#include "store/rocks_move_own.h"
#include "store/rowfile.h"

#include "common/must.h"

static bool
bad(struct move *m, const char *why)
{
	return move_refuse(m, "%s: %s", m->setup->file, why);
}

static bool
take_head(struct move *m, const struct rowfile_row *row)
{
	struct slice rest = row->value;
	uint64_t format, shards, shard;

	if (!rocks_get_num(&rest, &format) || !rocks_get_num(&rest, &shards))
		return bad(m, "it begins with nothing of ours");
	if (format > ROCKS_FORMAT)
		return bad(m, "a newer version made it");
	if (format != ROCKS_FORMAT || shards == 0 || shards > MOVE_SHARDS)
		return bad(m, "it begins with nothing of ours");
	m->shards = (unsigned)shards;
	while (rest.n != 0) {
		if (!rocks_get_num(&rest, &shard) || shard >= shards)
			return bad(m, "it begins with nothing of ours");
		m->mine[shard] = true;
	}
	return true;
}

static bool
is_ours(const struct move *m, const struct rowfile_row *row)
{
	return row->kind < KV_FAMILIES && row->key.n >= ROCKS_SHARD &&
	       row->key.n <= ROCKS_KEY_MOST &&
	       rocks_shard_at(row->key) < m->shards &&
	       m->mine[rocks_shard_at(row->key)];
}

/* Each shard must have said where it stands. */
static bool
all_told(struct move *m, const bool *told)
{
	for (unsigned i = 0; i < m->shards; i++)
		if (m->mine[i] != told[i])
			return bad(m, "it has not all it names");
	return true;
}

static bool
verify_rows(struct move *m, struct rowfile_in *s)
{
	bool told[MOVE_SHARDS] = {false};
	struct rocks_meta meta;
	struct rowfile_row row;
	enum rowfile_step step;
	const char *why;

	step = rowfile_next(s, &row, &why);
	if (step != ROWFILE_ROW || row.kind != MOVE_HEAD)
		return bad(m, step == ROWFILE_BAD ? why : "it is empty");
	if (!take_head(m, &row))
		return false;
	while ((step = rowfile_next(s, &row, &why)) == ROWFILE_ROW) {
		if (!is_ours(m, &row))
			return bad(m, "a row in it is none of ours");
		if (row.kind != KV_META)
			continue;
		if (row.key.n != ROCKS_SHARD ||
		    !rocks_get_meta(row.value, &meta))
			return bad(m, "a row in it is none of ours");
		told[rocks_shard_at(row.key)] = true;
	}
	return step == ROWFILE_END ? all_told(m, told) : bad(m, why);
}

/* No shard may be here already, unless it was never whole. */
static bool
look(struct move *m)
{
	struct rocks_key k;
	enum kv_status status;

	for (unsigned i = 0; i < m->shards; i++) {
		rocks_key_shard(&k, (uint16_t)i);
		if (!m->mine[i])
			continue;
		status = kv_get(m->kv, KV_META, rocks_key_slice(&k), &m->got);
		if (status == KV_OK && m->got.n != 0)
			return move_refuse(m, "%s: shard %u is there already",
			    m->setup->folder, i);
		if (status != KV_OK && status != KV_NONE)
			return move_refuse(
			    m, "%s: cannot be read", m->setup->folder);
	}
	return true;
}

static bool
take_rows(struct move *m, struct rowfile_in *s)
{
	struct rowfile_row row;
	enum rowfile_step step;
	const char *why;
	bool last = false;

	move_break(m);
	if (!move_write(m, true))
		return false;
	while ((step = rowfile_next(s, &row, &why)) == ROWFILE_ROW) {
		if (row.kind == MOVE_HEAD)
			continue;
		if (!is_ours(m, &row))
			return bad(m, "it changed meanwhile");
		/* what makes them whole is one batch, and the last */
		if (row.kind == KV_META && !last && !move_write(m, true))
			return false;
		last = row.kind == KV_META;
		m->rows += !last;
		m->bytes += last ? 0 : row.key.n + row.value.n;
		kv_put(m->kv, m->batch,
		    &(struct kv_row){
			(enum kv_family)row.kind, row.key, row.value});
		if (!move_write(m, false))
			return false;
	}
	return step == ROWFILE_END ? move_write(m, true) : bad(m, why);
}

/* The bool of a reading of the whole file. */
static bool
with_file(struct move *m, bool (*use)(struct move *, struct rowfile_in *))
{
	const char *why;
	struct rowfile_in *s = rowfile_open(m->setup->file, &why);
	bool ok;

	if (s == NULL)
		return bad(m, why);
	ok = use(m, s);
	rowfile_close(&s);
	return ok;
}

bool
rocks_import(const struct rocks_move *setup)
{
	struct move m = {.setup = setup};
	bool ok = with_file(&m, verify_rows) && move_open(&m) && look(&m) &&
	          with_file(&m, take_rows);

	if (ok)
		fprintf(setup->out, "rows=%llu\n", (unsigned long long)m.rows);
	move_close(&m);
	return ok;
}

/*
 * rocks_check.c - verifies a directory: each row, and each against the others.
 *
 *	names     leads to a row of ids that has the name; and back
 *	log       belongs to a channel; nth, bytes and prev follow each other,
 *	          and where rows are missing, those before them are dead
 *	journal   goes up, and has what the log has behind its floor
 *
 * RocksDB verifies the checksum of each block on the way.
 */
#include "store/rocks_own.h"

#include <stdarg.h>
#include <time.h>

enum { TOLD = 100 }; /* faults printed in full */

struct check {
	struct kv *kv;
	FILE *out;
	uint64_t now; /* unix ms */
	uint64_t shards;
	uint64_t faults, channels, messages, dead, commits, entries;
	uint64_t rows[SPACES];
	struct buf got;
	struct rocks_meta *metas;
	uint64_t *logged, *journaled; /* messages behind the floor, by shard */
	/* the channel whose log is being read */
	uint16_t shard;
	bool known;
	struct rocks_state state;
	uint64_t offset; /* of the row before; 0: none */
	struct rocks_log row;
};

__attribute__((format(printf, 2, 3))) static void
fault(struct check *c, const char *fmt, ...)
{
	va_list args;

	if (c->faults++ >= TOLD)
		return;
	va_start(args, fmt);
	vfprintf(c->out, fmt, args);
	va_end(args);
	fputc('\n', c->out);
}

/* A key that begins with one of our shards and has a length we write. */
static bool
sound_key(struct check *c, const char *family, struct slice key, size_t n)
{
	bool sound = key.n >= ROCKS_SHARD && (n == 0 || key.n == n) &&
	             rocks_shard_at(key) < c->shards;

	if (!sound)
		fault(
		    c, "%s: a key of %zu bytes is none of ours", family, key.n);
	return sound;
}

static bool
check_meta(struct check *c)
{
	struct rocks_key k;
	struct slice rest;
	uint64_t version;

	if (kv_get(c->kv, KV_META, SLICE("format"), &c->got) != KV_OK) {
		fault(c, "meta: no format");
		return false;
	}
	rest = buf_slice(&c->got);
	if (!rocks_get_num(&rest, &version) || version != ROCKS_FORMAT ||
	    !rocks_get_num(&rest, &c->shards) || c->shards > 1 << 16) {
		fault(c, "meta: not format %d", ROCKS_FORMAT);
		return false;
	}
	c->metas = xcalloc(c->shards, sizeof(*c->metas));
	c->logged = xcalloc(c->shards, sizeof(*c->logged));
	c->journaled = xcalloc(c->shards, sizeof(*c->journaled));
	for (unsigned i = 0; i < c->shards; i++) {
		rocks_key_shard(&k, (uint16_t)i);
		if (kv_get(c->kv, KV_META, rocks_key_slice(&k), &c->got) ==
			KV_OK &&
		    !rocks_get_meta(buf_slice(&c->got), &c->metas[i]))
			fault(c, "meta: shard %u is not readable", i);
	}
	return true;
}

static void
check_name(struct check *c, const struct kv_walk *w)
{
	struct slice name, rest = w->value;
	struct rocks_state s;
	struct rocks_key k;
	uint64_t id;

	if (!sound_key(c, "names", w->key, 0))
		return;
	if (!rocks_get_num(&rest, &id)) {
		fault(c, "names: a row is not readable");
		return;
	}
	rocks_key_id(&k, rocks_shard_at(w->key), id);
	if (kv_get(c->kv, KV_IDS, rocks_key_slice(&k), &c->got) != KV_OK ||
	    !rocks_get_state(buf_slice(&c->got), &s, &name) ||
	    !slice_eq(name, slice_from(w->key, ROCKS_SHARD)))
		fault(c, "names: channel %llu is not there, or another",
		    (unsigned long long)id);
}

static void
check_id(struct check *c, const struct kv_walk *w)
{
	struct rocks_state s = {0};
	struct slice name, rest;
	struct rocks_key k;
	uint64_t id;

	if (!sound_key(c, "ids", w->key, ROCKS_ID))
		return;
	c->channels++;
	rocks_key_shard(&k, rocks_shard_at(w->key));
	if (!rocks_get_state(w->value, &s, &name) || name.n > 255) {
		fault(c, "ids: a row is not readable");
		return;
	}
	rocks_key_bytes(&k, name);
	id = rocks_num_at(w->key, ROCKS_SHARD);
	rest = (struct slice){NULL, 0};
	if (kv_get(c->kv, KV_NAMES, rocks_key_slice(&k), &c->got) == KV_OK)
		rest = buf_slice(&c->got);
	if (!rocks_get_num(&rest, &s.id) || s.id != id || s.last < id)
		fault(c, "ids: channel %llu has no name, or another",
		    (unsigned long long)id);
}

/* Nothing but what is dead may be missing behind the last row. */
static void
end_channel(struct check *c)
{
	if (c->offset != 0 && c->row.nth < c->state.nth &&
	    !rocks_dead(&c->row, &c->state, c->now))
		fault(c, "log: channel %llu ends at %llu, not at %llu",
		    (unsigned long long)c->state.id,
		    (unsigned long long)c->offset,
		    (unsigned long long)c->state.last);
	c->offset = 0;
}

static void
begin_channel(struct check *c, uint16_t shard, uint64_t id)
{
	struct slice name;
	struct rocks_key k;

	end_channel(c);
	c->shard = shard;
	c->state = (struct rocks_state){.id = id};
	rocks_key_id(&k, shard, id);
	c->known =
	    kv_get(c->kv, KV_IDS, rocks_key_slice(&k), &c->got) == KV_OK &&
	    rocks_get_state(buf_slice(&c->got), &c->state, &name);
}

/* Of a channel that has left only what died of age may be there yet. */
static void
check_left(struct check *c, const struct rocks_log *row)
{
	if (row->deadline == 0 || row->deadline > c->now)
		fault(c, "log: channel %llu is not known",
		    (unsigned long long)c->state.id);
	c->dead++;
}

static bool
follows(const struct check *c, uint64_t offset, const struct rocks_log *row)
{
	if (row->prev >= offset || offset < c->state.id)
		return false;
	if (c->offset == 0)
		return true;
	if (row->nth == c->row.nth + 1)
		return row->prev >= c->offset && row->before > c->row.before;
	return row->nth > c->row.nth && rocks_dead(&c->row, &c->state, c->now);
}

static void
check_message(struct check *c, const struct kv_walk *w)
{
	struct rocks_log row;
	uint64_t id, offset;
	uint16_t shard;

	if (!sound_key(c, "log", w->key, ROCKS_PLACE))
		return;
	shard = rocks_shard_at(w->key);
	id = rocks_num_at(w->key, ROCKS_SHARD);
	offset = rocks_num_at(w->key, ROCKS_ID);
	if (c->messages++ == 0 || shard != c->shard || id != c->state.id)
		begin_channel(c, shard, id);
	if (offset > c->metas[shard].floor_lost)
		c->logged[shard]++;
	if (!rocks_get_log(w->value, offset, &row)) {
		fault(c, "log: message %llu is not readable",
		    (unsigned long long)offset);
		return;
	}
	if (!c->known) {
		check_left(c, &row);
		return;
	}
	if (!follows(c, offset, &row))
		fault(c, "log: message %llu of channel %llu follows %llu",
		    (unsigned long long)offset, (unsigned long long)id,
		    (unsigned long long)c->offset);
	if (row.nth > c->state.nth && offset < c->metas[shard].noted)
		fault(c, "ids: channel %llu does not know message %llu",
		    (unsigned long long)id, (unsigned long long)offset);
	c->dead += rocks_dead(&row, &c->state, c->now);
	c->offset = offset;
	c->row = row;
}

/* A message that is newer than what its channel's row knows cannot have been
 * judged dead. */
static bool
may_be_gone(struct check *c, uint16_t shard, const struct rocks_entry *e)
{
	struct rocks_state s = {0};
	struct slice name;
	struct rocks_key k;

	rocks_key_id(&k, shard, e->id);
	return kv_get(c->kv, KV_IDS, rocks_key_slice(&k), &c->got) == KV_OK &&
	       rocks_get_state(buf_slice(&c->got), &s, &name) &&
	       e->offset <= s.last;
}

static void
check_entry(struct check *c, uint16_t shard, const struct rocks_entry *e)
{
	struct rocks_key k;

	c->entries++;
	if (!e->append || e->offset <= c->metas[shard].floor_lost)
		return;
	rocks_key_place(&k, shard, e->id, e->offset);
	if (kv_get(c->kv, KV_LOG, rocks_key_slice(&k), &c->got) == KV_OK)
		c->journaled[shard]++;
	else if (!may_be_gone(c, shard, e))
		fault(c, "log: message %llu of channel %llu is not there",
		    (unsigned long long)e->offset, (unsigned long long)e->id);
}

static void
check_commit(struct check *c, const struct kv_walk *w)
{
	struct rocks_commit commit;
	struct rocks_entry e;
	uint64_t top = 0;
	uint16_t shard;

	if (!sound_key(c, "journal", w->key, ROCKS_PLACE))
		return;
	c->commits++;
	shard = rocks_shard_at(w->key);
	if (!rocks_commit_open(w->value, &commit)) {
		fault(c, "journal: a row is not readable");
		return;
	}
	while (rocks_commit_next(&commit, &e)) {
		check_entry(c, shard, &e);
		if (!e.append)
			continue;
		if (e.offset <= top ||
		    e.offset < rocks_num_at(w->key, ROCKS_SHARD))
			fault(c, "journal: %llu does not go up",
			    (unsigned long long)e.offset);
		top = e.offset;
	}
	if (commit.count != 0 || top != commit.top)
		fault(c, "journal: a row ends early");
}

static void
check_row(struct check *c, const struct kv_walk *w, enum space space)
{
	struct slice rest = w->value;
	uint64_t expires;

	c->rows[space]++;
	if (sound_key(c, "rows", w->key, 0) && !rocks_get_num(&rest, &expires))
		fault(c, "rows: one is not readable");
}

static void
check_box(struct check *c, const struct kv_walk *w)
{
	check_row(c, w, SPACE_BOX);
}

static void
check_job(struct check *c, const struct kv_walk *w)
{
	check_row(c, w, SPACE_JOB);
}

static void
check_table(struct check *c, const struct kv_walk *w)
{
	check_row(c, w, SPACE_TABLE);
}

static void
check_families(struct check *c)
{
	static void (*const checks[KV_FAMILIES])(
	    struct check *, const struct kv_walk *) = {
	    [KV_NAMES] = check_name,
	    [KV_IDS] = check_id,
	    [KV_LOG] = check_message,
	    [KV_JOURNAL] = check_commit,
	    [KV_BOX] = check_box,
	    [KV_JOB] = check_job,
	    [KV_TABLE] = check_table,
	};
	struct kv_why why;
	struct kv_walk w;

	for (unsigned f = 0; f < KV_FAMILIES; f++) {
		if (checks[f] == NULL)
			continue;
		kv_walk(c->kv, (enum kv_family)f, &w);
		for (kv_first(&w); w.valid; kv_next(&w))
			checks[f](c, &w);
		if (kv_walk_status(&w, &why) != KV_OK)
			fault(c, "%s", why.text);
		if (f == KV_LOG)
			end_channel(c);
		kv_walk_end(&w);
	}
	for (unsigned i = 0; i < c->shards; i++)
		if (c->logged[i] != c->journaled[i])
			fault(c, "shard %u: the log has %llu messages of %llu",
			    i, (unsigned long long)c->logged[i],
			    (unsigned long long)c->journaled[i]);
}

static uint64_t
unix_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

bool
engine_rocks_check(const char *path, FILE *out)
{
	struct kv_setup setup = {
	    .path = path, .cache = 64 << 20, .read_only = true};
	struct check c = {.out = out, .now = unix_now()};
	struct kv_why why;

	if ((c.kv = kv_open(&setup, &why)) == NULL) {
		fprintf(out, "%s\n", why.text);
		return false;
	}
	if (check_meta(&c))
		check_families(&c);
	fprintf(out,
	    "faults=%llu shards=%llu channels=%llu messages=%llu dead=%llu "
	    "commits=%llu entries=%llu box=%llu job=%llu table=%llu\n",
	    (unsigned long long)c.faults, (unsigned long long)c.shards,
	    (unsigned long long)c.channels, (unsigned long long)c.messages,
	    (unsigned long long)c.dead, (unsigned long long)c.commits,
	    (unsigned long long)c.entries,
	    (unsigned long long)c.rows[SPACE_BOX],
	    (unsigned long long)c.rows[SPACE_JOB],
	    (unsigned long long)c.rows[SPACE_TABLE]);
	free(c.metas);
	free(c.logged);
	free(c.journaled);
	buf_free(&c.got);
	kv_close(&c.kv);
	return c.faults == 0;
}

/*
 * kv.c - the only file that knows RocksDB.
 *
 * The write-ahead log is synced at each write and replayed at open up to its
 * first torn record: what was acknowledged lies before that.  Blocks carry
 * checksums, which every read verifies.
 */
#include "store/kv.h"

#include "common/must.h"
#include "store/kv_log.h"

#include <rocksdb/c.h>

enum {
	MEMTABLES = 64 << 20,  /* bytes not yet in files, of all families */
	FEW = 8 << 20,         /* no less: each file costs syncs */
	WAL_BYTES = 128 << 20, /* replayed at open: about a second */
	BLOCK = 8192,          /* of rows of 100 bytes or so */
	BLOOM_BITS = 10,       /* one look in a hundred in vain */
	JOBS = 2,              /* threads that write files */
	FILES = 512,           /* open at most: descriptors */
	INFO_LOGS = 2,         /* where they must stand with the data */
	FATAL_LEVEL = 4,
	TOLERATE_TORN_END = 2, /* kPointInTimeRecovery */
};

/* Rows that may vanish do within a day, though nothing is written to their
 * files: they are written anew by then. */
static const char once_a_day[] = "periodic_compaction_seconds=86400";

static const struct family {
	const char *name;
	bool looked_up; /* by whole keys, often in vain */
	bool vanishes;
} families[KV_FAMILIES] = {
    [KV_META] = {"default", false, false},
    [KV_NAMES] = {"names", true, false},
    [KV_IDS] = {"ids", true, false},
    [KV_LOG] = {"log", false, true},
    [KV_JOURNAL] = {"journal", false, true},
    [KV_BOX] = {"box", false, true},
    [KV_JOB] = {"job", false, true},
    [KV_TABLE] = {"table", false, true},
};

struct factory {
	struct kv_face *face;
	enum kv_family family;
};

struct filter {
	struct factory *of;
	struct kv_scratch scratch;
};

struct kv {
	rocksdb_t *db;
	rocksdb_column_family_handle_t *handles[KV_FAMILIES];
	rocksdb_options_t *options[KV_FAMILIES];
	struct factory factories[KV_FAMILIES];
	rocksdb_cache_t *cache;
	rocksdb_writeoptions_t *sync;
	rocksdb_readoptions_t *plain;
};

struct kv_batch {
	rocksdb_writebatch_t *rows;
};

struct kv_steps {
	rocksdb_iterator_t *at;
};

static enum kv_status
status_of(const char *text)
{
	static const struct {
		const char *word;
		enum kv_status status;
	} words[] = {
	    {"No space left", KV_FULL},
	    {"Disk quota", KV_FULL},
	    {"ock hold by current process", KV_LOCKED},
	    {"LOCK: Resource temporarily unavailable", KV_LOCKED},
	    {"Corruption", KV_CORRUPT},
	    {"does not exist", KV_NONE},
	    {"No such file", KV_NONE},
	};

	for (size_t i = 0; i < LENGTH(words); i++)
		if (strstr(text, words[i].word) != NULL)
			return words[i].status;
	return KV_FAILED;
}

/* Takes the text of RocksDB, if there is one. */
static enum kv_status
judge(char *text, struct kv_why *why)
{
	enum kv_status status = KV_OK;

	if (text != NULL) {
		status = status_of(text);
		if (why != NULL)
			snprintf(why->text, sizeof(why->text), "%s", text);
		rocksdb_free(text);
	}
	if (why != NULL)
		why->status = status;
	return status;
}

static const char *
filter_name(void *p)
{
	(void)p;
	return "posthorn";
}

static void
nothing(void *p)
{
	(void)p;
}

static unsigned char
filter_row(void *p, int level, const char *key, size_t key_n, const char *value,
    size_t value_n, char **changed, size_t *changed_n,
    unsigned char *is_changed)
{
	struct filter *f = p;

	(void)level;
	(void)changed;
	(void)changed_n;
	*is_changed = 0;
	return f->of->face->drops(f->of->face, &f->scratch,
	    &(struct kv_row){f->of->family, {key, key_n}, {value, value_n}});
}

static rocksdb_compactionfilter_t *
filter_new(void *p, rocksdb_compactionfiltercontext_t *context)
{
	struct filter *f = xcalloc(1, sizeof(*f));

	(void)context;
	f->of = p;
	return rocksdb_compactionfilter_create(
	    f, free, filter_row, filter_name);
}

static rocksdb_options_t *
options_new(void)
{
	rocksdb_options_t *base = rocksdb_options_create();
	rocksdb_options_t *o = rocksdb_options_create();
	char *text = NULL;

	rocksdb_get_options_from_string(base, once_a_day, o, &text);
	must(text == NULL);
	rocksdb_options_destroy(base);
	return o;
}

static void
set_tables(const struct kv *kv, rocksdb_options_t *o, bool looked_up)
{
	rocksdb_block_based_table_options_t *t =
	    rocksdb_block_based_options_create();

	rocksdb_block_based_options_set_block_cache(t, kv->cache);
	rocksdb_block_based_options_set_block_size(t, BLOCK);
	rocksdb_block_based_options_set_format_version(t, 5);
	rocksdb_block_based_options_set_cache_index_and_filter_blocks(t, 1);
	if (looked_up)
		rocksdb_block_based_options_set_filter_policy(
		    t, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS));
	rocksdb_options_set_block_based_table_factory(o, t);
	rocksdb_block_based_options_destroy(t);
}

/* Together, in as much memory as rows that were read may take. */
static size_t
memtables(const struct kv_setup *setup)
{
	return setup->cache > MEMTABLES ? MEMTABLES
	       : setup->cache < FEW     ? FEW
	                                : setup->cache;
}

static void
set_family(struct kv *kv, const struct kv_setup *setup, enum kv_family f)
{
	rocksdb_options_t *o = kv->options[f] = options_new();

	rocksdb_options_set_write_buffer_size(o, memtables(setup) / 2);
	rocksdb_options_set_compression(o, rocksdb_lz4_compression);
	rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
	set_tables(kv, o, families[f].looked_up);
	if (setup->face == NULL || !families[f].vanishes)
		return;
	kv->factories[f] = (struct factory){setup->face, f};
	rocksdb_options_set_compaction_filter_factory(
	    o, rocksdb_compactionfilterfactory_create(
		   &kv->factories[f], nothing, filter_new, filter_name));
}

static void
set_whole(rocksdb_options_t *o, const struct kv_setup *setup)
{
	rocksdb_options_set_create_if_missing(o, 1);
	rocksdb_options_set_create_missing_column_families(o, 1);
	rocksdb_options_set_wal_recovery_mode(o, TOLERATE_TORN_END);
	rocksdb_options_set_db_write_buffer_size(o, memtables(setup));
	rocksdb_options_set_max_total_wal_size(o, WAL_BYTES);
	rocksdb_options_set_max_background_jobs(o, JOBS);
	rocksdb_options_set_max_open_files(o, FILES);
	rocksdb_options_set_stats_dump_period_sec(o, 0);
	/* What it has to say comes as a status. */
	rocksdb_options_set_keep_log_file_num(o, INFO_LOGS);
	rocksdb_options_set_info_log_level(o, FATAL_LEVEL);
}

struct opening {
	const char *path;
	const char *names[KV_FAMILIES];
	const rocksdb_options_t *options[KV_FAMILIES];
};

static void
open_to_write(struct kv *kv, const struct opening *o, char **text)
{
	struct kv_log log;
	bool elsewhere = kv_log_begin(&log, o->path);

	if (elsewhere)
		rocksdb_options_set_db_log_dir(kv->options[0], log.folder);
	kv->db = rocksdb_open_column_families(kv->options[0], o->path,
	    KV_FAMILIES, o->names, o->options, kv->handles, text);
	if (elsewhere)
		kv_log_end(&log);
}

/* It makes nothing, nor a LOG of its own. */
static void
open_to_read(struct kv *kv, const struct opening *o, char **text)
{
	rocksdb_options_set_create_if_missing(kv->options[0], 0);
	rocksdb_options_set_db_log_dir(kv->options[0], "/dev/null/no");
	kv->db = rocksdb_open_for_read_only_column_families(kv->options[0],
	    o->path, KV_FAMILIES, o->names, o->options, kv->handles, 0, text);
}

static void
open_db(struct kv *kv, const struct kv_setup *setup, char **text)
{
	struct opening o = {.path = setup->path};

	for (unsigned f = 0; f < KV_FAMILIES; f++) {
		o.options[f] = kv->options[f];
		o.names[f] = families[f].name;
	}
	(setup->read_only ? open_to_read : open_to_write)(kv, &o, text);
}

struct kv *
kv_open(const struct kv_setup *setup, struct kv_why *why)
{
	struct kv *kv = xcalloc(1, sizeof(*kv));
	char *text = NULL;

	kv->cache = rocksdb_cache_create_lru(setup->cache);
	for (unsigned f = 0; f < KV_FAMILIES; f++)
		set_family(kv, setup, (enum kv_family)f);
	set_whole(kv->options[0], setup);
	kv->sync = rocksdb_writeoptions_create();
	rocksdb_writeoptions_set_sync(kv->sync, 1);
	kv->plain = rocksdb_readoptions_create();
	open_db(kv, setup, &text);
	if (text != NULL)
		kv->db = NULL;
	judge(text, why);
	if (kv->db == NULL)
		kv_close(&kv);
	return kv;
}

void
kv_close(struct kv **kvp)
{
	struct kv *kv = *kvp;

	*kvp = NULL;
	if (kv == NULL)
		return;
	for (unsigned f = 0; kv->db != NULL && f < KV_FAMILIES; f++)
		rocksdb_column_family_handle_destroy(kv->handles[f]);
	if (kv->db != NULL)
		rocksdb_close(kv->db);
	for (unsigned f = 0; f < KV_FAMILIES; f++)
		rocksdb_options_destroy(kv->options[f]);
	rocksdb_writeoptions_destroy(kv->sync);
	rocksdb_readoptions_destroy(kv->plain);
	rocksdb_cache_destroy(kv->cache);
	free(kv);
}

enum kv_status
kv_get(struct kv *kv, enum kv_family f, struct slice key, struct buf *out)
{
	char *text = NULL;
	rocksdb_pinnableslice_t *got = rocksdb_get_pinned_cf(
	    kv->db, kv->plain, kv->handles[f], key.p, key.n, &text);
	struct slice value;

	buf_clear(out);
	if (text != NULL)
		return judge(text, NULL);
	if (got == NULL)
		return KV_NONE;
	value.p = rocksdb_pinnableslice_value(got, &value.n);
	buf_put(out, value);
	rocksdb_pinnableslice_destroy(got);
	return KV_OK;
}

struct kv_batch *
kv_batch_new(void)
{
	struct kv_batch *b = xcalloc(1, sizeof(*b));

	b->rows = rocksdb_writebatch_create();
	return b;
}

void
kv_batch_free(struct kv_batch **bp)
{
	struct kv_batch *b = *bp;

	*bp = NULL;
	if (b == NULL)
		return;
	rocksdb_writebatch_destroy(b->rows);
	free(b);
}

void
kv_batch_clear(struct kv_batch *b)
{
	rocksdb_writebatch_clear(b->rows);
}

unsigned
kv_batch_count(const struct kv_batch *b)
{
	return (unsigned)rocksdb_writebatch_count(b->rows);
}

void
kv_put(struct kv *kv, struct kv_batch *b, const struct kv_row *r)
{
	rocksdb_writebatch_put_cf(b->rows, kv->handles[r->family], r->key.p,
	    r->key.n, r->value.p, r->value.n);
}

void
kv_delete(struct kv *kv, struct kv_batch *b, enum kv_family f, struct slice key)
{
	rocksdb_writebatch_delete_cf(b->rows, kv->handles[f], key.p, key.n);
}

enum kv_status
kv_write(struct kv *kv, struct kv_batch *b, struct kv_why *why)
{
	char *text = NULL;

	rocksdb_write(kv->db, kv->sync, b->rows, &text);
	return judge(text, why);
}

/* Where the walk stands now. */
static void
stand(struct kv_walk *w)
{
	w->valid = rocksdb_iter_valid(w->steps->at) != 0;
	if (!w->valid)
		return;
	w->key.p = rocksdb_iter_key(w->steps->at, &w->key.n);
	w->value.p = rocksdb_iter_value(w->steps->at, &w->value.n);
}

void
kv_walk(struct kv *kv, enum kv_family f, struct kv_walk *w)
{
	*w = (struct kv_walk){.steps = xcalloc(1, sizeof(*w->steps))};
	w->steps->at =
	    rocksdb_create_iterator_cf(kv->db, kv->plain, kv->handles[f]);
}

void
kv_walk_end(struct kv_walk *w)
{
	rocksdb_iter_destroy(w->steps->at);
	free(w->steps);
	*w = (struct kv_walk){0};
}

void
kv_first(struct kv_walk *w)
{
	rocksdb_iter_seek_to_first(w->steps->at);
	stand(w);
}

void
kv_from(struct kv_walk *w, struct slice key)
{
	rocksdb_iter_seek(w->steps->at, key.p, key.n);
	stand(w);
}

void
kv_until(struct kv_walk *w, struct slice key)
{
	rocksdb_iter_seek_for_prev(w->steps->at, key.p, key.n);
	stand(w);
}

void
kv_next(struct kv_walk *w)
{
	rocksdb_iter_next(w->steps->at);
	stand(w);
}

void
kv_prev(struct kv_walk *w)
{
	rocksdb_iter_prev(w->steps->at);
	stand(w);
}

enum kv_status
kv_walk_status(const struct kv_walk *w, struct kv_why *why)
{
	char *text = NULL;

	rocksdb_iter_get_error(w->steps->at, &text);
	return judge(text, why);
}

void
kv_compact(struct kv *kv, enum kv_family f)
{
	rocksdb_compactoptions_t *o = rocksdb_compactoptions_create();
	rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
	char *text = NULL;

	rocksdb_compactoptions_set_bottommost_level_compaction(o, 2);
	rocksdb_flush_cf(kv->db, flush, kv->handles[f], &text);
	judge(text, NULL);
	rocksdb_compact_range_cf_opt(
	    kv->db, kv->handles[f], o, NULL, 0, NULL, 0);
	rocksdb_flushoptions_destroy(flush);
	rocksdb_compactoptions_destroy(o);
}

enum kv_status
kv_checkpoint(struct kv *kv, const char *path, struct kv_why *why)
{
	char *text = NULL;
	rocksdb_checkpoint_t *c =
	    rocksdb_checkpoint_object_create(kv->db, &text);

	if (c != NULL && text == NULL)
		rocksdb_checkpoint_create(c, path, 0, &text);
	if (c != NULL)
		rocksdb_checkpoint_object_destroy(c);
	return judge(text, why);
}

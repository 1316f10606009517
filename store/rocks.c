/*
 * rocks.c - the durable engine's life: a directory opened, refused, closed.
 */
#include "store/rocks_own.h"

#include "common/log.h"
#include "common/options.h"
#include "store/folder.h"

#include <errno.h>
#include <unistd.h>

enum {
	PATH = 4096,
	CLOSING = 16384, /* channels noted by one write */
	LOOKS = 3,       /* at a folder that is written to meanwhile */
};

static int
refuse(const struct rocks *r, const char *why, int status)
{
	log_err("rocks_open", "path=%s why=\"%s\"", r->path, why);
	return status;
}

static struct slice
format_key(void)
{
	return SLICE("format");
}

static int
begin_format(struct rocks *r)
{
	struct buf value = {0};

	rocks_put_num(&value, ROCKS_FORMAT);
	rocks_put_num(&value, r->setup.shards);
	kv_put(r->kv, r->batch,
	    &(struct kv_row){KV_META, format_key(), buf_slice(&value)});
	buf_free(&value);
	return rocks_commit(r) == CODE_ok
	           ? EXIT_OK
	           : refuse(r, "cannot be written", EXIT_WORLD);
}

/* KV_NONE: nothing was written in it yet. */
static int
judge_format(struct rocks *r, enum kv_status *status)
{
	struct slice rest;
	uint64_t version, shards;
	char why[128];

	*status = kv_get(r->kv, KV_META, format_key(), &r->got);
	rest = buf_slice(&r->got);
	if (*status == KV_NONE)
		return EXIT_OK;
	if (*status != KV_OK || !rocks_get_num(&rest, &version))
		return refuse(r, "cannot be read", EXIT_WORLD);
	if (version > ROCKS_FORMAT) {
		snprintf(why, sizeof(why),
		    "made by a newer version: format %llu, we know %d",
		    (unsigned long long)version, ROCKS_FORMAT);
		return refuse(r, why, EXIT_SETTINGS);
	}
	if (!rocks_get_num(&rest, &shards))
		return refuse(r, "cannot be read", EXIT_WORLD);
	if (shards == r->setup.shards)
		return EXIT_OK;
	snprintf(why, sizeof(why),
	    "made for %llu shards, the setting shards says %u",
	    (unsigned long long)shards, r->setup.shards);
	return refuse(r, why, EXIT_SETTINGS);
}

static int
check_format(struct rocks *r)
{
	enum kv_status status;
	int exit_status = judge_format(r, &status);

	return status == KV_NONE ? begin_format(r) : exit_status;
}

/* A copy goes on where it was made, the original somewhere else: what is
 * numbered from here on is another numbering. */
static int
begin_epochs(struct rocks *r)
{
	uint64_t now = atomic_load(&r->now);
	char path[PATH];
	struct rocks_key k;

	snprintf(path, sizeof(path), "%s/" ROCKS_IS_COPY, r->path);
	if (access(path, F_OK) != 0)
		return EXIT_OK;
	for (unsigned i = 0; i < r->setup.shards; i++) {
		struct rocks_meta *m = &r->shards[i].meta;

		rocks_key_shard(&k, (uint16_t)i);
		if (kv_get(r->kv, KV_META, rocks_key_slice(&k), &r->got) !=
			KV_OK ||
		    !rocks_get_meta(buf_slice(&r->got), m))
			continue;
		m->epoch = m->epoch < now ? now : m->epoch + 1;
		rocks_put_meta_row(r, i);
	}
	if (rocks_commit(r) != CODE_ok || unlink(path) != 0)
		return refuse(r, "a copy cannot be begun from", EXIT_WORLD);
	log_info("rocks_copy", "path=%s epoch=new", r->path);
	return EXIT_OK;
}

/* Families that we do not know are a newer version's. */
static int
refuse_why(const struct rocks *r, const struct kv_why *why)
{
	if (why->status == KV_LOCKED)
		return refuse(r, "another store has it", EXIT_WORLD);
	if (strstr(why->text, "Column families not opened") != NULL)
		return refuse(r, "made by a newer version", EXIT_SETTINGS);
	return refuse(r, why->text, EXIT_WORLD);
}

static int
open_folder(struct rocks *r)
{
	struct kv_why why;
	int status;

	if (!folder_make(r->path))
		return refuse(r, strerror(errno), EXIT_WORLD);
	if (!rocks_kv_open(r, &why))
		return refuse_why(r, &why);
	status = check_format(r);
	return status == EXIT_OK ? begin_epochs(r) : status;
}

/* All is noted, so that the next start has nothing to find out. */
static void
note_all(struct rocks *r)
{
	for (;;) {
		rocks_note(r, UINT64_MAX, CLOSING);
		if (kv_batch_count(r->batch) == 0 || rocks_commit(r) != CODE_ok)
			return;
	}
}

static void
rocks_close(struct engine **ep)
{
	struct rocks *r = rocks_of(*ep);

	*ep = NULL;
	rocks_backup_end(r);
	if (r->kv != NULL && !r->broken)
		note_all(r);
	rocks_kv_close(r);
	for (unsigned i = 0; i < r->setup.shards; i++)
		buf_free(&r->shards[i].journal.entries);
	kv_batch_free(&r->batch);
	rocks_dir_free(&r->dir);
	pthread_rwlock_destroy(&r->open);
	pthread_mutex_destroy(&r->mutex);
	pthread_mutex_destroy(&r->looking);
	buf_free(&r->row);
	buf_free(&r->got);
	free(r->floors);
	free(r->shards);
	free(r->names);
	free(r->path);
	free(r);
}

static void
rocks_tick(struct engine *e, uint64_t unix_ms)
{
	atomic_store(&rocks_of(e)->now, unix_ms);
}

struct engine *
engine_rocks_open(const struct rocks_setup *setup, int *status)
{
	struct rocks *r = xcalloc(1, sizeof(*r));
	struct engine *e = &r->face;

	r->face = (struct engine){
	    .name = "rocksdb",
	    .remembers = true,
	    .kept = KEPT_FSYNC,
	    .open = rocks_open_shard,
	    .write = rocks_write,
	    .read = rocks_read,
	    .scan = rocks_scan,
	    .tick = rocks_tick,
	    .close = rocks_close,
	};
	r->setup = *setup;
	if (r->setup.journal_ms < RECALL_MS)
		r->setup.journal_ms = RECALL_MS;
	r->path = xstrdup(setup->path);
	r->filter.drops = rocks_drops;
	r->floors = xcalloc(setup->shards, sizeof(*r->floors));
	r->shards = xcalloc(setup->shards, sizeof(*r->shards));
	r->names = xcalloc(ROCKS_NAMES, sizeof(*r->names));
	r->dir = rocks_dir_new(setup->shards, setup->channels);
	r->batch = kv_batch_new();
	atomic_store(&r->now, setup->unix_ms);
	r->noted_ms = setup->unix_ms;
	must(pthread_rwlock_init(&r->open, NULL) == 0);
	must(pthread_mutex_init(&r->mutex, NULL) == 0);
	must(pthread_mutex_init(&r->looking, NULL) == 0);
	if ((*status = open_folder(r)) == EXIT_OK)
		return e;
	rocks_close(&e);
	return NULL;
}

/* A store that writes to it meanwhile may pull a file from under us. */
int
engine_rocks_look(const struct rocks_setup *setup)
{
	struct rocks r = {.setup = *setup, .path = xstrdup(setup->path)};
	struct kv_setup look = {
	    .path = setup->path, .cache = 1 << 20, .read_only = true};
	int exit_status = EXIT_OK;
	enum kv_status status;
	struct kv_why why;

	for (unsigned i = 0; r.kv == NULL && i < LOOKS; i++)
		r.kv = kv_open(&look, &why);
	if (r.kv != NULL)
		exit_status = judge_format(&r, &status);
	else if (why.status != KV_NONE)
		exit_status = refuse_why(&r, &why);
	kv_close(&r.kv);
	buf_free(&r.got);
	free(r.path);
	return exit_status;
}

void
engine_rocks_compact(struct engine *e)
{
	struct rocks *r = rocks_of(e);

	for (unsigned f = 0; f < KV_FAMILIES; f++)
		kv_compact(r->kv, (enum kv_family)f);
}

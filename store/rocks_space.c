/*
 * rocks_space.c - a disk that fills, and a database that broke.
 *
 * RocksDB needs room of its own to write files anew, and takes no more
 * writes once one failed for want of it.  So we stop before: below the
 * reserve only what takes away is written.  What broke nevertheless is closed
 * and opened again; until then the old one serves readers.
 */
#include "store/rocks_own.h"

#include "common/log.h"
#include "common/loop.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum {
	LOOK_US = 100000,
	TRY_US = 1000000,
	ROOM = 1 << 20, /* for what RocksDB writes whenever it opens */
};

bool
rocks_room(struct rocks *r)
{
	uint64_t now = clock_us();
	struct statvfs v;
	bool low;

	if (r->asked != 0 && now - r->asked < LOOK_US)
		return !r->low;
	r->asked = now;
	if (statvfs(r->path, &v) != 0)
		return !r->low;
	r->free = (uint64_t)v.f_bavail * v.f_frsize;
	low = r->free < r->setup.reserve;
	if (low && !r->low)
		log_err("disk_full", "path=%s reserve=%llu", r->path,
		    (unsigned long long)r->setup.reserve);
	else if (!low && r->low)
		log_info("disk_room", "path=%s", r->path);
	r->low = low;
	return !low;
}

bool
rocks_kv_open(struct rocks *r, struct kv_why *why)
{
	struct kv_setup setup = {
	    .path = r->path, .face = &r->filter, .cache = r->setup.cache};

	r->kv = kv_open(&setup, why);
	pthread_mutex_lock(&r->looking);
	r->looked = r->kv;
	pthread_mutex_unlock(&r->looking);
	return r->kv != NULL;
}

void
rocks_kv_close(struct rocks *r)
{
	pthread_mutex_lock(&r->looking);
	r->looked = NULL;
	pthread_mutex_unlock(&r->looking);
	kv_close(&r->kv);
}

/* Whoever opens writes what stands in the write-ahead log into files. */
static uint64_t
opening_takes(const struct rocks *r)
{
	uint64_t bytes = ROOM;
	DIR *d = opendir(r->path);
	const struct dirent *e;
	const char *dot;
	struct stat s;

	while (d != NULL && (e = readdir(d)) != NULL)
		if ((dot = strchr(e->d_name, '.')) != NULL &&
		    strcmp(dot, ".log") == 0 &&
		    fstatat(dirfd(d), e->d_name, &s, 0) == 0)
			bytes += (uint64_t)s.st_size;
	if (d != NULL)
		closedir(d);
	return bytes;
}

bool
rocks_reopen(struct rocks *r)
{
	uint64_t now = clock_us();
	struct kv_why why;
	bool ok;

	if ((r->tried_us != 0 && now - r->tried_us < TRY_US) ||
	    (r->why == CODE_full && !rocks_room(r)))
		return false;
	r->tried_us = now;
	if (r->why == CODE_full && r->free < opening_takes(r))
		return false;
	pthread_rwlock_wrlock(&r->open);
	rocks_kv_close(r);
	ok = rocks_kv_open(r, &why);
	pthread_rwlock_unlock(&r->open);
	r->broken = !ok;
	if (ok) {
		log_info("rocks_reopened", "path=%s", r->path);
	} else {
		r->why = rocks_code(why.status);
		log_err(
		    "rocks_reopen", "path=%s why=\"%s\"", r->path, why.text);
	}
	return ok;
}

/* Rows of a channel that is not there: its first message was refused. */
static void
purge_channel(struct rocks *r, uint16_t shard, uint64_t id)
{
	struct rocks_state state;
	struct rocks_key k;
	struct slice name;

	rocks_key_id(&k, shard, id);
	if (kv_get(r->kv, KV_IDS, rocks_key_slice(&k), &r->got) != KV_OK ||
	    !rocks_get_state(buf_slice(&r->got), &state, &name))
		return;
	kv_delete(r->kv, r->batch, KV_IDS, rocks_key_slice(&k));
	rocks_key_shard(&k, shard);
	rocks_key_bytes(&k, name);
	kv_delete(r->kv, r->batch, KV_NAMES, rocks_key_slice(&k));
}

static void
purge_commit(struct rocks *r, uint16_t shard, const struct kv_walk *w)
{
	struct rocks_commit c;
	struct rocks_entry e;
	struct rocks_key k;

	kv_delete(r->kv, r->batch, KV_JOURNAL, w->key);
	if (!rocks_commit_open(w->value, &c))
		return;
	while (rocks_commit_next(&c, &e)) {
		if (!e.append)
			continue;
		rocks_key_place(&k, shard, e.id, e.offset);
		kv_delete(r->kv, r->batch, KV_LOG, rocks_key_slice(&k));
		if (e.id == e.offset)
			purge_channel(r, shard, e.id);
	}
}

bool
rocks_purge(struct rocks *r)
{
	struct rocks_key k;
	struct kv_walk w;

	for (unsigned i = 0; i < r->setup.shards; i++) {
		const struct rocks_shard *s = &r->shards[i];

		if (!s->open)
			continue;
		rocks_key_place(&k, (uint16_t)i, s->top + 1, s->serial);
		kv_walk(r->kv, KV_JOURNAL, &w);
		for (kv_from(&w, rocks_key_slice(&k));
		     w.valid && w.key.n == ROCKS_PLACE &&
		     rocks_shard_at(w.key) == i;
		     kv_next(&w))
			purge_commit(r, (uint16_t)i, &w);
		kv_walk_end(&w);
	}
	return rocks_commit(r) == CODE_ok;
}

/*
 * rocks_own.h - the durable engine's inside, for its own files.
 *
 * The committer owns all but what says otherwise.  `open` is held to read
 * while the reader or a backup uses kv, and to write while the committer
 * closes it and opens it again.
 */
#ifndef STORE_ROCKS_OWN_H
#define STORE_ROCKS_OWN_H

#include "common/must.h"
#include "store/kv.h"
#include "store/rocks.h"
#include "store/rocks_dir.h"
#include "store/rocks_row.h"

#include <pthread.h>
#include <stdatomic.h>

struct rocks_shard {
	bool open;              /* it is ours */
	struct rocks_meta meta; /* as on disk, when this batch is */
	struct rocks_meta told; /* the reader's copy; under `mutex` */
	uint64_t top;           /* highest offset kept */
	uint64_t serial;        /* of the next journal row */
	struct rocks_journal journal;
	struct rocks_key journal_key; /* of the batch being written */
	uint64_t reserve;             /* asked for by this batch */
	bool changed;                 /* meta has to be written */
};

/* In a directory that is a copy, until a store begins from it. */
#define ROCKS_IS_COPY "posthorn.copy"

enum { ROCKS_NAMES = 4096 }; /* a power of two */

struct rocks_name {
	uint64_t id;
	uint16_t shard, n;
	char text[256];
};

struct rocks_backup {
	pthread_t thread;
	atomic_bool runs;
	bool begun; /* there is a thread to join */
	char *path; /* of the copy */
};

struct rocks {
	struct engine face;
	struct rocks_setup setup;
	char *path;
	struct kv_face filter;
	/* Of all shards, for the filter: where the journal begins. */
	_Atomic uint64_t (*floors)[2];
	_Atomic uint64_t now; /* unix ms, of the last tick */
	/* For the filter; NULL while RocksDB may not be asked. */
	pthread_mutex_t looking;
	struct kv *looked;
	pthread_rwlock_t open;
	pthread_mutex_t mutex;
	struct kv *kv;
	struct kv_batch *batch;
	struct rocks_shard *shards;
	struct rocks_dir *dir;
	struct buf row, got;
	bool broken;          /* a write failed, and we could not reopen */
	enum code why;        /* writes are refused with, while broken */
	bool suspect;         /* what was refused may be on disk */
	uint64_t tried_us;    /* to open again */
	uint64_t noted_ms;    /* when dirty channels were noted last */
	uint64_t free, asked; /* bytes of the disk; us it was asked for */
	bool low;             /* the reserve is touched */
	/* the reader's */
	struct rocks_name *names; /* by shard and id */
	struct rocks_backup backup;
	struct rocks_sweeping {
		struct rocks_key at; /* the row of ids to look at next */
		unsigned most;
	} sweep;
};

static inline struct rocks *
rocks_of(struct engine *e)
{
	return container_of(e, struct rocks, face);
}

/* rocks_open.c */
enum code rocks_open_shard(
    struct engine *, unsigned, uint64_t unix_ms, struct shard_state *);
/* rocks_write.c */
void rocks_write(struct engine *, struct batch *);
/* Write what is in our batch, and what it changes is so, or is not. */
enum code rocks_commit(struct rocks *);
/* rocks_note.c: add to the batch what is due; all of it, or so many. */
void rocks_note(struct rocks *, uint64_t before_ms, unsigned most);
void rocks_put_meta_row(struct rocks *, unsigned shard);
void rocks_note_channel(struct rocks *, const struct rocks_channel *);
/* rocks_sweep.c: add to the batch that channels leave */
void rocks_sweep(struct rocks *);
/* rocks_find.c: the channel, loaded if it is not known; of a new one the id
 * is 0.  NULL: *why. */
struct rocks_channel *rocks_find(
    struct rocks *, const struct record *, enum kv_status *);
enum kv_status rocks_find_late(struct rocks *, uint16_t shard, uint64_t id);
/* By the reader; KV_NONE: it never kept anything. */
struct rocks_asked {
	struct slice channel;
	uint16_t shard;
};
enum kv_status rocks_state_of(
    struct rocks *, const struct rocks_asked *, struct rocks_state *);
/* rocks_read.c */
void rocks_read(struct engine *, struct read *);
void rocks_scan(struct engine *, struct scan *);
/* A record of a row; the caller owns one count. */
struct rocks_whole {
	struct slice channel;
	uint64_t offset, epoch;
	uint16_t shard;
	uint32_t hash; /* of the channel */
};
struct record *rocks_record(
    const struct rocks_whole *, const struct rocks_log *);
/* rocks_pattern.c */
void rocks_read_pattern(struct rocks *, struct read *);
/* rocks_filter.c */
bool rocks_drops(struct kv_face *, struct kv_scratch *, const struct kv_row *);
/* rocks_space.c: the disk has room for more than deletes. */
bool rocks_room(struct rocks *);
/* False: *why; then there is no kv. */
bool rocks_kv_open(struct rocks *, struct kv_why *);
void rocks_kv_close(struct rocks *);
/* Once a second at most, and when there is space again. */
bool rocks_reopen(struct rocks *);
/* What is on disk and was refused goes. */
bool rocks_purge(struct rocks *);
/* rocks_backup.c */
void rocks_backup_end(struct rocks *);

static inline enum code
rocks_code(enum kv_status s)
{
	return s == KV_FULL      ? CODE_full
	       : s == KV_CORRUPT ? CODE_internal
	                         : CODE_unavailable;
}

#endif

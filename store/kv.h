/*
 * kv.h - ordered rows on a disk: of RocksDB, what the engine needs.
 *
 * Rows stand in families, each an order of its own; a batch is written to all
 * of them whole or not at all, and kv_write() returns when it is on disk.
 * Any thread may read; one at a time writes.  Opening and closing exclude all
 * else.  Keys and values are copied in, and lent out.
 */
#ifndef STORE_KV_H
#define STORE_KV_H

#include "common/buf.h"
#include "common/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum kv_family {
	KV_META,
	KV_NAMES,
	KV_IDS,
	KV_LOG,
	KV_JOURNAL,
	KV_BOX,
	KV_JOB,
	KV_TABLE,
	KV_FAMILIES,
};

enum kv_status {
	KV_OK,
	KV_NONE,    /* no such row, no such directory */
	KV_LOCKED,  /* another process has it */
	KV_FULL,    /* no space is left */
	KV_CORRUPT, /* what is on disk is not what was written */
	KV_FAILED,
};

/* Why, for people; filled in when the status is neither OK nor NONE. */
struct kv_why {
	enum kv_status status;
	char text[240];
};

/* Whether a row may vanish when its file is written anew.  Called by threads
 * of RocksDB; the scratch is zeroed at the start of a run over rows that are
 * in the order of their keys. */
struct kv_scratch {
	uint64_t words[8];
};

struct kv_row {
	enum kv_family family;
	struct slice key, value;
};
struct kv_face {
	bool (*drops)(
	    struct kv_face *, struct kv_scratch *, const struct kv_row *);
};

struct kv_setup {
	const char *path;     /* a directory; it is made, its parent is not */
	struct kv_face *face; /* borrowed; NULL: nothing vanishes */
	size_t cache;         /* bytes of blocks held in memory; of what is
			       * not in files yet as many, 8 MB to 64 MB */
	bool read_only;       /* it must be there */
};

struct kv;

struct kv *kv_open(const struct kv_setup *, struct kv_why *); /* or NULL */
void kv_close(struct kv **);

/* Replaces what is in the buf.  KV_NONE: there is no such row. */
enum kv_status kv_get(
    struct kv *, enum kv_family, struct slice key, struct buf *);

struct kv_batch;

struct kv_batch *kv_batch_new(void);
void kv_batch_free(struct kv_batch **);
void kv_batch_clear(struct kv_batch *);
unsigned kv_batch_count(const struct kv_batch *);

void kv_put(struct kv *, struct kv_batch *, const struct kv_row *);
void kv_delete(struct kv *, struct kv_batch *, enum kv_family, struct slice);

/* After a failure it may or may not be found when the directory is opened
 * again, which is the only way to write again. */
enum kv_status kv_write(struct kv *, struct kv_batch *, struct kv_why *);

/* A walk over one family, as it was when the walk began. */
struct kv_walk {
	struct slice key, value; /* lent until the next step */
	bool valid;              /* stands on a row */
	struct kv_steps *steps;
};
void kv_walk(struct kv *, enum kv_family, struct kv_walk *);
void kv_walk_end(struct kv_walk *);
void kv_first(struct kv_walk *);
void kv_from(struct kv_walk *, struct slice key);  /* not below the key */
void kv_until(struct kv_walk *, struct slice key); /* the last not above it */
void kv_next(struct kv_walk *);
void kv_prev(struct kv_walk *);
/* An invalid walk ended, or broke on what is corrupt. */
enum kv_status kv_walk_status(const struct kv_walk *, struct kv_why *);

/* Write all files of a family anew: what may vanish does.  For tests. */
void kv_compact(struct kv *, enum kv_family);

/* A copy in a directory that is not there yet: hard links where it can. */
enum kv_status kv_checkpoint(struct kv *, const char *path, struct kv_why *);

#endif

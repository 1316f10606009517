/*
 * rocks_dir.h - what the durable engine knows of channels, in memory.
 *
 * Of the channels touched last, at most so many.  One thread, the committer,
 * changes it: a channel's next state is staged while a batch is made and
 * becomes its state when the batch is on disk.  The reader may ask for a
 * state at the same time; a mutex is held as long as that takes.
 *
 * The state of a channel on disk lags behind.  A channel whose last offsets
 * were not noted there is dirty, since the first of them; `late` are those
 * that were so when the process before this one ended.
 */
#ifndef STORE_ROCKS_DIR_H
#define STORE_ROCKS_DIR_H

#include "common/list.h"
#include "common/table.h"
#include "store/rocks_row.h"

struct rocks_channel {
	struct table_entry entry;
	struct list recent; /* of all, the one touched last is last */
	struct list dirty;  /* of its shard, by `since`; or of none */
	struct list staged; /* by this batch; or of none */
	struct rocks_state now, next;
	uint64_t began;    /* its first offset in this batch */
	uint64_t since;    /* offset */
	uint64_t since_ms; /* unix ms */
	uint16_t shard;
	bool fresh;  /* its rows are made by this batch */
	bool told;   /* this batch has another policy of it */
	bool noted;  /* this batch has all of `next` in its ids row */
	bool leaves; /* when this batch is on disk */
	char name[];
};

struct rocks_dir;

struct rocks_dir *rocks_dir_new(unsigned shards, size_t most);
void rocks_dir_free(struct rocks_dir **);

/* ---- By the reader, at any time */

/* False: not known here. */
bool rocks_dir_state(
    struct rocks_dir *, struct slice name, struct rocks_state *);
/* The last offset of a late channel; 0: it is none. */
uint64_t rocks_dir_late(struct rocks_dir *, uint16_t shard, uint64_t id);

/* ---- By the committer */

struct rocks_channel *rocks_dir_find(
    struct rocks_dir *, struct slice name, uint32_t hash);
/* Not known yet; copies it all. */
struct rocks_found {
	struct slice name;
	uint32_t hash;
	uint16_t shard;
	struct rocks_state now;
};
struct rocks_channel *rocks_dir_add(
    struct rocks_dir *, const struct rocks_found *);

/* It is touched by this batch: `next` may change. */
void rocks_dir_stage(struct rocks_dir *, struct rocks_channel *);
/* Channels of this batch; NULL ends. */
struct rocks_channel *rocks_dir_staged(
    struct rocks_dir *, const struct rocks_channel *after);

/* Where there is no room for one more: the one touched longest ago and not by
 * this batch; it is marked as leaving.  NULL: none need leave, or can. */
struct rocks_channel *rocks_dir_evict(struct rocks_dir *);

/* It is not known here, or marked as leaving.  False: it has to stay, for it
 * is dirty or touched by this batch. */
bool rocks_dir_leave(struct rocks_dir *, struct slice name);

/* The dirty one of a shard that is longest so, and not by this batch: it is
 * marked as noted.  NULL: none was since before then. */
struct rocks_channel *rocks_dir_note(
    struct rocks_dir *, unsigned shard, uint64_t before_ms);

/* The batch is on disk, or it failed: what was staged, noted or leaving by
 * it is so, or is not. */
void rocks_dir_done(struct rocks_dir *, uint64_t unix_ms, bool ok);

/* All before this offset is noted; 0: all is. */
uint64_t rocks_dir_since(const struct rocks_dir *, unsigned shard);

/* While a shard is opened: its channel had this offset, and it may not be
 * noted.  Offsets before `since` were. */
void rocks_dir_add_late(
    struct rocks_dir *, uint16_t shard, uint64_t id, uint64_t last);
void rocks_dir_late_since(struct rocks_dir *, unsigned shard, uint64_t since);
/* It is known by name now, and dirty. */
void rocks_dir_found_late(struct rocks_dir *, struct rocks_channel *);
/* Some late one of a shard; false: there is none. */
bool rocks_dir_any_late(struct rocks_dir *, uint16_t shard, uint64_t *id);
/* There is nothing of that id. */
void rocks_dir_drop_late(struct rocks_dir *, uint16_t shard, uint64_t id);

#endif

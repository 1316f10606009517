/*
 * table.h - an intrusive hash table keyed by bytes.
 *
 * The element embeds a struct table_entry (24 bytes) and owns the bytes of
 * its key, which the table borrows until the element is taken out.  Find,
 * insert and remove cost O(1), and no single insert costs more than another:
 * the table grows by splitting one bucket at a time.  It never shrinks and
 * keeps 8 bytes for every element it held at its fullest.  Keys are below
 * 4 GiB and are hashed with a seed of this process, so the order of a walk
 * differs from run to run.
 */
#ifndef COMMON_TABLE_H
#define COMMON_TABLE_H

#include "common/slice.h"

struct table_entry {
	struct table_entry *next;
	const char *key;
	uint32_t key_n;
	uint32_t hash;
};

struct table;

struct table *table_new(void);
void table_free(struct table **); /* forgets the elements; sets it to NULL */
size_t table_count(const struct table *);

/* The hash of a key, the same for every table of this process: who looks in
 * several hashes once. */
uint32_t table_hash(struct slice key);

struct table_entry *table_find(const struct table *, struct slice key);
struct table_entry *table_find_hashed(
    const struct table *, struct slice key, uint32_t hash);

/* The elements most likely to be found under these hashes, NULL where there
 * are none: to touch what will be needed, not to rely upon.  Their cache
 * misses overlap. */
void table_ahead(const struct table *, const uint32_t hashes[], unsigned n,
    struct table_entry *found[]);

/* Insert under a key the table does not hold (look first); borrows both. */
void table_insert(struct table *, struct table_entry *, struct slice key);
void table_insert_hashed(
    struct table *, struct table_entry *, struct slice key, uint32_t hash);

/* Take out an element that is in this table. */
void table_remove(struct table *, struct table_entry *);

static inline struct slice
table_key(const struct table_entry *e)
{
	return (struct slice){e->key, e->key_n};
}

/* Start a walk with { 0 }. */
struct table_cursor {
	uint32_t bucket;
	struct table_entry *next;
};

/* The next element, NULL after the last.  The element returned last may be
 * removed (and freed) on the way; inserting or removing another one ends what
 * the walk promises. */
struct table_entry *table_next(const struct table *, struct table_cursor *);

#endif

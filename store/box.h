/*
 * box.h - what is known of a box without its bodies, and how its items lie
 * in the engine.
 *
 * A directory is a sorted array: finding costs O(log n), putting and removing
 * move pointers.  Copies keys.  It may be filled on the reader's thread, as
 * long as nobody else looks.
 */
#ifndef STORE_BOX_H
#define STORE_BOX_H

#include "common/buf.h"
#include "store/engine.h"

struct box_item {
	uint64_t version;
	uint64_t expires; /* unix ms; 0 is never */
	uint32_t size;    /* bytes of key, type and body */
	uint32_t key_n;
	char key[];
};

/* Zeroed, it is empty. */
struct box_dir {
	struct box_item **items; /* in the order of keys */
	size_t count, room;
	uint64_t bytes;   /* of all items */
	size_t memory;    /* the directory takes */
	uint64_t soonest; /* nothing expires before, unix ms; 0: nothing does */
};

/* What stands in the engine under box_key(). */
struct box_value {
	uint64_t version, at; /* unix ms it was put */
	struct slice type, body;
};

static inline struct slice
box_item_key(const struct box_item *i)
{
	return (struct slice){i->key, i->key_n};
}

/* NULL: there is none. */
const struct box_item *box_dir_find(const struct box_dir *, struct slice key);

/* In place of what is there. */
struct box_entry {
	struct slice key;
	uint64_t version, expires;
	uint32_t size;
};
void box_dir_put(struct box_dir *, const struct box_entry *);
void box_dir_remove(struct box_dir *, struct slice key);
/* What has expired goes; how many. */
size_t box_dir_expire(struct box_dir *, uint64_t unix_ms);
void box_dir_clear(struct box_dir *); /* frees all */

/* The key of an item's row, or with an empty key what all of the box begin
 * with. */
struct slice box_key(char room[ROW_KEY], struct slice box, struct slice key);

void box_value_write(struct buf *, const struct box_value *);
/* False: not written by us.  Borrows. */
bool box_value_read(struct slice, struct box_value *);
uint32_t box_size(struct slice key, const struct box_value *);

#endif

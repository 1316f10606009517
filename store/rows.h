/*
 * rows.h - an ordered map of byte strings in memory: the memory engine's rows.
 *
 * A skip list: put, get and delete cost O(log n), going on costs O(1).
 * Copies keys and values.
 */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include "common/slice.h"

#include <stdint.h>

struct rows_map;

struct rows_map *rows_map_new(void);
void rows_map_free(struct rows_map **);

struct rows_row {
	struct slice key, value; /* borrowed until the map changes */
	uint64_t expires;
};

/* In place of what is there. */
void rows_map_put(struct rows_map *, const struct rows_row *);
void rows_map_delete(struct rows_map *, struct slice key);

/* Drop rows that have expired, looking at so many at most: on from where the
 * last call ended, and from the beginning behind the last. */
void rows_map_expire(struct rows_map *, uint64_t unix_ms, unsigned look);

/* The first row whose key is not below, or above, the one given; NULL: none.
 * Then the next. */
struct rows_node;
const struct rows_node *rows_map_from(const struct rows_map *, struct slice);
const struct rows_node *rows_map_after(const struct rows_map *, struct slice);
const struct rows_node *rows_next(const struct rows_node *);
struct rows_row rows_row(const struct rows_node *);

#endif

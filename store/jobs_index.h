/*
 * jobs_index.h - the jobs of a shard by number, in order.
 *
 * An array of 16 bytes a job: add at the end and take off the end O(1), find
 * O(log n), remove O(log n) and now and then a sweep.  Borrows the jobs.
 */
#ifndef STORE_JOBS_INDEX_H
#define STORE_JOBS_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct job;

struct jobs_row {
	uint64_t number;
	struct job *job; /* NULL: removed */
};

/* Zeroed it is an empty one. */
struct jobs_index {
	struct jobs_row *rows;
	size_t first, end, room; /* rows from first to end, blanks among them */
	size_t blanks;
};

void jobs_index_free(struct jobs_index *);

/* Its number is past all others. */
void jobs_index_add(struct jobs_index *, uint64_t number, struct job *);
void jobs_index_remove(struct jobs_index *, uint64_t number);
struct job *jobs_index_find(const struct jobs_index *, uint64_t number);

/* The place of the first number past this one, for a walk up to `end`. */
size_t jobs_index_after(const struct jobs_index *, uint64_t number);

#endif

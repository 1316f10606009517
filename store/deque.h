/*
 * deque.h - records in the order of their offsets, in one growing ring.
 *
 * Append, drop from the front and look up by place are O(1), by offset
 * O(log n).  A record in the middle can be blanked: its place stays, so that
 * the order can be searched, until squeezing takes the blanks out.
 * Places count from the first record ever appended, except that squeezing
 * gives new ones.  Borrows the records.
 */
#ifndef STORE_DEQUE_H
#define STORE_DEQUE_H

#include "store/record.h"

struct deque_slot {
	uint64_t offset;
	struct record *record; /* NULL: blanked */
};

/* Zeroed it is an empty one. */
struct deque {
	struct deque_slot *slots;
	uint64_t first, end; /* places: first <= place < end */
	uint64_t blanks;
	uint32_t room; /* a power of two, or 0 */
};

void deque_free(struct deque *);

/* Its offset is past all others; the place it got. */
uint64_t deque_append(struct deque *, struct record *);

struct deque_slot *deque_at(const struct deque *, uint64_t place);

/* The first place whose offset is past this one; `end` when there is none. */
uint64_t deque_after(const struct deque *, uint64_t offset);

/* Blank a place, and drop the blanks that are at the front then. */
void deque_blank(struct deque *, uint64_t place);

/* Take the blanks out; record->slot of the others is set to their new place.
 * O(n): worth it when blanks outnumber records. */
void deque_squeeze(struct deque *);

#endif

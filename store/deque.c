/*
 * deque.c - a ring of records that can be searched by offset.
 */
#include "store/deque.h"

#include "common/must.h"

enum { FIRST = 4 }; /* most channels keep little */

void
deque_free(struct deque *d)
{
	free(d->slots);
	*d = (struct deque){0};
}

struct deque_slot *
deque_at(const struct deque *d, uint64_t place)
{
	return &d->slots[place & (d->room - 1)];
}

static void
grow(struct deque *d)
{
	struct deque bigger = *d;

	bigger.room = d->room != 0 ? d->room * 2 : FIRST;
	bigger.slots = xmalloc(bigger.room * sizeof(*bigger.slots));
	for (uint64_t i = d->first; i < d->end; i++)
		*deque_at(&bigger, i) = *deque_at(d, i);
	free(d->slots);
	*d = bigger;
}

uint64_t
deque_append(struct deque *d, struct record *r)
{
	if (d->end - d->first == d->room)
		grow(d);
	must(d->first == d->end || deque_at(d, d->end - 1)->offset < r->offset);
	*deque_at(d, d->end) = (struct deque_slot){r->offset, r};
	return d->end++;
}

uint64_t
deque_after(const struct deque *d, uint64_t offset)
{
	uint64_t low = d->first, high = d->end;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (deque_at(d, middle)->offset <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void
deque_blank(struct deque *d, uint64_t place)
{
	deque_at(d, place)->record = NULL;
	d->blanks++;
	while (d->first < d->end && deque_at(d, d->first)->record == NULL) {
		d->first++;
		d->blanks--;
	}
}

void
deque_squeeze(struct deque *d)
{
	uint64_t to = d->first;

	for (uint64_t i = d->first; i < d->end; i++) {
		struct deque_slot slot = *deque_at(d, i);

		if (slot.record == NULL)
			continue;
		slot.record->slot = to;
		*deque_at(d, to++) = slot;
	}
	d->end = to;
	d->blanks = 0;
}

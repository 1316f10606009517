/*
 * backoff.c - one bad minute at a peer must not become our bad hour, nor we
 * the reason that its minute becomes two.
 *
 * No clock and no jitter here: this file stays exact, hence testable.
 */
#include "common/backoff.h"

#include "common/must.h"

void
backoff_init(struct backoff *b, unsigned min, unsigned max)
{
	must(min != 0 && min <= max);
	*b = (struct backoff){min, max, min};
}

unsigned
backoff_failed(struct backoff *b)
{
	unsigned wait = b->next;

	b->next = wait > b->max / 2 ? b->max : wait * 2;
	return wait;
}

void
backoff_worked(struct backoff *b)
{
	b->next = b->min;
}

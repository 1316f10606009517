/*
 * jobs_index.c - a sorted array that grows at its end.
 *
 * Numbers only grow, so adding keeps the order; what is removed leaves a
 * blank, and when blanks are half of it the rest moves together.
 */
#include "store/jobs_index.h"

#include "common/must.h"

enum { FEW = 64 }; /* blanks that are not worth a sweep */

void
jobs_index_free(struct jobs_index *x)
{
	free(x->rows);
	*x = (struct jobs_index){0};
}

static void
sweep(struct jobs_index *x)
{
	size_t to = 0;

	for (size_t i = x->first; i < x->end; i++)
		if (x->rows[i].job != NULL)
			x->rows[to++] = x->rows[i];
	x->first = 0;
	x->end = to;
	x->blanks = 0;
	if (x->room > FEW && to < x->room / 4) {
		x->room = to > FEW / 2 ? to * 2 : FEW;
		x->rows = xrealloc(x->rows, x->room * sizeof(*x->rows));
	}
}

void
jobs_index_add(struct jobs_index *x, uint64_t number, struct job *j)
{
	must(x->end == x->first || x->rows[x->end - 1].number < number);
	if (x->end == x->room && x->first > x->room / 2)
		sweep(x);
	if (x->end == x->room) {
		x->room = x->room != 0 ? x->room * 2 : FEW;
		x->rows = xrealloc(x->rows, x->room * sizeof(*x->rows));
	}
	x->rows[x->end++] = (struct jobs_row){number, j};
}

size_t
jobs_index_after(const struct jobs_index *x, uint64_t number)
{
	size_t low = x->first, high = x->end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (x->rows[middle].number <= number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct job *
jobs_index_find(const struct jobs_index *x, uint64_t number)
{
	size_t at = number != 0 ? jobs_index_after(x, number - 1) : x->end;

	return at < x->end && x->rows[at].number == number ? x->rows[at].job
	                                                   : NULL;
}

/* What is at either end goes at once, so that a number that was taken back
 * can come again. */
void
jobs_index_remove(struct jobs_index *x, uint64_t number)
{
	size_t at = jobs_index_after(x, number - 1);

	must(at < x->end && x->rows[at].number == number);
	x->rows[at].job = NULL;
	x->blanks++;
	while (x->end > x->first && x->rows[x->end - 1].job == NULL) {
		x->end--;
		x->blanks--;
	}
	while (x->first < x->end && x->rows[x->first].job == NULL) {
		x->first++;
		x->blanks--;
	}
	if (x->blanks > FEW && x->blanks > (x->end - x->first) / 2)
		sweep(x);
}

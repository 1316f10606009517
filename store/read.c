/*
 * read.c - how every engine begins and ends a read or a scan.
 */
#include "store/engine.h"

bool
read_begin(struct read *q)
{
	q->code = CODE_ok;
	q->count = 0;
	q->lost = 0;
	q->more = false;
	q->reached = q->upto;
	return q->after < q->upto;
}

bool
read_end(struct read *q)
{
	if (q->code != CODE_ok)
		while (q->count != 0)
			record_unref(&q->found[--q->count]);
	return q->code == CODE_ok;
}

void
scan_begin(struct scan *q)
{
	q->code = CODE_ok;
	q->count = 0;
	q->more = false;
}

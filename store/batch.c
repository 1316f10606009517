/*
 * batch.c - the list of operations an engine writes at once.
 */
#include "common/must.h"
#include "store/engine.h"

enum { FIRST = 64 };

struct op *
batch_add(struct batch *b, enum op_kind kind)
{
	struct op *op;

	if (b->count == b->room) {
		b->room = b->room != 0 ? b->room * 2 : FIRST;
		b->ops = xrealloc(b->ops, b->room * sizeof(*b->ops));
	}
	op = &b->ops[b->count++];
	*op = (struct op){.kind = kind};
	return op;
}

void
batch_clear(struct batch *b)
{
	b->count = 0;
}

void
batch_free(struct batch *b)
{
	free(b->ops);
	*b = (struct batch){0};
}

/*
 * batch.c - the list of operations an engine writes at once, and what all
 * engines say of it alike.
 */
#include "common/loop.h"
#include "common/must.h"
#include "store/engine.h"

#include <stdatomic.h>

enum {
	FIRST = 64,
	FULL_US = 500000, /* then it is tried again */
};

void
batch_init(struct batch *b, unsigned shards)
{
	*b = (struct batch){.shards = shards};
	b->codes = xcalloc(shards, sizeof(*b->codes));
	b->kept = xcalloc(shards, sizeof(*b->kept));
}

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
	memset(b->codes, 0, b->shards * sizeof(*b->codes));
	memset(b->kept, 0, b->shards * sizeof(*b->kept));
}

void
batch_free(struct batch *b)
{
	free(b->ops);
	free(b->codes);
	free(b->kept);
	*b = (struct batch){0};
}

unsigned
op_shard(const struct op *op)
{
	switch (op->kind) {
	case OP_APPEND:
		return op->append.record->shard;
	case OP_FORGET:
		return op->forget.shard;
	case OP_MARK:
		return op->mark.shard;
	case OP_RESERVE:
		return op->reserve.shard;
	default:
		return op->row.shard;
	}
}

void
batch_fail(struct batch *b, enum code code)
{
	for (size_t i = 0; i < b->count; i++)
		b->codes[op_shard(&b->ops[i])] = code;
}

bool
engine_full(const struct engine *e, unsigned shard)
{
	uint64_t until = atomic_load(&e->full_until[shard]);

	return until != 0 && clock_us() < until;
}

void
engine_was_full(struct engine *e, unsigned shard)
{
	atomic_store(&e->full_until[shard], clock_us() + FULL_US);
}

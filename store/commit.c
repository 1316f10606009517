/*
 * commit.c - two batches, of which one is always free to be filled.
 *
 *	filled ----- start: nothing is being written -----> written
 *	written ---- ok -----> released, and the filled one is started
 *	both ------- a shard failed -> its part is refused
 *
 * The names in an op_forget must outlive their topics, so they are copied.
 */
#include "store/commit.h"

#include "common/must.h"
#include "common/stats.h"

struct group {
	struct batch batch;
	struct item *items;
	size_t count, room;
	struct list names; /* struct name: what op_forget borrows */
};

struct name {
	struct list node;
	char text[];
};

struct commit {
	struct commit_setup setup;
	bool writing;
	size_t bytes; /* of both groups */
	struct group groups[2], *filled, *written;
	uint32_t *pending; /* items, by shard */
};

struct commit *
commit_new(const struct commit_setup *setup)
{
	struct commit *c = xcalloc(1, sizeof(*c));

	c->setup = *setup;
	c->filled = &c->groups[0];
	c->written = &c->groups[1];
	for (unsigned i = 0; i < 2; i++) {
		list_init(&c->groups[i].names);
		batch_init(&c->groups[i].batch, setup->shards);
	}
	c->pending = xcalloc(setup->shards, sizeof(*c->pending));
	return c;
}

static void
group_clear(struct group *g)
{
	struct list *node;

	while ((node = list_shift(&g->names)) != NULL)
		free(container_of(node, struct name, node));
	batch_clear(&g->batch);
	g->count = 0;
}

void
commit_free(struct commit **cp)
{
	struct commit *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	for (unsigned i = 0; i < 2; i++) {
		struct group *g = &c->groups[i];

		for (size_t k = 0; k < g->count; k++)
			if (g->items[k].record != NULL)
				record_unref(&g->items[k].record);
		group_clear(g);
		batch_free(&g->batch);
		free(g->items);
	}
	free(c->pending);
	free(c);
}

bool
commit_room(const struct commit *c)
{
	return c->bytes < c->setup.max_bytes;
}

size_t
commit_pending(const struct commit *c)
{
	return c->filled->count + c->written->count;
}

bool
commit_busy(const struct commit *c, unsigned shard)
{
	return c->pending[shard] != 0;
}

enum kept
commit_kept(const struct commit *c, unsigned shard)
{
	return c->writing ? (enum kept)c->written->batch.kept[shard] : KEPT_NOT;
}

static void
append(struct batch *b, const struct item *i)
{
	struct op_append *op = &batch_add(b, OP_APPEND)->append;

	op->record = i->record;
	op->policy = i->topic->policy;
	op->mark.boot = i->publisher->boot;
	op->mark.seq = i->seq;
	op->home = &i->topic->home;
	if (i->id != NULL)
		memcpy(op->mark.id, i->id->hash, sizeof(op->mark.id));
}

static struct item *
push(struct commit *c, const struct item *i, uint16_t shard)
{
	struct group *g = c->filled;
	struct item *at;

	if (g->count == g->room) {
		g->room = g->room != 0 ? g->room * 2 : 64;
		g->items = xrealloc(g->items, g->room * sizeof(*g->items));
	}
	at = &g->items[g->count++];
	*at = *i;
	at->shard = shard;
	c->bytes += at->bytes;
	c->pending[shard]++;
	return at;
}

void
commit_add(struct commit *c, const struct item *i)
{
	struct item *at = push(c, i, i->record->shard);

	at->bytes = record_size(i->record);
	c->bytes += at->bytes;
	i->topic->pending++;
	if (i->record->kept)
		append(&c->filled->batch, i);
	if (c->setup.immediate)
		commit_start(c);
}

void
commit_rows(struct commit *c, const struct rows *r)
{
	struct item i = {.pledge = r->pledge};

	for (size_t k = 0; k < r->count; k++) {
		const struct op *op = &r->ops[k];

		*batch_add(&c->filled->batch, op->kind) = *op;
		i.bytes += sizeof(*op);
		if (op->kind == OP_PUT)
			i.bytes += op->row.key.n + op->row.value.n;
	}
	push(c, &i, r->shard);
	if (c->setup.immediate)
		commit_start(c);
}

void
commit_forget(struct commit *c, const struct topic *t)
{
	struct slice from = table_key(&t->entry);
	struct name *n = xmalloc(sizeof(*n) + from.n);
	struct op_forget *op;

	memcpy(n->text, from.p, from.n);
	list_append(&c->filled->names, &n->node);
	op = &batch_add(&c->filled->batch, OP_FORGET)->forget;
	op->channel = (struct slice){n->text, from.n};
	op->hash = t->entry.hash;
	op->shard = t->shard;
	op->home = t->home;
	if (c->setup.immediate)
		commit_start(c);
}

void
commit_start(struct commit *c)
{
	struct group *g = c->filled;

	if (c->writing || (g->count == 0 && g->batch.count == 0))
		return;
	c->filled = c->written;
	c->written = g;
	c->writing = true;
	c->setup.face->write(c->setup.face, &g->batch);
}

static void
tell(struct commit *c, struct item *i, enum code code)
{
	c->bytes -= i->bytes;
	c->pending[i->shard]--;
	if (i->pledge != NULL) {
		i->pledge->settled(i->pledge, code);
		return;
	}
	i->topic->pending--;
	if (code == CODE_ok)
		c->setup.face->released(c->setup.face, i);
	else
		c->setup.face->refused(c->setup.face, i, code);
	record_unref(&i->record);
}

/* The group is what was written: telling may add to the filled one, never to
 * this. */
static void
settle(struct commit *c, struct group *g)
{
	for (size_t k = 0; k < g->count; k++) {
		struct item *i = &g->items[k];

		tell(c, i, g->batch.codes[i->shard]);
	}
}

/* Take what belongs to failed shards out of the group that is being filled,
 * then tell it.  Whoever is told may add to the group again: behind. */
static void
refuse_filled(struct commit *c, const enum code *codes)
{
	struct group *g = c->filled;
	size_t ops = 0, kept = 0, lost = 0, count = g->count;
	struct item *gone = xmalloc((count + 1) * sizeof(*gone));

	for (size_t k = 0; k < g->batch.count; k++)
		if (codes[op_shard(&g->batch.ops[k])] == CODE_ok)
			g->batch.ops[ops++] = g->batch.ops[k];
	g->batch.count = ops;
	for (size_t k = 0; k < count; k++) {
		if (codes[g->items[k].shard] == CODE_ok)
			g->items[kept++] = g->items[k];
		else
			gone[lost++] = g->items[k];
	}
	g->count = kept;
	for (size_t k = 0; k < lost; k++)
		tell(c, &gone[k], codes[gone[k].shard]);
	free(gone);
}

static bool
any_failed(const struct batch *b)
{
	for (unsigned s = 0; s < b->shards; s++)
		if (b->codes[s] != CODE_ok)
			return true;
	return false;
}

void
commit_written(struct commit *c)
{
	struct group *g = c->written;
	const enum code *codes = g->batch.codes;
	bool failed = any_failed(&g->batch);

	must(c->writing);
	stats_add(failed ? STAT_commit_failures : STAT_commits, 1);
	settle(c, g);
	if (failed)
		refuse_filled(c, codes);
	for (unsigned s = 0; failed && s < c->setup.shards; s++)
		if (codes[s] != CODE_ok)
			c->setup.face->failed(c->setup.face, s, codes[s]);
	group_clear(g);
	c->writing = false;
	commit_start(c);
}

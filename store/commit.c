/*
 * commit.c - groups on their way: filled, full, written, told.
 *
 *	filled ----- large enough -------------------------> full
 *	full, or filled if none is -- nothing is written --> written
 *	written ---- ok -----> the next is written, this one told
 *	all of them  a shard failed -> its part is refused
 *
 * A group is cut, so that what is copied from it to the disk is still in the
 * cache and the memory of one that was told serves the next; a sync for each
 * costs little beside that many bytes.  The names in an op_forget must
 * outlive their topics, so they are copied.
 */
#include "store/commit.h"

#include "common/must.h"
#include "common/stats.h"

enum {
	GROUP_BYTES = 1 << 20, /* then it is full */
	SPARES = 4,            /* empty ones that are kept for their memory */
};

struct group {
	struct list node;
	struct batch batch;
	struct item *items;
	size_t count, room;
	size_t bytes;
	struct list names; /* struct name: what op_forget borrows */
};

struct name {
	struct list node;
	char text[];
};

struct commit {
	struct commit_setup setup;
	size_t bytes, count; /* of all groups */
	struct group *filled;
	struct list full;      /* struct group, oldest first */
	struct group *written; /* NULL: nothing is */
	struct group *told;    /* NULL: nothing is */
	struct list spare;     /* struct group, empty */
	unsigned spares;
	uint32_t *pending; /* items, by shard */
};

static struct group *
first(struct list *l)
{
	struct list *node = list_shift(l);

	return node != NULL ? container_of(node, struct group, node) : NULL;
}

static struct group *
group_new(struct commit *c)
{
	struct group *g = first(&c->spare);

	if (g != NULL) {
		c->spares--;
		return g;
	}
	g = xcalloc(1, sizeof(*g));
	list_init(&g->node);
	list_init(&g->names);
	batch_init(&g->batch, c->setup.shards);
	return g;
}

struct commit *
commit_new(const struct commit_setup *setup)
{
	struct commit *c = xcalloc(1, sizeof(*c));

	c->setup = *setup;
	list_init(&c->full);
	list_init(&c->spare);
	c->filled = group_new(c);
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
	g->bytes = 0;
}

static void
group_free(struct group *g)
{
	if (g == NULL)
		return;
	for (size_t k = 0; k < g->count; k++)
		record_unref(&g->items[k].record);
	group_clear(g);
	batch_free(&g->batch);
	free(g->items);
	free(g);
}

/* It is told. */
static void
group_done(struct commit *c, struct group *g)
{
	group_clear(g);
	if (c->spares == SPARES) {
		group_free(g);
		return;
	}
	list_append(&c->spare, &g->node);
	c->spares++;
}

void
commit_free(struct commit **cp)
{
	struct commit *c = *cp;
	struct group *g;

	*cp = NULL;
	if (c == NULL)
		return;
	group_free(c->filled);
	group_free(c->written);
	while ((g = first(&c->full)) != NULL)
		group_free(g);
	while ((g = first(&c->spare)) != NULL)
		group_free(g);
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
	return c->count;
}

bool
commit_busy(const struct commit *c, unsigned shard)
{
	return c->pending[shard] != 0;
}

enum kept
commit_kept(const struct commit *c, unsigned shard)
{
	return c->told != NULL ? (enum kept)c->told->batch.kept[shard]
	                       : KEPT_NOT;
}

/* The group to be filled now. */
static struct group *
fill(struct commit *c)
{
	if (c->filled->bytes >= GROUP_BYTES) {
		list_append(&c->full, &c->filled->node);
		c->filled = group_new(c);
	}
	return c->filled;
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

static void
push(struct commit *c, struct group *g, const struct item *i)
{
	if (g->count == g->room) {
		g->room = g->room != 0 ? g->room * 2 : 64;
		g->items = xrealloc(g->items, g->room * sizeof(*g->items));
	}
	g->items[g->count++] = *i;
	g->bytes += i->bytes;
	c->bytes += i->bytes;
	c->count++;
	c->pending[i->shard]++;
}

void
commit_add(struct commit *c, const struct item *as)
{
	struct group *g = fill(c);
	struct item i = *as;

	i.shard = i.record->shard;
	i.bytes = record_size(i.record);
	push(c, g, &i);
	i.topic->pending++;
	if (i.record->kept)
		append(&g->batch, &i);
	if (c->setup.immediate)
		commit_start(c);
}

void
commit_rows(struct commit *c, const struct rows *r)
{
	struct group *g = fill(c);
	struct item i = {.pledge = r->pledge, .shard = r->shard};

	for (size_t k = 0; k < r->count; k++) {
		const struct op *op = &r->ops[k];

		*batch_add(&g->batch, op->kind) = *op;
		i.bytes += sizeof(*op);
		if (op->kind == OP_PUT)
			i.bytes += op->row.key.n + op->row.value.n;
	}
	push(c, g, &i);
	if (c->setup.immediate)
		commit_start(c);
}

void
commit_forget(struct commit *c, const struct topic *t)
{
	struct group *g = fill(c);
	struct slice from = table_key(&t->entry);
	struct name *n = xmalloc(sizeof(*n) + from.n);
	struct op_forget *op;

	memcpy(n->text, from.p, from.n);
	list_append(&g->names, &n->node);
	op = &batch_add(&g->batch, OP_FORGET)->forget;
	op->channel = (struct slice){n->text, from.n};
	op->hash = t->entry.hash;
	op->shard = t->shard;
	op->home = t->home;
	if (c->setup.immediate)
		commit_start(c);
}

static bool
is_empty(const struct group *g)
{
	return g->count == 0 && g->batch.count == 0;
}

/* The oldest that has anything in it; NULL: there is none. */
static struct group *
next(struct commit *c)
{
	struct group *g;

	while ((g = first(&c->full)) != NULL) {
		if (!is_empty(g))
			return g;
		group_done(c, g); /* all of it was refused */
	}
	if (is_empty(c->filled))
		return NULL;
	g = c->filled;
	c->filled = group_new(c);
	return g;
}

static void
begin(struct commit *c)
{
	if (c->written != NULL || (c->written = next(c)) == NULL)
		return;
	c->setup.face->write(c->setup.face, &c->written->batch);
}

void
commit_start(struct commit *c)
{
	if (c->told == NULL)
		begin(c);
}

static void
tell(struct commit *c, struct item *i, enum code code)
{
	c->bytes -= i->bytes;
	c->count--;
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

/* Telling may add to the group that is filled, never to this. */
static void
settle(struct commit *c, struct group *g)
{
	for (size_t k = 0; k < g->count; k++) {
		struct item *i = &g->items[k];

		tell(c, i, g->batch.codes[i->shard]);
	}
}

/* Items that were taken out of their groups. */
struct gone {
	struct item *items;
	size_t count;
};

/* What belongs to failed shards. */
static void
take_out(struct group *g, const enum code *codes, struct gone *gone)
{
	size_t ops = 0, kept = 0;

	for (size_t k = 0; k < g->batch.count; k++)
		if (codes[op_shard(&g->batch.ops[k])] == CODE_ok)
			g->batch.ops[ops++] = g->batch.ops[k];
	g->batch.count = ops;
	for (size_t k = 0; k < g->count; k++) {
		if (codes[g->items[k].shard] == CODE_ok)
			g->items[kept++] = g->items[k];
		else
			gone->items[gone->count++] = g->items[k];
	}
	g->count = kept;
}

/* Out of all that waits, then told.  Whoever is told may add to the group
 * that is filled again: behind. */
static void
refuse_waiting(struct commit *c, const enum code *codes)
{
	struct gone gone = {xmalloc((c->count + 1) * sizeof(*gone.items)), 0};

	list_each (at, &c->full)
		take_out(container_of(at, struct group, node), codes, &gone);
	take_out(c->filled, codes, &gone);
	for (size_t k = 0; k < gone.count; k++)
		tell(c, &gone.items[k], codes[gone.items[k].shard]);
	free(gone.items);
}

static bool
any_failed(const struct batch *b)
{
	for (unsigned s = 0; s < b->shards; s++)
		if (b->codes[s] != CODE_ok)
			return true;
	return false;
}

/* The disk does not wait until all is told, unless something failed; an
 * immediate engine would be done with the next before this one is told. */
void
commit_written(struct commit *c)
{
	struct group *g = c->written;
	const enum code *codes;
	bool failed;

	must(g != NULL && c->told == NULL);
	codes = g->batch.codes;
	failed = any_failed(&g->batch);
	stats_add(failed ? STAT_commit_failures : STAT_commits, 1);
	c->written = NULL;
	c->told = g;
	if (!failed && !c->setup.immediate)
		begin(c);
	settle(c, g);
	if (failed)
		refuse_waiting(c, codes);
	for (unsigned s = 0; failed && s < c->setup.shards; s++)
		if (codes[s] != CODE_ok)
			c->setup.face->failed(c->setup.face, s, codes[s]);
	c->told = NULL;
	group_done(c, g);
	begin(c);
}

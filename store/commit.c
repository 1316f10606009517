/*
 * commit.c - two batches, of which one is always free to be filled.
 *
 *	filled ----- start: nothing is being written -----> written
 *	written ---- ok -----> released, and the filled one is started
 *	both ------- failed -> refused
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
	struct commit_face *face;
	bool immediate, writing;
	size_t bytes, max; /* of records in both groups */
	struct group groups[2], *filled, *written;
};

struct commit *
commit_new(struct commit_face *face, bool immediate, size_t max_bytes)
{
	struct commit *c = xcalloc(1, sizeof(*c));

	c->face = face;
	c->immediate = immediate;
	c->max = max_bytes;
	c->filled = &c->groups[0];
	c->written = &c->groups[1];
	list_init(&c->groups[0].names);
	list_init(&c->groups[1].names);
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
			record_unref(&g->items[k].record);
		group_clear(g);
		batch_free(&g->batch);
		free(g->items);
	}
	free(c);
}

bool
commit_room(const struct commit *c)
{
	return c->bytes < c->max;
}

size_t
commit_pending(const struct commit *c)
{
	return c->filled->count + c->written->count;
}

static void
append(struct batch *b, const struct item *i)
{
	struct op_append *op = &batch_add(b, OP_APPEND)->append;

	op->record = i->record;
	op->policy = i->topic->policy;
	op->boot = i->publisher->boot;
	op->seq = i->seq;
	op->home = &i->topic->home;
	if (i->id != NULL)
		memcpy(op->id, i->id->hash, sizeof(op->id));
}

void
commit_add(struct commit *c, const struct item *i)
{
	struct group *g = c->filled;

	if (g->count == g->room) {
		g->room = g->room != 0 ? g->room * 2 : 64;
		g->items = xrealloc(g->items, g->room * sizeof(*g->items));
	}
	g->items[g->count++] = *i;
	i->topic->pending++;
	c->bytes += record_size(i->record);
	if (i->record->kept)
		append(&g->batch, i);
	if (c->immediate)
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
	if (c->immediate)
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
	c->face->write(c->face, &g->batch);
}

/* The group is empty before anybody is told: telling may add to the other
 * one, never to this. */
static void
settle(struct commit *c, struct group *g, enum code code)
{
	for (size_t k = 0; k < g->count; k++) {
		struct item *i = &g->items[k];

		c->bytes -= record_size(i->record);
		i->topic->pending--;
		if (code == CODE_ok)
			c->face->released(c->face, i);
		else
			c->face->refused(c->face, i, code);
		record_unref(&i->record);
	}
	group_clear(g);
}

void
commit_written(struct commit *c, enum code code)
{
	must(c->writing);
	stats_add(code == CODE_ok ? STAT_commits : STAT_commit_failures, 1);
	settle(c, c->written, code);
	c->writing = false;
	if (code != CODE_ok) {
		settle(c, c->filled, code);
		c->face->failed(c->face);
	}
	commit_start(c);
}

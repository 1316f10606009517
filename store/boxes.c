/*
 * boxes.c - directories in memory, and what is done to them.
 *
 *	LOADING --- read -----------> READY --- a commit failed ---> STALE
 *	   ^  \---- failed: all that waits is refused, gone           |
 *	   +------------- nothing is pending, something waits --------+
 *
 * A box that is READY and that nothing holds on to may be forgotten at any
 * time: the least recently touched goes first.
 */
#include "common/must.h"
#include "common/stats.h"
#include "store/boxes_own.h"

enum {
	LOAD_ROWS = 1024,
	LOAD_BYTES = 1 << 20,
	FORGET_TRIES = 16, /* boxes in use that one look for an idle passes */
};

struct boxes *
boxes_new(const struct boxes_setup *setup)
{
	struct boxes *all = xcalloc(1, sizeof(*all));

	all->setup = *setup;
	all->by_name = table_new();
	list_init(&all->touched);
	list_init(&all->pending);
	return all;
}

static void
free_all(struct list *deeds)
{
	while (!list_empty(deeds))
		deed_free(container_of(deeds->next, struct deed, node));
}

static void
forget(struct box *b)
{
	free_all(&b->waiting);
	b->all->memory -= b->memory;
	table_remove(b->all->by_name, &b->entry);
	list_remove(&b->node);
	box_dir_clear(&b->dir);
	stats_set(STAT_boxes, table_count(b->all->by_name));
	free(b);
}

void
boxes_free(struct boxes **ap)
{
	struct boxes *all = *ap;

	*ap = NULL;
	if (all == NULL)
		return;
	free_all(&all->pending);
	while (!list_empty(&all->touched))
		forget(container_of(all->touched.next, struct box, node));
	table_free(&all->by_name);
	free(all);
}

/* ---- reading a directory */

/* On the reader's thread. */
static void
found(struct scan *q, struct slice key, struct slice value, uint64_t expires)
{
	struct box *b = container_of(q, struct box, scan);
	struct box_entry e = {
	    .key = slice_from(key, (size_t)b->name_n + 1), .expires = expires};
	struct box_value v;

	memcpy(b->from, key.p, key.n);
	b->from_n = key.n;
	if (!box_value_read(value, &v))
		return;
	e.version = v.version;
	e.size = box_size(e.key, &v);
	box_dir_put(&b->dir, &e);
}

static void
run(struct work *work)
{
	struct box *b = container_of(work, struct box, work);
	struct engine *e = b->all->setup.engine;

	do {
		e->scan(e, &b->scan);
		b->scan.after = (struct slice){b->from, b->from_n};
	} while (b->scan.code == CODE_ok && b->scan.more && b->scan.count != 0);
}

static void
load(struct box *b, uint64_t unix_ms)
{
	b->state = BOX_LOADING;
	stats_add(STAT_box_loads, 1);
	box_dir_clear(&b->dir);
	b->scan = (struct scan){
	    .space = SPACE_BOX,
	    .shard = b->shard,
	    .prefix = {b->name, (size_t)b->name_n + 1},
	    .unix_ms = unix_ms,
	    .most = LOAD_ROWS,
	    .most_bytes = LOAD_BYTES,
	    .found = found,
	};
	worker_do(b->all->setup.reader, &b->work);
}

static struct deed *
next_waiting(struct box *b)
{
	struct list *node = list_shift(&b->waiting);
	struct deed *d;

	if (node == NULL)
		return NULL;
	d = container_of(node, struct deed, node);
	b->all->waiting -= d->bytes;
	return d;
}

static void
refuse_waiting(struct box *b, enum code code)
{
	struct deed *d;

	b->held++;
	while ((d = next_waiting(b)) != NULL)
		write_end(&d->write, code);
	walks_go(&b->lists);
	b->held--;
}

/* Nobody knows what it holds. */
static void
give_up(struct box *b, enum code code)
{
	refuse_waiting(b, code);
	forget(b);
}

void
boxes_leave(struct boxes *all, unsigned shard)
{
	list_each_safe (at, &all->touched) {
		struct box *b = container_of(at, struct box, node);

		if (b->shard != shard)
			continue;
		refuse_waiting(b, CODE_moved);
		if (b->state == BOX_LOADING)
			b->left = true;
		else if (b->pending != 0 || b->held != 0)
			b->state = BOX_STALE;
		else
			forget(b);
	}
}

static void
count_memory(struct box *b)
{
	size_t now = sizeof(*b) + b->name_n + b->dir.memory;

	b->all->memory += now - b->memory;
	b->memory = now;
}

bool
box_idle(const struct box *b)
{
	return b->state == BOX_READY && b->pending == 0 && b->held == 0 &&
	       list_empty(&b->waiting) && list_empty(&b->lists);
}

static void
make_room(struct boxes *all)
{
	unsigned tries = 0;

	list_each_safe (at, &all->touched) {
		struct box *b = container_of(at, struct box, node);

		if (all->memory <= all->setup.memory)
			break;
		if (box_idle(b))
			forget(b);
		else if (++tries == FORGET_TRIES)
			break;
	}
}

void
box_let_go(struct box *b, uint64_t unix_ms)
{
	struct boxes *all = b->all;
	struct deed *d;

	if (b->held != 0 || b->state == BOX_LOADING)
		return;
	b->held++;
	while (b->state == BOX_READY && (d = next_waiting(b)) != NULL)
		deed_decide(b, d);
	if (b->state == BOX_READY)
		walks_go(&b->lists);
	b->held--;
	count_memory(b);
	if (b->state == BOX_STALE && b->pending == 0) {
		if (!list_empty(&b->waiting) || !list_empty(&b->lists))
			load(b, unix_ms);
		else
			forget(b);
	}
	make_room(all);
}

static void
loaded(struct work *work)
{
	struct box *b = container_of(work, struct box, work);

	if (b->scan.code != CODE_ok || b->left) {
		give_up(b, b->left ? CODE_moved : b->scan.code);
		return;
	}
	b->state = BOX_READY;
	box_let_go(b, b->scan.unix_ms);
}

static struct box *
add(struct boxes *all, struct slice name)
{
	struct box *b = xcalloc(1, sizeof(*b) + name.n + 1);

	b->all = all;
	b->state = BOX_STALE; /* so letting go of it reads it */
	b->name_n = (uint16_t)name.n;
	memcpy(b->name, name.p, name.n);
	b->shard =
	    (uint16_t)channel_shard(name, sequence_shards(all->setup.sequence));
	b->work = (struct work){.run = run, .done = loaded};
	list_init(&b->waiting);
	list_init(&b->lists);
	list_append(&all->touched, &b->node);
	table_insert(all->by_name, &b->entry, (struct slice){b->name, name.n});
	stats_set(STAT_boxes, table_count(all->by_name));
	return b;
}

struct box *
box_touch(struct boxes *all, struct slice name)
{
	struct table_entry *e = table_find(all->by_name, name);
	struct box *b;

	if (e == NULL)
		return add(all, name);
	b = container_of(e, struct box, entry);
	list_remove(&b->node);
	list_append(&all->touched, &b->node);
	return b;
}

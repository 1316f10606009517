/*
 * rocks_dir.c - tables of channels by name and of late ones by id, and three
 * lists: touched last, dirty, staged.
 */
#include "store/rocks_dir.h"

#include "common/must.h"

#include <pthread.h>

enum {
	TRIES = 64,          /* staged channels passed when one has to leave */
	SET_BACK_MS = 60000, /* dirty since then, though that is to come yet */
};

struct late {
	struct table_entry entry;
	struct list node; /* of its shard */
	uint64_t last;
	char key[ROCKS_ID];
};

struct shard_dir {
	struct list dirty; /* struct rocks_channel */
	struct list late;
	uint64_t since; /* of the late */
};

struct rocks_dir {
	pthread_mutex_t mutex; /* of the tables and of each `now` */
	struct table *names, *ids;
	struct shard_dir *shards;
	unsigned count;
	size_t most, leaving;
	struct list recent, staged;
};

struct rocks_dir *
rocks_dir_new(unsigned shards, size_t most)
{
	struct rocks_dir *d = xcalloc(1, sizeof(*d));

	must(pthread_mutex_init(&d->mutex, NULL) == 0);
	d->names = table_new();
	d->ids = table_new();
	d->count = shards;
	d->most = most;
	d->shards = xcalloc(shards, sizeof(*d->shards));
	for (unsigned s = 0; s < shards; s++) {
		list_init(&d->shards[s].dirty);
		list_init(&d->shards[s].late);
	}
	list_init(&d->recent);
	list_init(&d->staged);
	return d;
}

static void
drop(struct rocks_dir *d, struct rocks_channel *c)
{
	table_remove(d->names, &c->entry);
	list_remove(&c->recent);
	list_remove(&c->dirty);
	list_remove(&c->staged);
	free(c);
}

static void
drop_late(struct rocks_dir *d, struct late *l)
{
	table_remove(d->ids, &l->entry);
	list_remove(&l->node);
	free(l);
}

void
rocks_dir_free(struct rocks_dir **dp)
{
	struct rocks_dir *d = *dp;
	struct table_cursor at = {0};
	struct table_entry *e;

	*dp = NULL;
	if (d == NULL)
		return;
	while ((e = table_next(d->names, &at)) != NULL)
		drop(d, container_of(e, struct rocks_channel, entry));
	at = (struct table_cursor){0};
	while ((e = table_next(d->ids, &at)) != NULL)
		drop_late(d, container_of(e, struct late, entry));
	table_free(&d->names);
	table_free(&d->ids);
	pthread_mutex_destroy(&d->mutex);
	free(d->shards);
	free(d);
}

struct rocks_channel *
rocks_dir_find(struct rocks_dir *d, struct slice name, uint32_t hash)
{
	struct table_entry *e = table_find_hashed(d->names, name, hash);

	return e != NULL ? container_of(e, struct rocks_channel, entry) : NULL;
}

bool
rocks_dir_state(struct rocks_dir *d, struct slice name, struct rocks_state *s)
{
	const struct rocks_channel *c;
	uint32_t hash = table_hash(name);

	pthread_mutex_lock(&d->mutex);
	c = rocks_dir_find(d, name, hash);
	if (c != NULL)
		*s = c->now;
	pthread_mutex_unlock(&d->mutex);
	return c != NULL;
}

static struct late *
find_late(const struct rocks_dir *d, uint16_t shard, uint64_t id)
{
	struct rocks_key k;
	struct table_entry *e;

	rocks_key_id(&k, shard, id);
	e = table_find(d->ids, rocks_key_slice(&k));
	return e != NULL ? container_of(e, struct late, entry) : NULL;
}

uint64_t
rocks_dir_late(struct rocks_dir *d, uint16_t shard, uint64_t id)
{
	const struct late *l;
	uint64_t last;

	pthread_mutex_lock(&d->mutex);
	l = find_late(d, shard, id);
	last = l != NULL ? l->last : 0;
	pthread_mutex_unlock(&d->mutex);
	return last;
}

struct rocks_channel *
rocks_dir_add(struct rocks_dir *d, const struct rocks_found *f)
{
	struct rocks_channel *c = xcalloc(1, sizeof(*c) + f->name.n);

	memcpy(c->name, f->name.p, f->name.n);
	c->shard = f->shard;
	c->now = f->now;
	list_init(&c->dirty);
	list_init(&c->staged);
	list_append(&d->recent, &c->recent);
	pthread_mutex_lock(&d->mutex);
	table_insert_hashed(
	    d->names, &c->entry, (struct slice){c->name, f->name.n}, f->hash);
	pthread_mutex_unlock(&d->mutex);
	return c;
}

/* What this batch has of it in its ids row, if anything, is not all. */
void
rocks_dir_stage(struct rocks_dir *d, struct rocks_channel *c)
{
	if (list_empty(&c->staged) || c->noted || c->leaves) {
		d->leaving -= c->leaves;
		c->noted = c->leaves = false;
		list_remove(&c->staged);
		list_append(&d->staged, &c->staged);
		c->next = c->now;
		c->began = 0;
	}
	list_remove(&c->recent);
	list_append(&d->recent, &c->recent);
}

struct rocks_channel *
rocks_dir_staged(struct rocks_dir *d, const struct rocks_channel *after)
{
	struct list *at = after != NULL ? after->staged.next : d->staged.next;

	return at != &d->staged ? container_of(at, struct rocks_channel, staged)
	                        : NULL;
}

/* It stays as it is, but for what is on disk. */
static void
stage_still(struct rocks_dir *d, struct rocks_channel *c)
{
	c->next = c->now;
	list_append(&d->staged, &c->staged);
}

static void
leave(struct rocks_dir *d, struct rocks_channel *c)
{
	stage_still(d, c);
	c->leaves = true;
	d->leaving++;
}

bool
rocks_dir_leave(struct rocks_dir *d, struct slice name)
{
	struct rocks_channel *c = rocks_dir_find(d, name, table_hash(name));

	if (c == NULL)
		return true;
	if (!list_empty(&c->staged) || !list_empty(&c->dirty))
		return false;
	leave(d, c);
	return true;
}

struct rocks_channel *
rocks_dir_evict(struct rocks_dir *d)
{
	unsigned tries = 0;

	if (table_count(d->names) - d->leaving < d->most)
		return NULL;
	list_each (at, &d->recent) {
		struct rocks_channel *c =
		    container_of(at, struct rocks_channel, recent);

		if (++tries > TRIES)
			break;
		if (!list_empty(&c->staged))
			continue;
		leave(d, c);
		return c;
	}
	return NULL;
}

struct rocks_channel *
rocks_dir_note(struct rocks_dir *d, unsigned shard, uint64_t before_ms)
{
	list_each (at, &d->shards[shard].dirty) {
		struct rocks_channel *c =
		    container_of(at, struct rocks_channel, dirty);

		if (c->since_ms >= before_ms &&
		    c->since_ms - before_ms < SET_BACK_MS)
			break;
		if (!list_empty(&c->staged))
			continue;
		stage_still(d, c);
		c->noted = true;
		return c;
	}
	return NULL;
}

static void
settle(struct rocks_dir *d, struct rocks_channel *c, uint64_t unix_ms)
{
	if (c->noted || c->leaves)
		list_remove(&c->dirty);
	else if (list_empty(&c->dirty) && c->next.last != c->now.last) {
		c->since = c->began;
		c->since_ms = unix_ms;
		list_append(&d->shards[c->shard].dirty, &c->dirty);
	}
	c->now = c->next;
	c->noted = false;
}

void
rocks_dir_done(struct rocks_dir *d, uint64_t unix_ms, bool ok)
{
	struct list *at;

	if (list_empty(&d->staged))
		return;
	pthread_mutex_lock(&d->mutex);
	while ((at = list_shift(&d->staged)) != NULL) {
		struct rocks_channel *c =
		    container_of(at, struct rocks_channel, staged);

		if (ok)
			settle(d, c, unix_ms);
		if (ok ? c->leaves : c->now.id == 0)
			drop(d, c);
		else
			c->fresh = c->told = c->noted = c->leaves = false;
	}
	d->leaving = 0;
	pthread_mutex_unlock(&d->mutex);
}

uint64_t
rocks_dir_since(const struct rocks_dir *d, unsigned shard)
{
	const struct shard_dir *s = &d->shards[shard];

	if (!list_empty(&s->late))
		return s->since;
	if (list_empty(&s->dirty))
		return 0;
	return container_of(s->dirty.next, struct rocks_channel, dirty)->since;
}

void
rocks_dir_add_late(
    struct rocks_dir *d, uint16_t shard, uint64_t id, uint64_t last)
{
	struct late *l = find_late(d, shard, id);
	struct rocks_key k;

	if (l == NULL) {
		l = xcalloc(1, sizeof(*l));
		rocks_key_id(&k, shard, id);
		memcpy(l->key, k.p, ROCKS_ID);
		list_append(&d->shards[shard].late, &l->node);
		table_insert(
		    d->ids, &l->entry, (struct slice){l->key, ROCKS_ID});
	}
	if (last > l->last)
		l->last = last;
}

void
rocks_dir_late_since(struct rocks_dir *d, unsigned shard, uint64_t since)
{
	d->shards[shard].since = since;
}

void
rocks_dir_drop_late(struct rocks_dir *d, uint16_t shard, uint64_t id)
{
	struct late *l = find_late(d, shard, id);

	if (l == NULL)
		return;
	pthread_mutex_lock(&d->mutex);
	drop_late(d, l);
	pthread_mutex_unlock(&d->mutex);
}

/* In front of all: it is dirty for longer than those. */
void
rocks_dir_found_late(struct rocks_dir *d, struct rocks_channel *c)
{
	struct shard_dir *s = &d->shards[c->shard];

	c->since = s->since;
	c->since_ms = 0;
	list_append(s->dirty.next, &c->dirty);
	rocks_dir_drop_late(d, c->shard, c->now.id);
}

bool
rocks_dir_any_late(struct rocks_dir *d, uint16_t shard, uint64_t *id)
{
	struct list *l = &d->shards[shard].late;

	if (list_empty(l))
		return false;
	*id = rocks_num_at(
	    (struct slice){
		container_of(l->next, struct late, node)->key, ROCKS_ID},
	    ROCKS_SHARD);
	return true;
}

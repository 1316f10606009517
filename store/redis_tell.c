/*
 * redis_tell.c - what the keeper of the leases has to say, to the loop, in
 * order; and what the loop says to it.
 */
#include "store/redis_keep.h"

#include <stdio.h>

void
redis_tell(struct redis_keeper *k, const struct redis_event *what)
{
	struct redis_event *e = xmalloc(sizeof(*e));

	*e = *what;
	snprintf(
	    e->owner, sizeof(e->owner), "%.*s", SLICE_ARGS(what->lease.owner));
	e->lease.owner = slice_of(e->owner);
	pthread_mutex_lock(&k->r->mutex);
	list_append(&k->events, &e->node);
	pthread_mutex_unlock(&k->r->mutex);
	waker_wake(&k->waker);
}

static struct redis_event *
next(struct redis_keeper *k)
{
	struct list *node;

	pthread_mutex_lock(&k->r->mutex);
	node = list_shift(&k->events);
	pthread_mutex_unlock(&k->r->mutex);
	return node != NULL ? container_of(node, struct redis_event, node)
	                    : NULL;
}

static void
woken(struct waker *w)
{
	struct redis_keeper *k = container_of(w, struct redis_keeper, waker);
	struct redis_event *e;

	while ((e = next(k)) != NULL) {
		if (e->kind == TELL_GAINED)
			k->face->gained(k->face, &e->lease, &e->state);
		else if (e->kind == TELL_LEAVE)
			k->face->leave(k->face, e->lease.shard);
		else
			k->face->taken(k->face, &e->lease);
		free(e);
	}
}

static void
lend(struct engine *e, struct lease_face *face, const char *name)
{
	struct redis_engine *r = redis_of(e);
	struct redis_keeper *k = xcalloc(1, sizeof(*k));

	must(r->keeper == NULL);
	k->r = r;
	k->face = face;
	k->name = name;
	k->leases = xcalloc(r->setup.shards, sizeof(*k->leases));
	list_init(&k->events);
	k->waker.woken = woken;
	loop_add_waker(r->setup.loop, &k->waker);
	r->keeper = k;
	redis_keeper_start(k);
}

void
redis_keeper_poke(struct redis_engine *r)
{
	if (r->keeper == NULL)
		return;
	r->keeper->poked = true;
	pthread_cond_signal(&r->keeper->asked);
}

static void
release(struct engine *e, unsigned shard)
{
	struct redis_engine *r = redis_of(e);

	pthread_mutex_lock(&r->mutex);
	r->shards[shard].released = true;
	r->shards[shard].open = false;
	redis_keeper_poke(r);
	pthread_mutex_unlock(&r->mutex);
}

static uint64_t
until(const struct engine *e, unsigned shard)
{
	const struct redis_engine *r =
	    container_of(e, const struct redis_engine, face);

	return r->shards[shard].until;
}

const struct lender redis_lender = {
    .lend = lend, .release = release, .until = until};

void
redis_keeper_free(struct redis_engine *r)
{
	struct redis_keeper *k = r->keeper;
	struct redis_event *e;

	if (k == NULL)
		return;
	redis_keeper_stop(k);
	r->keeper = NULL;
	loop_remove_waker(&k->waker);
	while ((e = next(k)) != NULL) {
		free(e->state.recall);
		free(e);
	}
	free(k->leases);
	free(k);
}

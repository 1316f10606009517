/*
 * jobs_queue.c - whose job is next.
 *
 * A queue goes round its applications that have ready jobs, so one with a
 * million of them waits for its turn like one with a single one.
 */
#include "common/must.h"
#include "common/stats.h"
#include "store/jobs_own.h"

struct queue *
queue_get(struct jobs *all, struct slice name)
{
	struct table_entry *e = table_find(all->queues, name);
	struct queue *q;

	if (e != NULL) {
		q = container_of(e, struct queue, entry);
	} else {
		q = xcalloc(1, sizeof(*q) + name.n);
		list_init(&q->active);
		list_init(&q->lanes);
		list_init(&q->takers);
		memcpy(q->name, name.p, name.n);
		table_insert(
		    all->queues, &q->entry, (struct slice){q->name, name.n});
	}
	q->users++;
	return q;
}

void
queue_put(struct jobs *all, struct queue *q)
{
	if (--q->users != 0)
		return;
	table_remove(all->queues, &q->entry);
	list_remove(&q->active);
	free(q);
}

struct lane *
lane_get(struct jobs *all, struct slice queue, struct slice app)
{
	char room[31 + 1 + 63];
	struct slice key = {room, queue.n + 1 + app.n};
	struct table_entry *e;
	struct lane *l;

	must(key.n <= sizeof(room));
	memcpy(room, queue.p, queue.n);
	room[queue.n] = '\0';
	memcpy(room + queue.n + 1, app.p, app.n);
	e = table_find(all->lanes, key);
	if (e != NULL) {
		l = container_of(e, struct lane, entry);
	} else {
		l = xcalloc(1, sizeof(*l) + key.n);
		list_init(&l->node);
		for (unsigned i = 0; i < PRIORITIES; i++)
			list_init(&l->ready[i]);
		memcpy(l->key, room, key.n);
		l->app_at = (uint16_t)(queue.n + 1);
		l->queue = queue_get(all, queue);
		table_insert(
		    all->lanes, &l->entry, (struct slice){l->key, key.n});
	}
	l->jobs++;
	return l;
}

void
lane_put(struct jobs *all, struct lane *l)
{
	if (--l->jobs != 0)
		return;
	table_remove(all->lanes, &l->entry);
	list_remove(&l->node);
	queue_put(all, l->queue);
	free(l);
}

struct slice
lane_queue(const struct lane *l)
{
	return (struct slice){l->key, l->app_at - 1u};
}

struct slice
lane_app(const struct lane *l)
{
	return slice_from(table_key(&l->entry), l->app_at);
}

void
lane_ready(struct job *j, bool first)
{
	struct lane *l = j->lane;
	struct list *at = &l->ready[j->priority];

	if (j->state == JOB_READY)
		return;
	j->state = JOB_READY;
	list_append(first ? at->next : at, &j->node);
	l->filled |= 1u << j->priority;
	if (list_empty(&l->node))
		list_append(&l->queue->lanes, &l->node);
	if (list_empty(&l->queue->active) && !list_empty(&l->queue->takers))
		list_append(&j->all->active, &l->queue->active);
}

void
lane_unready(struct job *j)
{
	struct lane *l = j->lane;

	if (j->state != JOB_READY)
		return;
	j->state = JOB_WAITING;
	list_remove(&j->node);
	if (list_empty(&l->ready[j->priority]))
		l->filled &= ~(1u << j->priority);
	if (l->filled == 0)
		list_remove(&l->node);
}

struct job *
queue_next(struct queue *q)
{
	struct lane *l;
	unsigned best = PRIORITIES - 1;

	if (list_empty(&q->lanes))
		return NULL;
	l = container_of(q->lanes.next, struct lane, node);
	list_remove(&l->node);
	list_append(&q->lanes, &l->node);
	while ((l->filled >> best & 1) == 0)
		best--;
	return container_of(l->ready[best].next, struct job, node);
}

/*
 * jobs_lease.c - who gets which job, and for how long.
 */
#include "common/must.h"
#include "common/stats.h"
#include "store/jobs_own.h"

enum { LEASES_A_TURN = 1024 }; /* some ms of the loop */

static void
taker_free(struct jobs *all, struct taker *t)
{
	struct queue *q = t->queue;

	list_remove(&t->in_queue);
	list_remove(&t->in_peer);
	t->at->count--;
	free(t);
	if (list_empty(&q->takers))
		list_remove(&q->active);
	queue_put(all, q);
}

void
jobs_peer_init(
    struct jobs_peer *p, struct bus_peer *peer, struct publisher *publisher)
{
	*p = (struct jobs_peer){.peer = peer, .publisher = publisher};
	list_init(&p->takers);
}

void
jobs_peer_gone(struct jobs *all, struct jobs_peer *p)
{
	while (!list_empty(&p->takers))
		taker_free(
		    all, container_of(p->takers.next, struct taker, in_peer));
	if (p->holder != NULL)
		holder_away(p->holder);
	p->holder = NULL;
}

static struct taker *
taker(struct jobs *all, struct jobs_peer *p, struct slice queue)
{
	struct taker *t;

	list_each (at, &p->takers) {
		t = container_of(at, struct taker, in_peer);
		if (slice_eq(table_key(&t->queue->entry), queue))
			return t;
	}
	if (p->count == JOB_TAKERS || queue.n == 0)
		return NULL;
	p->count++;
	t = xcalloc(1, sizeof(*t));
	t->at = p;
	t->queue = queue_get(all, queue);
	list_append(&p->takers, &t->in_peer);
	list_append(&t->queue->takers, &t->in_queue);
	return t;
}

void
jobs_credit(struct jobs *all, struct jobs_peer *p, const struct msg_credit *m)
{
	struct taker *t = taker(all, p, m->queue);

	if (t == NULL) {
		stats_add(STAT_drop_overflow, 1);
		return;
	}
	t->credit = m->jobs;
	holder_here(holder_join(all, p));
	if (list_empty(&t->queue->active))
		list_append(&all->active, &t->queue->active);
}

void
job_unlease(struct job *j)
{
	must(j->state == JOB_LEASED);
	stats_sub(STAT_jobs_leased, 1);
	list_remove(&j->node);
	j->holder = NULL;
	j->state = JOB_WAITING;
	if (j->slot != NULL)
		slot_enter(j);
}

/* In silence. */
void
job_lease_over(struct job *j)
{
	stats_add(STAT_job_leases_expired, 1);
	job_unlease(j);
	j->due = jobs_time(j->all).unix_ms;
	job_place(j);
}

static void
take(struct job *j, struct holder *h, uint64_t lease)
{
	struct jobs *all = j->all;

	stats_add(STAT_jobs_leased, 1);
	lane_unready(j);
	j->state = JOB_LEASED;
	j->lease = lease;
	j->holder = h;
	j->due = jobs_time(all).unix_ms + all->setup->limits.lease_ms;
	list_append(&h->leases, &j->node);
	slot_lease(j);
	job_arm(j, j->due);
}

static void
lease(struct job *j, struct taker *t)
{
	struct jobs *all = j->all;
	struct msg_job_is is = job_is(j);
	struct msg m = {.id = MSG_job,
	    .job = {
		.shard = is.shard,
		.number = is.number,
		.queue = is.queue,
		.app = is.app,
		.target = is.target,
		.collapse = is.collapse,
		.priority = is.priority,
		.created = is.created,
		.expires = is.expires,
		.type = is.type,
		.body = is.body,
	    }};

	stats_add(STAT_job_leases, 1);
	t->credit--;
	j->attempt++;
	take(j, t->at->holder, ++all->shards[j->shard].lease);
	m.job.lease = j->lease;
	m.job.until = j->due;
	m.job.attempt = j->attempt;
	all->setup->wire->send(all->setup->wire, t->at->peer, &m);
}

/* The next of a queue that can take one. */
static struct taker *
next_taker(struct queue *q)
{
	struct list *first = q->takers.next;

	for (struct list *at = first; at != &q->takers; at = at->next) {
		struct taker *t = container_of(at, struct taker, in_queue);

		if (t->credit == 0 || t->at->holder == NULL ||
		    !t->at->holder->known || !bus_server_room(t->at->peer))
			continue;
		list_remove(&t->in_queue);
		list_append(&q->takers, &t->in_queue);
		return t;
	}
	return NULL;
}

/* A queue that can go on no more leaves the list: credit, or a job that
 * becomes ready, brings it back.  One that waits for a window or for its
 * holder's row stays. */
static bool
idle(const struct queue *q)
{
	if (list_empty(&q->lanes))
		return true;
	list_each (at, &q->takers)
		if (container_of(at, struct taker, in_queue)->credit != 0)
			return false;
	return true;
}

/* It would have expired by now, but for a clock that leapt. */
static bool
too_late(struct job *j)
{
	if (j->expires > jobs_time(j->all).unix_ms)
		return false;
	lane_unready(j);
	job_place(j);
	return true;
}

bool
jobs_dispatch(struct jobs *all)
{
	unsigned left = LEASES_A_TURN;

	list_each_safe (at, &all->active) {
		struct queue *q = container_of(at, struct queue, active);
		struct taker *t;
		struct job *j;

		while (left != 0 && !list_empty(&q->lanes) &&
		       (t = next_taker(q)) != NULL &&
		       (j = queue_next(q)) != NULL) {
			left--;
			if (!too_late(j))
				lease(j, t);
		}
		if (idle(q))
			list_remove(&q->active);
	}
	return left == 0;
}

static void
over(struct jobs *all, struct jobs_peer *p, const struct msg_holding *m)
{
	struct msg a = {.id = MSG_settled,
	    .settled = {
		.shard = m->shard, .number = m->number, .lease = m->lease}};

	all->setup->wire->send(all->setup->wire, p->peer, &a);
}

/* It cannot have it, for its receipt is being written, or it is a dead letter,
 * of which one may still be on its way: it is told with who sent that. */
static bool
only_told(struct job *j, const struct holder *h, uint64_t lease)
{
	bool ends = j->state == JOB_DEAD ||
	            (j->state != JOB_LEASED && (j->op != NULL || j->writing));

	if (ends && lease >= j->lease) {
		j->claimant = h->boot;
		j->lease = lease;
	}
	return ends;
}

/* It may be that the lease is of a life of ours before this, or that its
 * receipt is being written; or came before this, by another peer. */
void
jobs_holding(struct jobs *all, struct jobs_peer *p, const struct msg_holding *m)
{
	struct holder *h = holder_join(all, p);
	struct job *j = job_given(all, m->shard, m->number, m->lease);

	if (jobs_ours(all, m->shard) &&
	    (j == NULL || (job_over(j) && j->state != JOB_DEAD)))
		over(all, p, m);
	if (j == NULL || !job_ours(j) || m->lease > INT64_MAX ||
	    only_told(j, h, m->lease) || job_over(j) || m->lease < j->lease ||
	    (j->slot != NULL && j->slot->leased != NULL &&
		j->slot->leased != j))
		return;
	if (j->state == JOB_LEASED)
		job_unlease(j);
	if (j->held)
		list_remove(&j->node);
	j->held = false;
	stats_add(STAT_job_leases_claimed, 1);
	if (j->attempt == 0)
		j->attempt = 1;
	take(j, h, m->lease);
	if (m->lease > all->shards[j->shard].lease)
		all->shards[j->shard].lease = m->lease;
}

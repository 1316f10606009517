/*
 * jobs.c - jobs, and where each of them stands.
 *
 * job_place() is asked whenever anything changes for a job that nobody has:
 * its time came, its slot moved on, a lease of it ended.  It looks at all
 * there is to know and puts the job where it belongs, so that no change has
 * to know what comes next.
 */
#include "store/jobs.h"

#include "common/hash.h"
#include "common/must.h"
#include "common/stats.h"
#include "store/jobs_own.h"

struct publish_time
jobs_time(struct jobs *all)
{
	return all->setup->time(all->setup);
}

struct jobs *
jobs_new(struct jobs_setup *setup)
{
	struct jobs *all = xcalloc(1, sizeof(*all));

	all->setup = setup;
	all->shards =
	    xcalloc(sequence_shards(setup->sequence), sizeof(*all->shards));
	all->queues = table_new();
	all->lanes = table_new();
	all->slots = table_new();
	all->holders = table_new();
	list_init(&all->active);
	list_init(&all->dead);
	list_init(&all->done);
	list_init(&all->held);
	list_init(&all->ops);
	list_init(&all->enlisted);
	list_init(&all->keeps);
	timer_init(&all->hold, jobs_hold_over);
	all->ahead = jobs_ahead(all);
	all->random = (setup->seed != 0 ? setup->seed : hash_random()) | 1;
	return all;
}

void
jobs_free(struct jobs **ap)
{
	struct jobs *all = *ap;

	*ap = NULL;
	if (all == NULL)
		return;
	ops_free(all);
	jobs_writes_free(all);
	for (unsigned s = 0; s < sequence_shards(all->setup->sequence); s++) {
		struct jobs_index *x = &all->shards[s].index;

		while (x->end > x->first)
			job_free(x->rows[x->end - 1].job);
		jobs_index_free(x);
	}
	timer_cancel(&all->hold);
	holders_free(all);
	table_free(&all->queues);
	table_free(&all->lanes);
	table_free(&all->slots);
	table_free(&all->holders);
	free(all->shards);
	free(all);
}

static void
fired(struct timer *t)
{
	struct job *j = container_of(t, struct job, timer);

	if (j->op != NULL || j->pending || j->writing || job_over(j) ||
	    !job_ours(j))
		return; /* looked at when that is done */
	if (j->state != JOB_LEASED)
		job_place(j);
	else if (j->due > jobs_time(j->all).unix_ms)
		job_arm(j, j->due);
	else
		job_lease_over(j);
}

void
job_arm(struct job *j, uint64_t unix_ms)
{
	struct publish_time now = jobs_time(j->all);
	uint64_t in = unix_ms > now.unix_ms ? unix_ms - now.unix_ms : 0;

	wheel_arm(j->all->setup->wheel, &j->timer, now.now_ms + in);
}

static char *
append(char *at, struct slice s)
{
	if (s.n != 0)
		memcpy(at, s.p, s.n);
	return at + s.n;
}

/* The outcome's words come and go and are few: they do not count. */
static size_t
job_size(const struct job *j)
{
	return sizeof(*j) + j->target_n + j->collapse_n + j->type_n +
	       (j->body != NULL ? sizeof(*j->body) + j->body->n : 0) +
	       sizeof(struct jobs_row);
}

struct job *
job_new(struct jobs *all, const struct msg_job_is *m)
{
	struct job *j =
	    xcalloc(1, sizeof(*j) + m->target.n + m->collapse.n + m->type.n);

	must(m->target.n <= UINT8_MAX && m->collapse.n <= UINT8_MAX &&
	     m->type.n <= UINT8_MAX && m->priority < PRIORITIES);
	list_init(&j->node);
	list_init(&j->in_slot);
	timer_init(&j->timer, fired);
	j->all = all;
	j->lane = lane_get(all, m->queue, m->app);
	j->number = m->number;
	j->shard = (uint16_t)m->shard;
	j->created = m->created;
	j->due = m->due;
	j->expires = m->expires;
	j->attempt = (uint32_t)m->attempt;
	j->replays = (uint32_t)m->replays;
	j->priority = (uint8_t)m->priority;
	j->state = JOB_WAITING;
	j->target_n = (uint8_t)m->target.n;
	j->collapse_n = (uint8_t)m->collapse.n;
	j->type_n = (uint8_t)m->type.n;
	append(append(append(j->bytes, m->target), m->collapse), m->type);
	if (m->body.n != 0)
		j->body = body_new(m->body);
	job_note(j, m->why, m->vendor_id);
	jobs_index_add(&all->shards[j->shard].index, j->number, j);
	all->count++;
	all->bytes += job_size(j);
	stats_set(STAT_jobs_bytes, all->bytes);
	return j;
}

/* It holds memory that counts against the bounds. */
static bool
counts(const struct job *j)
{
	return j->state <= JOB_LEASED || j->state == JOB_DEAD;
}

static void
uncount(struct job *j)
{
	j->all->count--;
	j->all->bytes -= job_size(j);
	stats_set(STAT_jobs_bytes, j->all->bytes);
}

void
job_free(struct job *j)
{
	struct jobs *all = j->all;

	if (counts(j))
		uncount(j);
	lane_unready(j);
	if (j->state == JOB_LEASED)
		job_unlease(j);
	slot_leave(j);
	if (j->state == JOB_DEAD)
		all->ndead--;
	else if (job_over(j))
		all->ndone--;
	list_remove(&j->node);
	timer_cancel(&j->timer);
	jobs_index_remove(&all->shards[j->shard].index, j->number);
	lane_put(all, j->lane);
	body_unref(&j->body);
	free(j->why);
	free(j);
}

struct slice
job_target(const struct job *j)
{
	return (struct slice){j->bytes, j->target_n};
}

struct job *
job_find(struct jobs *all, uint64_t shard, uint64_t number)
{
	struct job *j;

	if (shard >= sequence_shards(all->setup->sequence))
		return NULL;
	j = jobs_index_find(&all->shards[shard].index, number);
	return j != NULL && !j->pending ? j : NULL;
}

struct job *
job_given(struct jobs *all, uint64_t shard, uint64_t number, uint64_t lease)
{
	struct job *j = job_find(all, shard, number);

	return j != NULL && (lease > all->shards[shard].old_lease ||
				number <= all->shards[shard].old_number)
	           ? j
	           : NULL;
}

void
job_note(struct job *j, struct slice why, struct slice vendor_id)
{
	free(j->why);
	j->why = NULL;
	if (why.n + vendor_id.n == 0)
		return;
	j->why = xmalloc(why.n + vendor_id.n + 2);
	*append(j->why, why) = '\0';
	*append(j->why + strlen(j->why) + 1, vendor_id) = '\0';
}

bool
jobs_ours(const struct jobs *all, uint64_t shard)
{
	struct sequence *s = all->setup->sequence;

	return shard >= sequence_shards(s) ||
	       sequence_shard(s, (unsigned)shard)->owned;
}

bool
job_ours(const struct job *j)
{
	return jobs_ours(j->all, j->shard);
}

bool
job_over(const struct job *j)
{
	return j->state > JOB_LEASED;
}

/* A lease that ended without a receipt was an attempt as well. */
static void
ends(struct job *j, enum job_state to)
{
	struct op_ask ask = {.to = to};

	if (to == JOB_DEAD)
		ask.why = SLICE("no receipt");
	if (!job_op(j, &ask) && to != JOB_ANY)
		job_arm(j, jobs_time(j->all).unix_ms + JOB_LATER_MS);
}

void
job_place(struct job *j)
{
	uint64_t now = jobs_time(j->all).unix_ms;

	must(!job_over(j) && j->state != JOB_LEASED && !j->pending);
	if (j->op != NULL || j->writing || !job_ours(j))
		return;
	if (j->expires <= now) {
		ends(j, JOB_EXPIRED);
		return;
	}
	if (j->held) {
		job_arm(j, j->expires);
		return;
	}
	if (slot_superseded(j)) {
		ends(j, JOB_REPLACED);
		return;
	}
	if (j->attempt >= j->all->setup->limits.attempts) {
		ends(j, JOB_DEAD);
		return;
	}
	if (j->due > now || slot_blocked(j)) {
		lane_unready(j);
		j->state = JOB_WAITING;
		job_arm(j,
		    j->due > now && j->due < j->expires ? j->due : j->expires);
		return;
	}
	lane_ready(j, j->lease != 0);
	job_arm(j, j->expires);
}

void
job_enter(struct job *j)
{
	stats_add(STAT_jobs_pending, 1);
	j->state = JOB_WAITING;
	if (j->collapse_n != 0 && j->replays == 0)
		slot_enter(j);
}

static void
oldest_done_goes(struct jobs *all)
{
	job_free(container_of(all->done.next, struct job, node));
}

static const enum stat_id ended[JOB_STATES] = {
    [JOB_DELIVERED] = STAT_jobs_delivered,
    [JOB_EXPIRED] = STAT_jobs_expired,
    [JOB_DEAD] = STAT_jobs_dead,
    [JOB_REPLACED] = STAT_jobs_replaced,
    [JOB_GONE] = STAT_jobs_gone,
    [JOB_CANCELLED] = STAT_jobs_cancelled,
};

/* A dead letter that is delivered after all is a job once more, for as long
 * as it takes to count it. */
static void
rise(struct job *j)
{
	list_remove(&j->node);
	j->all->ndead--;
	stats_add(STAT_jobs_replayed, 1);
	stats_add(STAT_jobs_pending, 1);
	stats_set(STAT_dead_letters, j->all->ndead);
}

static void
leave_all(struct job *j)
{
	struct job *next = slot_last(j);

	lane_unready(j);
	if (j->state == JOB_LEASED)
		job_unlease(j);
	if (j->held)
		list_remove(&j->node);
	j->held = false;
	slot_leave(j);
	timer_cancel(&j->timer);
	if (next != NULL && !next->pending)
		job_place(next);
}

void
job_finish(struct job *j, enum job_state to)
{
	struct jobs *all = j->all;

	if (j->state == JOB_DEAD && to == JOB_CANCELLED) {
		stats_add(STAT_dead_cancelled, 1);
		job_free(j);
		stats_set(STAT_dead_letters, all->ndead);
		return;
	}
	if (j->state == JOB_DEAD)
		rise(j);
	else
		leave_all(j);
	stats_sub(STAT_jobs_pending, 1);
	stats_add(ended[to], 1);
	j->due = jobs_time(all).unix_ms;
	if (to == JOB_DEAD) {
		job_bury(j);
		return;
	}
	uncount(j);
	j->state = (uint8_t)to;
	body_unref(&j->body);
	list_append(&all->done, &j->node);
	if (++all->ndone > all->setup->limits.done)
		oldest_done_goes(all);
}

/* A dead letter keeps its body: it may be replayed. */
void
job_bury(struct job *j)
{
	j->state = JOB_DEAD;
	list_append(&j->all->dead, &j->node);
	stats_set(STAT_dead_letters, ++j->all->ndead);
}

/* Rows of dead letters that are dropped go with a write of their own, and
 * only then the job: a few at a time. */
static void
drop_dead(struct jobs *all, uint64_t now)
{
	const struct jobs_limits *l = &all->setup->limits;
	size_t left = all->ndead;

	list_each_safe (at, &all->dead) {
		struct job *j = container_of(at, struct job, node);

		if (left <= l->dead && j->due + l->dead_ms > now)
			break;
		if (j->op == NULL && !j->writing && job_ours(j))
			ends(j, JOB_ANY);
		left--;
		if (!commit_room(publishing_commit(all->setup->publishing)))
			break;
	}
}

void
jobs_tick(struct jobs *all)
{
	uint64_t now = jobs_time(all).unix_ms;

	jobs_follow_clock(all);
	while (!list_empty(&all->done)) {
		struct job *j = container_of(all->done.next, struct job, node);

		if (j->due + all->setup->limits.done_ms > now)
			break;
		oldest_done_goes(all);
	}
	drop_dead(all, now);
}

void
jobs_drain(struct jobs *all)
{
	all->draining = true;
}

bool
jobs_turn(struct jobs *all)
{
	bool more = jobs_unhold(all);

	return !all->draining && (jobs_dispatch(all) || more);
}

void
jobs_frame(struct jobs *all, struct jobs_peer *from, const struct msg *m)
{
	if (m->id == MSG_enqueue)
		jobs_enqueue(all, from->publisher, m);
	else if (m->id == MSG_requeue)
		jobs_requeue(all, from->publisher, m);
	else if (m->id == MSG_cancel)
		jobs_cancel(all, from->publisher, m);
	else if (m->id == MSG_credit)
		jobs_credit(all, from, &m->credit);
	else if (m->id == MSG_receipt)
		jobs_receipt(all, from, &m->receipt);
	else if (m->id == MSG_holding)
		jobs_holding(all, from, &m->holding);
	else if (m->id == MSG_jobs)
		jobs_list(all, from, &m->jobs);
}

/*
 * jobs_open.c - the jobs of before the boot.
 *
 * All rows of the shard are read before it serves anybody.  What was not
 * over is held back for a while: a pusher may still have it.
 */
#include "common/must.h"
#include "common/stats.h"
#include "store/jobs_own.h"

/* Leases of a boot are above those of the boots before it: none gives as
 * many as this in a ms, for as long as it lives.  And until 2109 they are
 * below 2^53, so that filters which read numbers as doubles keep them. */
enum { LEASE_BITS = 11 };

enum { FREED_A_TURN = 4096 }; /* jobs given free: some ms */

static void
take(struct jobs *all, const struct msg_job_is *is)
{
	struct job *j = job_new(all, is);

	if (is->state == JOB_DEAD) {
		stats_add(STAT_dead_recovered, 1);
		job_bury(j);
		return;
	}
	stats_add(STAT_jobs_recovered, 1);
	job_enter(j);
	j->held = true;
	list_append(&all->held, &j->node);
	job_arm(j, j->expires);
}

/* A row that cannot be read is left where it is. */
static bool
take_row(struct jobs *all, unsigned shard, const struct rows_row *r)
{
	const char *why;
	struct msg m;

	if (r->key.p[0] == 'h') {
		holder_recover(all, r->key);
		return true;
	}
	if (r->key.p[0] != 'j' || msg_decode(r->value, &m, &why) <= 0 ||
	    m.id != MSG_job_is || m.job_is.shard != shard ||
	    m.job_is.priority >= PRIORITIES)
		return false;
	take(all, &m.job_is);
	return true;
}

struct snapshot
jobs_rows(struct engine *e, unsigned shard, uint64_t unix_ms)
{
	return (struct snapshot){.engine = e,
	    .space = SPACE_JOB,
	    .shard = shard,
	    .unix_ms = unix_ms};
}

void
jobs_open(struct jobs *all, const struct snapshot *rows)
{
	struct jobs_shard *mine = &all->shards[rows->shard];
	struct jobs_index *x = &mine->index;
	struct shard *s = sequence_shard(all->setup->sequence, rows->shard);
	struct rows_row r;
	size_t at = 0;

	mine->lease = mine->old_lease = jobs_time(all).unix_ms << LEASE_BITS;
	while (snapshot_next(rows, &at, &r))
		stats_add(STAT_drop_bad_frame, !take_row(all, rows->shard, &r));
	if (x->end > x->first && x->rows[x->end - 1].number >= s->next) {
		s->top = x->rows[x->end - 1].number;
		s->next = s->top + 1;
	}
	mine->old_number = s->next - 1;
}

void
jobs_gain(struct jobs *all, const struct snapshot *rows)
{
	jobs_open(all, rows);
	if (list_empty(&all->held))
		return;
	all->awaited += !timer_armed(&all->hold);
	wheel_arm(
	    all->setup->wheel, &all->hold, jobs_time(all).now_ms + JOB_HOLD_MS);
}

void
jobs_hold_over(struct timer *t)
{
	container_of(t, struct jobs, hold)->awaited--;
}

void
jobs_stop(struct jobs *all, unsigned shard)
{
	const struct jobs_index *x = &all->shards[shard].index;

	for (size_t i = x->first; i < x->end; i++)
		if (x->rows[i].job != NULL)
			lane_unready(x->rows[i].job);
}

static void
leave(struct job *j)
{
	must(j->op == NULL && !j->pending && !j->writing);
	if (!job_over(j)) {
		stats_sub(STAT_jobs_pending, 1);
		stats_add(STAT_jobs_left, 1);
	}
	stats_add(STAT_dead_left, j->state == JOB_DEAD);
	job_free(j);
}

void
jobs_leave(struct jobs *all, unsigned shard)
{
	struct jobs_index *x = &all->shards[shard].index;

	while (x->end > x->first)
		leave(x->rows[x->end - 1].job);
	stats_set(STAT_dead_letters, all->ndead);
}

bool
jobs_unhold(struct jobs *all)
{
	if (all->awaited != 0)
		return false;
	for (unsigned n = 0; n < FREED_A_TURN; n++) {
		struct list *node = list_shift(&all->held);
		struct job *j;

		if (node == NULL)
			return false;
		j = container_of(node, struct job, node);
		j->held = false;
		job_place(j);
	}
	return true;
}

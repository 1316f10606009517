/*
 * jobs_op.c - what becomes of a job is written first, then true.
 *
 * At most one such change of a job is on its way.  If it cannot be written
 * the job is as it was: a pusher says its receipt again, and what we wanted
 * by ourselves is tried again a second later.
 */
#include "common/must.h"
#include "common/stats.h"
#include "store/jobs_own.h"

struct op_change {
	struct list node; /* of all ops */
	struct pledge pledge;
	struct job *job;
	enum job_state to;
	uint64_t due;
	struct publisher *asker; /* counted as pending: it stays */
	uint64_t lease;
	bool untried;
	struct slice why, vendor_id; /* in the row's bytes, below */
	struct buf words, row;
	char key[JOB_KEY];
};

static void
op_free(struct op_change *o)
{
	if (o->asker != NULL)
		o->asker->pending--;
	list_remove(&o->node);
	buf_free(&o->words);
	buf_free(&o->row);
	free(o);
}

void
ops_free(struct jobs *all)
{
	while (!list_empty(&all->ops)) {
		struct op_change *o =
		    container_of(all->ops.next, struct op_change, node);

		o->job->op = NULL;
		op_free(o);
	}
}

/* Who said the receipt, and who had the job, if that is another. */
static void
tell(const struct op_change *o, const struct bus_peer *holder)
{
	struct job *j = o->job;
	struct wire *w = j->all->setup->wire;
	struct bus_peer *asker = o->asker->peer;
	struct msg m = {.id = MSG_settled,
	    .settled = {
		.shard = j->shard, .number = j->number, .lease = o->lease}};

	if (asker != NULL)
		w->send(w, asker, &m);
	m.settled.lease = j->lease;
	if (holder != NULL && holder != asker)
		w->send(w, (struct bus_peer *)holder, &m);
}

static void
again(struct job *j)
{
	if (j->state == JOB_DEAD)
		return; /* the next tick looks at them */
	if (j->state == JOB_LEASED)
		job_arm(j, j->due);
	else
		job_arm(j, jobs_time(j->all).unix_ms + JOB_LATER_MS);
}

static void
come_back(struct job *j, const struct op_change *o)
{
	if (j->state == JOB_LEASED)
		job_unlease(j);
	j->attempt -= o->untried && j->attempt != 0;
	j->due = o->due;
	job_place(j);
}

static void
drop(struct job *j)
{
	struct jobs *all = j->all;

	stats_add(STAT_dead_dropped, 1);
	job_free(j);
	stats_set(STAT_dead_letters, all->ndead);
}

static void
settled(struct pledge *p, enum code code)
{
	struct op_change *o = container_of(p, struct op_change, pledge);
	struct job *j = o->job;
	struct jobs_peer *holder = holder_of(j);

	j->op = NULL;
	if (code != CODE_ok) {
		stats_add(STAT_job_receipts_put_off, o->asker != NULL);
		op_free(o);
		again(j);
		return;
	}
	if (o->asker != NULL)
		tell(o, holder != NULL ? holder->peer : NULL);
	if (o->to != JOB_EXPIRED && o->to != JOB_REPLACED)
		job_note(j, o->why, o->vendor_id);
	if (o->to == JOB_WAITING)
		come_back(j, o);
	else if (o->to == JOB_ANY)
		drop(j);
	else
		job_finish(j, o->to);
	op_free(o);
}

static void
take_words(struct op_change *o, const struct op_ask *ask)
{
	buf_put(&o->words, ask->why);
	buf_put(&o->words, ask->vendor_id);
	o->why = (struct slice){o->words.p, ask->why.n};
	o->vendor_id =
	    (struct slice){o->words.p + ask->why.n, ask->vendor_id.n};
	if (o->words.p == NULL)
		o->why = o->vendor_id = (struct slice){"", 0};
}

/* What stays is written as it will be. */
static void
fill_row(struct op_change *o, uint64_t now)
{
	struct msg_job_is is = job_is(o->job);

	is.state = o->to;
	is.attempt -= o->untried && is.attempt != 0;
	is.due = o->to == JOB_DEAD ? now : o->due;
	is.why = o->why;
	is.vendor_id = o->vendor_id;
	job_row(&o->row, &is);
}

static struct op_change *
change_new(struct job *j, const struct op_ask *ask)
{
	struct op_change *o = xcalloc(1, sizeof(*o));

	list_append(&j->all->ops, &o->node);
	o->pledge.settled = settled;
	o->job = j;
	o->to = ask->to;
	o->due = ask->due;
	o->lease = ask->lease;
	o->untried = ask->untried;
	o->asker = ask->asker;
	if (o->asker != NULL)
		o->asker->pending++;
	take_words(o, ask);
	job_key(o->key, j->number);
	return o;
}

/* Its row does. */
static bool
stays(enum job_state to)
{
	return to == JOB_WAITING || to == JOB_DEAD;
}

/* An immediate engine is done with it before this returns. */
bool
job_op(struct job *j, const struct op_ask *ask)
{
	struct jobs *all = j->all;
	struct commit *commit = publishing_commit(all->setup->publishing);
	struct slice key = {NULL, JOB_KEY};
	struct op_change *o;
	struct op row;

	must(j->op == NULL && !j->pending && !j->writing);
	if (!commit_room(commit) || !job_ours(j) ||
	    (stays(ask->to) && engine_full(all->setup->engine, j->shard)))
		return false;
	lane_unready(j);
	j->op = o = change_new(j, ask);
	key.p = o->key;
	if (stays(o->to)) {
		fill_row(o, jobs_time(all).unix_ms);
		row = job_put(j, key, buf_slice(&o->row));
	} else {
		row = job_delete(j, key);
	}
	commit_rows(commit, &(struct rows){&row, 1, j->shard, &o->pledge});
	return true;
}

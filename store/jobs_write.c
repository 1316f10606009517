/*
 * jobs_write.c - enqueue, requeue, cancel: what is accepted exactly once.
 *
 * A new job has its number, its memory and its place in its slot at once, so
 * that who comes next finds it there; but it is pending, and nobody sees it
 * before its row is safe.  If that fails it is taken out again: it was the
 * last of its shard's numbers then, as refusals come all together.
 */
#include "common/hash.h"
#include "common/must.h"
#include "common/stats.h"
#include "common/tally.h"
#include "store/jobs_own.h"

struct job_write {
	struct write write;
	struct list node; /* of all that are written */
	struct jobs *all;
	struct job *job;
	struct id *id;       /* NULL: none */
	uint64_t replaces;   /* number; 0: none */
	uint64_t due, until; /* a requeue: when, and when it expires */
	struct buf row;
	char key[JOB_KEY], old_key[JOB_KEY];
};

static void
write_free(struct job_write *w)
{
	list_remove(&w->node);
	buf_free(&w->row);
	free(w);
}

void
jobs_writes_free(struct jobs *all)
{
	while (!list_empty(&all->enlisted))
		write_free(
		    container_of(all->enlisted.next, struct job_write, node));
}

/* NULL: it is dealt with. */
static struct job_write *
begin(struct jobs *all, struct publisher *from, const struct msg *m,
    void (*answered)(struct write *, enum code))
{
	struct job_write *w = xcalloc(1, sizeof(*w));

	w->all = all;
	list_append(&all->enlisted, &w->node);
	if (write_begin(&w->write, all->setup->writes, from, m)) {
		w->write.answered = answered;
		return w;
	}
	write_free(w);
	return NULL;
}

static struct job_write *
of(struct write *w)
{
	return container_of(w, struct job_write, write);
}

static void
answer_waiters(struct jobs *all, struct id_waiter *w, const struct answer *a)
{
	while (w != NULL) {
		struct id_waiter *next = w->next;

		tally_write_repeated();
		publish_answer(all->setup->publishing, w->publisher, w->seq, a);
		free(w);
		w = next;
	}
}

/* The one before it has its row deleted by the same write. */
static void
replace(const struct job_write *w)
{
	struct job *old = w->replaces == 0
	                      ? NULL
	                      : job_find(w->all, w->write.shard, w->replaces);

	if (old != NULL && !job_over(old) && old->state != JOB_LEASED &&
	    old->op == NULL && !old->writing)
		job_finish(old, JOB_REPLACED);
}

/* Placing one may end another of its slot. */
static void
place(struct jobs *all, unsigned shard, uint64_t number)
{
	struct job *j = number != 0 ? job_find(all, shard, number) : NULL;

	if (j != NULL && !job_over(j) && j->state != JOB_LEASED)
		job_place(j);
}

/* One before it may have come back meanwhile: its end is due now. */
static void
accepted(struct job_write *w)
{
	struct jobs *all = w->all;
	struct job *j = w->job, *before = slot_before(j);
	uint64_t number = j->number, older = before ? before->number : 0;
	unsigned shard = j->shard;

	sequence_given(all->setup->sequence, shard, number);
	stats_add(STAT_jobs_enqueued, 1);
	stats_add(STAT_jobs_pending, 1);
	j->pending = false;
	replace(w);
	place(all, shard, older);
	place(all, shard, number);
}

static void
refused(struct job_write *w)
{
	struct job *before = slot_last(w->job);

	job_free(w->job);
	if (before != NULL && !before->pending)
		job_place(before);
}

static void
enqueued(struct write *face, enum code code)
{
	struct job_write *w = of(face);
	struct jobs *all = w->all;
	struct answer no = {.code = (uint8_t)code};

	if (w->id != NULL)
		answer_waiters(all,
		    code == CODE_ok ? id_settle(w->id, &face->answer)
				    : id_fail(all->setup->ids, w->id),
		    code == CODE_ok ? &face->answer : &no);
	if (w->job != NULL && code == CODE_ok)
		accepted(w);
	else if (w->job != NULL)
		refused(w);
	write_free(w);
}

static bool
name_ok(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] == '/' || s.p[i] == 0x7f)
			return false;
	return s.n != 0;
}

static bool
has_zero(struct slice s)
{
	return s.n != 0 && memchr(s.p, '\0', s.n) != NULL;
}

static uint64_t
bounded(struct jobs *all, uint64_t expires, uint64_t now)
{
	uint64_t most = now + all->setup->limits.age_ms;

	return expires != 0 && expires < most ? expires : most;
}

static enum code
check(struct job_write *w, const struct msg_enqueue *m, uint64_t now)
{
	struct jobs *all = w->all;
	const struct jobs_limits *l = &all->setup->limits;

	if (!name_ok(m->queue) || !name_ok(m->app) || has_zero(m->target) ||
	    has_zero(m->collapse))
		return CODE_bad_field;
	if (m->expires != 0 && m->expires <= now)
		return CODE_expired;
	if (m->not_before >= bounded(all, m->expires, now))
		return CODE_bad_field; /* nobody would ever be given it */
	if (all->count >= l->most || all->bytes + m->body.n >= l->bytes ||
	    engine_full(all->setup->engine, w->write.shard))
		return CODE_full;
	return publish_can_number(all->setup->publishing, w->write.shard)
	           ? CODE_ok
	           : CODE_busy;
}

/* Its scope is no channel name: those begin with a slash.  False: it was
 * seen, and that is dealt with. */
static bool
new_id(struct job_write *w, const struct msg_enqueue *m, uint64_t now_ms)
{
	struct hash_wide h = hash_wide(m->target);
	char scope[63 + 1 + 31 + 1 + sizeof(h)];
	int n = snprintf(scope, sizeof(scope), "%.*s/%.*s", SLICE_ARGS(m->app),
	    SLICE_ARGS(m->queue));
	struct jobs *all = w->all;
	struct write *face = &w->write;
	bool again;

	memcpy(scope + n, &h, sizeof(h));
	w->id = ids_see(all->setup->ids,
	    &(struct id_scope){{scope, (size_t)n + sizeof(h)}, m->id}, now_ms,
	    &again);
	memcpy(face->id, w->id->hash, sizeof(face->id));
	if (!again)
		return true;
	if (w->id->pending) {
		id_wait(w->id, face->publisher, face->seq);
		return false;
	}
	tally_write_repeated();
	publish_answer(
	    all->setup->publishing, face->publisher, face->seq, &w->id->answer);
	return false;
}

static struct job *
new_job(struct job_write *w, const struct msg_enqueue *m, uint64_t now)
{
	struct jobs *all = w->all;
	struct msg_job_is is = {
	    .shard = w->write.shard,
	    .number = sequence_take(all->setup->sequence, w->write.shard),
	    .state = JOB_WAITING,
	    .queue = m->queue,
	    .app = m->app,
	    .target = m->target,
	    .collapse = m->collapse,
	    .priority = m->priority,
	    .created = now,
	    .due = m->not_before > now ? m->not_before : now,
	    .expires = bounded(all, m->expires, now),
	    .type = m->type,
	    .body = m->body,
	};
	struct job *j = job_new(all, &is);

	j->pending = true;
	job_row(&w->row, &is);
	if (j->collapse_n != 0)
		slot_enter(j);
	return j;
}

void
jobs_enqueue(struct jobs *all, struct publisher *from, const struct msg *m)
{
	struct publish_time now = jobs_time(all);
	struct job_write *w = begin(all, from, m, enqueued);
	struct op ops[2];
	struct job *old;
	unsigned n = 1;
	enum code code;

	if (w == NULL)
		return;
	if ((code = check(w, &m->enqueue, now.unix_ms)) != CODE_ok) {
		write_end(&w->write, code);
		return;
	}
	if (m->enqueue.id.n != 0 && !new_id(w, &m->enqueue, now.now_ms)) {
		write_free(w);
		return;
	}
	w->job = new_job(w, &m->enqueue, now.unix_ms);
	w->write.answer = (struct answer){.offset = w->job->number,
	    .shard = w->write.shard,
	    .state = (uint8_t)all->setup->engine->kept};
	job_key(w->key, w->job->number);
	ops[0] = job_put(
	    w->job, (struct slice){w->key, JOB_KEY}, buf_slice(&w->row));
	old = slot_last(w->job);
	if (old != NULL && old->op == NULL && !old->writing && !old->held) {
		w->replaces = old->number;
		job_key(w->old_key, old->number);
		ops[n++] = job_delete(old, (struct slice){w->old_key, JOB_KEY});
		lane_unready(old);
	}
	write_keep(&w->write, ops, n, now.unix_ms);
}

/* A job that a write names, and that may be changed. */
static enum code
named(struct job_write *w, struct slice target, uint64_t number)
{
	struct job *j = job_find(w->all, w->write.shard, number);

	if (j == NULL || !slice_eq(job_target(j), target) ||
	    (job_over(j) && j->state != JOB_DEAD))
		return CODE_not_found;
	if (j->op != NULL || j->writing)
		return CODE_busy;
	w->job = j;
	w->write.answer = (struct answer){.offset = number,
	    .shard = w->write.shard,
	    .state = (uint8_t)w->all->setup->engine->kept};
	job_key(w->key, number);
	return CODE_ok;
}

static void
requeued(struct write *face, enum code code)
{
	struct job_write *w = of(face);
	struct job *j = w->job;

	if (j != NULL)
		j->writing = false;
	if (j != NULL && code == CODE_ok) {
		list_remove(&j->node);
		stats_set(STAT_dead_letters, --w->all->ndead);
		stats_add(STAT_jobs_replayed, 1);
		j->replays++;
		j->attempt = 0;
		j->due = w->due;
		j->expires = w->until;
		job_enter(j);
		job_place(j);
	}
	write_free(w);
}

void
jobs_requeue(struct jobs *all, struct publisher *from, const struct msg *m)
{
	uint64_t now = jobs_time(all).unix_ms;
	struct job_write *w = begin(all, from, m, requeued);
	struct msg_job_is is;
	enum code code;
	struct op put;

	if (w == NULL)
		return;
	code = named(w, m->requeue.target, m->requeue.number);
	if (code == CODE_ok && w->job->state != JOB_DEAD)
		code = CODE_not_found;
	if (code == CODE_ok && engine_full(all->setup->engine, w->write.shard))
		code = CODE_full;
	if (code != CODE_ok) {
		w->job = NULL;
		write_end(&w->write, code);
		return;
	}
	w->due = now;
	w->until = bounded(all, m->requeue.expires, now);
	is = job_is(w->job);
	is.state = JOB_WAITING;
	is.replays++;
	is.attempt = 0;
	is.due = w->due;
	is.expires = w->until;
	job_row(&w->row, &is);
	put = job_put(
	    w->job, (struct slice){w->key, JOB_KEY}, buf_slice(&w->row));
	w->job->writing = true;
	write_keep(&w->write, &put, 1, now);
}

static void
cancelled(struct write *face, enum code code)
{
	struct job_write *w = of(face);
	struct job *j = w->job;

	if (j != NULL)
		j->writing = false;
	if (j != NULL && code == CODE_ok)
		job_finish(j, JOB_CANCELLED);
	else if (j != NULL && j->state == JOB_LEASED)
		job_arm(j, j->due);
	else if (j != NULL && !job_over(j))
		job_place(j);
	write_free(w);
}

void
jobs_cancel(struct jobs *all, struct publisher *from, const struct msg *m)
{
	struct job_write *w = begin(all, from, m, cancelled);
	enum code code;
	struct op gone;

	if (w == NULL)
		return;
	code = named(w, m->cancel.target, m->cancel.number);
	if (code != CODE_ok) {
		write_end(&w->write, code);
		return;
	}
	gone = job_delete(w->job, (struct slice){w->key, JOB_KEY});
	lane_unready(w->job);
	w->job->writing = true;
	write_keep(&w->write, &gone, 1, jobs_time(all).unix_ms);
}

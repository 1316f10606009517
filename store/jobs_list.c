/*
 * jobs_list.c - jobs as they are, for people and programs that ask.
 */
#include "common/must.h"
#include "common/stats.h"
#include "store/jobs_own.h"

enum { LOOK = 4096 }; /* jobs one question may pass: under a ms */

static bool
asked(const struct msg_jobs *q, const struct job *j)
{
	return !j->pending && (q->state == JOB_ANY || q->state == j->state) &&
	       (q->queue.n == 0 || slice_eq(q->queue, lane_queue(j->lane))) &&
	       (q->app.n == 0 || slice_eq(q->app, lane_app(j->lane)));
}

static void
tell(struct jobs *all, struct jobs_peer *to, const struct msg_jobs *q,
    const struct job *j)
{
	struct msg m = {.id = MSG_job_is, .job_is = job_is(j)};

	m.job_is.ref = q->ref;
	if (q->number == 0)
		m.job_is.body = (struct slice){"", 0};
	all->setup->wire->send(all->setup->wire, to->peer, &m);
}

static void
end(struct jobs *all, struct jobs_peer *to, const struct msg_jobs_end *is)
{
	struct msg m = {.id = MSG_jobs_end, .jobs_end = *is};

	all->setup->wire->send(all->setup->wire, to->peer, &m);
}

static void
one(struct jobs *all, struct jobs_peer *to, const struct msg_jobs *q)
{
	struct job *j = job_find(all, q->shard, q->number);
	struct msg_jobs_end e = {.ref = q->ref, .code = CODE_not_found};

	if (j != NULL && asked(q, j)) {
		tell(all, to, q, j);
		e.code = CODE_ok;
	}
	end(all, to, &e);
}

void
jobs_list(struct jobs *all, struct jobs_peer *to, const struct msg_jobs *q)
{
	struct sequence *s = all->setup->sequence;
	struct msg_jobs_end e = {.ref = q->ref, .after = q->after};
	const struct jobs_index *x;
	unsigned looked = 0, told = 0;
	size_t at;

	e.code = q->shard >= sequence_shards(s) ? CODE_bad_field
	         : !sequence_shard(s, (unsigned)q->shard)->owned ? CODE_moved
	                                                         : CODE_ok;
	if (e.code != CODE_ok || q->number != 0) {
		if (e.code != CODE_ok)
			end(all, to, &e);
		else
			one(all, to, q);
		return;
	}
	x = &all->shards[q->shard].index;
	for (at = jobs_index_after(x, q->after); at < x->end; at++) {
		if (looked++ == LOOK || told == q->limit)
			break;
		e.after = x->rows[at].number;
		if (x->rows[at].job == NULL || !asked(q, x->rows[at].job))
			continue;
		tell(all, to, q, x->rows[at].job);
		told++;
	}
	e.more = at < x->end;
	end(all, to, &e);
}

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

enum {
	PAGE = 4096,          /* rows of one scan */
	PAGE_BYTES = 4 << 20, /* the same */
	FREED_A_TURN = 4096,  /* jobs given free: some ms */
};

struct load {
	struct scan scan;
	struct jobs *all;
	struct buf last; /* key of the last row */
	unsigned bad;
};

static void
take(struct load *l, const struct msg_job_is *is)
{
	struct jobs *all = l->all;
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
static void
found(struct scan *q, struct slice key, struct slice value, uint64_t expires)
{
	struct load *l = container_of(q, struct load, scan);
	const char *why;
	struct msg m;

	(void)expires;
	buf_clear(&l->last);
	buf_put(&l->last, key);
	if (key.p[0] == 'h')
		holder_recover(l->all, key);
	else if (key.p[0] == 'j' && msg_decode(value, &m, &why) > 0 &&
		 m.id == MSG_job_is && m.job_is.shard == q->shard &&
		 m.job_is.priority < PRIORITIES)
		take(l, &m.job_is);
	else
		l->bad++;
}

enum code
jobs_open(struct jobs *all, unsigned shard)
{
	struct engine *e = all->setup->engine;
	struct jobs_shard *mine = &all->shards[shard];
	struct jobs_index *x = &mine->index;
	struct shard *s = sequence_shard(all->setup->sequence, shard);
	uint64_t now = jobs_time(all).unix_ms;
	struct load l = {.all = all,
	    .scan = {
		.space = SPACE_JOB,
		.shard = (uint16_t)shard,
		.unix_ms = now,
		.most = PAGE,
		.most_bytes = PAGE_BYTES,
		.found = found,
	    }};

	mine->lease = mine->old_lease = now << LEASE_BITS;
	if (e->scan == NULL)
		return CODE_ok;
	do {
		struct slice after = buf_slice(&l.last);
		struct buf from = {0};

		buf_put(&from, after);
		l.scan.after = buf_slice(&from);
		e->scan(e, &l.scan);
		buf_free(&from);
	} while (l.scan.code == CODE_ok && l.scan.more);
	buf_free(&l.last);
	stats_add(STAT_drop_bad_frame, l.bad);
	if (x->end > x->first && x->rows[x->end - 1].number >= s->next) {
		s->top = x->rows[x->end - 1].number;
		s->next = s->top + 1;
	}
	mine->old_number = s->next - 1;
	return l.scan.code;
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

/*
 * jobs_clock.c - jobs go by the wall's clock, their timers by one that stands
 * still while the machine sleeps and knows nothing of clocks that are set.
 */
#include "store/jobs_own.h"

enum { LEAP_MS = 2000 }; /* less is not worth a walk */

uint64_t
jobs_ahead(struct jobs *all)
{
	struct publish_time t = jobs_time(all);

	return t.unix_ms - t.now_ms;
}

static void
look_again(struct job *j)
{
	if (j->op != NULL || j->pending || j->writing || job_over(j) ||
	    !job_ours(j))
		return;
	if (j->state == JOB_LEASED)
		job_arm(j, j->due);
	else
		job_place(j);
}

void
jobs_follow_clock(struct jobs *all)
{
	uint64_t is = jobs_ahead(all), was = all->ahead;

	if ((is > was ? is - was : was - is) < LEAP_MS)
		return;
	all->ahead = is;
	for (unsigned s = 0; s < sequence_shards(all->setup->sequence); s++) {
		const struct jobs_index *x = &all->shards[s].index;
		uint64_t number = 0;
		size_t at;

		/* rows move when jobs end */
		while ((at = jobs_index_after(x, number)) < x->end) {
			number = x->rows[at].number;
			if (x->rows[at].job != NULL)
				look_again(x->rows[at].job);
		}
	}
}

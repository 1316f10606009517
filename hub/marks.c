/*
 * marks.c - a list that is short and rarely there.
 */
#include "hub/marks.h"

#include "common/must.h"
#include "hub/fates.h"

void
marks_add(struct marks **mp, const struct mark *mark)
{
	struct marks *m = *mp;

	if (m == NULL || m->n == m->room) {
		uint32_t n = m != NULL ? m->n : 0, room = n != 0 ? n * 2 : 4;

		m = xrealloc(m, sizeof(*m) + room * sizeof(m->at[0]));
		m->n = n;
		m->room = room;
		*mp = m;
	}
	m->at[m->n++] = *mark;
}

void
marks_became(const struct marks *m, struct marks_range r, struct fates *fates,
    enum stat_id what)
{
	for (uint32_t i = 0; i < m->n; i++)
		if (m->at[i].end > r.from && m->at[i].end <= r.to)
			fates_count(fates, m->at[i].track, what);
}

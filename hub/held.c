/*
 * held.c - live messages that wait for the history before them.
 *
 * They are held once for all in a round: pieces of runs, in every form that
 * somebody reads.
 */
#include "hub/subs_own.h"

#include "common/must.h"

void
recovery_unhold(struct recovery *r)
{
	for (size_t i = 0; i < r->held_n; i++)
		run_unref(&r->held[i].piece.run);
	r->held_n = r->held_bytes = 0;
	r->lost = 0;
	r->lost_n = 0;
	free(r->lost_marks);
	r->lost_marks = NULL;
}

bool
recovery_holds(const struct join *j)
{
	return j->recovery != NULL && j->recovery->request != NULL;
}

bool
recovery_room(struct join *j, size_t bytes, const struct place *at)
{
	struct recovery *r = j->recovery;

	if (r->lost == 0 && r->held_bytes + bytes <= SUBS_HOLD_MAX)
		return true;
	r->lost = at->offset;
	return false;
}

void
recovery_hold(
    struct join *j, enum form form, struct piece p, const struct place *at)
{
	struct recovery *r = j->recovery;

	if (r->held_n == r->held_room) {
		r->held_room = r->held_room != 0 ? r->held_room * 2 : 8;
		r->held = xrealloc(r->held, r->held_room * sizeof(r->held[0]));
	}
	run_ref(p.run);
	r->held_bytes += p.to - p.from;
	r->held[r->held_n++] = (struct held){.piece = p,
	    .offset = at->offset,
	    .filter = at->filter,
	    .form = form,
	    .gap = at->gap};
}

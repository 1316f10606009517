/*
 * held.c - the queue of a join that catches up.
 */
#include "store/held.h"

#include "common/must.h"
#include "common/stats.h"

void
held_drop(struct join *j)
{
	struct list *node;

	while ((node = list_shift(&j->held)) != NULL) {
		struct held *h = container_of(node, struct held, node);

		stats_add(STAT_drop_held, !h->record->kept);
		record_unref(&h->record);
		free(h);
	}
	j->peer->held_bytes -= j->held_bytes;
	j->held_bytes = 0;
}

void
held_kept(struct join *j, bool on)
{
	list_each_safe (at, &j->held) {
		struct held *h = container_of(at, struct held, node);

		if (!h->record->kept)
			continue;
		list_remove(&h->node);
		j->held_bytes -= record_size(h->record);
		j->peer->held_bytes -= record_size(h->record);
		record_unref(&h->record);
		free(h);
	}
	j->holds_kept = on;
}

static bool
has_room(const struct join *j, size_t bytes)
{
	return j->held_bytes + bytes <= ROUTE_HELD &&
	       j->peer->held_bytes + bytes <= ROUTE_HELD_PEER;
}

/* What is kept can be read again, so it is the first to go.  When too much of
 * the rest is held, none of it is: the join is told of a gap. */
void
held_add(struct join *j, const struct fan *f)
{
	struct record *r = record_new(&f->deliver->deliver);
	struct held *h;

	r->kept = f->kept;
	if (!has_room(j, record_size(r)))
		held_kept(j, false);
	if (r->kept && !j->holds_kept) {
		record_unref(&r);
		return;
	}
	if (!has_room(j, record_size(r))) {
		held_drop(j);
		j->held_lost = r->offset;
		stats_add(STAT_drop_held, 1);
		record_unref(&r);
		return;
	}
	h = xmalloc(sizeof(*h));
	h->record = r;
	j->held_bytes += record_size(r);
	j->peer->held_bytes += record_size(r);
	list_append(&j->held, &h->node);
}

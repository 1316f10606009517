/*
 * position.c - where somebody stands who listens: the place he comes back
 * with, behind which nothing was handed to him and before which nothing is
 * missing.
 *
 * A place is one number for all channels of a shard.  While all of them are
 * level it is the furthest of their messages; when one is behind it is that
 * one's place, and what was handed of the others past it would come again.
 */
#include "hub/subs.h"

#include "hub/subs_own.h"

/* One channel's place stands for nothing else; a pattern is several. */
static bool
alone_settled(const struct channel *c)
{
	for (unsigned i = 0; i < c->joins_n; i++)
		if (c->joins[i].pattern && c->joins[i].unsettled)
			return false;
	return true;
}

bool
reader_settled(const struct subs *s, const struct reader *l)
{
	if (l->waiting != 0)
		return false;
	return s->unsettled == 0 ||
	       (l->count == 1 && alone_settled(l->subs->channel));
}

unsigned
sub_position(const struct sub *sub, struct cursor_part *parts)
{
	const struct channel *c = sub->channel;
	unsigned n = 0;

	for (unsigned i = 0; i < c->joins_n && n < CURSOR_PARTS; i++) {
		const struct join *j = &c->joins[i];
		const struct wait *w = sub_wait_on(sub, j);

		if (w != NULL && !w->from_now)
			parts[n++] =
			    (struct cursor_part){j->shard, w->epoch, w->from};
		else if (j->known)
			parts[n++] = (struct cursor_part){
			    j->shard, j->epoch, join_told(j)};
	}
	return n;
}

bool
sub_divided(const struct sub *sub)
{
	const struct channel *c = sub->channel;

	for (unsigned i = 0; i < c->joins_n; i++) {
		const struct join *j = &c->joins[i];
		const struct wait *w = sub_wait_on(sub, j);

		if (w != NULL ? w->from != w->offset : join_told(j) != j->last)
			return true;
	}
	return false;
}

void
join_stands(struct subs *s, struct join *j, uint64_t epoch, uint64_t last)
{
	struct cursor_part *seen = &s->seen[j->shard];

	if (j->epoch != epoch)
		j->level = 0;
	j->epoch = epoch;
	j->last = last;
	if (j->state == LIVE && (seen->epoch != epoch || seen->offset < last))
		*seen = (struct cursor_part){j->shard, epoch, last};
}

struct stand {
	struct cursor_part part;
	bool behind; /* something up to the shard's end is still to come */
};

/* Of a sub's part in one join.  False: nothing can be said, and nothing was
 * handed out. */
static bool
stand_of(const struct sub *sub, const struct join *j, struct stand *out)
{
	const struct wait *w = sub_wait_on(sub, j);

	if (!sub->told && !sub->resumes)
		return false; /* its now is still to come */
	if (w != NULL) {
		*out = (struct stand){{j->shard, w->epoch, w->from}, true};
		return !w->from_now;
	}
	*out = (struct stand){{j->shard, j->epoch, join_told(j)}, j->unsettled};
	if (j->unsettled && out->part.offset < j->level)
		out->part.offset = j->level;
	return j->known;
}

/* False: two are behind, and their places cannot be compared. */
static bool
merge(struct stand *at, const struct stand *with)
{
	const struct cursor_part *p = &with->part;
	bool same = at->part.epoch == p->epoch;

	if (at->behind && with->behind) {
		if (p->offset < at->part.offset)
			at->part.offset = p->offset;
		return same;
	}
	if (with->behind ||
	    (!at->behind && (!same || at->part.offset < p->offset)))
		*at = *with;
	return true;
}

struct stands {
	unsigned n;
	struct stand at[CURSOR_PARTS]; /* in the order of shards */
};

static bool
add(struct stands *all, const struct stand *one)
{
	unsigned i = 0;

	while (i < all->n && all->at[i].part.shard < one->part.shard)
		i++;
	if (i < all->n && all->at[i].part.shard == one->part.shard)
		return merge(&all->at[i], one);
	if (all->n == CURSOR_PARTS)
		return true;
	memmove(
	    &all->at[i + 1], &all->at[i], (all->n - i) * sizeof(all->at[0]));
	all->at[i] = *one;
	all->n++;
	return true;
}

bool
reader_placed(const struct subs *s, const struct reader *l)
{
	struct stand one;

	for (const struct sub *sub = l->subs; sub != NULL; sub = sub->next)
		for (unsigned i = 0; i < sub->channel->joins_n; i++)
			if (!stand_of(sub, &sub->channel->joins[i], &one) ||
			    (one.behind &&
				s->face->up(s->face, one.part.shard)))
				return false;
	return true;
}

unsigned
reader_position(const struct reader *l, struct cursor_part *out)
{
	struct stands all;

	all.n = 0;
	for (const struct sub *sub = l->subs; sub != NULL; sub = sub->next) {
		const struct channel *c = sub->channel;
		struct stand one;

		for (unsigned i = 0; i < c->joins_n; i++)
			if (stand_of(sub, &c->joins[i], &one) &&
			    !add(&all, &one))
				return 0;
	}
	for (unsigned i = 0; i < all.n; i++)
		out[i] = all.at[i].part;
	return all.n;
}

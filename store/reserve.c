/*
 * reserve.c - one note at a time for each shard.
 */
#include "store/reserve.h"

#include "common/must.h"

enum { AHEAD = 1 << 20 };

struct reserve {
	struct pledge pledge;
	struct shard *shard;
	uint64_t upto; /* being written; 0: nothing is */
};

struct reserves {
	struct sequence *sequence;
	struct commit *commit;
	struct reserve *shards;
};

static void
settled(struct pledge *p, enum code code)
{
	struct reserve *r = container_of(p, struct reserve, pledge);

	if (code == CODE_ok)
		r->shard->reserved = r->upto;
	r->upto = 0;
}

struct reserves *
reserves_new(struct sequence *sequence, struct commit *commit)
{
	struct reserves *all = xcalloc(1, sizeof(*all));
	unsigned shards = sequence_shards(sequence);

	all->sequence = sequence;
	all->commit = commit;
	all->shards = xcalloc(shards, sizeof(*all->shards));
	for (unsigned i = 0; i < shards; i++) {
		all->shards[i].pledge.settled = settled;
		all->shards[i].shard = sequence_shard(sequence, i);
	}
	return all;
}

void
reserves_free(struct reserves **ap)
{
	struct reserves *all = *ap;

	*ap = NULL;
	if (all == NULL)
		return;
	free(all->shards);
	free(all);
}

static void
note(struct reserves *all, struct reserve *r, uint16_t shard)
{
	struct op op = {
	    .kind = OP_RESERVE,
	    .reserve = {.shard = shard, .upto = r->shard->next + AHEAD},
	};
	struct rows rows = {&op, 1, shard, &r->pledge};

	r->upto = op.reserve.upto;
	commit_rows(all->commit, &rows);
}

bool
reserves_left(struct reserves *all, unsigned shard)
{
	struct reserve *r = &all->shards[shard];
	const struct shard *s = r->shard;

	if (r->upto == 0 &&
	    (s->next > s->reserved || s->reserved - s->next < AHEAD / 2))
		note(all, r, (uint16_t)shard);
	return s->next <= s->reserved;
}

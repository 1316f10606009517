/*
 * sequence.c - one counter per shard, and who was published to last.
 *
 * The order of a shard's topics is the order of their last offsets, so it
 * serves twice: its front is what to forget, its back is all that happened
 * since a position.
 */
#include "store/sequence.h"

#include "common/channel.h"
#include "common/must.h"
#include "common/stats.h"

enum {
	LOOK = 4096, /* topics one question may pass */
	TRIES = 8,   /* pending topics passed when forgetting */
};

struct sequence {
	struct sequence_setup *setup;
	struct table *topics;
	struct shard *shards;
};

struct sequence *
sequence_new(struct sequence_setup *setup)
{
	struct sequence *s = xcalloc(1, sizeof(*s));

	s->setup = setup;
	s->topics = table_new();
	s->shards = xcalloc(setup->shards, sizeof(*s->shards));
	for (unsigned i = 0; i < setup->shards; i++) {
		s->shards[i].next = 1;
		list_init(&s->shards[i].topics);
	}
	return s;
}

static void
drop(struct sequence *s, struct topic *t)
{
	table_remove(s->topics, &t->entry);
	list_remove(&t->node);
	free(t);
}

void
sequence_free(struct sequence **sp)
{
	struct sequence *s = *sp;
	struct table_cursor at = {0};
	struct table_entry *e;

	*sp = NULL;
	if (s == NULL)
		return;
	while ((e = table_next(s->topics, &at)) != NULL)
		drop(s, container_of(e, struct topic, entry));
	table_free(&s->topics);
	free(s->shards);
	free(s);
}

unsigned
sequence_shards(const struct sequence *s)
{
	return s->setup->shards;
}

struct shard *
sequence_shard(struct sequence *s, unsigned shard)
{
	must(shard < s->setup->shards);
	return &s->shards[shard];
}

struct topic *
sequence_find(struct sequence *s, struct slice name, uint32_t hash)
{
	struct table_entry *e = table_find_hashed(s->topics, name, hash);

	return e != NULL ? container_of(e, struct topic, entry) : NULL;
}

/* What is pending will be told with its numbers, so its topic must stay. */
static void
forget_one(struct sequence *s, struct shard *sh)
{
	unsigned tries = 0;

	list_each_safe (at, &sh->topics) {
		struct topic *t = container_of(at, struct topic, node);

		if (t->pending != 0 && ++tries < TRIES)
			continue;
		if (t->pending != 0)
			break;
		if (t->last > sh->floor)
			sh->floor = t->last;
		s->setup->forgets(s->setup, t);
		drop(s, t);
		break;
	}
}

struct topic *
sequence_add(struct sequence *s, struct slice name, uint32_t hash)
{
	struct topic *t = xcalloc(1, sizeof(*t) + name.n);
	struct shard *sh;

	t->shard = (uint16_t)channel_shard(name, s->setup->shards);
	sh = &s->shards[t->shard];
	if (table_count(s->topics) >= s->setup->most)
		forget_one(s, sh);
	memcpy(t->name, name.p, name.n);
	t->policy = policies_find(s->setup->policies, name);
	t->base = sh->floor;
	list_append(&sh->topics, &t->node);
	table_insert_hashed(
	    s->topics, &t->entry, (struct slice){t->name, name.n}, hash);
	stats_set(STAT_channels, table_count(s->topics));
	return t;
}

uint64_t
sequence_next(struct sequence *s, struct topic *t, uint64_t *prev)
{
	struct shard *sh = &s->shards[t->shard];

	*prev = t->last;
	t->last = sh->next++;
	if (sh->topics.prev != &t->node) {
		list_remove(&t->node);
		list_append(&sh->topics, &t->node);
	}
	return t->last;
}

uint64_t
sequence_take(struct sequence *s, unsigned shard)
{
	return sequence_shard(s, shard)->next++;
}

void
sequence_given(struct sequence *s, unsigned shard, uint64_t number)
{
	struct shard *sh = sequence_shard(s, shard);

	if (number > sh->top)
		sh->top = number;
}

void
sequence_released(struct sequence *s, struct topic *t, uint64_t offset)
{
	t->told = offset;
	sequence_given(s, t->shard, offset);
}

/* Refusals come in the order of offsets, so the first has the last number
 * that was told. */
void
sequence_refused(struct topic *t, uint64_t prev)
{
	if (prev < t->last)
		t->last = prev;
}

/* Topics that fell back stand too near the end of the list now, among those
 * of higher numbers: `muddled` says up to where. */
void
sequence_return(struct sequence *s, unsigned shard)
{
	struct shard *sh = sequence_shard(s, shard);

	if (sh->next == sh->top + 1)
		return;
	sh->muddled = sh->next;
	sh->next = sh->top + 1;
}

uint64_t
sequence_lost(
    struct sequence *s, unsigned shard, struct slice pattern, uint64_t after)
{
	struct shard *sh = sequence_shard(s, shard);
	unsigned looked = 0;

	for (const struct list *at = sh->topics.prev; at != &sh->topics;
	     at = at->prev) {
		const struct topic *t = container_of(at, struct topic, node);

		if (looked++ == LOOK)
			return t->last;
		if (t->last <= after && after >= sh->muddled)
			break;
		if (t->last > after && t->policy->count == 0 &&
		    channel_match(pattern, table_key(&t->entry)))
			return t->last;
	}
	return after < sh->floor ? sh->floor : 0;
}

/*
 * sequence.c - one counter per shard, and who was published to last.
 *
 * The order of a shard's topics is the order of their last offsets, so it
 * serves twice: its front is what to forget, its back is all that happened
 * since a position.
 */
#include "store/sequence.h"

#include "common/bus_frames.h"
#include "common/channel.h"
#include "common/must.h"
#include "common/stats.h"
#include "store/record.h"

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
		s->shards[i].reserved = UINT64_MAX;
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

void
sequence_ahead(const struct sequence *s, const uint32_t hashes[], unsigned n,
    struct topic *found[])
{
	struct table_entry *e[FRAMES_AHEAD];

	must(n <= FRAMES_AHEAD);
	table_ahead(s->topics, hashes, n, e);
	for (unsigned i = 0; i < n; i++)
		found[i] = e[i] != NULL
		               ? container_of(e[i], struct topic, entry)
		               : NULL;
	for (unsigned i = 0; i < n; i++)
		if (found[i] != NULL) {
			touch(&found[i]->spot);
			touch(found[i]->name);
			touch(found[i]->node.prev);
			touch(found[i]->node.next);
		}
}

static uint64_t
max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static bool
kept(const struct policy *p)
{
	return p->count != 0;
}

/* The memory of a topic goes; what the engine has of it may stay. */
static void
forget(struct sequence *s, struct shard *sh, struct topic *t)
{
	uint64_t last = t->last != PREV_UNKNOWN ? t->last : t->told;

	if (!kept(t->policy))
		sh->plain_floor = max(sh->plain_floor, last);
	else if (s->setup->remembers)
		sh->evicted = max(sh->evicted, last);
	else
		sh->floor = max(sh->floor, last);
	s->setup->forgets(s->setup, t);
	drop(s, t);
}

/* What is pending will be told with its numbers, so its topic must stay. */
static void
forget_one(struct sequence *s, struct shard *sh)
{
	unsigned tries = 0;

	list_each_safe (at, &sh->topics) {
		struct topic *t = container_of(at, struct topic, node);

		if (t->pending == 0) {
			forget(s, sh, t);
			break;
		}
		if (++tries == TRIES)
			break;
	}
}

static uint64_t
base_of(const struct shard *sh, const struct policy *p)
{
	return kept(p) ? sh->floor : sh->plain_floor;
}

/* Of what the engine remembers and we do not. */
static uint64_t
told_of(const struct shard *sh)
{
	return max(sh->born, sh->evicted);
}

struct standing
sequence_standing(struct sequence *s, unsigned shard, struct slice name)
{
	const struct shard *sh = sequence_shard(s, shard);
	const struct topic *t = sequence_find(s, name, table_hash(name));
	const struct policy *p;

	if (t != NULL)
		return (struct standing){kept(t->policy), t->base, t->told};
	p = policies_find(s->setup->policies, name);
	if (!s->setup->remembers || !kept(p))
		return (struct standing){.base = base_of(sh, p)};
	return (struct standing){true, sh->floor, told_of(sh)};
}

bool
sequence_keeps(
    const struct sequence *s, struct slice name, const struct topic *t)
{
	const struct policy *policy =
	    t != NULL ? t->policy : policies_find(s->setup->policies, name);

	return policy->count != 0;
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
	t->base = base_of(sh, t->policy);
	if (s->setup->remembers && kept(t->policy)) {
		t->last = PREV_UNKNOWN;
		t->told = told_of(sh);
	}
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
	if (t->last != PREV_UNKNOWN && (prev == PREV_UNKNOWN || prev < t->last))
		t->last = prev;
}

void
sequence_leave(struct sequence *s, unsigned shard)
{
	struct shard *sh = sequence_shard(s, shard);

	list_each_safe (at, &sh->topics) {
		struct topic *t = container_of(at, struct topic, node);

		must(t->pending == 0);
		s->setup->forgets(s->setup, t);
		drop(s, t);
	}
	stats_set(STAT_channels, table_count(s->topics));
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
	uint64_t floor;

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
	floor = sh->floor;
	if (!policies_keep_all(s->setup->policies))
		floor = max(floor, sh->plain_floor);
	return after < floor ? floor : 0;
}

/*
 * subs.c - the registry: channels and subs.  The way of a message to them is
 * in deliver.c.
 */
#include "hub/subs.h"

#include "common/channel.h"
#include "common/incus.h"
#include "common/must.h"
#include "common/stats.h"
#include "hub/subs_own.h"

struct subs *
subs_new(struct subs_face *face, struct runs *runs, struct forms *forms,
    size_t recent)
{
	struct subs *s = xcalloc(1, sizeof(*s));

	s->face = face;
	s->runs = runs;
	s->forms = forms;
	s->recents = recents_new(runs, forms, recent);
	recents_tick(s->recents, face->now(face));
	s->channels = table_new();
	s->requests = table_new();
	s->last = &s->first;
	s->turn = 1;
	list_init(&s->idle);
	return s;
}

void
subs_shards(struct subs *s, unsigned shards)
{
	if (s->shards == shards)
		return;
	s->shards = shards;
	free(s->moved);
	free(s->seen);
	s->moved = xcalloc(shards, sizeof(*s->moved));
	s->seen = xcalloc(shards, sizeof(*s->seen));
}

int
subs_shard_of(const struct subs *s, struct slice channel)
{
	if (s->shards > 1 && channel_is_pattern(channel))
		return -1;
	return s->shards > 1 ? (int)channel_shard(channel, s->shards) : 0;
}

struct channel *
subs_channel(const struct subs *s, struct slice name)
{
	struct table_entry *e = table_find(s->channels, name);

	return e != NULL ? container_of(e, struct channel, entry) : NULL;
}

static struct channel *
channel_new(struct subs *s, struct slice name)
{
	bool pattern = channel_is_pattern(name);
	unsigned joins = pattern ? s->shards : 1;
	size_t holes = pattern ? joins * sizeof(uint64_t) : 0;
	struct channel *c;
	char *key;

	must(s->shards != 0);
	c = xcalloc(
	    1, sizeof(*c) + joins * sizeof(c->joins[0]) + holes + name.n);
	key = (char *)&c->joins[joins] + holes;
	memcpy(key, name.p, name.n);
	list_init(&c->plain);
	list_init(&c->each);
	list_init(&c->idle);
	c->joins_n = (uint16_t)joins;
	for (unsigned i = 0; i < joins; i++) {
		c->joins[i].channel = c;
		c->joins[i].pattern = pattern;
		c->joins[i].shard =
		    (uint16_t)(pattern ? i : (unsigned)subs_shard_of(s, name));
	}
	table_insert(s->channels, &c->entry, (struct slice){key, name.n});
	s->patterns += pattern;
	stats_add(STAT_channels, 1);
	for (unsigned i = 0; i < joins; i++)
		join_start(s, &c->joins[i]);
	return c;
}

/* Leave it and forget it; nobody listens to it. */
void
channel_drop(struct subs *s, struct channel *c)
{
	must(c->count == 0);
	for (unsigned i = 0; i < c->joins_n; i++)
		join_end(s, &c->joins[i]);
	if (c->framed != NULL)
		c->framed->channel = NULL;
	recent_drop(s->recents, &c->recent);
	list_remove(&c->idle);
	table_remove(s->channels, &c->entry);
	s->patterns -= channel_is_pattern(table_key(&c->entry));
	stats_sub(STAT_channels, 1);
	free(c);
}

void
subs_free(struct subs **sp)
{
	struct subs *s = *sp;
	struct table_cursor at = {0};
	struct table_entry *e;
	struct framed *f;

	*sp = NULL;
	if (s == NULL)
		return;
	while ((e = table_next(s->channels, &at)) != NULL)
		channel_drop(s, container_of(e, struct channel, entry));
	while ((f = s->first) != NULL) {
		s->first = f->next;
		framed_free(s, f);
	}
	while ((f = s->spare) != NULL) {
		s->spare = f->next;
		free(f);
	}
	free(s->moved);
	free(s->seen);
	recents_free(&s->recents);
	table_free(&s->channels);
	table_free(&s->requests);
	free(s);
}

struct wait *
sub_wait_on(const struct sub *sub, const struct join *j)
{
	struct wait *w = sub->waits;

	while (w != NULL && w->join != j)
		w = w->next;
	return w;
}

enum form
sub_form(const struct subs *s, const struct sub *sub)
{
	bool several;

	if (sub->form != FORM_SSE)
		return (enum form)sub->form;
	several = sub->reader->count > 1 || sub->channel->joins->pattern;
	return several && !reader_settled(s, sub->reader) ? FORM_SSE_NO_ID
	                                                  : FORM_SSE;
}

static void
sub_unlist(struct sub *sub)
{
	struct framed *f = sub->channel->framed;

	if (f != NULL && f->at == &sub->node)
		f->at = sub->node.next;
	list_remove(&sub->node);
}

void
sub_place(struct subs *s, struct sub *sub)
{
	bool each =
	    sub->reader->each || sub->reader->count > 1 || sub->waits != NULL;
	struct channel *c = sub->channel;
	struct run *run = c->framed != NULL ? c->framed->runs[sub->form] : NULL;
	bool listed = !list_empty(&sub->node);

	if (listed && each == sub->each)
		return;
	if (listed && !sub->each)
		sub_settle(s, sub);
	if (listed)
		sub_unlist(sub);
	sub->each = each;
	sub->since = s->turn;
	sub->from = run != NULL ? (uint32_t)run->bytes.n : 0;
	list_append(each ? &c->each : &c->plain, &sub->node);
}

static void
place_all(struct subs *s, struct reader *l)
{
	for (struct sub *sub = l->subs; sub != NULL; sub = sub->next)
		sub_place(s, sub);
}

void
subs_visit(struct subs *s, struct slice channel, struct subs_visitor *v)
{
	struct channel *c = subs_channel(s, channel);
	struct list *lists[] = {&c->plain, &c->each};

	for (unsigned i = 0; c != NULL && i < LENGTH(lists); i++)
		list_each_safe (at, lists[i])
			v->visit(v, container_of(at, struct sub, node)->reader);
}

/* The part of a cursor that speaks of this join.  One part alone speaks of a
 * channel whatever its shard: a channel has but one. */
static const struct cursor_part *
part_for(const struct sub_want *want, const struct join *j)
{
	for (unsigned i = 0; i < want->n; i++)
		if (want->after[i].shard == j->shard)
			return &want->after[i];
	if (want->n == 1 && j->channel->joins_n == 1)
		return want->after;
	return NULL;
}

static void
catch_up(struct subs *s, struct sub *sub, const struct sub_want *want)
{
	struct channel *c = sub->channel;

	for (unsigned i = 0; i < c->joins_n; i++) {
		struct join *j = &c->joins[i];
		const struct cursor_part *p = part_for(want, j);

		if (j->state == LIVE &&
		    (p == NULL ||
			(p->epoch == j->epoch && p->offset == j->last)))
			continue;
		if (j->state == DOWN)
			s->retry = true;
		recovery_add(s, j, sub, p);
	}
	sub_place(s, sub);
	if (sub->waits == NULL) {
		sub_live(sub);
		return;
	}
	if (recovery_near(s, sub->waits))
		return;
	for (unsigned i = 0; i < c->joins_n; i++)
		recovery_next(s, &c->joins[i]);
}

struct sub *
sub_add(struct subs *s, struct reader *l, const struct sub_want *want)
{
	struct channel *c = subs_channel(s, want->channel);
	struct sub *sub = xcalloc(1, sizeof(*sub));

	if (c == NULL)
		c = channel_new(s, want->channel);
	list_remove(&c->idle);
	list_init(&sub->node);
	sub->reader = l;
	sub->channel = c;
	sub->extra = want->extra;
	sub->form = l->form;
	sub->resumes = want->n != 0;
	sub->told = want->told;
	sub->next = l->subs;
	l->subs = sub;
	l->count++;
	c->count++;
	c->forms[sub->form]++;
	stats_add(STAT_subscriptions, !l->ours);
	if (l->count == 2)
		place_all(s, l);
	catch_up(s, sub, want);
	return sub;
}

/* Of the channel's subs and the listener's, the fewer are looked through. */
struct sub *
sub_find(const struct subs *s, const struct reader *l, struct slice name)
{
	const struct channel *c = subs_channel(s, name);
	struct sub *sub = NULL;

	if (c == NULL || c->count == 0)
		return NULL;
	if (c->count >= l->count) {
		for (sub = l->subs; sub != NULL && sub->channel != c;)
			sub = sub->next;
		return sub;
	}
	list_each (at, &c->plain)
		if ((sub = container_of(at, struct sub, node))->reader == l)
			return sub;
	list_each (at, &c->each)
		if ((sub = container_of(at, struct sub, node))->reader == l)
			return sub;
	return NULL;
}

struct slice
sub_channel(const struct sub *sub)
{
	return table_key(&sub->channel->entry);
}

struct slice
sub_shown(const struct sub *sub)
{
	return incus_shown(sub_channel(sub));
}

void
sub_remove(struct subs *s, struct sub *sub)
{
	struct reader *l = sub->reader;
	struct channel *c = sub->channel;
	struct sub **at = &l->subs;

	while (sub->waits != NULL)
		wait_drop(s, sub->waits);
	while (*at != sub)
		at = &(*at)->next;
	*at = sub->next;
	l->count--;
	sub_forgo(s, sub);
	sub_unlist(sub);
	c->forms[sub->form]--;
	stats_sub(STAT_subscriptions, !l->ours);
	if (--c->count == 0) {
		c->idle_since = (uint32_t)s->face->now(s->face);
		list_append(&s->idle, &c->idle);
	}
	if (l->count == 1)
		place_all(s, l);
	if (l->waiting != 0)
		reader_next(s, l);
	free(sub);
}

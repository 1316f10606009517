/*
 * join.c - what is said to a store about a channel, and heard back.
 *
 * Every join and every request for history carries a generation of its own;
 * what comes back for one that was given up finds no request and is dropped.
 */
#include "hub/subs_own.h"

#include "common/channel.h"
#include "common/incus.h"
#include "common/log.h"
#include "common/must.h"
#include "common/stats.h"

static struct request *
request_find(struct subs *s, uint64_t generation)
{
	struct slice key = {(const char *)&generation, sizeof(generation)};
	struct table_entry *e = table_find(s->requests, key);

	return e != NULL ? container_of(e, struct request, entry) : NULL;
}

void
request_drop(struct subs *s, struct request **rp)
{
	if (*rp == NULL)
		return;
	table_remove(s->requests, &(*rp)->entry);
	free(*rp);
	*rp = NULL;
}

bool
request_send(struct subs *s, struct join *j, const struct msg_join *want)
{
	struct msg m = {.id = MSG_join, .join = *want};
	bool history = want->resume == RESUME_HISTORY;
	struct request *r,
	    **slot = history ? &j->recovery->request : &j->request;

	request_drop(s, slot);
	m.join.channel = table_key(&j->channel->entry);
	m.join.shard = j->shard;
	m.join.generation = ++s->generation;
	if (!s->face->say(s->face, j->shard, &m)) {
		s->retry = true;
		return false;
	}
	r = xmalloc(sizeof(*r));
	r->generation = s->generation;
	r->join = j;
	r->history = history;
	if (!history)
		j->generation = r->generation;
	table_insert(s->requests, &r->entry,
	    (struct slice){
		(const char *)&r->generation, sizeof(r->generation)});
	*slot = r;
	return true;
}

/* Whether places in its shard stand for all before them. */
void
join_settle(struct subs *s, struct join *j, bool settled)
{
	if (j->unsettled == !settled)
		return;
	j->unsettled = !settled;
	if (!settled)
		s->unsettled++;
	else if (--s->unsettled == 0 && s->face->settled != NULL)
		s->face->settled(s->face);
}

void
join_start(struct subs *s, struct join *j)
{
	struct msg_join want = {.resume = RESUME_NOW};

	if (j->known && j->channel->count != 0) {
		want.resume = RESUME_POSITION;
		want.epoch = j->epoch;
		want.offset = join_told(j);
		if (j->state == LIVE) /* it misses something */
			j->level = 0;
		join_settle(s, j, false);
	} else {
		recent_drop(s->recents, &j->channel->recent);
	}
	j->state = request_send(s, j, &want) ? JOINING : DOWN;
}

void
join_end(struct subs *s, struct join *j)
{
	struct msg m = {.id = MSG_leave,
	    .leave = {.channel = table_key(&j->channel->entry),
		.shard = j->shard,
		.generation = j->generation}};

	if (j->state != DOWN)
		s->face->say(s->face, j->shard, &m);
	j->state = DOWN;
	join_settle(s, j, true);
	recovery_free(j);
	request_drop(s, &j->request);
}

/* What can be cured by asking again. */
static bool
passing(enum code c)
{
	return c == CODE_busy || c == CODE_moved || c == CODE_unavailable ||
	       c == CODE_internal || c == CODE_draining || c == CODE_timeout;
}

static void
refuse_all(struct channel *c, enum code code)
{
	struct list *lists[] = {&c->plain, &c->each};

	log_warn("join_refused", "channel=%.*s code=%s",
	    SLICE_ARGS(incus_shown(table_key(&c->entry))), code_name(code));
	for (unsigned i = 0; i < LENGTH(lists); i++) {
		list_each_safe (at, lists[i]) {
			struct sub *sub = container_of(at, struct sub, node);

			sub->reader->face->refused(sub->reader, sub, code);
		}
	}
}

void
subs_joined(struct subs *s, const struct msg_joined *m)
{
	struct request *r = request_find(s, m->generation);
	enum code code = (enum code)m->code;
	struct join *j;

	if (r == NULL)
		return;
	j = r->join;
	if (r->history) {
		recovery_done(s, j, code);
		return;
	}
	request_drop(s, &j->request);
	if (code != CODE_ok) {
		j->state = DOWN;
		s->retry = true;
		if (!passing(code))
			refuse_all(j->channel, code);
		return;
	}
	j->state = LIVE;
	if (!j->known || m->epoch != j->epoch || m->top > j->last)
		join_stands(s, j, m->epoch, m->top);
	if (j->pattern)
		*join_holes(j) = j->last;
	j->known = true;
	join_settle(s, j, true);
	recovery_next(s, j);
}

void
subs_gap(struct subs *s, const struct msg_gap *m)
{
	struct request *r = request_find(s, m->generation);
	struct event e = {.shard = (unsigned)m->shard,
	    .epoch = m->to_epoch,
	    .offset = m->to,
	    .from_epoch = m->epoch,
	    .from = m->from,
	    .reason = (enum gap_reason)m->reason};
	struct join *j;

	if (r == NULL)
		return;
	if (r->history) {
		recovery_gap(s, r->join, m);
		return;
	}
	e.channel = table_key(&r->join->channel->entry);
	j = r->join;
	e.from_epoch = j->epoch;
	e.from = join_told(j);
	s->stamp++;
	stats_add(STAT_gaps_told, j->channel->count);
	channel_frame(s, j, &e);
	recent_drop(s->recents, &j->channel->recent);
	if (j->epoch != m->to_epoch || j->last < m->to)
		join_stands(s, j, m->to_epoch, m->to);
	if (j->pattern)
		*join_holes(j) = m->to;
}

static struct join *
join_named(struct subs *s, struct slice name, uint64_t shard)
{
	struct channel *c = subs_channel(s, name);

	for (unsigned i = 0; c != NULL && i < c->joins_n; i++)
		if (c->joins[i].shard == shard)
			return &c->joins[i];
	return NULL;
}

void
subs_lag(struct subs *s, const struct msg_lag *m)
{
	struct join *j = join_named(s, m->channel, m->shard);

	if (j == NULL || j->generation != m->generation)
		return;
	stats_add(STAT_lags, 1);
	if (j->channel->count == 0)
		channel_drop(s, j->channel);
	else
		join_start(s, j);
}

static void
go_down(struct subs *s, struct join *j)
{
	request_drop(s, &j->request);
	recovery_halt(s, j);
	if (j->state == LIVE && s->seen[j->shard].epoch == j->epoch)
		j->level = s->seen[j->shard].offset;
	j->state = DOWN;
	if (j->known && j->channel->count != 0)
		join_settle(s, j, false);
}

/* Links changed: what can be said now, and what is void. */
static void
look_at(struct subs *s, struct join *j)
{
	bool up = s->face->up(s->face, j->shard);

	if (up && j->state == DOWN)
		join_start(s, j);
	else if (!up && j->state != DOWN)
		go_down(s, j);
}

static void
look_at_all(struct subs *s)
{
	struct table_cursor at = {0};
	struct table_entry *e;

	while ((e = table_next(s->channels, &at)) != NULL) {
		struct channel *c = container_of(e, struct channel, entry);

		if (c->count == 0) {
			channel_drop(s, c);
			continue;
		}
		for (unsigned i = 0; i < c->joins_n; i++)
			look_at(s, &c->joins[i]);
	}
}

void
subs_owner(struct subs *s, unsigned shard)
{
	must(shard < s->shards);
	s->moved[shard] = s->generation + 1;
	s->any_moved = true;
}

void
subs_moved(struct subs *s)
{
	struct table_cursor at = {0};
	struct table_entry *e;

	if (!s->any_moved)
		return;
	while ((e = table_next(s->channels, &at)) != NULL) {
		struct channel *c = container_of(e, struct channel, entry);

		for (unsigned i = 0; i < c->joins_n; i++) {
			struct join *j = &c->joins[i];

			if (j->state != DOWN &&
			    j->generation < s->moved[j->shard])
				go_down(s, j);
		}
	}
	memset(s->moved, 0, s->shards * sizeof(*s->moved));
	s->any_moved = false;
	look_at_all(s);
}

void
subs_up(struct subs *s)
{
	look_at_all(s);
}

void
subs_down(struct subs *s)
{
	look_at_all(s);
}

/* What could not be asked, or was refused for now. */
static void
ask_again(struct subs *s)
{
	struct table_cursor at = {0};
	struct table_entry *e;

	s->retry = false;
	while ((e = table_next(s->channels, &at)) != NULL) {
		struct channel *c = container_of(e, struct channel, entry);

		for (unsigned i = 0; i < c->joins_n && c->count != 0; i++) {
			look_at(s, &c->joins[i]);
			recovery_next(s, &c->joins[i]);
		}
	}
}

void
subs_tick(struct subs *s)
{
	uint64_t now = s->face->now(s->face);

	recents_tick(s->recents, now);
	list_each_safe (node, &s->idle) {
		struct channel *c = container_of(node, struct channel, idle);

		if ((uint32_t)now - c->idle_since < SUBS_LINGER_MS)
			break;
		channel_drop(s, c);
	}
	if (s->retry)
		ask_again(s);
}

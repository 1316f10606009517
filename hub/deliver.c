/*
 * deliver.c - the way of a message to those who listen.
 *
 * The hot path is subs_deliver() to subs_flush(): one lookup and one framing
 * per message, and per listener and turn one visit.  A listener of several
 * channels costs one visit per message, because its messages must stay in
 * the order of their shard and must not come twice.
 */
#include "common/bus_frames.h"
#include "common/channel.h"
#include "common/must.h"
#include "common/stats.h"
#include "hub/fates.h"
#include "hub/owed.h"
#include "hub/subs_own.h"

static struct framed *
framed_of(struct subs *s, struct channel *c)
{
	struct framed *f = c->framed;

	if (f != NULL)
		return f;
	if ((f = s->spare) != NULL)
		s->spare = f->next;
	else
		f = xmalloc(sizeof(*f));
	*f = (struct framed){.channel = c};
	c->framed = f;
	if (s->first == NULL)
		s->last = &s->first;
	*s->last = f;
	s->last = &f->next;
	return f;
}

/* One event in one form, framed when somebody first wants it. */
struct cut {
	struct subs *subs;
	struct framed *framed;
	struct piece pieces[FORMS];
	bool message; /* no gap */
	uint64_t track;
};

static const struct piece *
cut_form(struct cut *c, enum form form)
{
	struct piece *p = &c->pieces[form];
	struct run **run = &c->framed->runs[form];

	if (p->run != NULL)
		return p;
	if (*run == NULL)
		*run = run_new(c->subs->runs);
	p->run = *run;
	p->from = (uint32_t)(*run)->bytes.n;
	form_put(c->subs->forms, form, &(*run)->bytes);
	p->to = (uint32_t)(*run)->bytes.n;
	if (c->message && p->to != p->from) /* else it has no words */
		run_end_message(*run, c->track);
	return p;
}

static void
tell_each(struct cut *cut, struct join *j)
{
	struct subs *s = cut->subs;

	list_each (at, &j->channel->each) {
		struct sub *sub = container_of(at, struct sub, node);
		struct reader *l = sub->reader;
		const struct piece *p;

		if (l->stamp == s->stamp ||
		    (sub->waits != NULL && sub_wait_on(sub, j) != NULL))
			continue;
		if (!sub->told && !sub->resumes)
			continue; /* its now is when all is joined */
		if (!sub->told)
			sub_tell(sub);
		l->stamp = s->stamp;
		p = &cut->pieces[sub_form(s, sub)];
		if (p->run == NULL)
			p = cut_form(cut, sub_form(s, sub));
		sub_hand(sub, *p, &cut->framed->place);
	}
}

/* A stream of several channels reads without ids while it catches up. */
static void
hold(struct cut *cut, struct join *j)
{
	size_t bytes = 0;

	if (j->channel->forms[FORM_SSE] != 0)
		cut_form(cut, FORM_SSE_NO_ID);
	for (unsigned i = 0; i < FORMS; i++)
		bytes += cut->pieces[i].to - cut->pieces[i].from;
	if (recovery_room(j, bytes, &cut->framed->place)) {
		for (unsigned i = 0; i < FORMS; i++)
			if (cut->pieces[i].run != NULL)
				recovery_hold(j, (enum form)i, cut->pieces[i],
				    &cut->framed->place);
		return;
	}
	j->recovery->lost_n += cut->message;
	if (cut->track != 0)
		marks_add(
		    &j->recovery->lost_marks, &(struct mark){cut->track, 1});
}

void
channel_frame(struct subs *s, struct join *j, const struct event *e)
{
	struct channel *c = j->channel;
	struct cut cut = {.subs = s,
	    .framed = framed_of(s, c),
	    .message = e->reason == GAP_NONE,
	    .track = e->track};

	cut.framed->place = (struct place){
	    e->shard, e->epoch, e->offset, !cut.message, e->filter};
	forms_begin(s->forms, e);
	if (!list_empty(&c->plain) || recovery_holds(j))
		for (unsigned i = 0; i < FORMS; i++)
			if (c->forms[i] != 0)
				cut_form(&cut, (enum form)i);
	if (recovery_holds(j))
		hold(&cut, j);
	tell_each(&cut, j);
}

void
sub_settle(struct subs *s, struct sub *sub)
{
	struct framed *f = sub->channel->framed;
	struct run *run = f != NULL ? f->runs[sub->form] : NULL;
	uint32_t from = sub->since == s->turn ? sub->from : 0;

	if (run == NULL || from >= run->bytes.n)
		return;
	sub->since = s->turn;
	sub->from = (uint32_t)run->bytes.n;
	sub_hand(
	    sub, (struct piece){run, from, (uint32_t)run->bytes.n}, &f->place);
}

void
sub_forgo(const struct subs *s, struct sub *sub)
{
	struct framed *f = sub->channel->framed;
	struct run *run = f != NULL ? f->runs[sub->form] : NULL;
	uint32_t from = sub->since == s->turn ? sub->from : 0;
	struct piece p = {run, from, 0};

	if (run == NULL || sub->each)
		return;
	p.to = (uint32_t)run->bytes.n;
	owed_never(&p, STAT_messages_due);
	owed_never(&p, STAT_drop_left);
}

void
framed_free(struct subs *s, struct framed *f)
{
	for (unsigned i = 0; i < FORMS; i++)
		if (f->runs[i] != NULL) /* few forms are read */
			run_unref(&f->runs[i]);
	f->next = s->spare;
	s->spare = f;
}

/* It comes next on its join. */
static void
pass_on(struct subs *s, struct join *j, const struct msg_deliver *m)
{
	struct channel *c = j->channel;
	uint64_t last = m->epoch == j->epoch ? j->last : m->offset - 1;
	struct event e;

	if (!j->pattern)
		recent_put(s->recents, &c->recent, m, last);
	else if (j->state == LIVE)
		*join_holes(j) = m->offset;
	join_stands(s, j, m->epoch, m->offset);
	if (c->count == 0)
		return;
	e = event_of(s, m);
	channel_frame(s, j, &e);
}

/* A live message that a join matches; whether it is news there. */
static bool
take(struct subs *s, struct join *j, const struct msg_deliver *m)
{
	if (j->state != LIVE || (m->epoch == j->epoch && m->offset <= j->last))
		return false;
	if (m->epoch != j->epoch || (!j->pattern && m->prev > j->last)) {
		join_start(s, j);
		return false;
	}
	pass_on(s, j, m);
	return true;
}

static void
deliver_live(struct subs *s, const struct msg_deliver *m)
{
	struct channel *c = subs_channel(s, m->channel);
	char room[CHANNEL_PATTERN];
	bool found = c != NULL, used;
	struct slice key;
	unsigned shard;

	s->stamp++;
	stats_add(STAT_copies_live, 1);
	used = found && take(s, c->joins, m);
	for (unsigned i = 0;
	     s->patterns != 0 && channel_patterns(m->channel, i, room, &key);
	     i++) {
		if ((c = subs_channel(s, key)) == NULL)
			continue;
		shard =
		    s->shards > 1 ? channel_shard(m->channel, s->shards) : 0;
		found = true;
		used = take(s, &c->joins[shard], m) || used;
	}
	stats_add(used    ? STAT_copies_used
		  : found ? STAT_copies_old
			  : STAT_drop_no_channel,
	    1);
}

/* Out of history; whether somebody waits for it. */
static bool
deliver_history(struct subs *s, const struct msg_deliver *m)
{
	struct slice key = {(const char *)&m->generation, sizeof(uint64_t)};
	struct table_entry *found = table_find(s->requests, key);
	struct request *r;

	if (found == NULL)
		return false;
	r = container_of(found, struct request, entry);
	if (r->history) {
		recovery_deliver(s, r->join, m);
		return true;
	}
	if (m->epoch == r->join->epoch && m->offset <= r->join->last)
		return false;
	s->stamp++;
	pass_on(s, r->join, m);
	return true;
}

void
subs_ahead(struct subs *s, const struct msg *m, unsigned count)
{
	struct table_entry *found[FRAMES_AHEAD];
	uint32_t hashes[FRAMES_AHEAD];
	struct list *subs[FRAMES_AHEAD];
	unsigned n = 0, used = 0;

	must(count <= FRAMES_AHEAD);
	for (unsigned i = 0; i < count; i++)
		if (m[i].id == MSG_deliver && m[i].deliver.generation == 0)
			hashes[n++] = table_hash(m[i].deliver.channel);
	if (n == 0)
		return;
	table_ahead(s->channels, hashes, n, found);
	for (unsigned i = 0; i < n; i++) {
		struct channel *c;

		if (found[i] == NULL)
			continue;
		c = container_of(found[i], struct channel, entry);
		touch(c->joins);
		touch(c->entry.key);
		prefetch(c->recent);
		subs[used] = c->plain.next;
		used += subs[used] != &c->plain;
	}
	for (unsigned i = 0; i < used; i++)
		touch(&container_of(subs[i], struct sub, node)->form);
	for (unsigned i = 0; i < used; i++)
		touch(container_of(subs[i], struct sub, node)->reader);
}

void
subs_deliver(struct subs *s, const struct msg_deliver *m)
{
	if (m->track != 0 && runs_fates(s->runs) != NULL)
		fates_came(runs_fates(s->runs), m->track,
		    channel_shard(m->channel, s->shards));
	if (m->generation == 0) {
		deliver_live(s, m);
		return;
	}
	stats_add(STAT_copies_history, 1);
	stats_add(
	    deliver_history(s, m) ? STAT_copies_used : STAT_copies_old, 1);
}

/* Who is handed what was framed on its channel; the first of many. */
static const struct sub *
first_reader(const struct framed *f)
{
	const struct channel *c = f->channel;

	return c != NULL && !list_empty(&c->plain)
	           ? container_of(c->plain.next, struct sub, node)
	           : NULL;
}

/*
 * From what was framed to the bytes of a connection are five hops, and what
 * was in the cache when it was framed is not any more: the kernel's part of
 * each send pushes it out.  So each hop is fetched while the kernel sends for
 * the one before, of the next five framed at once.
 */
static void
flush_ahead(const struct framed *f)
{
	const struct sub *sub;

	if ((f = f->next) != NULL && (sub = first_reader(f)) != NULL &&
	    f->runs[sub->form] != NULL)
		prefetch(f->runs[sub->form]->bytes.p);
	if (f != NULL && (f = f->next) != NULL &&
	    (sub = first_reader(f)) != NULL) {
		prefetch(f->runs[sub->form]);
		prefetch(sub->reader);
		prefetch(sub->reader + 1);
		prefetch(sub->reader + 2); /* a connection goes on behind it */
	}
	if (f != NULL && (f = f->next) != NULL &&
	    (sub = first_reader(f)) != NULL) {
		prefetch(sub);
		prefetch(&sub->form);
	}
	if (f != NULL && (f = f->next) != NULL && f->channel != NULL) {
		prefetch(&f->channel->plain);
		prefetch(&f->channel->framed);
	}
	if (f != NULL && f->next != NULL) {
		prefetch(&f->next->channel);
		prefetch(&f->next->at);
	}
}

bool
subs_flush(struct subs *s)
{
	uint64_t began = s->first != NULL ? s->face->clock_us(s->face) : 0;
	unsigned count = 0;
	struct framed *f;

	while ((f = s->first) != NULL) {
		struct channel *c = f->channel;

		if (c != NULL && f->at == NULL)
			f->at = c->plain.next;
		flush_ahead(f);
		while (c != NULL && f->at != &c->plain) {
			struct sub *sub = container_of(f->at, struct sub, node);

			f->at = f->at->next;
			sub_settle(s, sub);
			if (++count % SUBS_CLOCK_EVERY == 0 &&
			    s->face->clock_us(s->face) - began > SUBS_FLUSH_US)
				return true;
		}
		if (c != NULL)
			c->framed = NULL;
		s->first = f->next;
		framed_free(s, f);
	}
	s->turn++;
	return false;
}

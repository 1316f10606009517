/*
 * resume.c - clients that have yet to catch up with their channel.
 *
 * Whoever names a position behind the channel's waits in a queue.  A round
 * takes all that wait (of one epoch), asks the store once for the history
 * from the oldest of their positions up to where the hub stands, and hands
 * each what is new to it.  Live messages are held for the round meanwhile,
 * once for all in it, up to SUBS_HOLD_MAX; past that it is told a gap.
 *
 *   queue --- round begins ---> round --- history, held ---> live
 *     ^                           |
 *     +------ link down, busy ----+
 */
#include "hub/subs_own.h"

#include "common/channel.h"
#include "common/must.h"
#include "common/stats.h"

struct event
event_of(const struct subs *s, const struct msg_deliver *m)
{
	return (struct event){
	    .channel = m->channel,
	    .shard = s->shards > 1 ? channel_shard(m->channel, s->shards) : 0,
	    .epoch = m->epoch,
	    .offset = m->offset,
	    .type = m->type,
	    .body = m->body,
	    .id = m->id,
	    .envelope = m->envelope,
	    .track = m->track,
	    .filter = form_filter(m->filter),
	    .unix_ms = s->face->unix_ms(s->face),
	};
}

void
sub_tell(struct sub *sub)
{
	if (sub->told)
		return;
	sub->told = true;
	stats_add(STAT_resumes, sub->resumes);
	if (sub->reader->face->joined != NULL)
		sub->reader->face->joined(sub->reader, sub, sub->resumes);
}

void
sub_live(struct sub *sub)
{
	sub_tell(sub);
	if (sub->reader->face->live != NULL)
		sub->reader->face->live(sub->reader, sub);
}

static struct recovery *
recovery_of(struct join *j)
{
	struct recovery *r = j->recovery;

	if (r == NULL) {
		r = j->recovery = xcalloc(1, sizeof(*r));
		list_init(&r->round);
		list_init(&r->queue);
	}
	return r;
}

void
recovery_free(struct join *j)
{
	struct recovery *r = j->recovery;

	if (r == NULL)
		return;
	must(list_empty(&r->round) && list_empty(&r->queue));
	must(r->request == NULL);
	recovery_unhold(r);
	free(r->held);
	free(r);
	j->recovery = NULL;
}

void
recovery_add(struct subs *s, struct join *j, struct sub *sub,
    const struct cursor_part *after)
{
	struct recovery *r = recovery_of(j);
	struct wait *w = xcalloc(1, sizeof(*w));

	(void)s;
	w->sub = sub;
	w->join = j;
	w->from_now = after == NULL;
	if (after != NULL) {
		w->epoch = after->epoch;
		w->offset = w->from = after->offset;
	}
	w->next = sub->waits;
	sub->waits = w;
	sub->reader->waiting++;
	list_init(&w->node);
	list_append(&r->queue, &w->node);
}

static void
leave_round(struct wait *w)
{
	w->sub->reader->rounds -= w->in_round;
	w->in_round = false;
}

/* Nobody catches up any more: nothing is kept for them. */
static void
release(struct subs *s, struct join *j)
{
	struct recovery *r = j->recovery;

	if (r->pinned || !list_empty(&r->round) || !list_empty(&r->queue))
		return;
	request_drop(s, &r->request);
	recovery_free(j);
}

void
wait_drop(struct subs *s, struct wait *w)
{
	struct wait **at = &w->sub->waits;
	struct join *j = w->join;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	leave_round(w);
	w->sub->reader->waiting--;
	list_remove(&w->node);
	free(w);
	release(s, j);
}

/* Nothing is missing any more. */
static void
caught_up(struct subs *s, struct wait *w)
{
	struct sub *sub = w->sub;

	wait_drop(s, w);
	if (sub->waits != NULL)
		return;
	sub_tell(sub);
	sub_place(s, sub);
	sub_live(sub);
}

/* Whoever stands further than this hub does heard from another one, or a
 * publisher: what comes next here may be what it has.  So it waits, too, for
 * an answer of the store, which comes behind all up to its place. */
static bool
has_all(const struct wait *w)
{
	const struct join *j = w->join;

	return w->from_now || (w->epoch == j->epoch && w->offset == j->last &&
				  w->from == w->offset);
}

bool
recovery_near(struct subs *s, struct wait *w)
{
	struct join *j = w->join;
	struct sub *sub = w->sub;
	struct recent *recent = j->channel->recent;
	struct recent_walk walk = {.channel = sub_channel(sub),
	    .form = sub_form(s, sub),
	    .shard = j->shard,
	    .offset = w->offset};
	struct piece p;

	if (j->state != LIVE || w->from_now || sub->reader->choked ||
	    w->epoch != j->epoch || w->offset > j->last ||
	    !recent_covers(recent, w->epoch, w->offset))
		return false;
	walk.unix_ms = s->face->unix_ms(s->face);
	recent_begin(recent, &walk);
	while (recent_next(s->recents, recent, &walk, &p)) {
		sub_tell(sub);
		w->offset = w->from = walk.offset;
		sub_hand(sub, p,
		    &(struct place){
			j->shard, j->epoch, walk.offset, false, walk.filter});
	}
	stats_add(STAT_resumes_recent, 1);
	caught_up(s, w);
	return true;
}

/* Of the queue, those of one epoch whose readers have no other history coming
 * and take what they have: that bounds what is owed to each.  The oldest
 * position. */
static uint64_t
gather(struct recovery *r)
{
	uint64_t oldest = UINT64_MAX;

	list_each_safe (at, &r->queue) {
		struct wait *w = container_of(at, struct wait, node);
		struct reader *reader = w->sub->reader;

		if (reader->choked || reader->rounds != 0)
			continue;
		if (list_empty(&r->round))
			r->epoch = w->epoch;
		if (w->epoch != r->epoch)
			continue;
		if (w->from < oldest)
			oldest = w->from;
		list_remove(&w->node);
		list_append(&r->round, &w->node);
		w->in_round = true;
		reader->rounds++;
	}
	return oldest;
}

void
reader_next(struct subs *s, struct reader *reader)
{
	for (struct sub *sub = reader->subs;
	     sub != NULL && !reader->choked && reader->rounds == 0;
	     sub = sub->next) {
		struct wait *w = sub->waits, *next;

		for (; w != NULL && reader->rounds == 0; w = next) {
			next = w->next;
			if (!w->from_now)
				recovery_next(s, w->join);
		}
	}
}

void
reader_choke(struct subs *s, struct reader *reader, bool choked)
{
	reader->choked = choked;
	if (!choked && reader->waiting != 0)
		reader_next(s, reader);
}

void
recovery_next(struct subs *s, struct join *j)
{
	struct recovery *r = j->recovery;
	struct msg_join want = {.resume = RESUME_HISTORY};

	if (r == NULL || r->request != NULL || j->state != LIVE)
		return;
	r->pinned = true;
	list_each_safe (at, &r->queue) {
		struct wait *w = container_of(at, struct wait, node);

		if (has_all(w))
			caught_up(s, w);
		else
			recovery_near(s, w);
	}
	r->pinned = false;
	release(s, j);
	if ((r = j->recovery) == NULL || list_empty(&r->queue))
		return;
	want.offset = gather(r);
	if (list_empty(&r->round))
		return;
	want.epoch = r->epoch;
	r->now = j->epoch;
	want.upto = r->upto = j->last;
	if (!request_send(s, j, &want))
		recovery_halt(s, j);
}

/* A hole, for one sub alone. */
static void
send_one(struct subs *s, struct sub *sub, const struct event *e)
{
	struct run *run = run_new(s->runs);

	forms_begin(s->forms, e);
	form_put(s->forms, sub_form(s, sub), &run->bytes);
	sub->reader->face->send(sub->reader, sub,
	    (struct piece){run, 0, (uint32_t)run->bytes.n},
	    &(struct place){e->shard, e->epoch, e->offset, true, 0});
	run_unref(&run);
}

void
recovery_deliver(struct subs *s, struct join *j, const struct msg_deliver *m)
{
	struct event e = event_of(s, m);
	struct run *runs[FORMS] = {0};

	forms_begin(s->forms, &e);
	list_each_safe (at, &j->recovery->round) {
		struct wait *w = container_of(at, struct wait, node);
		enum form form = sub_form(s, w->sub);

		if (w->epoch == m->epoch && w->offset >= m->offset)
			continue;
		sub_tell(w->sub);
		w->epoch = m->epoch;
		w->offset = m->offset;
		if (!j->pattern)
			w->from = w->offset;
		if (runs[form] == NULL) {
			runs[form] = run_new(s->runs);
			form_put(s->forms, form, &runs[form]->bytes);
			run_end_message(runs[form], m->track);
		}
		sub_hand(w->sub,
		    (struct piece){
			runs[form], 0, (uint32_t)runs[form]->bytes.n},
		    &(struct place){
			e.shard, e.epoch, e.offset, false, e.filter});
	}
	for (unsigned i = 0; i < FORMS; i++)
		run_unref(&runs[i]);
}

static void
tell_gap(struct subs *s, struct wait *w, const struct event *to)
{
	struct event e = *to;

	w->sub->resumes = false;
	sub_tell(w->sub);
	e.channel = sub_channel(w->sub);
	e.from_epoch = w->epoch;
	e.from = w->from;
	stats_add(STAT_gaps_told, 1);
	if (w->epoch != e.epoch || w->offset < e.offset)
		w->offset = e.offset;
	w->epoch = e.epoch;
	w->from = e.offset;
	send_one(s, w->sub, &e);
}

/* The store tells a pattern's hole when it passes it, which may be behind
 * messages of other channels in the same range: so holes have a place of
 * their own, and a catching up that is broken off begins again there. */
void
recovery_gap(struct subs *s, struct join *j, const struct msg_gap *m)
{
	struct event to = {.shard = j->shard,
	    .epoch = m->to_epoch,
	    .offset = m->to,
	    .reason = (enum gap_reason)m->reason};

	list_each_safe (at, &j->recovery->round) {
		struct wait *w = container_of(at, struct wait, node);

		if (w->epoch != m->to_epoch || w->from < m->to)
			tell_gap(s, w, &to);
	}
}

void
sub_tell_gap(struct subs *s, struct sub *sub, const struct place *after,
    enum gap_reason reason)
{
	const struct channel *c = sub->channel;
	const struct join *j = NULL;
	struct event e;

	for (unsigned i = 0; i < c->joins_n; i++)
		if (c->joins[i].shard == after->shard)
			j = &c->joins[i];
	if (j == NULL)
		return;
	e = (struct event){.channel = sub_channel(sub),
	    .shard = j->shard,
	    .epoch = j->epoch,
	    .offset = j->last,
	    .from_epoch = after->epoch,
	    .from = after->offset,
	    .reason = reason};
	stats_add(STAT_gaps_told, 1);
	send_one(s, sub, &e);
}

static void
lose_marked(struct subs *s, const struct marks *lost)
{
	struct marks_range all = {0, 1};

	marks_became(lost, all, runs_fates(s->runs), STAT_messages_due);
	marks_became(lost, all, runs_fates(s->runs), STAT_drop_hold);
}

static void
hand_held(struct subs *s, struct wait *w)
{
	struct join *j = w->join;
	struct recovery *r = j->recovery;
	struct place place = {j->shard, j->epoch, 0, false, 0};
	enum form form = sub_form(s, w->sub);

	for (size_t i = 0; i < r->held_n; i++) {
		struct held *h = &r->held[i];

		if (h->form != form || h->offset <= w->offset)
			continue;
		sub_tell(w->sub);
		place.offset = w->offset = h->offset;
		place.gap = h->gap;
		place.filter = h->filter;
		sub_hand(w->sub, h->piece, &place);
	}
	w->from = w->offset;
	stats_add(STAT_messages_due, r->lost_n);
	stats_add(STAT_drop_hold, r->lost_n);
	if (r->lost_marks != NULL)
		lose_marked(s, r->lost_marks);
	if (r->lost != 0)
		tell_gap(s, w,
		    &(struct event){.shard = j->shard,
			.epoch = j->epoch,
			.offset = r->lost,
			.reason = GAP_SLOW});
}

void
recovery_done(struct subs *s, struct join *j, enum code code)
{
	struct recovery *r = j->recovery;

	if (code != CODE_ok) {
		s->retry = true;
		recovery_halt(s, j);
		return;
	}
	if (r->now != j->epoch) { /* upto and what is held are not of one */
		recovery_halt(s, j);
		recovery_next(s, j);
		return;
	}
	request_drop(s, &r->request);
	r->pinned = true;
	list_each_safe (at, &r->round) {
		struct wait *w = container_of(at, struct wait, node);
		struct reader *reader = w->sub->reader;

		if (w->offset < r->upto || w->epoch != j->epoch)
			w->offset = r->upto;
		w->epoch = j->epoch;
		w->from = w->offset;
		hand_held(s, w);
		caught_up(s, w);
		reader_next(s, reader);
	}
	recovery_unhold(r);
	r->pinned = false;
	release(s, j);
	recovery_next(s, j);
}

void
recovery_halt(struct subs *s, struct join *j)
{
	struct recovery *r = j->recovery;
	struct list *at;

	if (r == NULL)
		return;
	request_drop(s, &r->request);
	recovery_unhold(r);
	while ((at = list_shift(&r->round)) != NULL) {
		leave_round(container_of(at, struct wait, node));
		list_append(&r->queue, at);
	}
}

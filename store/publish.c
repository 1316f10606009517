/*
 * publish.c - from a publish frame to its answer.
 *
 *	new ---- nothing kept, nothing pending ------------> release
 *	 |  ---- kept, or behind what is -> commit --------> release
 *	 |                                    | failed
 *	 +---- no ------> answer <------------+
 *
 *	release: number told, fan out, then answer; withheld while a hub that
 *	was sent it has no window left
 */
#include "store/publish_own.h"

#include "common/channel.h"
#include "common/message.h"
#include "common/must.h"
#include "common/stats.h"
#include "common/tally.h"
#include "store/tracks.h"

/* An answer that waits for hubs. */
struct waiting {
	struct withheld face;
	struct publisher *publisher;
	uint64_t seq;
	struct answer answer;
};

static void
tell(struct publishing *p, struct publisher *to, uint64_t seq,
    const struct answer *a)
{
	struct msg m = {
	    .id = MSG_published, .published = {.seq = seq, .code = a->code}};

	if (to->peer == NULL)
		return;
	if (a->code == CODE_moved && p->setup->bounced != NULL)
		p->setup->bounced(p->setup, to->peer, a->shard);
	if (a->code == CODE_ok) {
		m.published.epoch =
		    sequence_shard(p->setup->sequence, a->shard)->epoch;
		m.published.offset = a->offset;
		m.published.hubs = a->hubs;
		m.published.kept = answer_kept(a);
	}
	p->setup->wire->send(p->setup->wire, to->peer, &m);
}

void
publish_answer(struct publishing *p, struct publisher *to, uint64_t seq,
    const struct answer *a)
{
	if (to == &p->own)
		return;
	publisher_answer(to, seq, a);
	tell(p, to, seq, a);
}

static void
answer_waiters(
    struct publishing *p, struct id_waiter *w, const struct answer *a)
{
	while (w != NULL) {
		struct id_waiter *next = w->next;

		tally_repeated();
		publish_answer(p, w->publisher, w->seq, a);
		free(w);
		w = next;
	}
}

static void
refuse(struct publishing *p, struct publisher *to, uint64_t seq,
    const struct answer *a)
{
	stats_add(STAT_bus_moved, a->code == CODE_moved);
	tally_refused((enum code)a->code);
	publish_answer(p, to, seq, a);
}

enum kept
publish_kept(const struct publishing *p, unsigned shard)
{
	enum kept kept = commit_kept(p->commit, shard);

	return kept != KEPT_NOT ? kept : p->setup->engine->kept;
}

/* Whose answer it is; the message itself goes beside it. */
struct origin {
	struct publisher *publisher;
	uint64_t seq;
	struct id *id;
	struct topic *topic;
	bool track;
};

bool
publish_fan_out(struct publishing *p, struct topic *t, const struct fan *as,
    struct answer *a)
{
	struct fan f = *as;
	bool full;

	f.spot = &t->spot;
	f.hash = t->entry.hash;
	f.shard = t->shard;
	f.now_ms = p->time.now_ms;
	sequence_released(p->setup->sequence, t, f.deliver->deliver.offset);
	full = route_fan(p->setup->route, &f);
	a->hubs = f.hubs;
	if (watches_any(p->setup->watches))
		watches_copy(p->setup->watches, f.deliver);
	return full;
}

void
publish_withhold(struct publishing *p, struct publisher *to, uint64_t seq,
    const struct answer *a)
{
	struct waiting *w = xmalloc(sizeof(*w));

	*w = (struct waiting){.publisher = to, .seq = seq, .answer = *a};
	stats_add(STAT_publishes_withheld, 1);
	route_withhold(p->setup->route, &w->face);
}

static void
track(struct publishing *p, const struct origin *o, struct msg_deliver *m,
    enum kept kept)
{
	if (p->setup->tracks != NULL && m->id.n != 0)
		m->track = tracks_begin(p->setup->tracks,
		    &(struct track_new){m, o->topic->shard, kept,
			p->time.now_ms, p->time.unix_ms});
}

static void
release(struct publishing *p, const struct origin *o, struct msg *m, bool kept)
{
	struct fan f = {.deliver = m, .kept = kept};
	struct answer a = {
	    .offset = m->deliver.offset,
	    .shard = o->topic->shard,
	    .code = CODE_ok,
	    .state =
		kept ? (uint8_t)publish_kept(p, o->topic->shard) : KEPT_NOT,
	};
	bool full;

	if (o->track)
		track(p, o, &m->deliver, (enum kept)a.state);
	full = publish_fan_out(p, o->topic, &f, &a);
	if (o->id != NULL)
		answer_waiters(p, id_settle(o->id, &a), &a);
	tally_accepted(); /* though the answer may be withheld */
	if (full)
		publish_withhold(p, o->publisher, o->seq, &a);
	else
		publish_answer(p, o->publisher, o->seq, &a);
}

void
publish_granted(struct publishing *p, struct withheld *face)
{
	struct waiting *w = container_of(face, struct waiting, face);

	publish_answer(p, w->publisher, w->seq, &w->answer);
	free(w);
}

static void
released(struct commit_face *face, const struct item *i)
{
	struct publishing *p = container_of(face, struct publishing, face);
	struct origin o = {
	    i->publisher, i->seq, i->id, i->topic, i->record->track};
	struct msg m = {
	    .id = MSG_deliver, .deliver = record_deliver(i->record)};

	release(p, &o, &m, i->record->kept);
}

static void
refused(struct commit_face *face, const struct item *i, enum code code)
{
	struct publishing *p = container_of(face, struct publishing, face);
	struct answer a = {.code = (uint8_t)code, .shard = i->shard};

	sequence_refused(i->topic, i->record->prev);
	if (i->id != NULL)
		answer_waiters(p, id_fail(p->setup->ids, i->id), &a);
	refuse(p, i->publisher, i->seq, &a);
}

static void
failed(struct commit_face *face, unsigned shard, enum code code)
{
	struct publishing *p = container_of(face, struct publishing, face);

	sequence_return(p->setup->sequence, shard);
	if (p->setup->failed != NULL)
		p->setup->failed(p->setup, shard, code);
}

static void
write_batch(struct commit_face *face, struct batch *b)
{
	struct publishing *p = container_of(face, struct publishing, face);

	p->setup->write(p->setup, b);
}

struct publishing *
publishing_new(struct publishing_setup *setup)
{
	struct publishing *p = xcalloc(1, sizeof(*p));

	p->setup = setup;
	p->face = (struct commit_face){
	    .released = released,
	    .refused = refused,
	    .failed = failed,
	    .write = write_batch,
	};
	p->commit = commit_new(&(struct commit_setup){
	    .face = &p->face,
	    .shards = sequence_shards(setup->sequence),
	    .immediate = setup->engine->immediate,
	    .max_bytes = setup->pending_bytes,
	});
	p->reserves = reserves_new(setup->sequence, p->commit);
	return p;
}

void
publishing_free(struct publishing **pp)
{
	struct publishing *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	reserves_free(&p->reserves);
	commit_free(&p->commit);
	free(p);
}

void
publishing_written(struct publishing *p)
{
	commit_written(p->commit);
}

struct commit *
publishing_commit(struct publishing *p)
{
	return p->commit;
}

void
publishing_turn(struct publishing *p, struct publish_time time)
{
	p->time = time;
	commit_start(p->commit);
}

void
publishing_forgets(struct publishing *p, struct topic *t)
{
	route_forget(&t->spot);
	if (t->policy->count != 0 && !p->setup->engine->remembers)
		commit_forget(p->commit, t);
}

size_t
publishing_pending(const struct publishing *p)
{
	return commit_pending(p->commit);
}

/* May it be published here and now?  A known topic has a valid name. */
static enum code
check(struct publishing *p, const struct msg_publish *m, const struct topic *t,
    uint16_t *at)
{
	struct sequence *s = p->setup->sequence;
	unsigned shard;

	if (t == NULL && channel_check(m->channel) != NULL)
		return CODE_bad_channel;
	shard = t != NULL ? t->shard
	                  : channel_shard(m->channel, sequence_shards(s));
	*at = (uint16_t)shard;
	if (!sequence_shard(s, shard)->owned)
		return CODE_moved;
	if (m->seq != 0 && slice_starts(m->type, SLICE(MESSAGE_OWN)))
		return CODE_bad_field;
	if (m->expires != 0 && m->expires <= p->time.unix_ms)
		return CODE_expired;
	if (m->receipt == RECEIPT_STORED && !sequence_keeps(s, m->channel, t))
		return CODE_not_kept;
	if (engine_full(p->setup->engine, shard) &&
	    sequence_keeps(s, m->channel, t))
		return CODE_full;
	return commit_room(p->commit) && reserves_left(p->reserves, shard)
	           ? CODE_ok
	           : CODE_busy;
}

/* An id that was seen: its answer, or a place to wait for it. */
static void
repeat(
    struct publishing *p, struct id *id, struct publisher *from, uint64_t seq)
{
	if (id->pending) {
		id_wait(id, from, seq);
		return;
	}
	tally_repeated();
	publish_answer(p, from, seq, &id->answer);
}

/* Behind what its shard has pending goes also what is not kept, or it would
 * be told first and take the cursor past what is pending. */
static void
accept(
    struct publishing *p, const struct origin *o, const struct msg_publish *m)
{
	struct topic *t = o->topic;
	bool kept = t->policy->count != 0;
	struct msg d = {.id = MSG_deliver,
	    .deliver = {
		.channel = m->channel,
		.epoch = sequence_shard(p->setup->sequence, t->shard)->epoch,
		.type = m->type,
		.body = m->body,
		.filter = m->filter,
		.id = m->id,
		.expires = m->expires,
		.envelope = m->envelope,
	    }};
	struct item i = {
	    .topic = t, .publisher = o->publisher, .seq = o->seq, .id = o->id};

	d.deliver.offset =
	    sequence_next(p->setup->sequence, t, &d.deliver.prev);
	if (!kept && !commit_busy(p->commit, t->shard)) {
		release(p, o, &d, false);
		return;
	}
	i.record = record_new(&d.deliver);
	i.record->hash = t->entry.hash;
	i.record->shard = t->shard;
	i.record->kept = kept;
	i.record->track = o->track;
	i.record->at = p->time.unix_ms;
	commit_add(p->commit, &i);
}

bool
publish_seen(struct publishing *p, struct publisher *from, uint64_t seq)
{
	static const struct answer unknown = {.code = CODE_timeout};
	const struct answer *again;
	enum answer_state state = publisher_see(from, seq, &again);

	if (state == ANSWER_NONE)
		return false;
	stats_add(STAT_publishes_resent, 1);
	if (state == ANSWER_GIVEN)
		tell(p, from, seq, again != NULL ? again : &unknown);
	return true;
}

void
publish_bounce(
    struct publishing *p, struct publisher *from, const struct msg *m)
{
	unsigned shards = sequence_shards(p->setup->sequence);
	struct answer moved = {.code = CODE_moved,
	    .shard = (uint16_t)channel_shard(msg_home(m), shards)};

	if (publish_seen(p, from, m->publish.seq))
		return;
	if (m->id == MSG_publish) {
		tally_taken();
		refuse(p, from, m->publish.seq, &moved);
		return;
	}
	tally_write_taken();
	tally_write_answered(CODE_moved);
	publish_answer(p, from, m->publish.seq, &moved);
}

void
publish_take(struct publishing *p, struct publisher *from,
    const struct msg_publish *m, struct publish_time time)
{
	struct origin o = {
	    .publisher = from, .seq = m->seq, .track = m->track != 0};
	struct sequence *s = p->setup->sequence;
	struct answer a = {.code = CODE_ok};
	bool again = false;
	uint32_t hash;

	p->time = time;
	if (publish_seen(p, from, m->seq))
		return;
	tally_taken();
	hash = table_hash(m->channel);
	o.topic = sequence_find(s, m->channel, hash);
	a.code = (uint8_t)check(p, m, o.topic, &a.shard);
	if (a.code != CODE_ok) {
		refuse(p, from, m->seq, &a);
		return;
	}
	if (m->id.n != 0)
		o.id = ids_see(p->setup->ids,
		    &(struct id_scope){m->channel, m->id}, time.now_ms, &again);
	if (again) {
		repeat(p, o.id, from, m->seq);
		return;
	}
	if (o.topic == NULL)
		o.topic = sequence_add(s, m->channel, hash);
	accept(p, &o, m);
}

enum code
publish_own(
    struct publishing *p, const struct msg_publish *m, struct publish_time time)
{
	uint32_t hash = table_hash(m->channel);
	struct origin o = {.publisher = &p->own,
	    .topic = sequence_find(p->setup->sequence, m->channel, hash)};
	enum code code;
	uint16_t shard;

	must(m->seq == 0 && m->id.n == 0);
	p->time = time;
	if ((code = check(p, m, o.topic, &shard)) != CODE_ok)
		return code;
	if (o.topic == NULL)
		o.topic = sequence_add(p->setup->sequence, m->channel, hash);
	tally_taken();
	accept(p, &o, m);
	return CODE_ok;
}

/*
 * replay_tell.c - the frames of a replay.
 *
 * `prev` is told as seen by the listener: what lies between is told as a gap
 * or has expired, so the message joins on to the one told last.
 */
#include "store/replay_own.h"

#include "common/must.h"
#include "common/stats.h"
#include "store/tracks.h"

static struct shard *
shard_of(struct replays *all, const struct replay *r)
{
	return sequence_shard(all->setup->sequence, r->shard);
}

static void
send(struct replays *all, struct replay *r, const struct msg *m)
{
	all->setup->wire->send(all->setup->wire, r->owner->peer, m);
}

void
replay_tell_gap(struct replays *all, struct replay *r, const struct gap_told *g)
{
	struct msg m = {.id = MSG_gap,
	    .gap = {
		.channel = r->name,
		.shard = r->shard,
		.generation = r->ref,
		.epoch = g->epoch,
		.from = g->from,
		.to_epoch = shard_of(all, r)->epoch,
		.to = g->to,
		.reason = g->reason,
	    }};

	if (g->to > r->after)
		r->after = g->to;
	if (g->to > r->known)
		r->known = g->to;
	if (r->kind == REPLAY_READ) {
		r->hole = g->reason;
		r->hole_to = g->to;
		return;
	}
	stats_add(STAT_gaps_told, 1);
	send(all, r, &m);
}

void
replay_tell(struct replays *all, struct replay *r, const struct record *rec)
{
	struct msg m = {.id = MSG_deliver, .deliver = record_deliver(rec)};

	r->after = rec->offset;
	if (record_expired(rec, all->unix_ms)) {
		stats_add(STAT_drop_expired, 1);
		if (r->kind != REPLAY_READ && all->setup->tracks != NULL)
			tracks_expired(all->setup->tracks, rec);
		return;
	}
	if (r->kind == REPLAY_READ) {
		m = (struct msg){.id = MSG_entry,
		    .entry = {
			.ref = r->ref,
			.channel = rec->channel,
			.epoch = rec->epoch,
			.offset = rec->offset,
			.type = rec->type,
			.body = rec->body,
			.id = rec->id,
		    }};
		r->left--;
	} else {
		m.deliver.generation = r->ref;
		if (all->setup->tracks != NULL)
			m.deliver.track = tracks_replay(
			    all->setup->tracks, rec, r->owner->peer);
		if (m.deliver.prev > r->known)
			m.deliver.prev = r->known;
		r->owner->copies++;
		stats_add(STAT_messages_replayed, 1);
	}
	r->known = rec->offset;
	send(all, r, &m);
}

void
replay_tell_end(struct replays *all, struct replay *r)
{
	const struct shard *s = shard_of(all, r);
	struct msg m = {.id = MSG_joined,
	    .joined = {
		.channel = r->name,
		.shard = r->shard,
		.generation = r->ref,
		.epoch = s->epoch,
		.code = r->code,
		.top = r->kind == REPLAY_JOIN ? s->top : r->upto,
	    }};

	if (r->kind == REPLAY_READ)
		m = (struct msg){.id = MSG_read_end,
		    .read_end = {
			.ref = r->ref,
			.code = r->code,
			.epoch = s->epoch,
			.offset =
			    r->more || r->after > r->top ? r->after : r->top,
			.more = r->more,
			.lost = r->hole,
			.lost_to = r->hole_to,
		    }};
	send(all, r, &m);
}

/* Of a channel, messages point at the one before them, so a hole shows
 * exactly.  Of a pattern it is only known that something up to `lost` is
 * missing: that is told where the replay passes it, as a hole since its
 * start. */
void
replay_tell_lost(struct replays *all, struct replay *r, uint64_t before)
{
	struct gap_told g = {
	    .epoch = shard_of(all, r)->epoch,
	    .from = r->start,
	    .to = r->lost,
	    .reason = GAP_TRIMMED,
	};

	if (r->lost == 0 || r->lost >= before)
		return;
	replay_tell_gap(all, r, &g);
	r->start = g.to;
	r->lost = 0;
}

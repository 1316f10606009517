/*
 * core_frame.c - the frames of peers, one handler each.
 *
 * Names are checked here, once: behind this file they are valid.
 */
#include "common/channel.h"
#include "common/must.h"
#include "common/stats.h"
#include "store/core_own.h"

static bool
name_ok(struct slice name)
{
	return channel_is_pattern(name) ? channel_pattern_check(name) == NULL
	                                : channel_check(name) == NULL;
}

static enum code
check_join(struct core *c, const struct msg_join *m)
{
	unsigned shards = c->setup->owners->shards;

	if (!name_ok(m->channel))
		return CODE_bad_channel;
	if (m->shard >= shards ||
	    (!channel_is_pattern(m->channel) &&
		m->shard != channel_shard(m->channel, shards)))
		return CODE_bad_field;
	return sequence_shard(c->sequence, (unsigned)m->shard)->owned
	           ? CODE_ok
	           : CODE_moved;
}

static void
on_join(struct core *c, struct bus_peer_state *s, const struct msg *m)
{
	enum code code = check_join(c, &m->join);
	struct msg no = {.id = MSG_joined,
	    .joined = {
		.channel = m->join.channel,
		.shard = m->join.shard,
		.generation = m->join.generation,
		.code = code,
	    }};
	struct join *j = NULL;

	if (code != CODE_ok) {
		stats_add(STAT_bus_moved, code == CODE_moved);
		c->wire.send(&c->wire, s->peer, &no);
		return;
	}
	if (m->join.resume != RESUME_HISTORY)
		j = route_join(c->route, &s->route, &m->join);
	replay_join(c->replays, &s->replay, j, &m->join);
}

static void
on_leave(struct core *c, struct bus_peer_state *s, const struct msg *m)
{
	if (m->leave.shard < c->setup->owners->shards)
		route_leave(c->route, &s->route, &m->leave);
}

static void
on_rejoined(struct core *c, struct bus_peer_state *s, const struct msg *m)
{
	(void)m;
	rejoin_said(c->rejoin, s->peer);
}

static void
on_read(struct core *c, struct bus_peer_state *s, const struct msg *m)
{
	struct msg no = {.id = MSG_read_end, .read_end = {.ref = m->read.ref}};
	unsigned shard;

	if (channel_check(m->read.channel) != NULL) {
		no.read_end.code = CODE_bad_channel;
		c->wire.send(&c->wire, s->peer, &no);
		return;
	}
	shard = channel_shard(m->read.channel, c->setup->owners->shards);
	if (!sequence_shard(c->sequence, shard)->owned) {
		stats_add(STAT_bus_moved, 1);
		no.read_end.code = CODE_moved;
		c->wire.send(&c->wire, s->peer, &no);
		return;
	}
	replay_read(c->replays, &s->replay, &m->read);
}

static void
on_watch(struct core *c, struct bus_peer_state *s, const struct msg *m)
{
	if (!watches_add(c->watches, &s->watch, &m->watch))
		stats_add(STAT_drop_unknown_frame, 1);
}

static void
on_stat(struct core *c, struct bus_peer_state *s, const struct msg *m)
{
	(void)c;
	counters_keep(&s->counters, &m->stat);
}

static void
on_stats(struct core *c, struct bus_peer_state *s, const struct msg *m)
{
	struct counters_asked to = {&c->wire, s->peer, m->stats.ref};
	struct msg end = {
	    .id = MSG_stats_end, .stats_end = {.ref = m->stats.ref}};

	counters_tell_own(owners_name(c->setup->owners), &to);
	for (struct bus_peer *p = bus_server_next(c->server, NULL); p != NULL;
	     p = bus_server_next(c->server, p))
		counters_tell(&p->state->counters, p, &to);
	c->wire.send(&c->wire, s->peer, &end);
}

static void
on_job(struct core *c, struct bus_peer_state *s, const struct msg *m)
{
	jobs_frame(c->jobs, &s->jobs, m);
}

/* Who writes waits for an answer. */
static void
refuse_write(struct core *c, struct bus_peer_state *s, const struct msg *m)
{
	struct write w = {.answered = NULL};

	if (write_begin(&w, c->writes, s->publisher, m))
		write_end(&w, CODE_unknown_op);
}

static void (*const handlers[MSG_IDS])(
    struct core *, struct bus_peer_state *, const struct msg *) = {
    [MSG_ask_redis] = core_ask_redis,
    [MSG_told_redis] = core_told_redis,
    [MSG_cancel] = on_job,
    [MSG_credit] = on_job,
    [MSG_enqueue] = on_job,
    [MSG_holding] = on_job,
    [MSG_jobs] = on_job,
    [MSG_receipt] = on_job,
    [MSG_requeue] = on_job,
    [MSG_put] = core_on_box,
    [MSG_drop] = core_on_box,
    [MSG_set] = core_on_table,
    [MSG_unset] = core_on_table,
    [MSG_enter] = core_enter,
    [MSG_exit] = core_exit,
    [MSG_fates] = core_fates,
    [MSG_join] = on_join,
    [MSG_leave] = on_leave,
    [MSG_rejoined] = on_rejoined,
    [MSG_read] = on_read,
    [MSG_reentered] = core_reentered,
    [MSG_roster] = core_roster,
    [MSG_watch] = on_watch,
    [MSG_stat] = on_stat,
    [MSG_stats] = on_stats,
    [MSG_list] = core_on_list,
    [MSG_message] = core_message,
    [MSG_scan] = core_on_scan,
};

void
core_frame(struct core *c, struct bus_peer_state *s, const struct msg *m)
{
	if (handlers[m->id] != NULL)
		handlers[m->id](c, s, m);
	else if (msg_writes(m))
		refuse_write(c, s, m);
	else
		stats_add(STAT_drop_unknown_frame, 1);
}

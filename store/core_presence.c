/*
 * core_presence.c - presence among the parts of a store: its frames, its
 * clock, and where its events go.
 *
 * A name with a wildcard has a roster of its own, of which nothing is
 * published: some dialects know such.
 */
#include "common/channel.h"
#include "common/message.h"
#include "common/must.h"
#include "common/stats.h"
#include "store/core_own.h"

static bool
is_ours(struct core *c, struct slice name)
{
	unsigned shard = channel_shard(name, c->setup->owners->shards);

	return sequence_shard(c->sequence, shard)->owned;
}

/* CODE_ok, or why it is no place here. */
static enum code
check(struct core *c, struct slice name)
{
	if (channel_check(name) != NULL && channel_pattern_check(name) != NULL)
		return CODE_bad_channel;
	if (is_ours(c, name))
		return CODE_ok;
	stats_add(STAT_bus_moved, 1);
	return CODE_moved;
}

void
core_enter(struct core *c, struct bus_peer_state *s, const struct msg *m)
{
	enum code code = check(c, m->enter.channel);
	struct msg no = {.id = MSG_entered,
	    .entered = {
		.channel = m->enter.channel,
		.session = m->enter.session,
		.user = m->enter.user,
	    }};

	if (code == CODE_ok)
		code = presence_enter(c->presence, &s->presence, &m->enter,
		    loop_unix_ms(c->setup->loop));
	no.entered.code = code;
	if (code != CODE_ok)
		c->wire.send(&c->wire, s->peer, &no);
}

void
core_exit(struct core *c, struct bus_peer_state *s, const struct msg *m)
{
	presence_exit(c->presence, &s->presence, &m->exit);
}

void
core_reentered(struct core *c, struct bus_peer_state *s, const struct msg *m)
{
	presence_reentered(c->presence, &s->presence, &m->reentered);
}

void
core_roster(struct core *c, struct bus_peer_state *s, const struct msg *m)
{
	enum code code = check(c, m->roster.channel);
	struct msg no = {
	    .id = MSG_roster_end, .roster_end = {.ref = m->roster.ref}};

	if (code == CODE_ok)
		code = core_roster_ask(c, s->peer, &m->roster);
	no.roster_end.code = code;
	if (code != CODE_ok)
		c->wire.send(&c->wire, s->peer, &no);
}

static enum code
publish(struct presence_setup *setup, struct slice channel, struct slice body)
{
	struct core *c = container_of(setup, struct core, presence_setup);
	struct msg_publish m = {
	    .channel = channel, .type = SLICE(MESSAGE_PRESENCE), .body = body};

	if (c->draining || rejoin_waits(c->rejoin) || !is_ours(c, channel))
		return CODE_busy;
	return publish_own(c->publishing, &m, core_time(c));
}

static uint64_t
now(struct presence_setup *setup)
{
	return loop_now(
	    container_of(setup, struct core, presence_setup)->setup->loop);
}

static void
position(struct presence_setup *setup, struct slice channel, struct msg *end)
{
	struct core *c = container_of(setup, struct core, presence_setup);
	const struct shard *s = sequence_shard(
	    c->sequence, channel_shard(channel, c->setup->owners->shards));

	end->roster_end.epoch = s->epoch;
	end->roster_end.offset = s->top;
}

static void
quarter(struct timer *t)
{
	struct core *c = container_of(t, struct core, quarter);

	c->working = true;
	loop_arm(c->setup->loop, &c->quarter, PRESENCE_TICK_MS);
	presence_tick(c->presence, loop_now(c->setup->loop),
	    bus_server_behind(c->server));
}

void
core_presence_open(struct core *c)
{
	c->presence_setup = (struct presence_setup){
	    .wire = &c->wire,
	    .linger_ms = c->setup->presence.linger_ms,
	    .shards = c->setup->owners->shards,
	    .users = c->setup->presence.users,
	    .sessions = c->setup->presence.sessions,
	    .bytes = c->setup->presence.bytes,
	    .publish = publish,
	    .now = now,
	    .position = position,
	};
	list_init(&c->rosters);
	c->presence = presence_new(&c->presence_setup);
	timer_init(&c->quarter, quarter);
}

void
core_presence_start(struct core *c)
{
	c->presence_setup.boot = bus_server_boot(c->server);
	loop_arm(c->setup->loop, &c->quarter, PRESENCE_TICK_MS);
}

void
core_presence_close(struct core *c)
{
	timer_cancel(&c->quarter);
	core_rosters_free(c);
	presence_free(&c->presence);
}

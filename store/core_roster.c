/*
 * core_roster.c - rosters, told behind the events that made them.
 *
 * Who asks goes on from where the shard stands then, so an event that is in
 * the roster, and not on disk yet, would reach him as well: his own arrival,
 * for one.  So the question waits for what is pending.
 */
#include "common/channel.h"
#include "common/must.h"
#include "store/core_own.h"

enum { MOST = 4096 }; /* that wait; then: busy, and asked again */

struct late_roster {
	struct pledge pledge;
	struct list node;
	struct core *core;
	struct bus_peer *peer; /* NULL: it is gone */
	struct msg_roster asked;
	char bytes[];
};

static void
settled(struct pledge *p, enum code code)
{
	struct late_roster *l = container_of(p, struct late_roster, pledge);

	(void)code; /* what failed was told to nobody */
	if (l->peer != NULL)
		presence_roster(l->core->presence, l->peer, &l->asked);
	list_remove(&l->node);
	l->core->late_rosters--;
	free(l);
}

static void
wait_for(struct core *c, struct bus_peer *peer, const struct msg_roster *m,
    unsigned shard)
{
	struct late_roster *l =
	    xcalloc(1, sizeof(*l) + m->channel.n + m->after.n + m->user.n);
	char *at = l->bytes;

	l->pledge.settled = settled;
	l->core = c;
	l->peer = peer;
	l->asked = *m;
	l->asked.channel = slice_keep(&at, m->channel);
	l->asked.after = slice_keep(&at, m->after);
	l->asked.user = slice_keep(&at, m->user);
	list_append(&c->rosters, &l->node);
	c->late_rosters++;
	writes_behind(c->writes, shard, &l->pledge);
}

enum code
core_roster_ask(
    struct core *c, struct bus_peer *peer, const struct msg_roster *m)
{
	unsigned shard = channel_shard(m->channel, c->setup->owners->shards);

	if (!writes_pending(c->writes, shard))
		presence_roster(c->presence, peer, m);
	else if (c->late_rosters < MOST)
		wait_for(c, peer, m, shard);
	else
		return CODE_busy;
	return CODE_ok;
}

void
core_roster_gone(struct core *c, const struct bus_peer *peer)
{
	list_each (at, &c->rosters) {
		struct late_roster *l =
		    container_of(at, struct late_roster, node);

		if (l->peer == peer)
			l->peer = NULL;
	}
}

void
core_rosters_free(struct core *c)
{
	struct list *node;

	while ((node = list_shift(&c->rosters)) != NULL)
		free(container_of(node, struct late_roster, node));
}

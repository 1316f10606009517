/*
 * presence_move.c - shards that go and come.
 */
#include "common/must.h"
#include "store/presence_own.h"

void
presence_leave(struct presence *p, unsigned shard)
{
	p->shards[shard].left = p->leaving = true;
}

void
presence_gain(struct presence *p, unsigned shard)
{
	struct presence_shard *s = &p->shards[shard];
	uint64_t linger = p->setup->linger_ms;

	if (p->leaving)
		presence_drop_left(p);
	s->back = p->clock + linger;
	s->until =
	    p->clock + (linger < PRESENCE_GAIN_MS ? linger : PRESENCE_GAIN_MS);
}

static void
drop(struct presence *p, struct session *s)
{
	while (!list_empty(&s->holders))
		holder_free(p,
		    container_of(s->holders.next, struct holder, in_session));
	user_drop(p, s->user);
	session_end(p, s);
}

void
presence_drop_left(struct presence *p)
{
	struct table_cursor at = {0};
	struct table_entry *e;

	while ((e = table_next(p->sessions, &at)) != NULL) {
		struct session *s = container_of(e, struct session, entry);

		if (p->shards[s->user->place->shard].left)
			drop(p, s);
	}
	list_each_safe (node, &p->unsettled) {
		struct user *u = container_of(node, struct user, unsettled);

		if (p->shards[u->place->shard].left)
			user_drop(p, u);
	}
	for (unsigned i = 0; i < p->setup->shards; i++)
		p->shards[i].left = false;
	p->leaving = false;
}

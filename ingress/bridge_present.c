/*
 * bridge_present.c - questions about one user each, by their number.
 */
#include "ingress/bridge_present.h"

#include "common/channel.h"
#include "common/incus.h"
#include "common/must.h"
#include "common/stats.h"

enum { ANSWER_MS = 5000 };

struct presents {
	struct bus *bus;
	struct loop *loop;
	struct table *by_ref;
	struct list waiting; /* oldest first */
	struct timer late;
	uint64_t ref;
};

static struct slice
key_of(const uint64_t *ref)
{
	return (struct slice){(const char *)ref, sizeof(*ref)};
}

void
present_forget(struct presents *p, struct present_ask *a)
{
	if (!a->waits)
		return;
	a->waits = false;
	table_remove(p->by_ref, &a->entry);
	list_remove(&a->node);
}

static void
tell(struct presents *p, struct present_ask *a, enum code code)
{
	present_forget(p, a);
	a->told(a, code, a->present);
}

enum code
presents_ask(struct presents *p, struct present_ask *a, struct slice user)
{
	struct slice channel = SLICE(INCUS_PRESENCE);
	unsigned shards = bus_shards(p->bus);
	struct bus_link *link = NULL;
	struct msg m = {.id = MSG_roster,
	    .roster = {.channel = channel, .user = user, .limit = 1}};

	must(!a->waits);
	if (shards != 0)
		link = bus_owner(p->bus, channel_shard(channel, shards));
	if (link == NULL)
		return CODE_unavailable;
	stats_add(STAT_incus_asks, 1);
	a->waits = true;
	a->present = false;
	a->link = link;
	a->ref = m.roster.ref = ++p->ref;
	a->due = loop_now(p->loop) + ANSWER_MS;
	table_insert(p->by_ref, &a->entry, key_of(&a->ref));
	list_append(&p->waiting, &a->node);
	if (!timer_armed(&p->late))
		loop_arm(p->loop, &p->late, ANSWER_MS);
	bus_send(link, &m);
	return CODE_ok;
}

void
presents_frame(struct presents *p, const struct msg *m)
{
	struct table_entry *e = table_find(p->by_ref, key_of(&m->present.ref));
	struct present_ask *a;

	if (e == NULL)
		return;
	a = container_of(e, struct present_ask, entry);
	if (m->id == MSG_present)
		a->present = true;
	else
		tell(p, a, (enum code)m->roster_end.code);
}

/* Told one by one, for who is told may ask again. */
static struct present_ask *
oldest(struct presents *p, const struct bus_link *link, uint64_t now)
{
	list_each (at, &p->waiting) {
		struct present_ask *a =
		    container_of(at, struct present_ask, node);

		if (a->link == link || a->due <= now)
			return a;
	}
	return NULL;
}

void
presents_down(struct presents *p, const struct bus_link *link)
{
	struct present_ask *a;

	while ((a = oldest(p, link, 0)) != NULL)
		tell(p, a, CODE_unavailable);
}

static void
late(struct timer *t)
{
	struct presents *p = container_of(t, struct presents, late);
	struct present_ask *a;

	while ((a = oldest(p, NULL, loop_now(p->loop))) != NULL)
		tell(p, a, CODE_timeout);
	if (!list_empty(&p->waiting) && !timer_armed(t))
		loop_arm(p->loop, t, ANSWER_MS / 10);
}

struct presents *
presents_new(struct bus *bus, struct loop *loop)
{
	struct presents *p = xcalloc(1, sizeof(*p));

	p->bus = bus;
	p->loop = loop;
	p->by_ref = table_new();
	list_init(&p->waiting);
	timer_init(&p->late, late);
	return p;
}

void
presents_free(struct presents **pp)
{
	struct presents *p = *pp;
	struct list *node;

	*pp = NULL;
	if (p == NULL)
		return;
	timer_cancel(&p->late);
	while ((node = list_shift(&p->waiting)) != NULL)
		container_of(node, struct present_ask, node)->waits = false;
	table_free(&p->by_ref);
	free(p);
}

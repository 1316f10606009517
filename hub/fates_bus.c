/*
 * fates_bus.c - a report goes to whoever owns the shard now, while it has room.
 */
#include "hub/fates_bus.h"

#include "common/must.h"

static bool
say(struct fates_face *f, unsigned shard, const struct msg *m)
{
	struct hub *h = container_of(f, struct hub, fates_face);
	struct bus_link *l = bus_owner(h->d.bus, shard);

	if (l == NULL || !bus_room(l))
		return false;
	bus_send(l, m);
	return true;
}

void
hub_fates_open(struct hub *h)
{
	h->fates_face = (struct fates_face){.say = say};
	h->fates = fates_new(&h->fates_face);
	runs_count(h->runs, h->fates);
}

void
hub_fates_close(struct hub *h)
{
	fates_tick(h->fates);
	runs_count(h->runs, NULL);
	fates_free(&h->fates);
}

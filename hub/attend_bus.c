/*
 * attend_bus.c - attends reach the stores by the bus.
 */
#include "hub/attend_bus.h"

#include "common/must.h"
#include "hub/hub.h"

static int
link_of(struct attend_face *f, unsigned shard)
{
	struct hub *h = container_of(f, struct hub, attend_face);
	const struct bus_link *l = bus_owner(h->d.bus, shard);

	return l != NULL ? (int)bus_link_number(l) : -1;
}

static uint64_t
boot(struct attend_face *f, unsigned link)
{
	struct hub *h = container_of(f, struct hub, attend_face);

	return bus_link_boot(bus_link_at(h->d.bus, link));
}

static bool
room(struct attend_face *f, unsigned link)
{
	struct hub *h = container_of(f, struct hub, attend_face);

	return bus_room(bus_link_at(h->d.bus, link));
}

static void
say(struct attend_face *f, unsigned link, const struct msg *m)
{
	struct hub *h = container_of(f, struct hub, attend_face);

	bus_send(bus_link_at(h->d.bus, link), m);
}

static uint64_t
unix_ms(struct attend_face *f)
{
	return loop_unix_ms(container_of(f, struct hub, attend_face)->d.loop);
}

void
hub_attend_open(struct hub *h)
{
	h->attend_face = (struct attend_face){.link = link_of,
	    .boot = boot,
	    .room = room,
	    .say = say,
	    .unix_ms = unix_ms};
	h->attends = attends_new(&h->attend_face);
}

void
hub_attend_close(struct hub *h)
{
	attends_free(&h->attends);
}

void
hub_attend_links(struct hub *h)
{
	for (unsigned i = 0; i < bus_links(h->d.bus); i++)
		attends_link(
		    h->attends, i, bus_link_up(bus_link_at(h->d.bus, i)));
}

void
hub_attend_frame(struct hub *h, const struct msg *m)
{
	if (m->id == MSG_entered)
		attends_entered(h->attends, &m->entered);
	else if (m->id == MSG_present)
		attends_present(h->attends, &m->present);
	else if (m->id == MSG_roster_end)
		attends_roster_end(h->attends, &m->roster_end);
	else
		attends_hubs(h->attends, &m->hubs);
}

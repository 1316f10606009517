/*
 * daemon_face.c - one function of the stage for each of the bus.
 */
#include "common/daemon_face.h"

#include "common/must.h"
#include "common/stats.h"

static void
bus_up(struct bus_face *f, struct bus_link *l)
{
	struct daemon *d = container_of(f, struct daemon, face);

	if (d->stage->up != NULL)
		d->stage->up(d, l);
}

static void
bus_down(struct bus_face *f, struct bus_link *l)
{
	struct daemon *d = container_of(f, struct daemon, face);

	if (d->stage->down != NULL)
		d->stage->down(d, l);
}

static void
bus_room_again(struct bus_face *f, struct bus_link *l)
{
	struct daemon *d = container_of(f, struct daemon, face);

	if (d->stage->room != NULL)
		d->stage->room(d, l);
}

static void
bus_owner_changed(struct bus_face *f, unsigned shard)
{
	struct daemon *d = container_of(f, struct daemon, face);

	if (d->stage->owner != NULL)
		d->stage->owner(d, shard);
}

static void
bus_publishable(struct bus_face *f)
{
	struct daemon *d = container_of(f, struct daemon, face);

	if (d->stage->publishable != NULL)
		d->stage->publishable(d);
}

static void
bus_frame(struct bus_face *f, struct bus_link *l, const struct msg *m)
{
	struct daemon *d = container_of(f, struct daemon, face);

	if (d->stage->on[m->id] != NULL)
		d->stage->on[m->id](d, l, m);
	else
		stats_add(STAT_drop_unknown_frame, 1);
}

static void
bus_ahead(struct bus_face *f, const struct msg *m, unsigned count)
{
	struct daemon *d = container_of(f, struct daemon, face);

	if (d->stage->ahead != NULL)
		d->stage->ahead(d, m, count);
}

void
daemon_face_init(struct daemon *d)
{
	d->face = (struct bus_face){.up = bus_up,
	    .down = bus_down,
	    .owner = bus_owner_changed,
	    .frame = bus_frame,
	    .ahead = bus_ahead,
	    .room = bus_room_again,
	    .publishable = bus_publishable};
}

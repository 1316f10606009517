/*
 * shell_lease.c - holdings and credit of a pipe.
 *
 * Credit replaces the credit before it, so jobs that are on their way to us
 * when it is said come on top: some more than `most` may be out.  Not all
 * that ends is told to us, a job that was deleted is not; so what is out
 * longer than its lease counts no more.
 */
#include "common/shell_lease.h"

#include "common/must.h"

enum { LOOK_MS = 1000 }; /* how late a lease that is over is seen */

static struct bus_link *
owner(const struct leases *l, uint64_t shard)
{
	return shard < bus_shards(l->bus) ? bus_owner(l->bus, (unsigned)shard)
	                                  : NULL;
}

static void
ask(const struct leases *l, struct bus_link *link)
{
	unsigned out = 0;
	struct msg m = {
	    .id = MSG_credit, .credit = {.queue = slice_of(l->queue)}};

	for (size_t i = 0; i < l->count; i++)
		out += owner(l, l->rows[i].shard) == link;
	m.credit.jobs = out < l->most ? l->most - out : 0;
	bus_send(link, &m);
}

static void
look(struct timer *t)
{
	struct leases *l = container_of(t, struct leases, over);
	uint64_t now = loop_unix_ms(l->loop);
	struct bus_link *asked = NULL;

	for (size_t i = 0; i < l->count;) {
		struct bus_link *link = owner(l, l->rows[i].shard);

		if (l->rows[i].until > now) {
			i++;
			continue;
		}
		l->rows[i] = l->rows[--l->count];
		if (asked != NULL && asked != link)
			ask(l, asked);
		asked = link;
	}
	if (asked != NULL)
		ask(l, asked);
	if (l->count != 0)
		loop_arm(l->loop, t, LOOK_MS);
}

/* What was out at one counts at another now. */
static void
ask_all(struct timer *t)
{
	struct leases *l = container_of(t, struct leases, moved);

	for (unsigned i = 0; i < bus_links(l->bus); i++)
		ask(l, bus_link_at(l->bus, i));
}

void
leases_open(struct leases *l)
{
	timer_init(&l->over, look);
	timer_init(&l->moved, ask_all);
}

void
leases_close(struct leases *l)
{
	if (l->loop != NULL) {
		timer_cancel(&l->over);
		timer_cancel(&l->moved);
	}
	free(l->rows);
	l->rows = NULL;
	l->count = l->room = 0;
}

static void
claim(const struct lease_row *r, struct bus_link *link)
{
	struct msg m = {
	    .id = MSG_holding, .holding = {r->shard, r->number, r->lease}};

	bus_send(link, &m);
}

void
leases_up(struct leases *l, struct bus_link *link)
{
	for (size_t i = 0; i < l->count; i++)
		if (owner(l, l->rows[i].shard) == link)
			claim(&l->rows[i], link);
	ask(l, link);
}

/* Where its link is not up it is claimed with all the others when it is. */
void
leases_owner(struct leases *l, unsigned shard)
{
	struct bus_link *link = owner(l, shard);

	for (size_t i = 0; link != NULL && i < l->count; i++)
		if (l->rows[i].shard == shard)
			claim(&l->rows[i], link);
	if (!timer_armed(&l->moved))
		loop_arm(l->loop, &l->moved, 0);
}

static struct lease_row *
find(const struct leases *l, uint64_t shard, uint64_t number)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->rows[i].number == number && l->rows[i].shard == shard)
			return &l->rows[i];
	return NULL;
}

void
leases_job(struct leases *l, const struct msg_job *m)
{
	struct lease_row *r = find(l, m->shard, m->number);

	if (r == NULL && l->count == l->room) {
		l->room = l->room != 0 ? l->room * 2 : 64;
		l->rows = xrealloc(l->rows, l->room * sizeof(*l->rows));
	}
	if (r == NULL)
		r = &l->rows[l->count++];
	*r = (struct lease_row){m->shard, m->number, m->lease, m->until};
	if (!timer_armed(&l->over))
		loop_arm(l->loop, &l->over, LOOK_MS);
}

/* Of a lease that was given anew meanwhile nothing is known yet. */
void
leases_settled(struct leases *l, const struct msg_settled *m)
{
	struct lease_row *r = find(l, m->shard, m->number);
	struct bus_link *link = owner(l, m->shard);

	if (r == NULL || r->lease > m->lease)
		return;
	*r = l->rows[--l->count];
	if (link != NULL)
		ask(l, link);
}

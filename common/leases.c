/*
 * leases.c - holdings and credit of whoever takes jobs.
 *
 * Credit replaces the credit before it, so jobs that are on their way to us
 * when it is said come on top: some more than `most` may be out.  Not all
 * that ends is told to us, a job that was deleted is not; so what is out
 * longer than its lease counts no more, or is claimed again: if it is over,
 * that is answered.
 */
#include "common/leases.h"

#include "common/must.h"

enum { LOOK_MS = 250 }; /* how late a lease is renewed, or seen to be over */

static struct lease *
of(struct table_entry *e)
{
	return e != NULL ? container_of(e, struct lease, entry) : NULL;
}

static struct bus_link *
owner(const struct leases *l, uint64_t shard)
{
	return shard < bus_shards(l->bus) ? bus_owner(l->bus, (unsigned)shard)
	                                  : NULL;
}

struct lease *
leases_next(const struct leases *l, struct table_cursor *at)
{
	return of(table_next(l->rows, at));
}

size_t
leases_count(const struct leases *l)
{
	return table_count(l->rows);
}

static void
ask(const struct leases *l, struct bus_link *link)
{
	struct table_cursor at = {0};
	struct lease *one;
	unsigned out = 0;
	struct msg m = {
	    .id = MSG_credit, .credit = {.queue = slice_of(l->queue)}};

	if (l->silent)
		return;
	while ((one = leases_next(l, &at)) != NULL)
		out += owner(l, one->job[0]) == link;
	m.credit.jobs = out < l->most ? l->most - out : 0;
	bus_send(link, &m);
}

/* What was out at one may count at another now. */
static void
ask_all(struct timer *t)
{
	struct leases *l = container_of(t, struct leases, due);

	for (unsigned i = 0; i < bus_links(l->bus); i++)
		if (bus_link_up(bus_link_at(l->bus, i)))
			ask(l, bus_link_at(l->bus, i));
}

void
leases_ask(struct leases *l)
{
	if (!l->silent && !timer_armed(&l->due))
		loop_arm(l->loop, &l->due, 0);
}

static void
claim(const struct leases *l, const struct lease *one, struct bus_link *link)
{
	struct msg m = {.id = MSG_holding,
	    .holding = {one->job[0], one->job[1], one->lease}};

	if (!l->silent)
		bus_send(link, &m);
}

/* By half of its time; a store that is away hears of it when it is back. */
static void
renew(struct leases *l, struct lease *one, uint64_t now)
{
	struct bus_link *link = owner(l, one->job[0]);
	uint64_t half = one->until - one->renew;

	if (link == NULL)
		return;
	claim(l, one, link);
	one->renew = now + half;
	one->until = one->renew + half;
}

static void
look(struct timer *t)
{
	struct leases *l = container_of(t, struct leases, look);
	uint64_t now = loop_unix_ms(l->loop);
	struct table_cursor at = {0};
	struct lease *one;

	while ((one = leases_next(l, &at)) != NULL) {
		if (l->renewed) {
			if (one->renew <= now)
				renew(l, one, now);
		} else if (one->until <= now) {
			leases_drop(l, one);
			l->over(l, one);
		}
	}
	if (leases_count(l) != 0)
		loop_arm(l->loop, t, LOOK_MS);
}

void
leases_open(struct leases *l)
{
	l->rows = table_new();
	timer_init(&l->look, look);
	timer_init(&l->due, ask_all);
}

void
leases_close(struct leases *l)
{
	struct table_cursor at = {0};
	struct lease *one;

	if (l->rows == NULL)
		return;
	while ((one = leases_next(l, &at)) != NULL) {
		table_remove(l->rows, &one->entry);
		l->over(l, one);
	}
	timer_cancel(&l->look);
	timer_cancel(&l->due);
	table_free(&l->rows);
}

void
leases_up(struct leases *l, struct bus_link *link)
{
	struct table_cursor at = {0};
	struct lease *one;

	while ((one = leases_next(l, &at)) != NULL)
		if (owner(l, one->job[0]) == link)
			claim(l, one, link);
	ask(l, link);
}

/* Where its link is not up it is claimed with all the others when it is. */
void
leases_owner(struct leases *l, unsigned shard)
{
	struct bus_link *link = owner(l, shard);
	struct table_cursor at = {0};
	struct lease *one;

	while (link != NULL && (one = leases_next(l, &at)) != NULL)
		if (one->job[0] == shard)
			claim(l, one, link);
	leases_ask(l);
}

struct lease *
leases_find(const struct leases *l, uint64_t shard, uint64_t number)
{
	uint64_t job[2] = {shard, number};

	return of(table_find(
	    l->rows, (struct slice){(const char *)job, sizeof(job)}));
}

void
leases_again(struct leases *l, struct lease *one, const struct msg_job *m)
{
	uint64_t now = loop_unix_ms(l->loop);

	one->lease = m->lease;
	one->until = m->until;
	one->renew = m->until > now ? now + (m->until - now) / 2 : now;
}

void
leases_add(struct leases *l, struct lease *one, const struct msg_job *m)
{
	one->job[0] = m->shard;
	one->job[1] = m->number;
	leases_again(l, one, m);
	table_insert(l->rows, &one->entry,
	    (struct slice){(const char *)one->job, sizeof(one->job)});
	if (!timer_armed(&l->look))
		loop_arm(l->loop, &l->look, LOOK_MS);
}

void
leases_drop(struct leases *l, struct lease *one)
{
	table_remove(l->rows, &one->entry);
	leases_ask(l);
}

struct lease *
leases_settled(const struct leases *l, const struct msg_settled *m)
{
	struct lease *one = leases_find(l, m->shard, m->number);

	return one != NULL && one->lease <= m->lease ? one : NULL;
}

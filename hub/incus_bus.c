/*
 * incus_bus.c - asks go by any store, for each has a bridge do them, and their
 * order is incus_sets.h's business.
 */
#include "hub/incus_bus.h"

#include "common/incus.h"
#include "common/must.h"
#include "common/stats.h"
#include "hub/incus_sets.h"

#include <stdio.h>
#include <unistd.h>

enum { LEAVE_MS = 2000 };

struct incus_bus {
	struct incus_sets_face face;
	struct incus_sets *sets;
	struct hub *hub;
	struct timer timer;
	struct bus_link *link; /* asked last */
	uint64_t leaves_by;    /* ms; 0: it does not leave */
};

static bool
ask(struct incus_sets_face *f, const struct msg *m)
{
	struct incus_bus *b = container_of(f, struct incus_bus, face);

	b->link = bus_any(b->hub->d.bus);
	if (b->link == NULL)
		return false;
	bus_send(b->link, m);
	return true;
}

static void
wake(struct incus_sets_face *f, uint64_t ms)
{
	struct incus_bus *b = container_of(f, struct incus_bus, face);

	loop_arm(b->hub->d.loop, &b->timer, ms);
}

static uint64_t
now(struct incus_sets_face *f)
{
	return loop_now(container_of(f, struct incus_bus, face)->hub->d.loop);
}

static uint64_t
unix_s(struct incus_sets_face *f)
{
	return hub_unix_s(container_of(f, struct incus_bus, face)->hub);
}

static void
step(struct timer *t)
{
	incus_sets_step(container_of(t, struct incus_bus, timer)->sets);
}

/* Every host has a hub.1. */
static void
name_hub(const struct hub *h, char *room, size_t n)
{
	char host[64] = "localhost";

	(void)!gethostname(host, sizeof(host) - 1);
	snprintf(room, n, "%s@%s", h->d.name, host);
}

void
incus_bus_open(struct hub *h)
{
	struct incus_bus *b;
	char name[160];

	if (!h->limits.incus.sets)
		return;
	b = h->incus_bus = xcalloc(1, sizeof(*b));
	b->hub = h;
	b->face = (struct incus_sets_face){
	    .ask = ask, .wake = wake, .now = now, .unix_s = unix_s};
	timer_init(&b->timer, step);
	name_hub(h, name, sizeof(name));
	b->sets = incus_sets_new(&b->face, slice_of(name));
}

void
incus_bus_close(struct hub *h)
{
	struct incus_bus *b = h->incus_bus;

	h->incus_bus = NULL;
	if (b == NULL)
		return;
	incus_sets_free(&b->sets);
	timer_cancel(&b->timer);
	free(b);
}

void
incus_bus_links(struct hub *h)
{
	struct incus_bus *b = h->incus_bus;

	if (b == NULL)
		return;
	if (b->link != NULL && !bus_link_up(b->link)) {
		b->link = NULL;
		incus_sets_lost(b->sets);
	}
	if (bus_any(h->d.bus) != NULL)
		incus_sets_again(b->sets);
}

void
incus_bus_told(struct hub *h, const struct msg_told_redis *m)
{
	if (h->incus_bus != NULL)
		incus_sets_told(h->incus_bus->sets, m);
}

bool
incus_bus_left(struct hub *h)
{
	struct incus_bus *b = h->incus_bus;

	if (b == NULL || incus_sets_leave(b->sets))
		return true;
	if (b->leaves_by == 0)
		b->leaves_by = loop_now(h->d.loop) + LEAVE_MS;
	return loop_now(h->d.loop) >= b->leaves_by;
}

/* ---- Clients */

/* Polls may name anything. */
static bool
too_long(struct slice name)
{
	bool is = name.n > INCUS_WORD_MAX;

	stats_add(STAT_incus_sets_skipped, is);
	return is;
}

void
incus_bus_come(struct conn *c, struct slice user)
{
	if (c->hub->incus_bus == NULL || c->stay != NULL || too_long(user))
		return;
	c->stay = incus_stay_new(c->hub->incus_bus->sets, user);
}

void
incus_bus_page(struct conn *c, struct slice page)
{
	if (c->stay == NULL)
		return;
	incus_stay_page(c->hub->incus_bus->sets, c->stay,
	    too_long(page) ? SLICE("") : page);
}

void
incus_bus_gone(struct conn *c)
{
	if (c->stay != NULL)
		incus_stay_end(c->hub->incus_bus->sets, &c->stay);
}

void
incus_bus_present(struct conn *c, const struct attend_who *who, bool present)
{
	if (c->stay == NULL)
		return;
	if (present)
		incus_stay_present(
		    c->hub->incus_bus->sets, c->stay, who->session);
	else
		incus_stay_absent(c->hub->incus_bus->sets, c->stay);
}

struct incus_names
incus_bus_names(const struct conn *c)
{
	if (c->stay == NULL)
		return (struct incus_names){SLICE(""), SLICE("")};
	return (struct incus_names){
	    incus_stay_user(c->stay), incus_stay_on(c->stay)};
}

/* Of a hub that did not need them there are none. */
void
incus_bus_load(struct conn *c, const struct incus_names *n)
{
	if (n->user.n == 0)
		return;
	incus_bus_come(c, n->user);
	incus_bus_page(c, n->page);
}

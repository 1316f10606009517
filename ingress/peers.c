/*
 * peers.c - how many connections an address has here.
 *
 * One address may not take all descriptors; of IPv6 the /64 counts.  Only
 * addresses with an open connection are held, so the table is as large as
 * what it bounds.
 */
#include "common/must.h"
#include "common/table.h"
#include "ingress/front.h"
#include "ingress/port.h"

struct peer {
	struct table_entry entry;
	struct ip ip;
	unsigned connections;
};

struct peers {
	struct table *by_ip;
};

struct peers *
peers_new(void)
{
	struct peers *p = xcalloc(1, sizeof(*p));

	p->by_ip = table_new();
	return p;
}

void
peers_free(struct peers **pp)
{
	struct peers *p = *pp;
	struct table_cursor at = {0};
	struct table_entry *e;

	*pp = NULL;
	if (p == NULL)
		return;
	while ((e = table_next(p->by_ip, &at)) != NULL) {
		table_remove(p->by_ip, e);
		free(container_of(e, struct peer, entry));
	}
	table_free(&p->by_ip);
	free(p);
}

static struct slice
key(const struct ip *ip)
{
	return (struct slice){(const char *)ip->b, sizeof(ip->b)};
}

bool
peers_counts(const struct front *f, const struct ip *ip)
{
	return f->limits.per_address != 0 && !ip_loopback(ip) &&
	       !trust_has(&f->trusted, ip);
}

bool
peers_enter(struct front *f, const struct ip *ip)
{
	struct ip net = ip_counted(ip);
	struct table_entry *e = table_find(f->peers->by_ip, key(&net));
	struct peer *p;

	if (e != NULL) {
		p = container_of(e, struct peer, entry);
		if (p->connections >= f->limits.per_address)
			return false;
		p->connections++;
		return true;
	}
	p = xcalloc(1, sizeof(*p));
	p->ip = net;
	p->connections = 1;
	table_insert(f->peers->by_ip, &p->entry, key(&p->ip));
	return true;
}

void
peers_leave(struct front *f, const struct ip *ip)
{
	struct ip net = ip_counted(ip);
	struct table_entry *e = table_find(f->peers->by_ip, key(&net));
	struct peer *p;

	must(e != NULL);
	p = container_of(e, struct peer, entry);
	if (--p->connections != 0)
		return;
	table_remove(f->peers->by_ip, e);
	free(p);
}

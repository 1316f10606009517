/*
 * addresses.c - one client must not take every connection there is.
 */
#include "hub/addresses.h"

#include "common/address.h"
#include "common/must.h"
#include "common/table.h"

struct addresses {
	struct table *table;
	uint64_t most;
};

struct peer_address {
	struct table_entry entry;
	uint32_t count;
	char text[];
};

struct addresses *
addresses_new(uint64_t most)
{
	struct addresses *a = xcalloc(1, sizeof(*a));

	a->table = table_new();
	a->most = most;
	return a;
}

void
addresses_free(struct addresses **ap)
{
	struct addresses *a = *ap;

	*ap = NULL;
	if (a == NULL)
		return;
	must(table_count(a->table) == 0);
	table_free(&a->table);
	free(a);
}

bool
addresses_enter(
    struct addresses *a, struct slice text, struct peer_address **out)
{
	struct table_entry *e;
	struct peer_address *p;
	struct ip ip;

	*out = NULL;
	if (!ip_parse(text, &ip) || ip_loopback(&ip))
		return true;
	if ((e = table_find(a->table, text)) != NULL) {
		p = container_of(e, struct peer_address, entry);
		if (a->most != 0 && p->count >= a->most)
			return false;
	} else {
		p = xcalloc(1, sizeof(*p) + text.n + 1);
		memcpy(p->text, text.p, text.n);
		table_insert(
		    a->table, &p->entry, (struct slice){p->text, text.n});
	}
	p->count++;
	*out = p;
	return true;
}

void
addresses_leave(struct addresses *a, struct peer_address **pp)
{
	struct peer_address *p = *pp;

	*pp = NULL;
	if (p == NULL || --p->count != 0)
		return;
	table_remove(a->table, &p->entry);
	free(p);
}

const char *
peer_address_text(const struct peer_address *p)
{
	return p != NULL ? p->text : "local";
}

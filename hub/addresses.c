/*
 * addresses.c - one client must not take every connection there is.
 */
#include "hub/addresses.h"

#include "common/must.h"
#include "common/table.h"

struct addresses {
	struct table *table;
	uint64_t most;
};

struct peer_address {
	struct table_entry entry;
	uint32_t count;
	struct ip net;
	char text[IP_COUNTED];
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

/* Find it, or make it; NULL: it has too many. */
static struct peer_address *
enter(struct addresses *a, const struct ip *net, const char *text)
{
	struct slice key = {(const char *)net->b, sizeof(net->b)};
	struct table_entry *e = table_find(a->table, key);
	struct peer_address *p;

	if (e != NULL) {
		p = container_of(e, struct peer_address, entry);
		if (a->most != 0 && p->count >= a->most)
			return NULL;
	} else {
		p = xcalloc(1, sizeof(*p));
		p->net = *net;
		snprintf(p->text, sizeof(p->text), "%s", text);
		key.p = (const char *)p->net.b;
		table_insert(a->table, &p->entry, key);
	}
	p->count++;
	return p;
}

bool
addresses_enter(
    struct addresses *a, const struct ip *ip, struct peer_address **out)
{
	struct ip net = ip_counted(ip);
	char text[IP_COUNTED];

	*out = NULL;
	if (ip_loopback(ip))
		return true;
	ip_counted_text(ip, text);
	*out = enter(a, &net, text);
	return *out != NULL;
}

bool
addresses_enter_like(struct addresses *a, const struct peer_address *like,
    struct peer_address **out)
{
	*out = NULL;
	if (like == NULL)
		return true;
	*out = enter(a, &like->net, like->text);
	return *out != NULL;
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

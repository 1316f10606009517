/*
 * bayeux_hub.c - all sessions of a hub: found by their clients' names, bounded
 * in all and for each address.
 */
#include "common/must.h"
#include "common/stats.h"
#include "hub/addresses.h"
#include "hub/bayeux.h"
#include "hub/door.h"

void
bayeux_open(struct hub *h)
{
	struct bayeux_hub *all = xcalloc(1, sizeof(*all));

	all->hub = h;
	all->sessions = table_new();
	all->addresses = addresses_new(h->limits.per_address);
	list_init(&all->conns);
	bayeux_digits(all->tag, BAYEUX_TAG, hub_tag(h));
	h->bayeux = all;
}

void
bayeux_drop(struct hub *h)
{
	while (!list_empty(&h->bayeux->conns))
		conn_kill(
		    container_of(h->bayeux->conns.next, struct conn, node),
		    NULL);
}

void
bayeux_close(struct hub *h)
{
	struct bayeux_hub *all = h->bayeux;

	if (all == NULL)
		return;
	h->bayeux = NULL;
	table_free(&all->sessions);
	addresses_free(&all->addresses);
	buf_free(&all->text);
	buf_free(&all->reply);
	buf_free(&all->look);
	free(all);
}

struct conn *
bayeux_find(struct hub *h, struct slice id)
{
	struct table_entry *e = table_find(h->bayeux->sessions, id);
	struct bayeux *b;

	if (e == NULL)
		return NULL;
	b = container_of(e, struct bayeux, entry);
	return b->ending == BAYEUX_LIVES && b->conn->state == CONN_OPEN
	           ? b->conn
	           : NULL;
}

struct conn *
bayeux_new(struct conn *by)
{
	struct hub *h = by->hub;
	struct bayeux_hub *all = h->bayeux;
	struct peer_address *address;
	struct bayeux *b;
	struct conn *c;

	if (table_count(all->sessions) >= h->limits.bayeux.sessions ||
	    !addresses_enter_like(all->addresses, by->address, &address)) {
		stats_add(STAT_bayeux_refused, 1);
		return NULL;
	}
	c = conn_without(h, &dialect_bayeux);
	c->timer.fire = bayeux_fire;
	c->reader.form = FORM_BAYEUX_WS;
	b = c->bayeux = xcalloc(1, sizeof(*b));
	b->conn = c;
	b->address = address;
	list_init(&b->pending);
	list_init(&b->held.node);
	do
		bayeux_make_id(b->id, all->tag);
	while (table_find(all->sessions, slice_of(b->id)) != NULL);
	table_insert(
	    all->sessions, &b->entry, (struct slice){b->id, BAYEUX_ID});
	list_append(&all->conns, &c->node);
	stats_add(STAT_bayeux_sessions, 1);
	stats_add(STAT_bayeux_handshakes, 1);
	bayeux_refresh(c);
	return c;
}

/*
 * conn_without.c - a connection that is none: see conn.h.
 */
#include "common/must.h"
#include "hub/addresses.h"
#include "hub/conn.h"

const char *
conn_address(const struct conn *c)
{
	return peer_address_text(c->address);
}

/* Blocked for ever, so nothing is ever written. */
struct conn *
conn_without(struct hub *h, const struct dialect *d)
{
	struct conn *c = xcalloc(1, sizeof(*c));

	c->hub = h;
	c->fd = -1;
	c->bodiless = true;
	c->blocked = true;
	timer_init(&c->timer, NULL);
	list_init(&c->node);
	list_init(&c->dirty);
	conn_become(c, d);
	return c;
}

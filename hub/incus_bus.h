/*
 * incus_bus.h - incus_sets.h on the bus of a hub, and what its clients have to
 * do with it.
 *
 * Where the setting is off there is none, and all of this does nothing.
 */
#ifndef HUB_INCUS_BUS_H
#define HUB_INCUS_BUS_H

#include "hub/attend.h"
#include "hub/conn.h"

void incus_bus_open(struct hub *);
void incus_bus_close(struct hub *);
void incus_bus_links(struct hub *); /* one came up or went down */
void incus_bus_told(struct hub *, const struct msg_told_redis *);

/* The hub leaves, and all its clients have: true when Redis knows, or it has
 * taken too long. */
bool incus_bus_left(struct hub *);

/* A client came, once; is on a page, empty: none; has gone, harmless if it has
 * not come. */
void incus_bus_come(struct conn *, struct slice user);
void incus_bus_page(struct conn *, struct slice page);
void incus_bus_gone(struct conn *);

/* dialect.present of Incus' clients. */
void incus_bus_present(struct conn *, const struct attend_who *, bool);

/* What goes with a connection that is moved: the names as they came, which
 * its channels do not tell; both empty where none are needed. */
struct incus_names {
	struct slice user, page;
};
struct incus_names incus_bus_names(const struct conn *);
void incus_bus_load(struct conn *, const struct incus_names *);

#endif

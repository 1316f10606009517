/*
 * ask.h - publishes of a connection that are not answered yet.
 */
#ifndef HUB_ASK_H
#define HUB_ASK_H

#include "common/msg.h"
#include "common/outbox.h"

struct conn;

/* One publish; lives until it is answered or its connection is gone. */
struct ask {
	struct ticket ticket;
	struct conn *conn;
	struct ask *next, **at; /* of the connection */
	void (*answered)(struct ask *, const struct msg_published *);
	struct slice ref, id, channel; /* behind it */
	char bytes[];
};

/* Publish; copies ref, id and channel.  The caller asked bus_has_room(). */
struct ask_want {
	struct slice ref;
	struct msg *publish;
	void (*answered)(struct ask *, const struct msg_published *);
};
void ask_publish(struct conn *, const struct ask_want *);

/* The connection is gone: what was published stays so, nobody is told. */
void asks_forget(struct conn *);

#endif

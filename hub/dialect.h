/*
 * dialect.h - a protocol, as a struct of functions over a connection.
 *
 * A dialect decides and writes; the connection reads, flushes and dies.  Any
 * function may be NULL.
 */
#ifndef HUB_DIALECT_H
#define HUB_DIALECT_H

#include "common/msg.h"
#include "common/slice.h"
#include "hub/subs.h"

#include <stddef.h>

struct conn;
struct attend_who;

struct dialect {
	const char *name;
	const struct reader_face *reader;
	/* Bytes came; they may be changed in place.  How many were consumed:
	 * the rest is kept, or is the next dialect's if this call changed
	 * it.  NULL: what comes waits until the dialect has changed. */
	size_t (*input)(struct conn *, char *p, size_t n);
	void (*ended)(struct conn *); /* the peer sends no more; NULL: kill */
	void (*timeout)(struct conn *);
	void (*settle)(struct conn *);  /* before its output is written */
	void (*drained)(struct conn *); /* all was written after blocking */
	void (*leave)(struct conn *, unsigned in_ms); /* the hub drains */
	/* It hears and says nothing more, and is about to lose its subs;
	 * maybe said twice. */
	void (*left)(struct conn *);
	/* It is present as that, or is not any more. */
	void (*present)(struct conn *, const struct attend_who *, bool);
	void (*closed)(struct conn *); /* free what is the dialect's */
	/* What it keeps of a connection, as a frame; a dialect without has
	 * none.  False: it is in the middle of something. */
	enum msg_id state;
	bool (*save)(const struct conn *, struct msg *);
	void (*load)(struct conn *, const struct msg *); /* and becomes it */
};

extern const struct dialect dialect_http, dialect_ws, dialect_sse, dialect_poll,
    dialect_echo, dialect_incus, dialect_incus_poll, dialect_tyron,
    dialect_bayeux, dialect_bayeux_post, dialect_bayeux_ws,
    dialect_bayeux_events;

#endif

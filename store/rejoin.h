/*
 * rejoin.h - after a boot, what is published waits for the hubs.
 *
 * Publishers and hubs find a store that came back in any order.  A message
 * that is told before the hubs have said again what they listen to reaches
 * nobody, and one that is not kept cannot be had later.  So writes are held
 * until every hub that was linked in the last life has rejoined, or for
 * REJOIN_MS.  The names of those hubs are in DATA/hubs.NAME.
 *
 * Held is at most what publishers may have unanswered.  Copies the frames.
 */
#ifndef STORE_REJOIN_H
#define STORE_REJOIN_H

#include "common/bus_server.h"
#include "common/loop.h"

enum { REJOIN_MS = 1000, REJOIN_HUBS = 256 /* names remembered at most */ };

struct rejoin;

struct rejoin_setup {
	struct loop *loop;
	const char *folder, *name; /* borrowed; NULL: nothing is remembered */
	/* They are all there, or the time is over: now take what was held. */
	void (*over)(struct rejoin_setup *);
};

struct rejoin *rejoin_new(struct rejoin_setup *); /* borrows */
void rejoin_free(struct rejoin **);

/* Writes are to be held. */
bool rejoin_waits(const struct rejoin *);
void rejoin_hold(struct rejoin *, struct bus_peer *, const struct msg *);

/* The next write that was held, oldest first; the msg lives until the next
 * call.  False: that was all. */
bool rejoin_take(struct rejoin *, struct bus_peer **, struct msg *);

void rejoin_hello(struct rejoin *, const struct bus_peer *);
void rejoin_said(struct rejoin *, const struct bus_peer *); /* `rejoined` */
/* What it sent is dropped: it will say it again. */
void rejoin_gone(struct rejoin *, const struct bus_peer *);

#endif

/*
 * pages.h - rows of the engine to peers, page by page, as fast as they take
 * them.
 *
 * A walk sees all that was accepted for its shard before it set out: it waits
 * for the commits that were pending then.  Some walks of a peer go on at a
 * time, the rest wait their turn; a peer that is gone takes its walks along.
 */
#ifndef STORE_PAGES_H
#define STORE_PAGES_H

#include "store/rows.h"
#include "store/wire.h"
#include "store/worker.h"
#include "store/writes.h"

enum { WALKS_PEER = 65536 }; /* of a peer: a hub of that many boxes rejoins */

struct pages;
struct walk;

/* Embedded in the state of a peer. */
struct pages_peer {
	struct bus_peer *peer;
	struct list active; /* of all, while queue is not empty */
	struct list queue;  /* struct walk, ready to read on */
	struct list mine;   /* struct walk, all of them */
	unsigned walks, flying;
};

struct pages_setup { /* all of it is borrowed */
	struct engine *engine;
	struct worker *reader;
	struct writes *writes;
	struct wire *wire;
};

struct pages *pages_new(const struct pages_setup *);
/* After the reader and all peers are gone. */
void pages_free(struct pages **);

void pages_peer_init(struct pages_peer *, struct bus_peer *);
void pages_peer_gone(struct pages_peer *);

/* What to read, and how it is told. */
struct walk_setup {
	enum space space;
	uint16_t shard;
	struct slice prefix, after; /* as in struct scan; copied */
	uint64_t ref;
	unsigned limit; /* rows */
	/* The frame of a row; false: it is no row of ours. */
	bool (*row)(uint64_t ref, const struct rows_row *, struct msg *);
	void (*end)(uint64_t ref, enum code, bool more, struct msg *);
};

/* NULL: the peer has too many, and was told so.  It stands still, by its
 * node on whatever list, until it is sent; it may vanish from there. */
struct walk *walk_new(
    struct pages *, struct pages_peer *, const struct walk_setup *);
void walk_stand(struct walk *, struct list *);
/* It sets out, behind what is pending; or all that stand on a list do. */
void walk_go(struct walk *);
void walks_go(struct list *);

/* Some work.  True: there is more that could be done now. */
bool pages_turn(struct pages *, uint64_t unix_ms);

/* Tell the end of a walk that never was. */
void pages_refuse(
    struct pages *, struct pages_peer *, const struct walk_setup *, enum code);

#endif

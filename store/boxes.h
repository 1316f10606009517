/*
 * boxes.h - mailboxes and retained values: items by key, with a version.
 *
 * A box is a channel's name.  Its directory (box.h) is in memory while it is
 * used: it is read on the first touch, and what comes meanwhile waits.
 * Decisions are made on the directory at once and are safe with the commit;
 * when that fails, the directory is dropped and read again.
 *
 *	put   refused as older, box_full, expired; else kept, and told to who
 *	      joined the channel if that is wanted
 *	drop  of what is not there, or not of that version, is not_found;
 *	      of all the box it always succeeds
 *	list  sees every put and drop of the box that came before it
 *
 * Bodies are never in memory longer than their put.  A touch costs O(log n)
 * of the items, the first one a scan of the box.
 */
#ifndef STORE_BOXES_H
#define STORE_BOXES_H

#include "store/pages.h"

struct boxes;

struct boxes_setup { /* what is pointed to is borrowed */
	struct engine *engine;
	struct worker *reader;
	struct writes *writes;
	struct sequence *sequence;
	struct pages *pages;
	size_t items;    /* of a box */
	uint64_t bytes;  /* of a box: keys, types, bodies */
	uint64_t ttl_ms; /* an item lives no longer */
	size_t memory;   /* of all directories; what is in use may exceed */
};

struct boxes *boxes_new(const struct boxes_setup *);
/* After the reader and the committer. */
void boxes_free(struct boxes **);

/* The shard is another store's now: its boxes are forgotten, those of which
 * something is in the commit as soon as that is settled. */
void boxes_leave(struct boxes *, unsigned shard);

/* A put or a drop came. */
void boxes_write(
    struct boxes *, struct publisher *, const struct msg *, uint64_t unix_ms);

void boxes_list(struct boxes *, struct pages_peer *, const struct msg_list *);

#endif

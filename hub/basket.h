/*
 * basket.h - messages gathered for one answer of a poll, or for a socket that
 * is to hear what several channels bring in one order.
 *
 * They wait in the order they came, those of a shard in its order.  When more
 * comes than one answer should hold, what is left out is the end of each
 * shard's numbering, and the place that the answer names says so: what comes
 * late and stands before others takes their room.  An empty one owns nothing.
 *
 * Holds counts of runs; keeps the books of owed.h for what is in it.
 */
#ifndef HUB_BASKET_H
#define HUB_BASKET_H

#include "common/buf.h"
#include "common/cursor.h"
#include "hub/run.h"
#include "hub/subs.h"

enum {
	BASKET_ITEMS = 1000,    /* messages of an answer, and less on demand */
	BASKET_BYTES = 1 << 20, /* of an answer; one message may be larger */
};

struct conn;
struct basket_item;

/* Zeroed, but for `most`, it is empty. */
struct basket {
	struct basket_item *items;
	size_t n, room;
	size_t bytes;            /* of all items */
	struct cursor_part *cut; /* first one left out, a shard */
	unsigned cuts, cuts_room;
	unsigned most; /* messages: at most BASKET_ITEMS; 0 is that */
};

/* One message, or a gap, which is taken however much there is: no place but
 * the one that was asked with says where it begins. */
void basket_add(struct basket *, struct piece, const struct place *);

/* The bytes of item i. */
struct slice basket_at(const struct basket *, size_t i);

/* Append the place of all that the connection listens to, but before what was
 * left out. */
void basket_cursor(const struct basket *, const struct conn *, struct buf *);

/* Some it listens to are behind, and stay so as long as their store is away;
 * but that place has a part for each shard, and nothing in here lies behind
 * it: who comes back with it misses nothing and gets nothing twice. */
bool basket_covered(const struct basket *, const struct conn *);

/* Send the answer: the messages are written when its last byte is.  The basket
 * is empty then, but remembers what it left out. */
void basket_send(struct basket *, struct conn *, struct slice answer);

/* Send by itself, in order, what has all before it of its shard; the rest
 * stays.  Costs a walk. */
void basket_hand(struct basket *, struct conn *);

void basket_free(struct basket *); /* nobody gets what is in it */

#endif

/*
 * incus_sets_own.h - what the two files of incus_sets.h share.
 *
 * An item is a user, a page or a session: a number here, a number there.  It
 * is at rest while they are the same; else it is due, or asked for.  A session
 * at rest waits among the fresh ones for being told again.  What is zero on
 * both sides is freed.
 */
#ifndef HUB_INCUS_SETS_OWN_H
#define HUB_INCUS_SETS_OWN_H

#include "common/backoff.h"
#include "common/list.h"
#include "common/table.h"
#include "common/verb.h"
#include "hub/incus_sets.h"

#define INCUS_UNKNOWN UINT32_MAX /* told: it may be anything */

enum incus_phase {
	INCUS_BEGINS,
	INCUS_LIVES,
	INCUS_LEAVES,
	INCUS_OVER,
};
enum incus_where { INCUS_RESTING, INCUS_DUE, INCUS_ASKED };

struct incus_item {
	struct table_entry entry;
	struct list node;        /* sets.due, .asked or .fresh, or alone */
	struct incus_item *user; /* of a session, while it is somebody's */
	uint64_t told_at;        /* ms; of a session */
	uint32_t now;            /* clients */
	uint32_t told, sent;
	uint8_t where; /* enum incus_where */
	char key[];    /* a letter and a name, as in verb.def */
};

struct incus_sets {
	struct incus_sets_face *face;
	struct table *items;
	struct list due, asked, fresh; /* oldest first */
	size_t waiting;                /* due and asked */
	struct backoff backoff;
	struct buf field, value; /* of an ask */
	struct buf key;          /* of an item that is looked for */
	char *name;
	uint64_t life, number, done; /* asks; known to be done */
	uint64_t ref;
	uint64_t next, late, renew; /* ms: step, no answer, sweep */
	enum incus_phase phase;
	enum verb asked_for; /* VERB_none: nothing is on its way */
	bool failing, complained;
};

/* It has changed, on this side or that: where does it belong now?  It may be
 * freed. */
void incus_item_settle(struct incus_sets *, struct incus_item *);
void incus_item_rest(struct incus_sets *, struct incus_item *); /* off a list */
void incus_item_free(struct incus_sets *, struct incus_item *);

struct slice incus_item_name(const struct incus_item *); /* NULL: empty */

static inline bool
incus_item_is_session(const struct incus_item *i)
{
	return i->key[0] == 'h';
}

/* Something is due: a step follows. */
void incus_sets_soon(struct incus_sets *);

#endif

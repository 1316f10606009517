/*
 * fates.h - what became here of tracked messages, told to their stores.
 *
 * A message that comes with a track is counted apart from its first copy until
 * its store says `untrack`.  The numbers are absolute, are told at most once a
 * second and when they changed, and all again when a link came up: so neither
 * a lost frame nor a repeated one makes them wrong.  A store that does not
 * know the message, as after a restart, answers `untrack`.
 *
 * At most FATES_MAX; what comes past that is not counted here, and that is
 * counted.  O(1) each, but fates_again() and fates_tick(), which cost what
 * there is and what changed.
 */
#ifndef HUB_FATES_H
#define HUB_FATES_H

#include "common/msg.h"
#include "common/stats.h"

enum { FATES_MAX = 65536 };

struct fates;

struct fates_face {
	/* To the store that owns the shard.  False: it is not there, or has no
	 * room now. */
	bool (*say)(struct fates_face *, unsigned shard, const struct msg *);
};

struct fates *fates_new(struct fates_face *); /* borrows */
void fates_free(struct fates **);             /* and sets it to NULL */

/* A copy came. */
void fates_came(struct fates *, uint64_t track, unsigned shard);
/* It is for one more recipient (messages_due), or that became of it for one:
 * the row in which a hub counts it. */
void fates_count(struct fates *, uint64_t track, enum stat_id);
/* Nobody will ask. */
void fates_untrack(struct fates *, uint64_t track);

void fates_again(struct fates *); /* a link came up */
void fates_tick(struct fates *);  /* once a second, and before we leave */

#endif

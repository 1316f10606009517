/*
 * held.h - what a join that catches up is sent later.
 *
 * That is what will not be found in the log and, while it holds_kept, what
 * was kept since the read began that is under way.  Bounded by ROUTE_HELD and
 * ROUTE_HELD_PEER.  Copies the message: O(1) each.
 */
#ifndef STORE_HELD_H
#define STORE_HELD_H

#include "store/route.h"

void held_add(struct join *, const struct fan *);
void held_drop(struct join *); /* all of it */

/* Hold what is kept, too, from now on; or forget what of it was held.  What
 * does not fit ends it. */
void held_kept(struct join *, bool on);

#endif

/*
 * reserve.h - numbers that no life of the store gives out twice.
 *
 * A message that is not kept leaves no trace of its number, yet clients hold
 * it as their position.  So an engine that outlives the process notes how far
 * numbers may be given out, a million ahead, and a restart goes on behind
 * that.  Costs one comparison per message, and one op per half a million.
 */
#ifndef STORE_RESERVE_H
#define STORE_RESERVE_H

#include "store/commit.h"

struct reserves;

struct reserves *reserves_new(struct sequence *, struct commit *); /* borrows */
void reserves_free(struct reserves **);

/* There is a number left: ask before each.  Notes more in time; false only
 * while the engine does not write at all. */
bool reserves_left(struct reserves *, unsigned shard);

#endif

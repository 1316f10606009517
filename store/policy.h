/*
 * policy.h - which channels keep how much, from one setting.
 *
 *	ALL=1000,5m,1m  /demo/public/ticker=0  /demo/private/ALL=50,1d
 *
 * where ALL is a slash and two stars.  A row is PATTERN=COUNT[,AGE[,BYTES]];
 * one star stands for one segment anywhere, two for any number at the end.
 * The most specific row of a channel wins: at the first segment where two
 * differ, a word beats *, and * beats **.  What a row leaves out is not
 * limited by it; COUNT 0 keeps nothing.  Finding costs one pass over the
 * rows: do it once per channel.
 */
#ifndef STORE_POLICY_H
#define STORE_POLICY_H

#include "common/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct policy {
	uint64_t count;  /* messages; 0 keeps nothing */
	uint64_t age_ms; /* 0: no bound */
	uint64_t bytes;  /* of bodies and names; 0: no bound */
};

struct policies;

/* Rows between spaces; copies.  NULL: *why names what is wrong, and *bad is
 * the row, a slice of the text. */
struct policies *policies_new(
    struct slice text, const char **why, struct slice *bad);
void policies_free(struct policies **);

/* No channel is left that keeps nothing. */
bool policies_keep_all(const struct policies *);

/* Never NULL: without a row nothing is kept.  Borrowed from the policies. */
const struct policy *policies_find(const struct policies *, struct slice);

#endif

/*
 * owners.h - which store owns which shards: the static table.
 *
 * Of n stores in the setting, number s * n / S owns shard s.
 */
#ifndef STORE_OWNERS_H
#define STORE_OWNERS_H

#include "store/wire.h"

enum { OWNERS_MOST = 64, OWNERS_TERM = 1 /* it never changes */ };

struct owners {
	struct owners_row {
		char name[64], endpoint[256];
	} rows[OWNERS_MOST];
	unsigned count, self, shards;
};

/* Read `[name@]endpoint ...` (empty: one at ipc://RUN/store) and find the
 * store called `self` in it; one store alone is it whatever its name.  NULL,
 * or what is wrong. */
struct owners_setup {
	struct slice stores;
	const char *self, *run;
	unsigned shards;
};
const char *owners_read(struct owners *, const struct owners_setup *);

bool owners_own(const struct owners *, unsigned shard);
const char *owners_name(const struct owners *);     /* of this store */
const char *owners_endpoint(const struct owners *); /* likewise */

/* The whole table, to a peer. */
void owners_tell(const struct owners *, struct wire *, struct bus_peer *);

#endif

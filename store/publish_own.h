/*
 * publish_own.h - between publish.c and publish_beside.c.  Nobody else
 * includes it.
 */
#ifndef STORE_PUBLISH_OWN_H
#define STORE_PUBLISH_OWN_H

#include "store/publish.h"
#include "store/reserve.h"

struct publishing {
	struct publishing_setup *setup;
	struct commit_face face;
	struct commit *commit;
	struct reserves *reserves;
	struct publish_time time; /* of this turn */
	struct publisher own;     /* boot 0: nobody will repeat */
};

/* Tell a message to whoever joined.  True: hubs that were sent it have no
 * window left, and its answer must be withheld. */
bool publish_fan_out(
    struct publishing *, struct topic *, const struct fan *, struct answer *);
void publish_withhold(struct publishing *, struct publisher *, uint64_t seq,
    const struct answer *);

#endif

/*
 * resolve.h - a host's addresses, without blocking the loop.
 *
 * A number is one at once; a name is looked up by a thread of its own, which
 * costs 50 us beside what the name server takes.  Copies what it is asked.
 */
#ifndef PUSHERS_RESOLVE_H
#define PUSHERS_RESOLVE_H

#include "common/address.h"
#include "common/loop.h"

enum { RESOLVED = 16 }; /* addresses kept of a name */

struct resolve_lookup;

/* Zeroed but for these two it is an idle one. */
struct resolve {
	struct loop *loop;
	void (*found)(struct resolve *);

	struct address addresses[RESOLVED]; /* once found is called */
	unsigned n;                         /* 0: nobody knows the name */
	struct resolve_lookup *lookup;      /* resolve.c's business */
	struct timer at_once;
};

/* Begin; one at a time.  found is called later, never from here. */
void resolve(struct resolve *, const char *host, const char *port);

/* Forget it: found is not called any more.  Harmless for an idle one. */
void resolve_stop(struct resolve *);

#endif

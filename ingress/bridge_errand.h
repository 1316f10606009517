/*
 * bridge_errand.h - what Redis is to do for hubs and ingresses.
 *
 * A connection of its own, so that a long value holds up neither lists nor
 * leases.  Commands go out in the order they came and are never tried again:
 * each is answered once, with what Redis said or with why not.  Borrows the
 * frame for the call; a command on its way costs 80 bytes.
 */
#ifndef INGRESS_BRIDGE_ERRAND_H
#define INGRESS_BRIDGE_ERRAND_H

#include "common/msg.h"
#include "ingress/redis.h"

enum {
	ERRANDS_MOST = 4096,   /* on their way; then: busy */
	ERRAND_WAIT_MS = 4000, /* for Redis; the store waits 5000 for us */
};

struct errands;
struct bus_link;

struct errands_setup {
	struct redis_setup redis; /* its face and label are filled in */
	/* A told_redis for the store it came from. */
	void (*told)(
	    struct errands_setup *, struct bus_link *, const struct msg *);
};

/* Borrows the setup. */
struct errands *errands_new(struct errands_setup *);
void errands_up(struct errands *);    /* Redis is there: connect */
void errands_free(struct errands **); /* who waits hears nothing */

void errands_take(struct errands *, struct bus_link *, const struct msg *);
bool errands_idle(const struct errands *);

#endif

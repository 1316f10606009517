/*
 * accept.h - the hub's own listeners, for hosts without an ingress.
 */
#ifndef HUB_ACCEPT_H
#define HUB_ACCEPT_H

struct accepts;
struct hub;

/* Listen at the addresses, by spaces.  NULL: one cannot be had, it was
 * logged, and *status says how to exit. */
struct accepts *accepts_new(struct hub *, const char *addresses, int *status);
void accepts_free(struct accepts **); /* and sets it to NULL */

#endif

/*
 * addresses.h - how many connections each client address has.
 *
 * Of IPv6 the /64 is counted.  An address costs one block while it has a
 * connection.  Loopback and unix sockets are this host and not counted.
 */
#ifndef HUB_ADDRESSES_H
#define HUB_ADDRESSES_H

#include "common/address.h"

#include <stdint.h>

struct addresses;
struct peer_address;

struct addresses *addresses_new(uint64_t most); /* per address; 0: any */
void addresses_free(struct addresses **);

/* One more.  False: it has too many.  *out is NULL for this host. */
bool addresses_enter(
    struct addresses *, const struct ip *, struct peer_address **out);
/* The same for whoever has that address among others. */
bool addresses_enter_like(
    struct addresses *, const struct peer_address *, struct peer_address **out);
void addresses_leave(struct addresses *, struct peer_address **);

/* 192.0.2.1 or 2001:db8::/64; "local" for NULL. */
const char *peer_address_text(const struct peer_address *);

#endif

/*
 * proxy.h - who the client is when a proxy stands in between.
 *
 * Only a peer in the list of trusted proxies is believed; that is the
 * caller's check for the PROXY protocol, and done here for the header.
 * PROXY protocol: haproxy's proxy-protocol.txt, versions 1 and 2.
 */
#ifndef COMMON_PROXY_H
#define COMMON_PROXY_H

#include "common/address.h"

enum {
	PROXY_MORE = 0,     /* could still become one: read on */
	PROXY_BAD = -1,     /* begins like one and is not: close */
	PROXY_NONE = -2,    /* begins otherwise: there is no PROXY header */
	PROXY_V1_MAX = 107, /* bytes, with CR LF; section 2.1 */
	PROXY_V2_MAX = 16 + 2048, /* more TLVs than anybody sends */
};

struct proxy {
	bool told; /* false: LOCAL or UNKNOWN, the peer is the client */
	struct ip client;
	unsigned port;
};

/* Read a PROXY header; the bytes it took, or one of the above. */
int proxy_parse(struct slice, struct proxy *);

/* Walk one X-Forwarded-For from its right end: as long as *ip (at first the
 * peer) is trusted, the entry before it takes its place.  An entry that is no
 * address ends the walk.  True: all entries were trusted; of several lines,
 * go on with the one before. */
bool proxy_forwarded(
    struct slice header, const struct ip_range *, unsigned n, struct ip *);

#endif

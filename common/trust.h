/*
 * trust.h - the proxies that may tell who the client is.
 *
 * A list of addresses and ranges, read from POSTHORN_TRUSTED_PROXIES once.
 * Asking costs one comparison for each row.
 */
#ifndef COMMON_TRUST_H
#define COMMON_TRUST_H

#include "common/address.h"
#include "common/http.h"

enum { TRUST_MAX = 64 }; /* rows */

struct trust {
	struct ip_range at[TRUST_MAX];
	unsigned n;
};

/* Read a list, words between spaces or commas.  NULL, or what is wrong with
 * *bad. */
const char *trust_read(struct trust *, struct slice list, struct slice *bad);

bool trust_has(const struct trust *, const struct ip *);

/* *ip sent this request: put whom it is for in its place.  The lines of
 * X-Forwarded-For are believed from the right as long as who wrote the entry
 * is trusted, so the rightmost address that is not trusted wins; an entry that
 * is no address ends the walk. */
void trust_client(
    const struct trust *, const struct http_request *, struct ip *);

#endif

/*
 * trust.c - from the peer of a socket to the client of a request.
 */
#include "common/trust.h"

#include "common/options.h"
#include "common/proxy.h"

const char *
trust_read(struct trust *t, struct slice list, struct slice *bad)
{
	const char *why;

	t->n = 0;
	while (opt_word(&list, bad)) {
		if (t->n == TRUST_MAX)
			return "more rows than are looked at";
		if ((why = ip_range_parse(*bad, &t->at[t->n])) != NULL)
			return why;
		t->n++;
	}
	return NULL;
}

bool
trust_has(const struct trust *t, const struct ip *ip)
{
	return ip_in(ip, t->at, t->n);
}

/* Several lines are one list: the last line is its right end. */
void
trust_client(const struct trust *t, const struct http_request *r, struct ip *ip)
{
	if (!trust_has(t, ip))
		return;
	for (unsigned i = r->count; i-- > 0;)
		if (http_same(r->headers[i].name, SLICE("x-forwarded-for")) &&
		    !proxy_forwarded(r->headers[i].value, t->at, t->n, ip))
			return;
}

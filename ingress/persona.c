/*
 * persona.c - a table of last words.
 */
#include "ingress/persona.h"

#include "ingress/api.h"
#include "ingress/request.h"

static const struct answer_fixed unknown[PERSONAS] = {
    [PERSONA_incus] = {404, SLICE_INIT("text/plain; charset=utf-8"),
	SLICE_INIT("X-Content-Type-Options: nosniff\r\n"),
	SLICE_INIT("404 page not found\n")},
};

/* OPTIONS * is of the whole server; Go's answer to it has nothing to tell.
 * Tyron and Pandapush knew no such thing. */
static struct request *
whole_server(enum persona bound)
{
	if (bound == PERSONA_incus)
		return answer_fixed(&(struct answer_fixed){.status = 200});
	return answer_methods(HTTP_ALLOW(HTTP_GET) | HTTP_ALLOW(HTTP_HEAD) |
				  HTTP_ALLOW(HTTP_POST) | HTTP_ALLOW(HTTP_PUT) |
				  HTTP_ALLOW(HTTP_DELETE) |
				  HTTP_ALLOW(HTTP_OPTIONS),
	    true);
}

struct request *
persona_unknown(
    struct client *c, enum persona bound, const struct http_request *h)
{
	struct failure f = failure_of(CODE_not_found);

	if (bound == PERSONA_tyron)
		return api_tyron_unknown(c, h);
	if (bound == PERSONA_pandapush)
		return api_pandapush_unknown(c, h);
	if (slice_is(h->path, "*"))
		return whole_server(bound);
	if (unknown[bound].status == 0)
		return answer_failure(&f);
	return answer_fixed(&unknown[bound]);
}

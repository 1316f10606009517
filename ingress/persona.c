/*
 * persona.c - a table of last words.
 */
#include "ingress/persona.h"

#include "ingress/request.h"

static const struct answer_fixed unknown[PERSONAS] = {
    [PERSONA_incus] = {404, SLICE_INIT("text/plain; charset=utf-8"),
	SLICE_INIT("X-Content-Type-Options: nosniff\r\n"),
	SLICE_INIT("404 page not found\n")},
    [PERSONA_tyron] = {404, SLICE_INIT("text/html; charset=UTF-8"),
	SLICE_INIT(""),
	SLICE_INIT("<html><title>404: Not Found</title>"
		   "<body>404: Not Found</body></html>")},
};

struct request *
persona_unknown(enum persona bound)
{
	struct failure f = failure_of(CODE_not_found);

	if (unknown[bound].status == 0)
		return answer_failure(&f);
	return answer_fixed(&unknown[bound]);
}

/*
 * http_header.c - what one asks of a parsed request, and of a refused one.
 *
 * Lookups walk the array: a request has a dozen headers, and most are told
 * from the one wanted by their length.
 */
#include "common/http.h"

#include "common/must.h"

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

bool
http_same(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (a.p[i] != b.p[i] && lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

unsigned
http_error_status(int error, struct http_fault *why)
{
	static const struct {
		unsigned status;
		struct http_fault fault;
	} errors[] = {
#define X(name, status, code, sentence) {status, {code, sentence, NULL}},
	    HTTP_ERRORS(X)
#undef X
	};
	int i = error - HTTP_ERRORS_BEGIN - 1;

	must(i >= 0 && i < (int)LENGTH(errors));
	if (why != NULL)
		*why = errors[i].fault;
	return errors[i].status;
}

struct slice
http_header(const struct http_request *r, struct slice name)
{
	for (unsigned i = 0; i < r->count; i++)
		if (http_same(r->headers[i].name, name))
			return r->headers[i].value;
	return (struct slice){NULL, 0};
}

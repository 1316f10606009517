/*
 * http.c - the strict request parser.
 *
 * One pass over the head: each step takes the cursor to the next byte it does
 * not understand, and answers OK, MORE or an error.  Errors are found in the
 * order of the stream and depend on nothing behind them, so what a request is
 * refused for does not depend on how the network cut it up.
 */
#include "common/http.h"

#include "common/http_class.h"
#include "common/must.h"

#include <limits.h>

enum { MORE = 0, OK = 1 };

struct cursor {
	const char *p, *end;
};

/* Headers that decide how the rest of the stream is read. */
enum known {
	HAS_HOST = 1,
	HAS_LENGTH = 2,
	HAS_CODING = 4,
	HAS_EXPECT = 8,
	HAS_UPGRADE = 16,
	/* tokens of Connection */
	HAS_CLOSE = 32,
	HAS_KEEP_ALIVE = 64,
	HAS_UPGRADE_TOKEN = 128,
};

static int
end_of_line(struct cursor *c)
{
	if (c->p == c->end)
		return MORE;
	if (c->p[0] != '\r')
		return HTTP_E_BAD_LINE;
	if (c->p + 1 == c->end)
		return MORE;
	if (c->p[1] != '\n')
		return HTTP_E_BAD_LINE;
	c->p += 2;
	return OK;
}

/* Robust against one CR LF too many after the body before (RFC 9112 2.2). */
static int
empty_line(struct cursor *c)
{
	int rc = OK;

	if (c->p == c->end)
		return MORE;
	if (*c->p != '\r' && *c->p != '\n')
		return OK;
	if ((rc = end_of_line(c)) != OK)
		return rc;
	if (c->p == c->end)
		return MORE;
	return *c->p == '\r' || *c->p == '\n' ? HTTP_E_EMPTY_LINES : OK;
}

static enum http_method
method_of(struct slice name)
{
	static const struct slice names[] = {{NULL, 0},
#define X(m) SLICE_INIT(#m),
	    HTTP_METHODS(X)
#undef X
	};

	for (unsigned i = HTTP_GET; i < HTTP_METHODS_END; i++)
		if (slice_eq(name, names[i]))
			return (enum http_method)i;
	return HTTP_OTHER;
}

static int
read_method(struct cursor *c, struct http_request *r)
{
	const char *start = c->p;

	while (c->p < c->end && http_is(*c->p, HTTP_TOKEN))
		c->p++;
	if (c->p == c->end)
		return MORE;
	if (c->p == start || *c->p != ' ')
		return HTTP_E_BAD_METHOD;
	r->method = (struct slice){start, (size_t)(c->p++ - start)};
	r->verb = method_of(r->method);
	if (r->verb == HTTP_OTHER && slice_is(r->method, "CONNECT"))
		return HTTP_E_CONNECT;
	return OK;
}

/* uri-host [":" port], without the escapes and sub-delimiters that RFC 3986
 * allows and no name in use has: a comma would look like two hosts. */
static bool
host_is_good(struct slice h)
{
	uint64_t port = 0;
	size_t i = 0;

	if (h.n != 0 && h.p[0] == '[') {
		for (i = 1; i < h.n; i++)
			if (!http_is(h.p[i], HTTP_HEX) && h.p[i] != ':' &&
			    h.p[i] != '.')
				break;
		if (i < 3 || i == h.n || h.p[i++] != ']')
			return false;
	} else {
		while (i < h.n && http_is(h.p[i], HTTP_HOST))
			i++;
		if (i == 0)
			return false;
	}
	if (i == h.n)
		return true;
	if (h.p[i++] != ':')
		return false;
	return i == h.n || (slice_num(slice_from(h, i), &port) && port < 65536);
}

/* http://host/path?query: its authority overrules the Host header (RFC 9112
 * 3.2.2), which must still be there. */
static int
split_absolute(struct http_request *r)
{
	struct slice rest = r->target;
	size_t scheme, n = 0;

	for (scheme = 0; scheme < rest.n && rest.p[scheme] != ':';)
		scheme++;
	if (!http_same((struct slice){rest.p, scheme}, SLICE("http")) &&
	    !http_same((struct slice){rest.p, scheme}, SLICE("https")))
		return HTTP_E_BAD_TARGET;
	rest = slice_from(rest, scheme);
	if (!slice_starts(rest, SLICE("://")))
		return HTTP_E_BAD_TARGET;
	rest = slice_from(rest, 3);
	while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
		n++;
	r->host = (struct slice){rest.p, n};
	if (!host_is_good(r->host))
		return HTTP_E_BAD_HOST;
	r->path = slice_from(rest, n);
	if (r->path.n == 0 && r->verb == HTTP_OPTIONS) /* RFC 9112 3.2.4 */
		r->path = SLICE("*");
	return OK;
}

static int
split_target(struct http_request *r)
{
	const char *mark;
	int rc = OK;

	r->path = r->target;
	if (r->target.p[0] == '*') {
		rc = r->target.n == 1 && r->verb == HTTP_OPTIONS;
		return rc ? OK : HTTP_E_BAD_TARGET;
	}
	if (r->target.p[0] != '/' && (rc = split_absolute(r)) != OK)
		return rc;
	if (r->path.n != 0 &&
	    (mark = memchr(r->path.p, '?', r->path.n)) != NULL) {
		size_t n = (size_t)(mark - r->path.p);

		r->query = slice_from(r->path, n + 1);
		r->path.n = n;
	}
	if (r->path.n == 0)
		r->path = SLICE("/");
	return OK;
}

static int
read_target(struct cursor *c, struct http_request *r)
{
	const char *start = c->p;

	while (c->p < c->end && http_is(*c->p, HTTP_TARGET))
		c->p++;
	r->target = (struct slice){start, (size_t)(c->p - start)};
	if (r->target.n > HTTP_TARGET_MAX)
		return HTTP_E_TARGET_LONG;
	if (c->p == c->end)
		return MORE;
	if (r->target.n != 0 && (*c->p == '\r' || *c->p == '\n'))
		return HTTP_E_BAD_VERSION; /* HTTP/0.9 */
	if (r->target.n == 0 || *c->p != ' ')
		return HTTP_E_BAD_TARGET;
	c->p++;
	return split_target(r);
}

static int
read_version(struct cursor *c, struct http_request *r)
{
	static const char form[] = "HTTP/d.d";
	size_t n = (size_t)(c->end - c->p);

	for (size_t i = 0; i < sizeof(form) - 1; i++) {
		if (i == n)
			return MORE;
		if (form[i] == 'd' ? c->p[i] < '0' || c->p[i] > '9'
				   : c->p[i] != form[i])
			return HTTP_E_BAD_VERSION;
	}
	if (c->p[5] != '1' || c->p[7] > '1')
		return HTTP_E_VERSION;
	r->minor = (unsigned)(c->p[7] - '0');
	c->p += sizeof(form) - 1;
	if (c->p < c->end && *c->p != '\r' && *c->p != '\n')
		return HTTP_E_BAD_VERSION;
	return end_of_line(c);
}

/* Eight bytes at a time as long as none is a control character: most of a
 * head is values, and this halves the cost of parsing one. */
static const char *
skip_value(const char *p, const char *end)
{
	const uint64_t ones = UINT64_MAX / 255, tops = ones << 7;

	for (;;) {
		while (end - p >= 8) {
			uint64_t v, del;

			memcpy(&v, p, sizeof(v));
			del = v ^ (ones * 0x7f);
			if ((((v - ones * 0x20) & ~v) | ((del - ones) & ~del)) &
			    tops)
				break;
			p += 8;
		}
		while (p < end && http_is(*p, HTTP_VALUE) && *p != '\t')
			p++;
		if (p == end || *p != '\t')
			return p;
		p++;
	}
}

static int
read_header(struct cursor *c, struct http_header *h)
{
	const char *start = c->p, *stop;
	int rc = OK;

	while (c->p < c->end && http_is(*c->p, HTTP_TOKEN))
		c->p++;
	if (c->p == c->end)
		return MORE;
	if (c->p == start && (*c->p == ' ' || *c->p == '\t'))
		return HTTP_E_FOLDED;
	if (c->p == start || *c->p != ':')
		return HTTP_E_BAD_NAME;
	h->name = (struct slice){start, (size_t)(c->p++ - start)};
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
		c->p++;
	start = c->p;
	stop = c->p = skip_value(c->p, c->end);
	if (c->p < c->end && *c->p != '\r' && *c->p != '\n')
		return HTTP_E_BAD_VALUE;
	if ((rc = end_of_line(c)) != OK)
		return rc;
	while (stop > start && (stop[-1] == ' ' || stop[-1] == '\t'))
		stop--;
	h->value = (struct slice){start, (size_t)(stop - start)};
	return OK;
}

static int
read_connection(struct slice list, unsigned *known)
{
	struct slice token;

	while (slice_cut(&list, ',', &token)) {
		token = slice_trim(token);
		if (http_same(token, SLICE("close")))
			*known |= HAS_CLOSE;
		else if (http_same(token, SLICE("keep-alive")))
			*known |= HAS_KEEP_ALIVE;
		else if (http_same(token, SLICE("upgrade")))
			*known |= HAS_UPGRADE_TOKEN;
	}
	return OK;
}

/* What a header means that may come once. */
static int
read_single(enum known which, struct slice value, struct http_request *r)
{
	switch (which) {
	case HAS_HOST:
		if (!host_is_good(value))
			return HTTP_E_BAD_HOST;
		if (r->host.p == NULL) /* else the target names it */
			r->host = value;
		return OK;
	case HAS_LENGTH:
		if (!slice_num(value, &r->content_length) ||
		    r->content_length > INT64_MAX)
			return HTTP_E_BAD_LENGTH;
		return OK;
	case HAS_CODING:
		if (r->minor == 0)
			return HTTP_E_OLD_CODING;
		return http_same(value, SLICE("chunked")) ? OK : HTTP_E_CODING;
	case HAS_EXPECT:
		if (r->minor == 0) /* RFC 9110 10.1.1: ignored */
			return OK;
		return http_same(value, SLICE("100-continue")) ? OK
		                                               : HTTP_E_EXPECT;
	default:
		r->upgrade = value;
		return OK;
	}
}

/* The length tells most headers apart from the few that matter here. */
static int
read_known(const struct http_header *h, unsigned *known, struct http_request *r)
{
	static const struct {
		struct slice name;
		enum known which;
	} names[] = {
	    [4] = {SLICE_INIT("host"), HAS_HOST},
	    [6] = {SLICE_INIT("expect"), HAS_EXPECT},
	    [7] = {SLICE_INIT("upgrade"), HAS_UPGRADE},
	    [10] = {SLICE_INIT("connection"), HAS_CLOSE},
	    [14] = {SLICE_INIT("content-length"), HAS_LENGTH},
	    [17] = {SLICE_INIT("transfer-encoding"), HAS_CODING},
	};
	size_t n = h->name.n;

	if (n >= LENGTH(names) || names[n].which == 0 ||
	    !http_same(h->name, names[n].name))
		return OK;
	if (names[n].which == HAS_CLOSE)
		return read_connection(h->value, known);
	if (*known & names[n].which)
		return HTTP_E_REPEATED;
	*known |= names[n].which;
	if ((*known & HAS_LENGTH) && (*known & HAS_CODING))
		return HTTP_E_BOTH_LENGTHS;
	return read_single(names[n].which, h->value, r);
}

static int
conclude(struct http_request *r, unsigned known)
{
	if (!(known & HAS_HOST) && r->minor == 1)
		return HTTP_E_NO_HOST;
	if (known & HAS_CODING)
		r->body = HTTP_BODY_CHUNKED;
	else if (r->content_length != 0)
		r->body = HTTP_BODY_LENGTH;
	r->keep_alive =
	    !(known & HAS_CLOSE) && (r->minor == 1 || known & HAS_KEEP_ALIVE);
	r->expect_continue =
	    (known & HAS_EXPECT) && r->minor == 1 && r->body != HTTP_BODY_NONE;
	/* RFC 9110 7.8: ignored from HTTP/1.0, and without the token */
	if (!(known & HAS_UPGRADE_TOKEN) || r->minor == 0 || r->upgrade.n == 0)
		r->upgrade = (struct slice){NULL, 0};
	return OK;
}

static int
read_headers(struct cursor *c, struct http_request *r)
{
	unsigned known = 0;
	int rc = OK;

	while (c->p < c->end && *c->p != '\r' && *c->p != '\n') {
		struct http_header *h = &r->headers[r->count];

		if (r->count == HTTP_HEADERS_MAX)
			return HTTP_E_HEADERS_MANY;
		if ((rc = read_header(c, h)) != OK ||
		    (rc = read_known(h, &known, r)) != OK)
			return rc;
		r->count++;
	}
	if ((rc = end_of_line(c)) != OK)
		return rc;
	return conclude(r, known);
}

static int
read_head(struct cursor *c, struct http_request *r)
{
	int rc = OK;

	/* the headers are left as they are: 2 kB of zeros for nothing */
	memset(r, 0, offsetof(struct http_request, headers));
	if ((rc = empty_line(c)) != OK || (rc = read_method(c, r)) != OK ||
	    (rc = read_target(c, r)) != OK || (rc = read_version(c, r)) != OK)
		return rc;
	return read_headers(c, r);
}

int
http_parse(
    struct slice in, size_t *seen, size_t limit, struct http_request *out)
{
	struct cursor c = {in.p, in.p};
	int rc = OK;

	must(limit <= INT_MAX && *seen <= in.n);
	if (*seen == in.n ||
	    (*seen != 0 && in.n < limit &&
		memchr(in.p + *seen, '\n', in.n - *seen) == NULL)) {
		*seen = in.n;
		return 0;
	}
	*seen = in.n;
	c.end = in.p + (in.n < limit ? in.n : limit);
	rc = read_head(&c, out);
	if (rc == OK) {
		*seen = 0;
		return (int)(c.p - in.p);
	}
	if (rc == MORE && in.n >= limit)
		return out->path.p == NULL ? HTTP_E_TARGET_LONG
		                           : HTTP_E_HEAD_LARGE;
	return rc;
}

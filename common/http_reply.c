/*
 * http_reply.c - status lines, heads and error bodies.
 *
 * An ingress answers 120,000 requests a second, so an answer is sized first
 * and then written with one memcpy per part into room taken once; nothing is
 * formatted but the length.
 */
#include "common/http_reply.h"

#include "common/http_class.h"
#include "common/json_write.h"
#include "common/must.h"

/* clang-format off */
#define STATUSES(X)                                                            \
	X(100, "Continue") X(101, "Switching Protocols")                       \
	X(200, "OK") X(201, "Created") X(202, "Accepted")                      \
	X(204, "No Content") X(206, "Partial Content")                         \
	X(301, "Moved Permanently") X(302, "Found") X(303, "See Other")        \
	X(304, "Not Modified") X(307, "Temporary Redirect")                    \
	X(308, "Permanent Redirect")                                           \
	X(400, "Bad Request") X(401, "Unauthorized") X(403, "Forbidden")       \
	X(404, "Not Found") X(405, "Method Not Allowed")                       \
	X(406, "Not Acceptable") X(408, "Request Timeout") X(409, "Conflict")  \
	X(410, "Gone") X(411, "Length Required")                               \
	X(412, "Precondition Failed") X(413, "Content Too Large")              \
	X(414, "URI Too Long") X(415, "Unsupported Media Type")                \
	X(416, "Range Not Satisfiable") X(417, "Expectation Failed")           \
	X(421, "Misdirected Request") X(422, "Unprocessable Content")          \
	X(426, "Upgrade Required") X(428, "Precondition Required")             \
	X(429, "Too Many Requests")                                            \
	X(431, "Request Header Fields Too Large")                              \
	X(500, "Internal Server Error") X(501, "Not Implemented")              \
	X(502, "Bad Gateway") X(503, "Service Unavailable")                    \
	X(504, "Gateway Timeout") X(505, "HTTP Version Not Supported")         \
	X(507, "Insufficient Storage")
/* clang-format on */

#define JSON_TYPE SLICE("application/json")

/* A head as the parts it is made of, in order: those that are counted, the
 * others are never touched. */
struct parts {
	size_t count, bytes;
	struct slice part[16];
};

struct slice
http_reason(unsigned status)
{
	switch (status) {
#define X(number, reason)                                                      \
	case number:                                                           \
		return SLICE(reason);
		STATUSES(X)
#undef X
	}
	return SLICE("");
}

/* The line as one piece; NULL for what has no name here. */
static struct slice
status_line(unsigned status)
{
	switch (status) {
#define X(number, reason)                                                      \
	case number:                                                           \
		return SLICE("HTTP/1.1 " #number " " reason "\r\n");
		STATUSES(X)
#undef X
	}
	return (struct slice){NULL, 0};
}

static void
begin(struct parts *p)
{
	p->count = p->bytes = 0;
}

static void
part(struct parts *p, struct slice s)
{
	must(p->count < LENGTH(p->part));
	p->part[p->count++] = s;
	p->bytes += s.n;
}

static bool
put_parts(struct buf *b, const struct parts *p)
{
	char *room = buf_room(b, p->bytes);

	if (room == NULL)
		return false;
	for (size_t i = 0; i < p->count; i++) {
		if (p->part[i].n != 0)
			memcpy(room, p->part[i].p, p->part[i].n);
		room += p->part[i].n;
	}
	b->n += p->bytes;
	return true;
}

/* Status line, type and what becomes of the connection.  The number is where
 * a status without a name of its own is put together. */
static void
part_head(struct parts *p, const struct http_reply *r, char number[3])
{
	struct slice line = status_line(r->status);

	must(r->status >= 100 && r->status <= 999);
	if (line.p == NULL) {
		number[0] = (char)('0' + r->status / 100);
		number[1] = (char)('0' + r->status / 10 % 10);
		number[2] = (char)('0' + r->status % 10);
		part(p, SLICE("HTTP/1.1 "));
		part(p, (struct slice){number, 3});
		line = SLICE(" \r\n");
	}
	part(p, line);
	if (r->type.n != 0) {
		part(p, SLICE("Content-Type: "));
		part(p, r->type);
		part(p, SLICE("\r\n"));
	}
	if (r->close)
		part(p, SLICE("Connection: close\r\n"));
	else if (r->old)
		part(p, SLICE("Connection: keep-alive\r\n"));
	part(p, r->extra);
	part(p, r->date);
}

static bool
has_body(unsigned status)
{
	return status >= 200 && status != 204 && status != 304;
}

bool
http_reply(struct buf *b, const struct http_reply *r)
{
	char number[3], digits[20], *d = digits + sizeof(digits);
	struct slice end = SLICE("\r\n");
	size_t n = r->body.n;
	struct parts p;

	begin(&p);
	part_head(&p, r, number);
	if (has_body(r->status)) {
		do
			*--d = (char)('0' + n % 10);
		while ((n /= 10) != 0);
		n = (size_t)(digits + sizeof(digits) - d);
		part(&p, SLICE("Content-Length: "));
		part(&p, (struct slice){d, n});
		end = SLICE("\r\n\r\n");
	}
	part(&p, end);
	if (has_body(r->status) && !r->head)
		part(&p, r->body);
	return put_parts(b, &p);
}

bool
http_reply_stream(struct buf *b, const struct http_reply *r)
{
	struct http_reply head = *r;
	struct parts p;
	char number[3];

	begin(&p);
	head.close = r->close || r->old;
	part_head(&p, &head, number);
	part(&p, r->old ? SLICE("\r\n")
			: SLICE("Transfer-Encoding: chunked\r\n\r\n"));
	return put_parts(b, &p);
}

bool
http_line(struct buf *b, const char *name, struct slice value)
{
	struct parts p;

	begin(&p);
	for (size_t i = 0; i < value.n; i++)
		if (!http_is(value.p[i], HTTP_VALUE))
			return false;
	part(&p, slice_of(name));
	part(&p, SLICE(": "));
	part(&p, value);
	part(&p, SLICE("\r\n"));
	return put_parts(b, &p);
}

bool
http_error_body(struct buf *out, const struct http_fault *why)
{
	struct buf b = {0};
	bool fits = false;

	buf_put(&b, SLICE("{\"error\":{\"code\":"));
	json_escape(&b, slice_of(why->code));
	buf_put(&b, SLICE(",\"message\":"));
	json_escape(&b, slice_of(why->message));
	if (why->field != NULL) {
		buf_put(&b, SLICE(",\"field\":"));
		json_escape(&b, slice_of(why->field));
	}
	buf_put(&b, SLICE("}}"));
	fits = buf_put(out, buf_slice(&b)); /* all of it or nothing */
	buf_free(&b);
	return fits;
}

bool
http_reply_fault(
    struct buf *b, const struct http_reply *reply, const struct http_fault *why)
{
	struct http_reply r = *reply;
	struct buf body = {0};
	bool fits = false;

	http_error_body(&body, why);
	r.type = JSON_TYPE;
	r.body = buf_slice(&body);
	fits = http_reply(b, &r);
	buf_free(&body);
	return fits;
}

bool
http_refuse(struct buf *b, int error, struct slice date)
{
	struct http_fault why = {NULL, NULL, NULL};
	struct http_reply r = {.close = true, .date = date};

	r.status = http_error_status(error, &why);
	return http_reply_fault(b, &r, &why);
}

bool
http_methods(struct buf *b, const char *name, unsigned methods)
{
	static const struct slice names[] = {[HTTP_OTHER] = {NULL, 0},
#define X(name) [HTTP_##name] = SLICE_INIT(#name),
	    HTTP_METHODS(X)
#undef X
	};
	char list[128];
	size_t n = 0;

	for (unsigned i = HTTP_GET; i < HTTP_METHODS_END; i++) {
		if ((methods & HTTP_ALLOW(i)) == 0)
			continue;
		must(n + names[i].n + 2 <= sizeof(list));
		if (n != 0) {
			memcpy(list + n, ", ", 2);
			n += 2;
		}
		memcpy(list + n, names[i].p, names[i].n);
		n += names[i].n;
	}
	return http_line(b, name, (struct slice){list, n});
}

bool
http_allow(struct buf *b, unsigned methods)
{
	return http_methods(b, "Allow", methods);
}

bool
http_not_allowed(
    struct buf *b, const struct http_reply *reply, unsigned methods)
{
	static const struct http_fault why = {"method_not_allowed",
	    "This resource does not have that method.", NULL};
	struct http_reply r = *reply;
	struct buf extra = {0};
	bool fits = false;

	buf_put(&extra, reply->extra);
	http_allow(&extra, methods);
	r.status = 405;
	r.extra = buf_slice(&extra);
	fits = http_reply_fault(b, &r, &why);
	buf_free(&extra);
	return fits;
}

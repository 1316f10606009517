/*
 * dialect_http.c - the head of a request, before it becomes something else.
 *
 * Whatever comes that is not the hub's goes back through the door it came
 * by; on the hub's own listener it is 404.
 */
#include "hub/conn.h"
#include "hub/note.h"

#include "common/http_reply.h"
#include "common/must.h"
#include "common/stats.h"
#include "hub/door.h"
#include "hub/open.h"
#include "hub/respond.h"

enum {
	HTTP_BEGUN = 1, /* conn.bits: a head, whose deadline runs */
	HTTP_DOOR = 2,  /* the door back was full: try again */
	DOOR_MS = 20,   /* after that */
};

struct route {
	struct slice path;
	void (*open)(struct conn *, const struct http_request *);
};

static const struct route routes[] = {
    {SLICE_INIT("/v1/ws"), ws_open},
    {SLICE_INIT("/v1/sse"), sse_open},
    {SLICE_INIT("/v1/poll"), poll_open},
    {SLICE_INIT("/v1/echo"), echo_open},
};

static const struct route *
find(const struct hub *h, struct slice path)
{
	for (unsigned i = 0; i < LENGTH(routes); i++)
		if (slice_eq(path, routes[i].path) &&
		    (routes[i].open != echo_open || h->limits.echo))
			return &routes[i];
	return NULL;
}

static void
preflight(struct conn *c, const struct http_request *r)
{
	struct buf lines = {0}, out = {0};

	respond_cors(c->hub, r, &lines);
	buf_str(&lines, "Access-Control-Allow-Methods: GET, OPTIONS\r\n"
			"Access-Control-Allow-Headers: Authorization, "
			"Last-Event-ID, If-None-Match, Cache-Control\r\n"
			"Access-Control-Max-Age: 86400\r\n");
	http_reply(&out, &(struct http_reply){.status = 204,
			     .close = !r->keep_alive,
			     .old = r->minor == 0,
			     .extra = buf_slice(&lines)});
	conn_write(c, buf_slice(&out));
	buf_free(&lines);
	buf_free(&out);
	if (!r->keep_alive)
		conn_finish(c);
}

static void
not_allowed(struct conn *c, const struct http_request *r)
{
	struct buf lines = {0}, out = {0};

	stats_add(STAT_http_errors, 1);
	respond_cors(c->hub, r, &lines);
	http_not_allowed(&out,
	    &(struct http_reply){.close = true,
		.head = r->verb == HTTP_HEAD,
		.extra = buf_slice(&lines)},
	    HTTP_ALLOW(HTTP_GET) | HTTP_ALLOW(HTTP_OPTIONS));
	conn_write(c, buf_slice(&out));
	buf_free(&lines);
	buf_free(&out);
	conn_finish(c);
}

static void
answer(struct conn *c, const struct http_request *r)
{
	const struct route *route = find(c->hub, r->path);

	stats_add(STAT_http_requests, 1);
	if (c->note != NULL)
		conn_note_request(c, r);
	if (route == NULL) {
		respond_fault(c, r, &(struct fault){.code = CODE_not_found});
	} else if (r->verb == HTTP_OPTIONS) {
		preflight(c, r);
	} else if (r->verb != HTTP_GET) {
		not_allowed(c, r);
	} else if (r->body != HTTP_BODY_NONE) {
		respond_fault(c, r,
		    &(struct fault){
			CODE_bad_request, "a GET with a body", NULL});
	} else if (!respond_origin_good(c->hub, r)) {
		respond_fault(c, r,
		    &(struct fault){CODE_forbidden,
			"this origin may not connect", "Origin"});
	} else if (c->hub->d.draining) {
		respond_fault(c, r, &(struct fault){.code = CODE_draining});
	} else {
		route->open(c, r);
	}
}

/* Only when nothing is owed any more: what was answered is still ours. */
static size_t
give_back(struct conn *c, struct slice rest)
{
	if (!out_empty(&c->out)) {
		c->again = true;
		return 0;
	}
	if (door_give_back(c, rest))
		return rest.n;
	c->bits |= HTTP_DOOR;
	conn_arm(c, DOOR_MS);
	return 0;
}

static size_t
http_input(struct conn *c, char *p, size_t n)
{
	struct http_request r;
	size_t seen = 0;
	struct buf out = {0};
	int head = http_parse((struct slice){p, n}, &seen, HTTP_HEAD_MAX, &r);

	if (head == 0 && (c->bits & HTTP_BEGUN) == 0) {
		c->bits |= HTTP_BEGUN;
		conn_arm(c, c->hub->limits.head);
	}
	if (head == 0)
		return 0;
	if (head < 0) {
		stats_add(STAT_http_bad_requests, 1);
		http_refuse(&out, head);
		conn_write(c, buf_slice(&out));
		buf_free(&out);
		conn_finish(c);
		return n;
	}
	if (c->door != 0 && find(c->hub, r.path) == NULL)
		return give_back(c, (struct slice){p, n});
	c->bits = 0;
	conn_arm(c, c->hub->limits.head);
	if (conn_told(c, &r)) {
		answer(c, &r);
	} else {
		r.keep_alive = false;
		respond_fault(c, &r, &(struct fault){.code = CODE_too_many});
	}
	return (size_t)head;
}

static void
http_timeout(struct conn *c)
{
	static const char late[] =
	    "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
	    "Content-Length: 0\r\n\r\n";

	if (c->bits & HTTP_DOOR) {
		conn_digest(c, (struct slice){NULL, 0});
		return;
	}
	if (conn_kept_bytes(c).n != 0)
		conn_write(c, (struct slice){late, sizeof(late) - 1});
	conn_finish(c);
}

static void
http_leave(struct conn *c, unsigned in_ms)
{
	(void)in_ms;
	conn_finish(c);
}

const struct dialect dialect_http = {
    .name = "http",
    .input = http_input,
    .timeout = http_timeout,
    .leave = http_leave,
};

/*
 * dialect_http.c - the head of a request, before it becomes something else.
 *
 * Whatever comes that is not the hub's goes back through the door it came
 * by; on the hub's own listener it is 404.
 */
#include "hub/conn.h"
#include "hub/note.h"

#include "common/http_chunk.h"
#include "common/http_reply.h"
#include "common/routes.h"
#include "common/stats.h"
#include "hub/door.h"
#include "hub/open.h"
#include "hub/respond.h"
#include "hub/subscribe.h"

enum {
	HTTP_BEGUN = 1,   /* conn.bits: a head, whose deadline runs */
	HTTP_DOOR = 2,    /* the door back was full: try again */
	HTTP_PROCEED = 4, /* 100 Continue was said */
	DOOR_MS = 20,     /* after that */
};

static void (*const opens[HANDLERS])(
    struct conn *, const struct http_request *) = {
    [HANDLER_ws] = ws_open,
    [HANDLER_sse] = sse_open,
    [HANDLER_poll] = poll_open,
    [HANDLER_echo] = echo_open,
};

/* Those that want the body as well. */
static void (*const opens_whole[HANDLERS])(
    struct conn *, const struct http_request *, struct slice body) = {
    [HANDLER_incus_socket] = incus_socket_open,
    [HANDLER_incus_poll] = incus_poll_open,
    [HANDLER_tyron_poll] = tyron_open,
    [HANDLER_bayeux] = bayeux_http_open,
};

/* NULL: not a hub's.  What a hub could serve and does not is 404 here: given
 * back, it would be passed again. */
static const struct route *
find(const struct conn *c, const struct http_request *r)
{
	unsigned personas = c->personas;
	struct route_found found;

	if (personas == 0)
		personas = persona_set(PERSONA_any, c->hub->limits.personas);
	route_find(personas, r->verb, r->path, &found);
	return found.route != NULL && found.route->owner == OWNER_hub
	           ? found.route
	           : NULL;
}

static bool
serves(const struct hub *h, const struct route *route)
{
	return route != NULL &&
	       (route->handler != HANDLER_echo || h->limits.echo);
}

/* To OPTIONS: what may be asked. */
static void
tell_options(struct conn *c, const struct http_request *r, struct slice lines)
{
	respond_with(c, &(struct http_reply){.status = 204,
			    .close = !r->keep_alive,
			    .old = r->minor == 0,
			    .extra = lines});
}

static void
preflight(struct conn *c, const struct http_request *r)
{
	struct buf lines = {0};

	respond_cors(c->hub, r, &lines);
	buf_str(&lines, "Access-Control-Allow-Methods: GET, OPTIONS\r\n"
			"Access-Control-Allow-Headers: Authorization, "
			"Last-Event-ID, If-None-Match, Cache-Control\r\n"
			"Access-Control-Max-Age: 86400\r\n");
	tell_options(c, r, buf_slice(&lines));
	buf_free(&lines);
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
		.extra = buf_slice(&lines),
		.date = hub_date(c->hub)},
	    HTTP_ALLOW(HTTP_GET) | HTTP_ALLOW(HTTP_OPTIONS));
	conn_write(c, buf_slice(&out));
	buf_free(&lines);
	buf_free(&out);
	conn_finish(c);
}

static void
answer(struct conn *c, const struct http_request *r, const struct route *route)
{
	if (slice_is(r->path, "*")) { /* all of this server */
		tell_options(c, r, SLICE("Allow: GET, POST, OPTIONS\r\n"));
	} else if (!serves(c->hub, route)) {
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
		opens[route->handler](c, r);
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

/* What follows the head is no request we could read. */
static size_t
garbled(struct conn *c, int error, size_t n)
{
	struct buf out = {0};

	stats_add(STAT_http_bad_requests, 1);
	http_refuse(&out, error, hub_date(c->hub));
	conn_write(c, buf_slice(&out));
	buf_free(&out);
	conn_finish(c);
	return n;
}

/* The body behind a head, in one piece: how many bytes it took, 0 of none.
 * BODY_MORE: it is not all there; else an enum http_error. */
enum { BODY_MORE = -1 };
static int
body_read(struct hub *h, const struct http_request *r, struct slice in,
    struct slice *body)
{
	struct http_chunk chunk = {0};
	struct slice rest = in, piece;
	int got;

	*body = (struct slice){in.p, (size_t)r->content_length};
	if (r->body == HTTP_BODY_NONE)
		body->n = 0;
	if (r->body != HTTP_BODY_CHUNKED)
		return body->n <= in.n ? (int)body->n : BODY_MORE;
	buf_clear(&h->text);
	while (
	    (got = http_chunk_read(&chunk, &rest, &piece)) == HTTP_CHUNK_DATA)
		buf_put(&h->text, piece);
	*body = buf_slice(&h->text);
	if (got == HTTP_CHUNK_DONE)
		return (int)(in.n - rest.n);
	return got == HTTP_CHUNK_MORE ? BODY_MORE : got;
}

/* It is kept until it is whole, with its head, so both are bounded. */
static bool
body_fits(struct conn *c, const struct http_request *r, size_t head, size_t n)
{
	const struct route *route = find(c, r);
	uint64_t most = CONN_KEPT_MAX;

	c->large = route->handler == HANDLER_bayeux;
	if (c->large)
		most = c->hub->limits.message + HTTP_HEAD_MAX;
	if (r->body == HTTP_BODY_LENGTH && r->content_length > most - head)
		return false;
	if (r->body == HTTP_BODY_LENGTH)
		most = head + r->content_length;
	if (c->kept != NULL)
		c->kept->wait = (struct body_wait){
		    .most = (size_t)most,
		    .at = r->body == HTTP_BODY_CHUNKED ? head : 0,
		};
	return n < most;
}

/* Of what is kept of a request it is known that it is not whole yet. */
static bool
waits(struct conn *c, struct slice request)
{
	if (c->kept == NULL || c->kept->wait.most == 0)
		return false;
	if (body_waits(&c->kept->wait, request))
		return true;
	c->kept->wait = (struct body_wait){0};
	return false;
}

static void
begin(struct conn *c, struct http_request *r)
{
	c->bits = 0;
	conn_arm(c, c->hub->limits.head);
	stats_add(STAT_http_requests, 1);
	if (c->note != NULL)
		conn_note_request(c, r);
}

static bool
admitted(struct conn *c, struct http_request *r)
{
	if (conn_told(c, r))
		return true;
	r->keep_alive = false;
	respond_fault(c, r, &(struct fault){.code = CODE_too_many});
	return false;
}

/* An open route: its request is heard whole. */
static size_t
whole(struct conn *c, struct http_request *r, struct slice in, size_t head)
{
	struct slice rest = slice_from(in, head), body;
	const struct route *route = find(c, r);
	int got = body_read(c->hub, r, rest, &body);

	if (got == BODY_MORE && body_fits(c, r, head, in.n)) {
		if (r->expect_continue && (c->bits & HTTP_PROCEED) == 0)
			conn_write(c, SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
		c->bits |= HTTP_PROCEED;
		return 0;
	}
	if (got < BODY_MORE)
		return garbled(c, got, in.n);
	c->large = false;
	begin(c, r);
	if (got == BODY_MORE) {
		r->keep_alive = false;
		respond_fault(c, r, &(struct fault){.code = CODE_too_large});
		return in.n;
	}
	if (admitted(c, r))
		opens_whole[route->handler](c, r, body);
	return head + (size_t)got;
}

static size_t
http_input(struct conn *c, char *p, size_t n)
{
	const struct route *route;
	struct http_request r;
	size_t seen = 0;
	int head;

	if (waits(c, (struct slice){p, n}))
		return 0;
	head = http_parse((struct slice){p, n}, &seen, HTTP_HEAD_MAX, &r);
	if (head == 0 && (c->bits & HTTP_BEGUN) == 0) {
		c->bits |= HTTP_BEGUN;
		conn_arm(c, c->hub->limits.head);
	}
	if (head == 0)
		return 0;
	if (head < 0)
		return garbled(c, head, n);
	c->hub->request = (struct slice){p, n};
	route = find(c, &r);
	if (c->door != 0 && route == NULL)
		return give_back(c, (struct slice){p, n});
	if (route != NULL && route_is_open(route))
		return whole(c, &r, (struct slice){p, n}, (size_t)head);
	begin(c, &r);
	if (admitted(c, &r))
		answer(c, &r, route);
	return (size_t)head;
}

static void
http_timeout(struct conn *c)
{
	struct buf late = {0};

	if (c->bits & HTTP_DOOR) {
		conn_digest(c, (struct slice){NULL, 0});
		return;
	}
	http_reply(
	    &late, &(struct http_reply){
		       .status = 408, .close = true, .date = hub_date(c->hub)});
	if (conn_kept_bytes(c).n != 0)
		conn_write(c, buf_slice(&late));
	buf_free(&late);
	conn_finish(c);
}

void
http_again(struct conn *c, bool close)
{
	conn_unsubscribe_all(c);
	c->reader.each = false;
	c->bits = 0;
	conn_become(c, &dialect_http);
	if (close) {
		conn_finish(c);
		return;
	}
	conn_arm(c, c->hub->limits.idle);
	if (conn_kept_bytes(c).n == 0)
		return;
	c->again = true; /* when it is written: what settles is not dirty */
	conn_dirty(c);
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

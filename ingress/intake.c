/*
 * intake.c - from bytes to requests.
 *
 * Each step takes what it understands off the front of the input or leaves
 * it as it is; what is left over waits with the connection.  A step that
 * cannot go on for another reason than missing bytes stalls the connection,
 * which then is not read any more: that is how pressure from the bus, from
 * slow answers and from a slow reader reaches whoever sends.
 */
#include "common/log.h"
#include "common/must.h"
#include "common/proxy.h"
#include "common/stats.h"
#include "ingress/api.h"
#include "ingress/client_own.h"
#include "ingress/note.h"
#include "ingress/persona.h"

static void
stop(struct client *c)
{
	c->reading = NULL;
	c->state = CLIENT_STOPPED;
}

/* The rest cannot be understood, so this is the last answer. */
static void
refuse(struct client *c, struct request *r, struct slice *rest)
{
	r->close = true;
	note_begin(r, c->front, &c->address, NULL);
	client_queue(c, r);
	stop(c);
	*rest = slice_from(*rest, rest->n);
}

void
intake_stall(struct client *c, bool for_bus)
{
	c->stalled = true;
	if (for_bus && list_empty(&c->waiting))
		list_append(&c->front->waiting, &c->waiting);
}

static void
take_proxy(struct client *c, struct slice *rest)
{
	struct proxy told;
	struct failure f;
	int n = proxy_parse(*rest, &told);

	if (n == PROXY_MORE)
		return;
	if (n < 0) {
		log_info("proxy_header", "why=\"none or malformed\"");
		stats_add(STAT_http_bad_requests, 1);
		client_gone(c);
		return;
	}
	*rest = slice_from(*rest, (size_t)n);
	if (told.told)
		c->peer = c->address = told.client;
	if (peers_counts(c->front, &c->address) &&
	    !(c->counted = peers_enter(c->front, &c->address))) {
		stats_add(STAT_connections_refused, 1);
		f = failure_of(CODE_too_many);
		/* before the handshake an answer would be noise */
		if (c->stream.tls != NULL)
			client_gone(c);
		else
			refuse(c, answer_failure(&f), rest);
		return;
	}
	c->state = c->stream.tls != NULL ? CLIENT_HANDSHAKE : CLIENT_HEAD;
}

/* From here on it is us who let the client wait. */
static void
await_answer(struct client *c, struct request *r)
{
	if (r->late_at == 0)
		r->late_at = client_now(c) + c->front->limits.answer_ms;
}

/* The body is all there, or there is none; on to the next head. */
static void
body_read(struct client *c, struct request *r)
{
	bool close = r->close;

	c->reading = NULL;
	buf_free(&c->body);
	c->held = false;
	c->since = client_now(c);
	c->state = close ? CLIENT_STOPPED : CLIENT_HEAD;
	await_answer(c, r);
	request_ready(r);
}

/* A stream takes every piece; others only the whole, and a publish only
 * while the bus takes it.  False: not now. */
static bool
deliver(struct client *c, struct slice body, bool last)
{
	struct request *r = c->reading;

	if (r->deaf || r->kind->body == NULL)
		return true;
	if (r->kind->publishes && !r->kind->streams &&
	    !front_can_publish(c->front)) {
		intake_stall(c, true);
		await_answer(c, r);
		return false;
	}
	r->put_off = false;
	r->kind->body(r, body, last);
	if (r->put_off) {
		intake_stall(c, true);
		await_answer(c, r);
		return false;
	}
	if (r->kind->full != NULL && r->kind->full(r))
		intake_stall(c, true); /* or for its own answers */
	return true;
}

static void
too_large(struct client *c, struct slice *rest)
{
	struct failure f = failure_of(CODE_too_large);
	struct request *r = c->reading, *too = answer_failure(&f);

	stats_add(STAT_drop_too_big, 1);
	if (r != NULL) {
		note_move(too, r);
		client_unqueue(c, r);
	}
	refuse(c, too, rest);
}

static void
take_length(struct client *c, struct slice *rest)
{
	struct request *r = c->reading;
	struct slice piece = *rest;

	if (piece.n > c->left)
		piece.n = (size_t)c->left;
	if (!r->deaf && !r->kind->streams && piece.n < c->left)
		return;
	if (piece.n == 0 || !deliver(c, piece, piece.n == c->left))
		return;
	c->left -= piece.n;
	*rest = slice_from(*rest, piece.n);
	c->since = r->kind->streams ? client_now(c) : c->since;
	if (c->left == 0)
		body_read(c, r);
}

static void
bad_chunk(struct client *c, int error, struct slice *rest)
{
	struct request *r = c->reading;
	struct failure f;

	stats_add(STAT_http_bad_requests, 1);
	f.status = http_error_status(error, &f.fault);
	r->close = true;
	r->kind->fail(r, &f);
	request_ready(r);
	stop(c);
	*rest = slice_from(*rest, rest->n);
}

static void
whole_chunked(struct client *c)
{
	if (deliver(c, buf_slice(&c->body), true))
		body_read(c, c->reading);
	else
		c->held = true;
}

static void
take_chunked(struct client *c, struct slice *rest)
{
	struct request *r = c->reading;
	struct slice piece;
	int got;

	if (c->held) {
		whole_chunked(c);
		return;
	}
	got = http_chunk_read(&c->chunk, rest, &piece);
	if (got == HTTP_CHUNK_DATA && r->kind->streams) {
		deliver(c, piece, false);
		c->since = client_now(c);
	} else if (got == HTTP_CHUNK_DATA) {
		if (!r->deaf && !buf_put(&c->body, piece))
			too_large(c, rest);
	} else if (got == HTTP_CHUNK_DONE && r->kind->streams) {
		deliver(c, SLICE(""), true);
		body_read(c, r);
	} else if (got == HTTP_CHUNK_DONE) {
		whole_chunked(c);
	} else if (got < 0) {
		bad_chunk(c, got, rest);
	}
}

/* It wants room on the bus before it begins. */
static bool
publishes(const struct route *route, const struct http_request *h)
{
	return h->verb == HTTP_POST &&
	       (route->handler == HANDLER_publish ||
		   route->handler == HANDLER_pandapush_channel);
}

/* 404, 405, OPTIONS, or what the handler makes of it. */
static struct request *
begin(struct client *c, const struct http_request *h,
    const struct route_found *found)
{
	struct failure f;

	if (found->route == NULL || found->allow == 0)
		return persona_unknown(c, c->port->persona, h);
	if (h->verb == HTTP_OPTIONS && !route_is_open(found->route))
		return answer_methods(found->allow, true);
	if ((found->allow & HTTP_ALLOW(h->verb)) == 0)
		return answer_methods(found->allow, false);
	if (c->overdue && publishes(found->route, h)) {
		c->overdue = false;
		f = failure_of(bus_shards(c->front->bus) == 0 ? CODE_unavailable
							      : CODE_busy);
		return answer_failure(&f);
	}
	return api_begin(found->route->handler, c, h);
}

static void
dress(struct client *c, struct request *r, const struct http_request *h)
{
	struct slice origin = http_header(h, SLICE("origin"));

	note_begin(r, c->front, &c->address, h);
	r->head = h->verb == HTTP_HEAD;
	r->old = h->minor == 0;
	r->close = r->close || !h->keep_alive || c->front->draining;
	if (slice_starts(h->path, SLICE("/v1/")) ||
	    slice_starts(h->path, SLICE("/channel/")))
		r->cors = front_cors(c->front, origin, &r->may);
}

static void
begin_body(struct client *c, struct request *r, const struct http_request *h)
{
	c->reading = r;
	c->left = h->content_length;
	c->chunk = (struct http_chunk){0};
	c->body.max = c->front->limits.body_max;
	c->state = h->body == HTTP_BODY_LENGTH ? CLIENT_LENGTH : CLIENT_CHUNKED;
	r->deaf = r->kind->body == NULL;
	if (!h->expect_continue)
		return;
	if (r->deaf) {
		r->close = true; /* it will not send the body, or it will */
		stop(c);
	} else {
		r->proceed = true;
		client_touch(c);
	}
}

static void
take_request(struct client *c, const struct http_request *h,
    const struct route_found *found, struct slice *rest)
{
	struct request *r = begin(c, h, found);
	bool large = h->body == HTTP_BODY_LENGTH && !r->kind->streams &&
	             h->content_length > c->front->limits.body_max;

	stats_add(STAT_http_requests, 1);
	dress(c, r, h);
	c->begun = true;
	c->since = client_now(c);
	if (large) {
		struct failure f = failure_of(CODE_too_large);
		struct request *too = answer_failure(&f);

		too->cors = r->cors;
		too->head = r->head;
		note_move(too, r);
		stats_add(STAT_drop_too_big, 1);
		r->kind->free(r);
		refuse(c, too, rest);
		return;
	}
	client_queue(c, r);
	if (h->body != HTTP_BODY_NONE) {
		begin_body(c, r, h);
		return;
	}
	c->reading = r;
	if (r->kind->body != NULL)
		r->kind->body(r, SLICE(""), true);
	body_read(c, r);
}

/* Behind a trusted proxy each request tells whose it is, and the connection
 * counts for that address until the next one.  False: it has too many. */
static bool
believe(struct client *c, const struct http_request *h)
{
	struct front *f = c->front;
	struct ip ip = c->peer;

	if (f->trusted.n == 0 || !trust_has(&f->trusted, &ip))
		return true;
	trust_client(&f->trusted, h, &ip);
	if (c->counted)
		peers_leave(f, &c->address);
	c->address = ip;
	c->counted = peers_counts(f, &ip) && peers_enter(f, &ip);
	return c->counted || !peers_counts(f, &ip);
}

static void
take_head(struct client *c, struct slice *rest)
{
	struct http_request h;
	struct route_found found;
	int n;

	if (c->owed >= PIPELINE_MAX) {
		intake_stall(c, false);
		return;
	}
	if ((n = http_parse(*rest, &c->seen, HTTP_HEAD_MAX, &h)) == 0)
		return;
	if (n < 0) {
		stats_add(STAT_http_bad_requests, 1);
		refuse(c, answer_malformed(n), rest);
		return;
	}
	if (!believe(c, &h)) {
		struct failure f = failure_of(CODE_too_many);
		struct request *r = answer_failure(&f);

		stats_add(STAT_connections_refused, 1);
		dress(c, r, &h);
		refuse(c, r, rest);
		return;
	}
	if (route_find(c->port->personas, h.verb, h.path, &found) ==
		ROUTE_FOUND &&
	    found.route->owner == OWNER_hub &&
	    (h.verb != HTTP_OPTIONS || route_is_open(found.route))) {
		c->state = CLIENT_PASSING;
		client_touch(c);
		return;
	}
	if (found.route != NULL && publishes(found.route, &h) && !c->overdue &&
	    !front_can_publish(c->front)) {
		intake_stall(c, true);
		return;
	}
	if (found.route != NULL && found.route->handler == HANDLER_history &&
	    c->owed != 0) {
		intake_stall(c, false); /* its answer is large: one at a time */
		return;
	}
	*rest = slice_from(*rest, (size_t)n);
	take_request(c, &h, &found, rest);
}

size_t
intake_take(struct client *c, struct slice in)
{
	static void (*const steps[])(struct client *, struct slice *) = {
	    [CLIENT_PROXY] = take_proxy,
	    [CLIENT_HEAD] = take_head,
	    [CLIENT_LENGTH] = take_length,
	    [CLIENT_CHUNKED] = take_chunked,
	    [CLIENT_GONE] = NULL,
	};
	struct slice rest = in;
	enum client_state state;
	size_t left;

	c->stalled = false;
	do {
		left = rest.n;
		state = c->state;
		if (steps[state] == NULL)
			break;
		steps[state](c, &rest);
	} while (!c->stalled && (rest.n != left || c->state != state) &&
		 (rest.n != 0 || c->held));
	if (c->state == CLIENT_STOPPED || c->state == CLIENT_LINGER)
		rest.n = 0;
	return in.n - rest.n;
}

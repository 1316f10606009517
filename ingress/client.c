/*
 * client.c - one connection: reading, writing, waiting, ending.
 *
 * Events only read and parse; answers are written once, at the end of the
 * turn, so that all that became ready for a connection leaves in one write.
 * An idle connection owns no buffer: input is read to the front's scratch,
 * output is written from it, and only what is left over is kept.
 */
#include "common/log.h"
#include "common/must.h"
#include "common/proxy.h"
#include "common/stats.h"
#include "ingress/client_own.h"
#include "ingress/note.h"
#include "ingress/pass.h"

enum {
	OUTPUT_KEEP = 65536, /* unsent bytes past which nothing is read */
};

uint64_t
client_now(const struct client *c)
{
	return loop_now(c->front->loop);
}

void
client_touch(struct client *c)
{
	if (list_empty(&c->dirty))
		list_append(&c->front->dirty, &c->dirty);
}

void
client_queue(struct client *c, struct request *r)
{
	r->client = c;
	list_append(&c->requests, &r->node);
	c->owed++;
	client_touch(c);
}

void
client_unqueue(struct client *c, struct request *r)
{
	list_remove(&r->node);
	c->owed--;
	if (c->reading == r)
		c->reading = NULL;
	note_end(r, c->front);
	r->kind->free(r);
}

/* The memory is freed by the front at the end of the turn. */
void
client_let_go(struct client *c)
{
	struct list *node;

	c->state = CLIENT_GONE;
	loop_unwatch(c->front->loop, &c->watch);
	timer_cancel(&c->timer);
	list_remove(&c->waiting);
	list_remove(&c->dirty);
	while ((node = c->requests.next) != &c->requests)
		client_unqueue(c, container_of(node, struct request, node));
	if (c->counted)
		peers_leave(c->front, &c->address);
	c->counted = false;
	list_remove(&c->node);
	list_append(&c->front->gone, &c->node);
	c->front->nclients--;
	stats_sub(STAT_connections, 1);
}

void
client_gone(struct client *c)
{
	if (c->state == CLIENT_GONE)
		return;
	client_let_go(c);
	stream_close(&c->stream);
}

/* Everything was said: say so, and wait for the peer to hang up. */
static void
finish(struct client *c)
{
	if (c->eof) {
		client_gone(c);
		return;
	}
	stream_finish(&c->stream);
	c->state = CLIENT_LINGER;
	c->since = client_now(c);
	c->stalled = false;
	buf_free(&c->input);
}

/* What the connection waits for now.  A deadline that moved away is noticed
 * when the old one comes. */
void
client_settle(struct client *c)
{
	unsigned events = c->stream.wants;
	uint64_t at;

	if (c->state == CLIENT_GONE)
		return;
	if (!c->eof && !c->stalled && c->state != CLIENT_PASSING &&
	    (c->state != CLIENT_STOPPED || c->owed != 0) &&
	    c->output.n <= OUTPUT_KEEP)
		events |= LOOP_READ;
	if (c->output.n != 0)
		events |= LOOP_WRITE;
	loop_watch(c->front->loop, &c->watch, c->stream.fd, events);
	at = client_due(c);
	if (at != UINT64_MAX && (!timer_armed(&c->timer) || at < c->timer.due))
		wheel_arm(loop_wheel(c->front->loop), &c->timer, at);
}

/* Parse what is kept; what is not used stays. */
static void
take_kept(struct client *c)
{
	size_t used = intake_take(c, buf_slice(&c->input));

	if (c->state == CLIENT_GONE)
		return;
	buf_drop(&c->input, used);
	if (c->input.n == 0)
		buf_free(&c->input);
}

static void
ended(struct client *c)
{
	c->eof = true;
	if (c->reading != NULL || (c->owed == 0 && c->output.n == 0) ||
	    c->state == CLIENT_LINGER)
		client_gone(c); /* cut off in a body: nobody waits for it */
	else if (c->state != CLIENT_PASSING)
		c->state = CLIENT_STOPPED;
}

/* It took its time, or the peer hung up. */
static bool
nothing_read(struct client *c, long n)
{
	if (n == STREAM_EOF)
		ended(c);
	else if (n != STREAM_LATER)
		client_gone(c);
	return false;
}

/* A PROXY header in front of TLS: not one byte behind it may be taken. */
static void
read_proxy(struct client *c)
{
	size_t before = c->input.n, used;
	char *room = buf_room(&c->input, PROXY_V2_MAX);
	long n = stream_peek(&c->stream, room, PROXY_V2_MAX);

	if (n <= 0) {
		nothing_read(c, n);
		return;
	}
	c->input.n += (size_t)n;
	used = intake_take(c, buf_slice(&c->input));
	if (c->state == CLIENT_GONE)
		return;
	if (!stream_drop(
		&c->stream, room, used != 0 ? used - before : (size_t)n))
		client_gone(c);
	else if (used != 0)
		buf_free(&c->input);
}

/* One read; false when there is nothing more to be had now. */
static bool
read_some(struct client *c)
{
	bool kept = c->input.n != 0;
	char *room = kept ? buf_room(&c->input, READ_MAX) : c->front->scratch;
	long n = stream_read(&c->stream, room, READ_MAX);
	size_t used;

	if (n <= 0)
		return nothing_read(c, n);
	if (c->state == CLIENT_LINGER || c->state == CLIENT_STOPPED)
		return true;
	if (kept) {
		c->input.n += (size_t)n;
		take_kept(c);
		return true;
	}
	if (c->state == CLIENT_HEAD)
		c->since = client_now(c);
	used = intake_take(c, (struct slice){room, (size_t)n});
	if (c->state != CLIENT_GONE && used < (size_t)n)
		buf_add(&c->input, room + used, (size_t)n - used);
	return true;
}

void
client_unshaken(struct client *c, const char *why)
{
	char text[INET6_ADDRSTRLEN];

	stats_add(STAT_tls_failures, 1);
	log_info("tls_handshake", "address=%s why=\"%s\"",
	    ip_text(&c->address, text), why);
	client_gone(c);
}

bool
client_mute(const struct client *c)
{
	return c->stream.tls != NULL &&
	       (c->state == CLIENT_PROXY || c->state == CLIENT_HANDSHAKE);
}

static void
shake(struct client *c)
{
	int r = stream_handshake(&c->stream);

	if (r == STREAM_LATER)
		return;
	if (r != 1) {
		client_unshaken(c, stream_why(&c->stream));
		return;
	}
	stats_add(STAT_tls_handshakes, 1);
	c->state = CLIENT_HEAD;
}

static void
write_kept(struct client *c)
{
	long n;

	while (c->output.n != 0) {
		n = stream_write(&c->stream, buf_slice(&c->output));
		if (n == STREAM_LATER)
			return;
		if (n <= 0) {
			client_gone(c);
			return;
		}
		c->wrote = client_now(c);
		buf_drop(&c->output, (size_t)n);
	}
	buf_free(&c->output);
	client_touch(c);
}

static bool
reads_now(const struct client *c)
{
	return c->state != CLIENT_GONE && !client_mute(c) &&
	       c->state != CLIENT_PASSING && !c->stalled && !c->eof;
}

static void
ready(struct watch *w, unsigned events)
{
	struct client *c = container_of(w, struct client, watch);

	if (c->state == CLIENT_PROXY && client_mute(c))
		read_proxy(c);
	if (c->state == CLIENT_HANDSHAKE)
		shake(c);
	if (c->state != CLIENT_GONE && c->output.n != 0 &&
	    ((events & LOOP_WRITE) != 0 || c->stream.tls != NULL))
		write_kept(c);
	if (reads_now(c) &&
	    ((events & LOOP_READ) != 0 || c->stream.tls != NULL)) {
		while (
		    read_some(c) && reads_now(c) && stream_pending(&c->stream))
			continue;
	}
	client_settle(c);
}

/* Append what can be said, in order; true when the connection ends with it. */
static bool
collect(struct client *c, struct buf *out)
{
	struct list *node;

	while ((node = c->requests.next) != &c->requests) {
		struct request *r = container_of(node, struct request, node);
		bool close, done;
		size_t at;

		if (r->proceed)
			buf_str(out, "HTTP/1.1 100 Continue\r\n\r\n");
		r->proceed = false;
		if (r == c->reading && !r->kind->streams)
			return false; /* its body comes first */
		at = out->n;
		done = r->kind->answer(r, out);
		note_said(r, out, at);
		if (!done)
			return false;
		close = r->close;
		if (r == c->reading) { /* it gave up in the middle of a body */
			c->reading = NULL;
			close = true;
		}
		client_unqueue(c, r);
		if (close) {
			c->state = CLIENT_STOPPED;
			return true;
		}
	}
	c->since = client_now(c);
	return c->state == CLIENT_STOPPED;
}

/* Write from the shared buffer; what does not leave at once is kept. */
static void
write_out(struct client *c, const struct buf *out)
{
	struct slice rest = buf_slice(out);
	long n;

	while (rest.n != 0) {
		n = stream_write(&c->stream, rest);
		if (n == STREAM_LATER)
			break;
		if (n <= 0) {
			client_gone(c);
			return;
		}
		rest = slice_from(rest, (size_t)n);
	}
	c->wrote = client_now(c);
	if (rest.n != 0)
		buf_put(&c->output, rest);
}

/* Requests that had to wait go on; true when one still has to. */
static bool
resume(struct client *c)
{
	bool full = false;

	list_each (at, &c->requests) {
		struct request *r = container_of(at, struct request, node);

		if (r->kind->resume == NULL)
			continue;
		r->kind->resume(r);
		full = full || r->kind->full(r);
	}
	return full;
}

/* All that is ready is written. */
static void
go_on(struct client *c)
{
	if (c->state == CLIENT_PASSING && c->owed == 0) {
		pass_client(c);
		return;
	}
	if (!c->stalled)
		return;
	if (resume(c))
		intake_stall(c, true);
	else
		take_kept(c);
}

void
client_serve(struct client *c)
{
	struct buf *out = &c->front->out;
	bool last = false;

	if (c->state == CLIENT_GONE || c->state == CLIENT_LINGER ||
	    c->state == CLIENT_HANDSHAKE)
		return;
	if (c->output.n == 0) {
		buf_clear(out);
		last = collect(c, out);
		if (out->n != 0)
			write_out(c, out);
	}
	if (c->state == CLIENT_GONE)
		return;
	if (c->output.n == 0 && (last || (c->eof && c->owed == 0)))
		finish(c);
	else if (c->output.n == 0)
		go_on(c);
	client_settle(c);
}

void
client_drain(struct client *c)
{
	struct failure f = failure_of(CODE_draining);

	list_each (at, &c->requests)
		container_of(at, struct request, node)->close = true;
	if (c->reading != NULL && c->reading->kind->streams)
		client_cut_stream(c, &f);
	if (c->owed == 0 && c->input.n == 0 && c->output.n == 0)
		client_gone(c);
}

void
client_new(const struct client_setup *setup)
{
	struct client *c = xcalloc(1, sizeof(*c));

	c->front = setup->front;
	c->port = setup->port;
	c->stream = setup->stream;
	c->peer = c->address = setup->address;
	c->counted = setup->counted;
	c->secure = setup->secure;
	c->state = setup->proxy       ? CLIENT_PROXY
	           : setup->handshake ? CLIENT_HANDSHAKE
	                              : CLIENT_HEAD;
	c->watch.ready = ready;
	timer_init(&c->timer, client_rang);
	list_init(&c->dirty);
	list_init(&c->waiting);
	list_init(&c->requests);
	list_append(&c->front->clients, &c->node);
	c->front->nclients++;
	c->since = client_now(c);
	stats_add(STAT_connections, 1);
	if (setup->bytes.n != 0) {
		buf_put(&c->input, setup->bytes);
		take_kept(c);
	}
	ready(&c->watch, LOOP_READ);
}

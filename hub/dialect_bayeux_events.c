/*
 * dialect_bayeux_events.c - a session's messages as an EventSource reads them;
 * what its client says comes by requests.
 *
 * The session is named by the last segment of the path.  One that is not known
 * (any more) is let hang as the original does: its client learns it from his
 * next connect.
 */
#include "common/http_reply.h"
#include "common/must.h"
#include "common/stats.h"
#include "hub/bayeux.h"
#include "hub/bayeux_http.h"
#include "hub/door.h"
#include "hub/form_bayeux.h"

enum { COMMENT_MS = 10000 };

static void
arm(struct conn *c)
{
	uint64_t ping = c->hub->limits.bayeux.ping;

	conn_arm(c, ping != 0 ? ping : COMMENT_MS);
}

static void
events_timeout(struct conn *c)
{
	if (!c->blocked)
		conn_write(c, SLICE(":\r\n\r\n"));
	arm(c);
}

/* Nothing is to be said by it. */
static size_t
events_input(struct conn *c, char *p, size_t n)
{
	(void)c;
	(void)p;
	return n;
}

static void
events_leave(struct conn *c, unsigned in_ms)
{
	(void)in_ms;
	bayeux_carrier_leave(c);
	conn_finish(c);
}

static void
events_closed(struct conn *c)
{
	bayeux_carrier_gone(c);
	free(c->carrier);
	c->carrier = NULL;
	stats_sub(STAT_bayeux_streams, 1);
}

const struct dialect dialect_bayeux_events = {
    .name = "bayeux_events",
    .input = events_input,
    .timeout = events_timeout,
    .leave = events_leave,
    .left = bayeux_carrier_gone,
    .closed = events_closed,
};

void
bayeux_events_bye(struct conn *c)
{
	conn_finish(c);
}

void
bayeux_events_send(struct conn *c, struct piece p)
{
	struct slice frames = {p.run->bytes.p + p.from, p.to - p.from};
	struct run *run = run_new(c->hub->runs);

	while (frames.n != 0)
		form_bayeux_event(&run->bytes, bayeux_unframe(&frames));
	run_end_all(run, &p);
	conn_send(c, (struct piece){run, 0, (uint32_t)run->bytes.n});
	run_unref(&run);
}

void
bayeux_events_open(struct conn *c, const struct http_request *r)
{
	const char *slash = memrchr(r->path.p, '/', r->path.n);
	struct slice id = {
	    slash + 1, r->path.n - (size_t)(slash + 1 - r->path.p)};
	struct conn *session = bayeux_find(c->hub, id);
	struct bayeux_carrier *carrier;
	uint32_t tag = bayeux_tag_of(id);

	if (tag != 0 && tag != hub_tag(c->hub) &&
	    door_pass_on(c, tag, c->hub->request))
		return;
	carrier = xcalloc(1, sizeof(*carrier));
	bayeux_carrier_init(carrier);
	conn_become(c, &dialect_bayeux_events);
	c->carrier = carrier;
	c->bits = 0;
	stats_add(STAT_bayeux_streams, 1);
	conn_write(c, /* written by hand there, hence without a date */
	    SLICE("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
		  "Cache-Control: no-cache, no-store\r\nConnection: close\r\n"
		  "\r\nretry: 5000\r\n\r\n"));
	if (session != NULL)
		bayeux_attach(session, c);
	arm(c);
}

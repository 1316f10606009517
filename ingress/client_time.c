/*
 * client_time.c - how long a connection may take for what.
 *
 * One timer per connection.  It is set to the nearest deadline and left alone
 * when that moves away, so that a busy connection costs the wheel nothing;
 * when it fires too early it is set again.
 */
#include "common/must.h"
#include "ingress/client_own.h"
#include "ingress/note.h"

enum { LINGER_MS = 2000 }; /* for the peer to see our answer and close */

uint64_t
client_due(const struct client *c)
{
	const struct limits *l = &c->front->limits;
	uint64_t at = UINT64_MAX, late;

	if (c->state == CLIENT_LINGER)
		return c->since + LINGER_MS;
	if (c->output.n != 0)
		at = c->wrote + l->write_ms;
	if (!list_empty(&c->waiting) && c->state == CLIENT_HEAD)
		at =
		    c->since + l->answer_ms < at ? c->since + l->answer_ms : at;
	for (const struct list *n = c->requests.next; n != &c->requests;
	     n = n->next) {
		late = container_of(n, struct request, node)->late_at;
		at = late != 0 && late < at ? late : at;
	}
	if (c->stalled || c->state == CLIENT_PASSING ||
	    c->state == CLIENT_STOPPED)
		return at;
	if (c->reading != NULL)
		late = c->reading->kind->streams ? l->stream_ms : l->body_ms;
	else if (c->input.n != 0 || !c->begun)
		late = l->head_ms;
	else if (c->owed != 0)
		return at;
	else
		late = l->idle_ms;
	return c->since + late < at ? c->since + late : at;
}

static void
fail_late(struct client *c, uint64_t now)
{
	struct failure f = failure_of(CODE_timeout);

	list_each (at, &c->requests) {
		struct request *r = container_of(at, struct request, node);

		if (r->late_at == 0 || r->late_at > now)
			continue;
		r->late_at = UINT64_MAX;
		r->deaf = true;
		r->kind->fail(r, &f);
		client_touch(c);
	}
}

static void
stop_reading(struct client *c)
{
	buf_free(&c->input);
	c->state = CLIENT_STOPPED;
	client_touch(c);
}

void
client_cut_stream(struct client *c, const struct failure *f)
{
	struct request *r = c->reading;

	r->close = true;
	r->kind->fail(r, f);
	c->reading = NULL;
	stop_reading(c);
}

/* A head or a body took too long. */
static void
hurry(struct client *c)
{
	struct failure f = {408,
	    {"request_timeout", "The request did not come in time.", NULL}};
	struct request *r = c->reading;

	if (r == NULL && c->input.n == 0) {
		client_gone(c);
		return;
	}
	if (r != NULL && r->kind->streams) {
		client_cut_stream(c, &f);
	} else {
		struct request *late = answer_failure(&f);

		if (r != NULL) {
			note_move(late, r);
			client_unqueue(c, r);
		}
		note_begin(late, c->front, &c->address, NULL);
		late->close = true;
		client_queue(c, late);
	}
	stop_reading(c);
}

void
client_rang(struct timer *t)
{
	struct client *c = container_of(t, struct client, timer);
	uint64_t now = client_now(c), at = client_due(c);
	const struct limits *l = &c->front->limits;

	if (at > now) {
		client_settle(c);
		return;
	}
	if (client_mute(c)) {
		client_unshaken(c, "it took too long");
		return;
	}
	if (c->state == CLIENT_LINGER ||
	    (c->output.n != 0 && c->wrote + l->write_ms <= now)) {
		client_gone(c);
		return;
	}
	fail_late(c, now);
	if (!list_empty(&c->waiting) && c->state == CLIENT_HEAD &&
	    c->since + l->answer_ms <= now) {
		list_remove(&c->waiting);
		c->overdue = true;
		client_touch(c);
	} else if (client_due(c) <= now) {
		hurry(c);
	}
	client_settle(c);
}

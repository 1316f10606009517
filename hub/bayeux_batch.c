/*
 * bayeux_batch.c - answers that go together.
 */
#include "hub/bayeux.h"

#include "common/must.h"
#include "common/stats.h"
#include "hub/dialect.h"

struct bayeux_batch *
bayeux_batch_new(struct conn *carrier)
{
	struct bayeux_batch *b = xcalloc(1, sizeof(*b));

	b->carrier = carrier;
	b->open = 1;
	list_init(&b->node);
	list_init(&b->owed);
	list_append(&carrier->carrier->batches, &b->node);
	return b;
}

void
bayeux_batch_free(struct bayeux_batch *b)
{
	struct list *at;

	while ((at = list_shift(&b->owed)) != NULL) {
		struct bayeux_owed *o =
		    container_of(at, struct bayeux_owed, node);

		o->batch = NULL;
		if (o->connect)
			bayeux_unheld(
			    container_of(o, struct bayeux, held)->conn);
	}
	if (b->taker != NULL)
		b->taker->bayeux->taking = NULL;
	list_remove(&b->node);
	buf_free(&b->replies);
	free(b);
}

static void
close_one(struct bayeux_batch *b)
{
	if (--b->open != 0)
		return;
	if (b->carrier->dialect == &dialect_bayeux_ws)
		bayeux_ws_answer(b->carrier, b);
	else
		conn_dirty(b->carrier);
}

/* The connect of the client whose socket it came by, and nothing else. */
static struct conn *
connects_alone(const struct bayeux_batch *b)
{
	const struct bayeux_owed *o =
	    container_of(b->owed.next, struct bayeux_owed, node);
	struct conn *c = b->carrier->carrier->session;

	return b->open == 2 && b->replies.n == 0 && !list_empty(&b->owed) &&
	               c != NULL && o == &c->bayeux->held &&
	               b->carrier->dialect == &dialect_bayeux_ws
	           ? c
	           : NULL;
}

void
bayeux_batch_read(struct bayeux_batch *b)
{
	struct conn *session = connects_alone(b);

	if (session != NULL)
		bayeux_hold_alone(session);
	else
		close_one(b);
}

void
bayeux_say(struct bayeux_batch *b, struct bayeux_reply *r)
{
	if (b->replies.n != 0)
		buf_chr(&b->replies, ',');
	bayeux_put(&b->replies, r);
	if (r->behind.n != 0) {
		buf_chr(&b->replies, ',');
		buf_put(&b->replies, r->behind);
	}
}

void
bayeux_owe(struct bayeux_batch *b, struct bayeux_owed *o)
{
	b->open++;
	o->batch = b;
	list_init(&o->node);
	list_append(&b->owed, &o->node);
}

bool
bayeux_pay(struct bayeux_owed *o, struct bayeux_reply *r)
{
	struct bayeux_batch *b = o->batch;

	if (b == NULL) {
		buf_free(&r->error);
		return false;
	}
	list_remove(&o->node);
	o->batch = NULL;
	bayeux_say(b, r);
	close_one(b);
	return true;
}

void
bayeux_ride(struct bayeux_batch *b, struct conn *session)
{
	if (b->taker != NULL || session->bayeux->taking != NULL)
		return;
	b->taker = session;
	session->bayeux->taking = b;
}

/* What stands in a frame of ours, an array of one message, without the
 * brackets; the rest of the bytes are the next frames. */
struct slice
bayeux_unframe(struct slice *rest)
{
	unsigned char size = (unsigned char)rest->p[1];
	size_t head = size < 126 ? 2 : size == 126 ? 4 : 10, n = size;
	struct slice message;

	if (size >= 126) {
		n = 0;
		for (size_t i = 2; i < head; i++)
			n = n << 8 | (unsigned char)rest->p[i];
	}
	message = (struct slice){rest->p + head + 1, n - 2};
	*rest = slice_from(*rest, head + n);
	return message;
}

/* What waits for it, each behind a comma. */
static void
take(struct conn *c, struct run *into)
{
	struct piece p;

	while (out_shift(&c->out, &p)) {
		struct slice frames = {p.run->bytes.p + p.from, p.to - p.from};

		stats_sub(STAT_messages_pending, piece_messages(&p));
		while (frames.n != 0) {
			buf_chr(&into->bytes, ',');
			buf_put(&into->bytes, bayeux_unframe(&frames));
		}
		run_end_all(into, &p);
		run_unref(&p.run);
	}
}

struct run *
bayeux_batch_run(struct bayeux_batch *b)
{
	struct run *run = run_new(b->carrier->hub->runs);

	buf_chr(&run->bytes, '[');
	buf_put(&run->bytes, buf_slice(&b->replies));
	if (b->taker != NULL)
		take(b->taker, run);
	buf_chr(&run->bytes, ']');
	return run;
}

void
bayeux_carrier_init(struct bayeux_carrier *c)
{
	list_init(&c->batches);
	c->session = NULL;
}

void
bayeux_carrier_gone(struct conn *c)
{
	struct list *batches = &c->carrier->batches;

	if (c->carrier->session != NULL)
		bayeux_detach(c->carrier->session);
	while (!list_empty(batches))
		bayeux_batch_free(
		    container_of(batches->next, struct bayeux_batch, node));
}

void
bayeux_carrier_leave(struct conn *c)
{
	if (c->carrier->session != NULL)
		bayeux_end(c->carrier->session, BAYEUX_LOST);
	list_each (at, &c->carrier->batches) {
		struct bayeux_batch *b =
		    container_of(at, struct bayeux_batch, node);

		list_each (owed, &b->owed) {
			struct bayeux_owed *o =
			    container_of(owed, struct bayeux_owed, node);

			if (o->connect)
				bayeux_end(
				    container_of(o, struct bayeux, held)->conn,
				    BAYEUX_LOST);
		}
	}
}

/*
 * receipts.c - what a store cannot publish goes the way of its receipt.
 */
#include "common/receipts.h"

#include "common/code.h"
#include "common/must.h"
#include "common/stats.h"

/* A message on its way, and the receipt that is due behind it. */
struct relayed {
	struct list node;
	struct ticket ticket;
	struct receipts *all;
	struct msg_receipt receipt;
	char why[]; /* of the receipt */
};

void
receipts_open(struct receipts *r, struct bus *bus)
{
	*r = (struct receipts){.bus = bus};
	list_init(&r->flying);
}

static void
forget(struct relayed *one)
{
	list_remove(&one->node);
	one->all->count--;
	ticket_forget(&one->ticket);
	free(one);
}

void
receipts_close(struct receipts *r)
{
	while (r->bus != NULL && !list_empty(&r->flying))
		forget(container_of(r->flying.next, struct relayed, node));
}

void
receipts_say(struct receipts *r, const struct msg_receipt *m)
{
	struct bus_link *l = NULL;

	if (m->shard < bus_shards(r->bus))
		l = bus_owner(r->bus, (unsigned)m->shard);
	if (l != NULL)
		bus_send(l, &(struct msg){.id = MSG_receipt, .receipt = *m});
}

static void
answered(struct ticket *t, const struct msg_published *got)
{
	struct relayed *one = container_of(t, struct relayed, ticket);

	if (got->code == CODE_ok)
		receipts_say(one->all, &one->receipt);
	forget(one);
}

void
receipts_relay(struct receipts *r, const struct msg_relay *m)
{
	struct msg p = {.id = MSG_publish,
	    .publish = {.channel = m->channel, .body = m->body}};
	struct relayed *one;

	if (r->count == RECEIPTS_MOST || !bus_has_room(r->bus, m->channel)) {
		stats_add(STAT_drop_overflow, 1);
		return;
	}
	one = xmalloc(sizeof(*one) + m->why.n);
	*one = (struct relayed){
	    .ticket.answered = answered,
	    .all = r,
	    .receipt = {.shard = m->shard,
		.number = m->number,
		.lease = m->lease,
		.outcome = OUTCOME_GONE,
		.why = {one->why, m->why.n},
		.told = 1},
	};
	if (m->why.n != 0)
		memcpy(one->why, m->why.p, m->why.n);
	list_append(&r->flying, &one->node);
	r->count++;
	bus_publish(r->bus, &p, &one->ticket);
}

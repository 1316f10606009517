/*
 * ask.c - a publish outlives neither its answer nor its connection.
 */
#include "hub/ask.h"

#include "common/must.h"
#include "common/tally.h"
#include "hub/conn.h"

static void
ask_free(struct ask *a)
{
	if (a->next != NULL)
		a->next->at = a->at;
	*a->at = a->next;
	a->conn->asks_n--;
	free(a);
}

static void
ticket_answered(struct ticket *t, const struct msg_published *m)
{
	struct ask *a = container_of(t, struct ask, ticket);

	tally_answered((enum code)m->code);
	a->answered(a, m);
	ask_free(a);
}

static struct slice
keep(struct ask *a, size_t *n, struct slice s)
{
	struct slice kept = {a->bytes + *n, s.n};

	memcpy(a->bytes + *n, s.p, s.n);
	*n += s.n;
	return kept;
}

void
ask_publish(struct conn *c, const struct ask_want *want)
{
	struct msg_publish *p = &want->publish->publish;
	struct ask *a =
	    xcalloc(1, sizeof(*a) + want->ref.n + p->id.n + p->channel.n);
	size_t n = 0;

	a->ticket.answered = ticket_answered;
	a->answered = want->answered;
	a->conn = c;
	if (want->ref.n != 0)
		a->ref = keep(a, &n, want->ref);
	if (p->id.n != 0)
		a->id = keep(a, &n, p->id);
	a->channel = keep(a, &n, p->channel);
	a->next = c->asks;
	a->at = &c->asks;
	if (a->next != NULL)
		a->next->at = &a->next;
	c->asks = a;
	c->asks_n++;
	tally_taken();
	bus_publish(c->hub->d.bus, want->publish, &a->ticket);
}

void
asks_forget(struct conn *c)
{
	while (c->asks != NULL) {
		tally_abandoned();
		ticket_forget(&c->asks->ticket);
		ask_free(c->asks);
	}
}

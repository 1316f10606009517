/*
 * bridge_carry.c - from items to writes and back to tickets.
 *
 * A load is an item that is more than one publish.  It is held as long as it,
 * or one before it, waits for an answer; then it is made into writes and
 * flies until they are all answered.  Items are read again then: only their
 * bytes were kept.
 */
#include "ingress/bridge_carry.h"

#include "common/must.h"
#include "common/stats.h"
#include "common/statsd.h"

struct load {
	struct list node; /* of held or flying */
	struct carry *carry;
	struct ticket *ticket;
	const struct envelope *envelope;
	struct present_ask ask;
	enum code code; /* the worst answer so far */
	bool asks;      /* who is present is not known yet */
	bool present;
	unsigned writes; /* not answered */
	struct list parts;
	size_t id, n;
	char p[]; /* the id and the item, while it is held */
};

/* One write of a load. */
struct part {
	struct list node;
	struct ticket ticket;
	struct load *load;
};

/* Where the writes of an item go. */
struct sink {
	struct incus_sink out;
	struct load *load;
};

/* What may be tried again is tried again, whatever else was refused. */
static enum code
worse(enum code a, enum code b)
{
	if (a == CODE_ok || (code_passes(b) && !code_passes(a)))
		return b;
	return a;
}

static void
load_free(struct load *l)
{
	struct list *node;

	present_forget(l->carry->with->presents, &l->ask);
	while ((node = list_shift(&l->parts)) != NULL) {
		struct part *p = container_of(node, struct part, node);

		ticket_forget(&p->ticket);
		free(p);
	}
	list_remove(&l->node);
	free(l);
}

static void
settled(struct load *l)
{
	struct msg_published p = {.code = l->code};
	struct ticket *ticket = l->ticket;

	load_free(l);
	ticket->answered(ticket, &p);
}

static void
answered(struct ticket *t, const struct msg_published *got)
{
	struct part *p = container_of(t, struct part, ticket);
	struct load *l = p->load;

	l->code = worse(l->code, (enum code)got->code);
	list_remove(&p->node);
	free(p);
	if (--l->writes == 0)
		settled(l);
}

static void
sink_write(struct incus_sink *out, struct msg *m)
{
	struct load *l = container_of(out, struct sink, out)->load;
	struct part *p = xcalloc(1, sizeof(*p));

	p->load = l;
	p->ticket.answered = answered;
	list_append(&l->parts, &p->node);
	l->writes++;
	bus_publish(l->carry->with->bus, m, &p->ticket);
}

/* Make what was read last; a load of no writes is settled soon. */
static void
write_load(struct load *l, struct slice id)
{
	struct carriage *with = l->carry->with;
	struct sink sink = {.load = l,
	    .out = {.write = sink_write,
		.id = id,
		.unix_s = loop_unix_ms(with->loop) / 1000,
		.present = l->present}};

	bridge_incus_write(&with->incus, &sink.out);
	list_append(&l->carry->flying, &l->node);
	if (l->writes == 0)
		loop_arm(with->loop, &l->carry->soon, 0);
}

static void
publish(struct carriage *with, struct slice id, struct ticket *ticket)
{
	struct msg *m = &with->native.msg;

	if (m->publish.id.n == 0)
		m->publish.id = id;
	bus_publish(with->bus, m, ticket);
}

static enum code
read_item(struct carriage *with, struct carry_item *i)
{
	enum code code;

	if (i->envelope->read != NULL) {
		code = i->envelope->read(&with->native, i->item,
		    &(struct envelope_rules){
			loop_unix_ms(with->loop), with->tyron});
		i->fault = with->native.fault;
	} else {
		code = bridge_incus_read(&with->incus, i->item);
		i->fault = with->incus.in.fault;
	}
	return code;
}

/* Of Incus, each as it comes. */
static void
count(struct carriage *with, enum code code)
{
	if (code != CODE_ok)
		stats_add(STAT_incus_bad_items, 1);
	else
		statsd_command(with->statsd, STATSD_REDIS, with->incus.in.name);
}

/* It is its turn. */
static void
release(struct load *l)
{
	struct carriage *with = l->carry->with;
	struct slice id = {l->p, l->id};
	struct carry_item item = {
	    .envelope = l->envelope, .item = {l->p + l->id, l->n}};
	struct ticket *ticket = l->ticket;

	if (l->code == CODE_ok)
		l->code = read_item(with, &item);
	if (l->code != CODE_ok) {
		settled(l);
	} else if (l->envelope->read != NULL) {
		publish(with, id, ticket);
		load_free(l);
	} else {
		list_remove(&l->node);
		write_load(l, id);
	}
}

static void
go_on(struct carry *c)
{
	while (!list_empty(&c->held)) {
		struct load *l = container_of(c->held.next, struct load, node);

		if (l->asks)
			return;
		release(l);
	}
	c->room(c);
}

static void
told(struct present_ask *a, enum code code, bool present)
{
	struct load *l = container_of(a, struct load, ask);

	l->asks = false;
	l->present = present;
	l->code = code;
	go_on(l->carry);
}

static struct load *
load_new(struct carry *c, const struct carry_item *i)
{
	struct load *l = xcalloc(1, sizeof(*l) + i->id.n + i->item.n);
	char *at = l->p;

	l->carry = c;
	l->ticket = i->ticket;
	l->envelope = i->envelope;
	l->ask.told = told;
	l->id = slice_keep(&at, i->id).n;
	l->n = slice_keep(&at, i->item).n;
	list_init(&l->node);
	list_init(&l->parts);
	return l;
}

/* Why it could not be asked is told in its turn. */
static void
hold(struct carry *c, struct carry_item *i, struct slice user)
{
	struct load *l = load_new(c, i);

	list_append(&c->held, &l->node);
	if (user.n == 0)
		return;
	l->code = presents_ask(c->with->presents, &l->ask, user);
	l->asks = l->code == CODE_ok;
	if (!l->asks)
		loop_arm(c->with->loop, &c->soon, 0);
}

enum code
carry_take(struct carry *c, struct carry_item *i)
{
	struct carriage *with = c->with;
	enum code code = read_item(with, i);
	bool incus = i->envelope->read == NULL;
	struct slice user = {NULL, 0};

	if (incus)
		count(with, code);
	if (code != CODE_ok)
		return code;
	if (incus)
		bridge_incus_asks(&with->incus, &user);
	if (user.n != 0 || !list_empty(&c->held)) {
		hold(c, i, user);
	} else if (incus) {
		struct carry_item empty = *i;

		empty.id.n = empty.item.n = 0;
		write_load(load_new(c, &empty), i->id);
	} else {
		publish(with, i->id, i->ticket);
	}
	return CODE_ok;
}

static void
soon(struct timer *t)
{
	struct carry *c = container_of(t, struct carry, soon);
	struct list none;
	struct list *node;

	list_init(&none);
	list_each_safe (at, &c->flying) {
		struct load *l = container_of(at, struct load, node);

		if (l->writes == 0) {
			list_remove(&l->node);
			list_append(&none, &l->node);
		}
	}
	while ((node = list_shift(&none)) != NULL)
		settled(container_of(node, struct load, node));
	go_on(c);
}

bool
carry_room(const struct carry *c)
{
	return list_empty(&c->held) && bus_can_publish(c->with->bus);
}

void
carry_open(struct carry *c, struct carriage *with)
{
	c->with = with;
	list_init(&c->held);
	list_init(&c->flying);
	timer_init(&c->soon, soon);
}

void
carry_close(struct carry *c)
{
	if (c->with == NULL)
		return;
	timer_cancel(&c->soon);
	while (!list_empty(&c->held))
		load_free(container_of(c->held.next, struct load, node));
	while (!list_empty(&c->flying))
		load_free(container_of(c->flying.next, struct load, node));
}

void
carriage_end(struct carriage *with)
{
	presents_free(&with->presents);
	bridge_incus_free(&with->incus);
	native_free(&with->native);
}

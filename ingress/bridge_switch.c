/*
 * bridge_switch.c - TTL of a key, and what hubs are told.
 */
#include "ingress/bridge_switch.h"

#include "common/incus.h"
#include "common/incus_body.h"
#include "common/log.h"
#include "common/must.h"

static void
told(struct ticket *t, const struct msg_published *p)
{
	struct killswitch *k = container_of(t, struct killswitch, ticket);

	if (p->code == CODE_ok && !k->saying && !k->on)
		k->owed = false;
}

/* What could not be said is said at the next look. */
static void
say(struct killswitch *k)
{
	struct buf body = {0};
	struct msg m = {.id = MSG_publish,
	    .publish = {.channel = SLICE_INIT(INCUS_CONTROL)}};

	if (k->ticket.item != NULL || !bus_can_publish(k->bus))
		return;
	k->saying = k->on;
	incus_control_longpoll(&body, !k->on);
	m.publish.body = buf_slice(&body);
	bus_publish(k->bus, &m, &k->ticket);
	buf_free(&body);
}

static void
answered(struct redis_call *c, const struct redis_reply *r)
{
	struct killswitch *k = container_of(c, struct killswitch, call);
	bool on;

	k->asking = false;
	if (r == NULL || r->kind != REDIS_IS_NUMBER)
		return;
	on = r->number >= -1;
	if (on != k->on)
		log_info("killswitch", "on=%d", on);
	k->on = on;
	k->owed = k->owed || on;
	if (k->owed)
		say(k);
}

void
killswitch_look(struct killswitch *k)
{
	struct slice words[] = {SLICE_INIT("TTL"), slice_of(k->key)};

	if (k->call.answered == NULL || k->asking || !redis_is_up(k->redis))
		return;
	k->asking = true;
	redis_ask(k->redis, &k->call, words, LENGTH(words));
}

static void
tick(struct timer *t)
{
	struct killswitch *k = container_of(t, struct killswitch, tick);

	loop_arm(k->loop, t, SWITCH_MS);
	killswitch_look(k);
}

void
killswitch_open(struct killswitch *k)
{
	k->call.answered = answered;
	k->ticket.answered = told;
	timer_init(&k->tick, tick);
	loop_arm(k->loop, &k->tick, SWITCH_MS);
}

void
killswitch_close(struct killswitch *k)
{
	if (k->call.answered == NULL)
		return;
	timer_cancel(&k->tick);
	ticket_forget(&k->ticket);
}

/*
 * bridge_pubsub.c - Redis pub/sub under a lease.
 *
 * A message is looked at only while the lease is valid by our own clock: a
 * bridge that was stopped finds in its socket what the next holder has
 * published long since.
 */
#include "ingress/bridge_pubsub.h"

#include "common/backoff.h"
#include "common/log.h"
#include "common/must.h"
#include "common/stats.h"
#include "common/tally.h"

enum {
	BUSY_MIN = 100,
	BUSY_MAX = 5000, /* ms of pause when stores are busy */
	TRIES = 10,      /* of one message; then it is old */
};

struct message {
	struct ticket ticket;
	struct list node; /* of waiting or flying */
	struct pubsub *pubsub;
	const struct envelope *envelope;
	uint64_t number;
	unsigned tries;
	size_t n;
	char p[]; /* as Redis had it */
};

struct pubsub {
	struct pubsub_setup setup;
	struct lease lease;
	struct redis *redis;
	struct redis_face face;
	struct list waiting, flying;
	size_t bytes; /* waiting */
	struct timer pause;
	struct backoff busy;
	struct carry carry;
	uint64_t number; /* of the last message */
};

static void
message_free(struct message *m)
{
	list_remove(&m->node);
	if (m->ticket.item != NULL)
		tally_abandoned();
	ticket_forget(&m->ticket);
	free(m);
}

static void
wait_in(struct pubsub *s, struct message *m)
{
	list_append(&s->waiting, &m->node);
	s->bytes += m->n;
}

static void
tell_bad(const struct native_fault *f)
{
	char field[LOG_VALUE], room[NATIVE_WHY];
	struct slice name = slice_of(f->field != NULL ? f->field : "");

	stats_add(STAT_redis_bad_items, 1);
	log_warn("bad_message", "code=%s field=%s why=\"%s\"",
	    code_name(f->code), log_value(field, sizeof(field), name),
	    native_why(f, room));
}

static void
answered(struct ticket *t, const struct msg_published *p)
{
	struct message *m = container_of(t, struct message, ticket);
	struct pubsub *s = m->pubsub;
	enum code code = (enum code)p->code;

	tally_answered(code);
	if (code_passes(code) && ++m->tries < TRIES) {
		list_remove(&m->node);
		wait_in(s, m);
		if (!timer_armed(&s->pause))
			loop_arm(s->setup.lease.loop, &s->pause,
			    backoff_failed(&s->busy));
		return;
	}
	if (code != CODE_ok)
		tell_bad(&(struct native_fault){.code = code});
	else
		backoff_worked(&s->busy);
	message_free(m);
}

static bool
has_room(const struct pubsub *s)
{
	return !timer_armed(&s->pause) && carry_room(&s->carry);
}

/* What may be several writes needs an id, should some of them be tried again:
 * this life's token is part of it. */
static void
publish(struct pubsub *s, struct message *m)
{
	struct carry_item i = {.envelope = m->envelope,
	    .item = {m->p, m->n},
	    .ticket = &m->ticket};
	char id[INCUS_ITEM_ID + 1];
	enum code code;

	if (m->envelope->read == NULL) {
		snprintf(id, sizeof(id), "%.200s/%llu", s->setup.lease.token,
		    (unsigned long long)m->number);
		i.id = slice_of(id);
	}
	code = carry_take(&s->carry, &i);
	list_append(&s->flying, &m->node);
	tally_taken();
	if (code == CODE_ok)
		return;
	tally_refused(code);
	tell_bad(&i.fault);
	message_free(m);
}

static void
room(struct carry *c)
{
	pubsub_room(container_of(c, struct pubsub, carry));
}

void
pubsub_room(struct pubsub *s)
{
	struct list *node;

	while (has_room(s) && (node = list_shift(&s->waiting)) != NULL) {
		struct message *m = container_of(node, struct message, node);

		s->bytes -= m->n;
		publish(s, m);
	}
}

static void
pause_over(struct timer *t)
{
	pubsub_room(container_of(t, struct pubsub, pause));
}

static void
take(struct pubsub *s, const struct envelope *envelope, struct slice item)
{
	struct message *m;

	stats_add(STAT_redis_messages, 1);
	if (item.n > s->setup.buffer || s->bytes > s->setup.buffer - item.n) {
		stats_add(STAT_drop_overflow, 1);
		log_warn("pubsub_dropped", "bytes=%zu waiting=%zu", item.n,
		    s->bytes);
		return;
	}
	m = xcalloc(1, sizeof(*m) + item.n);
	m->ticket.answered = answered;
	m->pubsub = s;
	m->envelope = envelope;
	m->number = ++s->number;
	m->n = item.n;
	memcpy(m->p, item.p, item.n);
	list_init(&m->node);
	wait_in(s, m);
	pubsub_room(s);
}

static const struct envelope *
envelope_of(const struct binding *b, size_t n, struct slice name)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq(b[i].name, name))
			return b[i].envelope;
	return NULL;
}

/* [message, channel, item], [pmessage, pattern, channel, item]; all else
 * tells of subscriptions and signs of life. */
static void
pushed(struct redis_face *f, const struct redis_reply *r)
{
	struct pubsub *s = container_of(f, struct pubsub, face);
	const struct pubsub_setup *u = &s->setup;
	const struct envelope *e = NULL;

	if (r->kind == REDIS_IS_ERROR) {
		char why[LOG_VALUE];

		stats_add(STAT_redis_refused, 1);
		log_err("redis_refused", "why=%s",
		    log_value(why, sizeof(why), r->text));
		return;
	}
	if (!lease_valid(&s->lease) || r->n < 3)
		return;
	if (r->n == 3 && slice_is(r->items[0].text, "message"))
		e = envelope_of(u->channels, u->nchannels, r->items[1].text);
	else if (r->n == 4 && slice_is(r->items[0].text, "pmessage"))
		e = envelope_of(u->patterns, u->npatterns, r->items[1].text);
	if (e != NULL)
		take(s, e, r->items[r->n - 1].text);
}

static void
subscribe(struct pubsub *s, const char *how, const struct binding *b, size_t n)
{
	struct slice words[1 + PUBSUB_NAMES] = {slice_of(how)};

	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++)
		words[1 + i] = b[i].name;
	redis_subscribe(s->redis, words, 1 + n);
}

static void
redis_came_up(struct redis_face *f)
{
	struct pubsub *s = container_of(f, struct pubsub, face);
	const struct pubsub_setup *u = &s->setup;

	subscribe(s, "SUBSCRIBE", u->channels, u->nchannels);
	subscribe(s, "PSUBSCRIBE", u->patterns, u->npatterns);
}

static void
lease_changed(struct lease *l)
{
	struct pubsub *s = container_of(l, struct pubsub, lease);

	if (l->held)
		redis_open(s->redis);
	else
		redis_drop(s->redis);
}

void
pubsub_up(struct pubsub *s)
{
	lease_ask(&s->lease);
}

void
pubsub_drain(struct pubsub *s)
{
	lease_leave(&s->lease);
}

bool
pubsub_idle(const struct pubsub *s)
{
	return list_empty(&s->waiting) && list_empty(&s->flying);
}

struct pubsub *
pubsub_new(const struct pubsub_setup *setup)
{
	struct pubsub *s = xcalloc(1, sizeof(*s));

	s->setup = *setup;
	s->face = (struct redis_face){.up = redis_came_up, .pushed = pushed};
	s->setup.redis.face = &s->face;
	s->setup.redis.label = "pubsub";
	s->redis = redis_new(&s->setup.redis);
	s->lease.changed = lease_changed;
	lease_open(&s->lease, &setup->lease);
	s->carry.room = room;
	carry_open(&s->carry, setup->with);
	list_init(&s->waiting);
	list_init(&s->flying);
	timer_init(&s->pause, pause_over);
	backoff_init(&s->busy, BUSY_MIN, BUSY_MAX);
	return s;
}

void
pubsub_free(struct pubsub **sp)
{
	struct pubsub *s = *sp;
	struct list *node;

	*sp = NULL;
	if (s == NULL)
		return;
	lease_close(&s->lease);
	redis_free(&s->redis);
	timer_cancel(&s->pause);
	carry_close(&s->carry);
	while ((node = list_shift(&s->waiting)) != NULL ||
	       (node = list_shift(&s->flying)) != NULL)
		message_free(container_of(node, struct message, node));
	free(s);
}

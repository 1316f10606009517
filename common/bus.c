/*
 * bus.c - a stage's end of the bus: all its links, turns and beats.
 */
#include "common/bus.h"

#include "common/bus_link.h"
#include "common/bus_pipe.h"
#include "common/channel.h"
#include "common/crypto.h"
#include "common/log.h"
#include "common/must.h"

#include <unistd.h>

bool
bus_link_up(const struct bus_link *l)
{
	return l->state == UP;
}

unsigned
bus_link_number(const struct bus_link *l)
{
	return (unsigned)(l - l->bus->links);
}

uint64_t
bus_boot(const struct bus *b)
{
	return b->boot;
}

uint64_t
bus_link_boot(const struct bus_link *l)
{
	return l->boot;
}

const char *
bus_link_name(const struct bus_link *l)
{
	return l->name;
}

unsigned
bus_shards(const struct bus *b)
{
	return b->shards;
}

unsigned
bus_links(const struct bus *b)
{
	return b->count;
}

uint64_t *
bus_link_tally(struct bus_link *l)
{
	return &l->tally;
}

struct bus_link *
bus_link_at(struct bus *b, unsigned i)
{
	must(i < b->count);
	return &b->links[i];
}

struct bus_link *
bus_any(struct bus *b)
{
	for (unsigned i = 0; i < b->count; i++)
		if (bus_link_up(&b->links[i]))
			return &b->links[i];
	return NULL;
}

struct bus_link *
bus_owner(struct bus *b, unsigned shard)
{
	struct bus_link *l;

	must(shard < SHARDS_MAX);
	if (b->owner[shard] == NOBODY)
		return NULL;
	l = &b->links[b->owner[shard]];
	return l->state == UP ? l : NULL;
}

bool
bus_ready(const struct bus *b)
{
	for (unsigned s = 0; s < b->shards; s++)
		if (b->owner[s] == NOBODY || b->links[b->owner[s]].state != UP)
			return false;
	return b->shards != 0;
}

bool
bus_room(const struct bus_link *l)
{
	if (l->bus->pipe != NULL)
		return bus_pipe_room(l->bus->pipe);
	return l->state == UP && link_room(&l->link);
}

void
bus_hold(struct bus *b, bool held)
{
	b->held = held;
	if (b->pipe != NULL)
		bus_pipe_hold(b->pipe, held);
}

void
bus_send(struct bus_link *l, const struct msg *m)
{
	if (l->state != UP)
		return;
	stats_add(STAT_bus_frames_out, 1);
	link_add(&l->link, m);
	l->roomy = l->roomy && bus_room(l);
	if (l->bus->pipe != NULL)
		bus_pipe_sent(l->bus->pipe, m);
	if (link_ripe(&l->link))
		bus_link_flush(l);
}

size_t
bus_unanswered(const struct bus *b)
{
	return b->outbox.count;
}

unsigned
bus_shard(const struct bus *b, const struct msg *m)
{
	return channel_shard(msg_home(m), b->shards);
}

struct bus_link *
bus_link_for(struct bus *b, unsigned shard)
{
	return &b->links[b->owner[shard] != NOBODY ? b->owner[shard] : 0];
}

void
bus_link_write(const struct outbox_item *item, struct bus_link *l)
{
	if (l->state != UP)
		return;
	stats_add(STAT_bus_frames_out, 1);
	link_add_encoded(&l->link, outbox_frame(item), 1);
	if (link_ripe(&l->link))
		bus_link_flush(l);
}

void
bus_publish(struct bus *b, struct msg *m, struct ticket *t)
{
	struct outbox_queue *queue = &b->later;
	unsigned shard;

	must(b->shards != 0);
	shard = bus_shard(b, m);
	if (b->parked[shard] == 0 && !b->strays[shard]) {
		struct bus_link *l = bus_link_for(b, shard);

		queue = &l->sent;
		bus_link_write(outbox_add(&b->outbox,
				   &(struct outbox_add){queue, m, t, shard}),
		    l);
	} else {
		bus_moved_wait(b, m, t);
	}
	bus_room_used(b, queue);
}

bool
bus_ended(const struct bus *b)
{
	return b->pipe != NULL && bus_pipe_ended(b->pipe);
}

void
bus_leave(struct bus *b)
{
	struct msg m = {.id = MSG_bye, .bye = {.boot = b->boot}};

	if (b->pipe != NULL) {
		bus_pipe_finish(b->pipe);
		return;
	}
	for (unsigned i = 0; i < b->count; i++) {
		if (b->links[i].state != UP)
			continue;
		bus_send(&b->links[i], &m);
		bus_link_flush(&b->links[i]);
		if (b->links[i].state == UP)
			bus_socket_linger(b->links[i].socket, LEAVE_MS);
	}
}

static void
tell_publishable(struct bus *b)
{
	bool before = b->publishable;

	bus_room_look(b);
	/* kept first: the stage may fill it again inside the call */
	b->publishable = bus_can_publish(b);
	if (b->publishable && !before && b->face->publishable != NULL)
		b->face->publishable(b->face);
}

static void
pipe_work(struct bus *b)
{
	struct bus_link *l = &b->links[0];

	if (!b->greeted) {
		b->greeted = true;
		if (b->face->up != NULL)
			b->face->up(b->face, l);
	}
	if (!l->roomy && bus_room(l)) {
		l->roomy = true;
		if (b->face->room != NULL)
			b->face->room(b->face, l);
	}
}

static void
turn_work(struct turn *t)
{
	struct bus *b = container_of(t, struct bus, turn);

	if (b->pipe != NULL)
		pipe_work(b);
	else
		for (unsigned i = 0; i < b->count; i++)
			if (bus_link_work(&b->links[i]) && !b->held)
				bus_link_receive(&b->links[i]);
	if (b->again)
		bus_moved_again(b);
	b->again = false;
	tell_publishable(b);
}

/* What a flush answers may publish more, or make room that is to be told. */
static bool
pipe_end(struct bus *b)
{
	const struct bus_link *l = &b->links[0];

	bus_pipe_flush(b->pipe);
	return !b->greeted || bus_pipe_due(b->pipe) ||
	       (!b->publishable && bus_can_publish(b)) ||
	       (!l->roomy && bus_room(l));
}

/* ZeroMQ's descriptor does not fire for what came before we looked, so look
 * after the last send, every time. */
static bool
turn_end(struct turn *t)
{
	struct bus *b = container_of(t, struct bus, turn);
	bool more = false;

	if (b->pipe != NULL)
		return pipe_end(b);
	for (unsigned i = 0; i < b->count; i++) {
		struct bus_link *l = &b->links[i];

		if (link_due(&l->link))
			bus_link_flush(l);
		if (l->socket == NULL)
			continue;
		l->roomy = l->roomy && link_room(&l->link);
		/* while held, too: its commands would keep us awake */
		if (!l->pending || b->held)
			l->pending = bus_socket_readable(l->socket);
		more = more || (bus_link_work(l) && !b->held);
	}
	return more;
}

static void
readable(struct watch *w, unsigned events)
{
	(void)events;
	container_of(w, struct bus_link, readable)->pending = true;
}

static void
monitored(struct watch *w, unsigned events)
{
	struct bus_link *l = container_of(w, struct bus_link, monitor);
	unsigned news = bus_socket_news(l->socket);

	(void)events;
	if ((news & BUS_REFUSED) != 0) {
		stats_add(STAT_bus_refused, 1);
		log_warn("bus_refused",
		    "store=%s why=\"the keys do not fit, or it has none\"",
		    l->name);
	}
	l->lost = l->lost || (news & BUS_LOST) != 0;
}

/* Counters go to the first store only, and only those that changed: a store
 * we greet anew has forgotten them all. */
static void
tell_stats(struct bus_link *l)
{
	struct bus *b = l->bus;

	for (unsigned i = 0; i < STATS; i++) {
		uint64_t v = stats_get((enum stat_id)i);
		struct msg m = {.id = MSG_stat,
		    .stat = {.metric = stat_rows[i].name, .value = v}};

		if (v == b->told[i])
			continue;
		b->told[i] = v;
		bus_send(l, &m);
	}
}

static void
beat(struct bus_link *l)
{
	struct msg m = {.id = MSG_beat,
	    .beat = {.last = l->link.sent + 1, .queued = l->link.flight}};

	if (link_beat(&l->link, !l->pending && !l->bus->held)) {
		bus_link_reset(l, "silent");
		return;
	}
	if (l->state != UP)
		return;
	if (l == &l->bus->links[0])
		tell_stats(l);
	bus_send(l, &m);
}

static void
ticked(struct timer *t)
{
	struct bus *b = container_of(t, struct bus, tick);

	loop_arm(b->loop, &b->tick, TICK_MS);
	if (b->pipe == NULL)
		bus_moved_tick(b);
	bus_moved_again(b);
	if (b->pipe != NULL)
		return;
	/* not at once: a store that refuses us would be asked without pause */
	for (unsigned i = 0; i < b->count; i++)
		if (b->links[i].socket == NULL)
			bus_link_open(&b->links[i]);
		else if (b->links[i].lost && b->links[i].state == GREETING)
			bus_link_reset(&b->links[i], "refused");
	if (++b->ticks % BEAT_TICKS != 0)
		return;
	for (unsigned i = 0; i < b->count; i++)
		beat(&b->links[i]);
}

/* "name@endpoint", or an endpoint: then the name is store.N. */
static bool
add_link(struct bus *b, struct slice spec)
{
	struct bus_link *l = &b->links[b->count];
	struct slice name = {0}, rest = spec;
	char numbered[16];

	if (b->count == LINKS_MAX)
		return false;
	snprintf(numbered, sizeof(numbered), "store.%u", b->count + 1);
	if (memchr(spec.p, '@', spec.n) != NULL && slice_cut(&rest, '@', &name))
		spec = rest;
	else
		name = slice_of(numbered);
	l->name = strndup(name.p, name.n);
	l->endpoint = strndup(spec.p, spec.n);
	must(l->name != NULL && l->endpoint != NULL);
	l->bus = b;
	l->readable.ready = readable;
	l->monitor.ready = monitored;
	outbox_queue_init(&l->sent);
	link_init(&l->link);
	b->count++;
	return true;
}

static bool
links_try(struct bus *b, const char **why)
{
	for (unsigned i = 0; b->pipe == NULL && i < b->count; i++) {
		struct bus_socket *s = bus_socket_connect(
		    b->context, b->links[i].endpoint, &b->keys, why);

		if (s == NULL && *why != NULL)
			return false;
		bus_socket_close(&s);
	}
	*why = "no store is named";
	return b->count != 0;
}

static struct bus_pipe_ends
pipe_ends(const struct bus_setup *setup)
{
	if (setup->pipe.in == 0 && setup->pipe.out == 0)
		return (struct bus_pipe_ends){STDIN_FILENO, STDOUT_FILENO};
	return setup->pipe;
}

struct bus *
bus_open(const struct bus_setup *setup, const char **why)
{
	struct bus *b = xcalloc(1, sizeof(*b));
	struct slice rest = slice_of(setup->stores), spec;

	b->loop = setup->loop;
	b->face = setup->face;
	b->keys = setup->keys;
	b->stage = setup->stage;
	b->name = setup->name;
	b->context = bus_context_new();
	memset(b->owner, NOBODY, sizeof(b->owner));
	outbox_init(&b->outbox);
	outbox_queue_init(&b->moved);
	outbox_queue_init(&b->later);
	crypto_random(&b->boot, sizeof(b->boot));
	if (slice_is(rest, "-")) {
		b->pipe = bus_pipe_open(b, pipe_ends(setup));
		rest.p = NULL;
	}
	*why = "more than 64 stores";
	while (slice_cut(&rest, ' ', &spec))
		if (spec.n != 0 && !add_link(b, spec))
			goto out;
	if (!links_try(b, why))
		goto out;
	b->turn.work = turn_work;
	b->turn.end = turn_end;
	loop_add_turn(b->loop, &b->turn);
	timer_init(&b->tick, ticked);
	loop_arm(b->loop, &b->tick, TICK_MS);
	for (unsigned i = 0; b->pipe == NULL && i < b->count; i++)
		bus_link_open(&b->links[i]);
	*why = NULL;
	return b;
out:
	bus_close(&b);
	return NULL;
}

void
bus_close(struct bus **bp)
{
	struct bus *b = *bp;

	*bp = NULL;
	if (b == NULL)
		return;
	if (b->turn.end != NULL) {
		list_remove(&b->turn.node);
		timer_cancel(&b->tick);
	}
	for (unsigned i = 0; i < b->count; i++) {
		struct bus_link *l = &b->links[i];

		if (l->socket != NULL)
			bus_link_close(l);
		link_free(&l->link);
		outbox_queue_free(&b->outbox, &l->sent);
		free(l->name);
		free(l->endpoint);
	}
	outbox_queue_free(&b->outbox, &b->moved);
	outbox_queue_free(&b->outbox, &b->later);
	outbox_free(&b->outbox);
	bus_pipe_close(&b->pipe);
	bus_context_free(&b->context);
	free(b);
}

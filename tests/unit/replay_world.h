/*
 * replay_world.h - the parts of a store put together without a bus: hubs with
 * inboxes instead of links, and an engine that blocks as long as a test likes.
 */
#ifndef TESTS_UNIT_REPLAY_WORLD_H
#define TESTS_UNIT_REPLAY_WORLD_H

#include "common/channel.h"
#include "common/must.h"
#include "store/engine_memory.h"
#include "store/publish.h"
#include "store/replay.h"
#include "tests/unit/test.h"

enum {
	HUBS = 3,
	NAMES = 8,
	CHANNELS = 6,
	STEPS = 4000,
	EPOCH = 7000,
	WEIGHT = 64 << 10, /* bytes of the window a frame takes */
};

static const char *const channels[CHANNELS] = {
    "/a/public/x",
    "/a/public/y",
    "/a/public/z/1",
    "/a/public/z/2",
    "/a/private/e",
    "/a/private/f",
};
static const char *const names[NAMES] = {
    "/a/public/x",
    "/a/public/*",
    "/a/public/**",
    "/a/public/z/*",
    "/a/private/e",
    "/a/private/*",
    "/a/public/z/2",
    "/a/public/none",
};

struct frame {
	struct list node;
	struct msg m;
	char bytes[];
};

/* One listener from its first join to its leave. */
struct session {
	enum { AWAY, CATCHING, LIVE, RESTING } state;
	uint64_t generation, begin, last;
	uint64_t safe;       /* position before it began to catch up */
	unsigned char *seen; /* by offset: times seen, or COVERED */
};

struct hub {
	struct bus_peer bus;
	struct route_peer route;
	struct replay_peer replay;
	struct list inbox; /* struct frame */
	struct session sessions[NAMES];
	bool stalled;
};

struct config {
	const char *policies;
	size_t topics;
	bool blocks, fails, no_gaps;
	bool remembers; /* as an engine that outlives the process */
};

struct world {
	const struct config *config;
	struct wire wire;
	struct engine *engine, face;
	struct policies *policies;
	struct sequence_setup sequence_setup;
	struct sequence *sequence;
	struct route_setup route_setup;
	struct route *route;
	struct replays_setup replays_setup;
	struct replays *replays;
	struct publishing_setup publishing_setup;
	struct publishing *publishing;
	struct publishers *publishers;
	struct publisher *publisher;
	struct bus_peer publisher_peer;
	struct ids *ids;
	struct watches *watches;
	struct hub hubs[HUBS];
	struct batch *writing;
	struct read *reading;
	bool read_done;
	uint64_t now, random, generation, seq;
	unsigned gaps, delivered, lags;
	unsigned char channel_of[STEPS + 1]; /* by offset; 0: none, else + 1 */
	uint64_t prev_seen;
	uint64_t last_of[CHANNELS]; /* offset, by channel */
};

enum { COVERED = 128 };

static unsigned
dice(struct world *w, unsigned sides)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (unsigned)(w->random >> 20) % sides;
}

static struct publish_time
time_now(const struct world *w)
{
	return (struct publish_time){w->now, 1000000 + w->now};
}

/* The publisher hears what was accepted: that is the truth to compare with. */
static void
heard_answer(struct world *w, const struct msg_published *p, unsigned channel)
{
	if (p->code == CODE_ok)
		w->channel_of[p->offset] = (unsigned char)(channel + 1);
}

static void
wire_send(struct wire *wire, struct bus_peer *to, const struct msg *m)
{
	struct world *w = container_of(wire, struct world, wire);
	struct buf b = {0};
	struct frame *f;
	const char *why;

	if (to == &w->publisher_peer) {
		/* seq is the step; its channel is told by the model below */
		heard_answer(
		    w, &m->published, (unsigned)(m->published.seq % CHANNELS));
		return;
	}
	msg_encode(&b, m);
	f = xmalloc(sizeof(*f) + b.n);
	memcpy(f->bytes, b.p, b.n);
	must(msg_decode((struct slice){f->bytes, b.n}, &f->m, &why) > 0);
	list_append(&container_of(to, struct hub, bus)->inbox, &f->node);
	to->link.flight += WEIGHT;
	buf_free(&b);
}

static void
wire_send_encoded(struct wire *wire, struct bus_peer *to, struct slice s)
{
	const char *why;
	struct msg m;

	must(msg_decode(s, &m, &why) > 0);
	wire_send(wire, to, &m);
}

static void
granted(struct route_setup *s, struct withheld *h)
{
	publish_granted(
	    container_of(s, struct world, route_setup)->publishing, h);
}

static uint64_t
epoch(struct route_setup *s, unsigned shard)
{
	(void)s;
	(void)shard;
	return EPOCH;
}

static void
join_ends(struct route_setup *s, struct join *j)
{
	replay_cancel(
	    container_of(s, struct world, route_setup)->replays, j->replay);
}

static struct route_spot *
spot(struct route_setup *s, struct slice name, uint32_t hash)
{
	struct topic *t = sequence_find(
	    container_of(s, struct world, route_setup)->sequence, name, hash);

	return t != NULL ? &t->spot : NULL;
}

static void
forgets(struct sequence_setup *s, struct topic *t)
{
	publishing_forgets(
	    container_of(s, struct world, sequence_setup)->publishing, t);
}

static uint64_t *
last_of(struct world *w, const struct record *r)
{
	unsigned i = 0;

	while (!slice_is(r->channel, channels[i]))
		i++;
	return &w->last_of[i];
}

/* What an engine that remembers does with a channel the loop does not know. */
static void
write_all(struct world *w, struct batch *b)
{
	for (size_t i = 0; i < b->count; i++) {
		struct record *r = b->ops[i].append.record;

		if (b->ops[i].kind != OP_APPEND)
			continue;
		must(w->config->remembers || r->prev != PREV_UNKNOWN);
		if (r->prev == PREV_UNKNOWN)
			r->prev = *last_of(w, r);
		must(!w->config->remembers || r->prev == *last_of(w, r));
		*last_of(w, r) = r->offset;
	}
	w->engine->write(w->engine, b);
}

static void
end_write(struct world *w)
{
	struct batch *b = w->writing;

	w->writing = NULL;
	if (!w->config->fails || dice(w, 8) != 0)
		write_all(w, b);
	else
		batch_fail(b, CODE_full);
	publishing_written(w->publishing);
}

static void
begin_write(struct publishing_setup *s, struct batch *b)
{
	struct world *w = container_of(s, struct world, publishing_setup);

	assert_null(w->writing);
	w->writing = b;
	if (!w->config->blocks)
		end_write(w);
}

static void
end_read(struct world *w)
{
	struct read *q = w->reading;

	w->reading = NULL;
	if (!w->read_done)
		w->engine->read(w->engine, q);
	replays_found(w->replays);
}

static void
begin_read(struct replays_setup *s, struct read *q)
{
	struct world *w = container_of(s, struct world, replays_setup);

	assert_null(w->reading);
	w->reading = q;
	w->read_done = w->config->blocks && dice(w, 2) == 0;
	if (w->read_done)
		w->engine->read(w->engine, q);
	if (!w->config->blocks)
		end_read(w);
}

static void
hub_open(struct world *w, struct hub *h)
{
	h->bus = (struct bus_peer){0};
	list_init(&h->inbox);
	route_peer_init(w->route, &h->route, &h->bus);
	replay_peer_init(&h->replay, &h->bus);
}

static void
open_store(struct world *w)
{
	struct shard_state held;
	const char *why;
	struct slice bad;

	w->wire = (struct wire){wire_send, wire_send_encoded};
	w->engine = engine_memory_new(1, 1 << 30);
	w->face = *w->engine; /* only to be looked at */
	w->face.immediate = !w->config->blocks;
	w->face.remembers = w->config->remembers;
	w->policies = policies_new(slice_of(w->config->policies), &why, &bad);
	must(w->policies != NULL);
	w->sequence_setup = (struct sequence_setup){.shards = 1,
	    .most = w->config->topics,
	    .policies = w->policies,
	    .remembers = w->config->remembers,
	    .forgets = forgets};
	w->sequence = sequence_new(&w->sequence_setup);
	w->engine->open(w->engine, 0, EPOCH, &held);
	sequence_shard(w->sequence, 0)->owned = true;
	sequence_shard(w->sequence, 0)->epoch = EPOCH;
	w->route_setup = (struct route_setup){.shards = 1,
	    .wire = &w->wire,
	    .wheel = wheel_new(0),
	    .granted = granted,
	    .epoch = epoch,
	    .join_ends = join_ends,
	    .spot = spot};
	w->route = route_new(&w->route_setup);
	w->replays_setup = (struct replays_setup){
	    .sequence = w->sequence, .wire = &w->wire, .read = begin_read};
	w->replays = replays_new(&w->replays_setup);
	w->publishers = publishers_new();
	w->publisher = publishers_join(w->publishers, &w->publisher_peer);
	w->ids = ids_new(10);
	w->watches = watches_new(&w->wire);
	w->publishing_setup = (struct publishing_setup){.sequence = w->sequence,
	    .route = w->route,
	    .ids = w->ids,
	    .watches = w->watches,
	    .wire = &w->wire,
	    .engine = &w->face,
	    .pending_bytes = 1 << 30,
	    .write = begin_write};
	w->publishing = publishing_new(&w->publishing_setup);
	for (unsigned i = 0; i < HUBS; i++)
		hub_open(w, &w->hubs[i]);
}

static void
drop_inbox(struct hub *h)
{
	struct list *node;

	while ((node = list_shift(&h->inbox)) != NULL)
		free(container_of(node, struct frame, node));
}

static void
hub_close(struct world *w, struct hub *h)
{
	route_peer_gone(&h->route);
	replay_peer_gone(w->replays, &h->replay);
	drop_inbox(h);
}

static void
close_store(struct world *w)
{
	for (unsigned i = 0; i < HUBS; i++) {
		hub_close(w, &w->hubs[i]);
		for (unsigned k = 0; k < NAMES; k++)
			free(w->hubs[i].sessions[k].seen);
	}
	if (w->reading != NULL)
		end_read(w);
	publishing_free(&w->publishing);
	replays_free(&w->replays);
	route_free(&w->route);
	wheel_free(&w->route_setup.wheel);
	watches_free(&w->watches);
	ids_free(&w->ids);
	publishers_free(&w->publishers);
	sequence_free(&w->sequence);
	w->engine->close(&w->engine);
	policies_free(&w->policies);
}

static inline void
publish_on(struct world *w, unsigned channel)
{
	struct msg_publish m = {
	    .channel = slice_of(channels[channel]), .body = SLICE("body")};

	do
		w->seq++;
	while (w->seq % CHANNELS != channel);
	m.seq = w->seq;
	publish_take(w->publishing, w->publisher, &m, time_now(w));
}

static inline void
turn(struct world *w)
{
	w->now += dice(w, 40);
	wheel_advance(w->route_setup.wheel, w->now);
	publishing_turn(w->publishing, time_now(w));
	route_turn(w->route);
	replays_turn(w->replays, time_now(w).unix_ms);
}

#endif

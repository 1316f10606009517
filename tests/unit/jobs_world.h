/*
 * jobs_world.h - the jobs of a store without a bus: peers with inboxes, a
 * clock the test moves, and an engine that blocks and fails as it likes and
 * outlives the store.
 */
#ifndef TESTS_UNIT_JOBS_WORLD_H
#define TESTS_UNIT_JOBS_WORLD_H

#include "common/channel.h"
#include "common/must.h"
#include "common/stats.h"
#include "store/engine_memory.h"
#include "store/jobs.h"
#include "tests/unit/adds_up.h"
#include "tests/unit/test.h"

enum { PEERS = 4, EPOCH = 7000, UNIX = 1000000000 };

struct frame {
	struct list node;
	uint64_t stamp; /* of all frames, in order */
	struct msg m;
	char bytes[];
};

struct end { /* of a link */
	struct bus_peer bus;
	struct jobs_peer jobs;
	struct publisher *publisher;
	struct list inbox; /* struct frame */
	bool up;
	uint64_t seq; /* of its last write */
};

struct world {
	struct engine *engine, face;
	struct policies *policies;
	struct wire wire;
	struct wheel *wheel;
	struct sequence_setup sequence_setup;
	struct sequence *sequence;
	struct route_setup route_setup;
	struct route *route;
	struct publishers *publishers;
	struct ids *ids;
	struct watches *watches;
	struct publishing_setup publishing_setup;
	struct publishing *publishing;
	struct writes *writes;
	struct jobs_limits limits;
	struct jobs_setup jobs_setup;
	struct jobs *jobs;
	struct end ends[PEERS];
	struct batch *writing;
	uint64_t now, random, stamp;
	uint64_t leapt; /* the wall's clock did */
	unsigned shards;
	uint64_t tops[2]; /* a durable engine knows them after a boot */
	bool blocks;      /* a write ends when end_write() says so */
	enum code fails;  /* what writes get */
};

static inline unsigned
dice(struct world *w, unsigned sides)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (unsigned)(w->random >> 20) % sides;
}

static inline struct publish_time
time_now(const struct world *w)
{
	return (struct publish_time){w->now, UNIX + w->now + w->leapt};
}

static struct publish_time
jobs_clock(struct jobs_setup *s)
{
	return time_now(container_of(s, struct world, jobs_setup));
}

static void
wire_send(struct wire *wire, struct bus_peer *to, const struct msg *m)
{
	struct end *e = container_of(to, struct end, bus);
	struct buf b = {0};
	struct frame *f;
	const char *why;

	must(e->up);
	msg_encode(&b, m);
	f = xmalloc(sizeof(*f) + b.n);
	f->stamp = ++container_of(wire, struct world, wire)->stamp;
	memcpy(f->bytes, b.p, b.n);
	must(msg_decode((struct slice){f->bytes, b.n}, &f->m, &why) > 0);
	list_append(&e->inbox, &f->node);
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
	(void)s;
	(void)j;
}

static void
forgets(struct sequence_setup *s, struct topic *t)
{
	(void)s;
	(void)t;
}

static inline void
end_write(struct world *w)
{
	struct batch *b = w->writing;

	w->writing = NULL;
	if (w->fails == CODE_ok)
		w->engine->write(w->engine, b);
	else
		batch_fail(b, w->fails);
	publishing_written(w->publishing);
}

static void
begin_write(struct publishing_setup *s, struct batch *b)
{
	struct world *w = container_of(s, struct world, publishing_setup);

	assert_null(w->writing);
	w->writing = b;
	if (!w->blocks)
		end_write(w);
}

static void
pass_scan(struct engine *e, struct scan *q)
{
	struct engine *inner = container_of(e, struct world, face)->engine;

	inner->scan(inner, q);
}

static inline void
make_parts(struct world *w)
{
	w->wheel = wheel_new(w->now);
	w->sequence_setup = (struct sequence_setup){.shards = w->shards,
	    .most = 1000,
	    .policies = w->policies,
	    .forgets = forgets};
	w->sequence = sequence_new(&w->sequence_setup);
	w->route_setup = (struct route_setup){.shards = w->shards,
	    .wire = &w->wire,
	    .wheel = w->wheel,
	    .granted = granted,
	    .epoch = epoch,
	    .join_ends = join_ends};
	w->route = route_new(&w->route_setup);
	w->publishers = publishers_new();
	w->ids = ids_new(1000);
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
	w->writes =
	    writes_new(&(struct writes_setup){w->publishing, w->sequence});
	w->jobs_setup = (struct jobs_setup){.sequence = w->sequence,
	    .publishing = w->publishing,
	    .writes = w->writes,
	    .ids = w->ids,
	    .wire = &w->wire,
	    .wheel = w->wheel,
	    .engine = &w->face,
	    .limits = w->limits,
	    .seed = w->random,
	    .time = jobs_clock};
	w->jobs = jobs_new(&w->jobs_setup);
}

/* A new process, and what an older one left on the disk. */
static inline void
open_jobs(struct world *w, unsigned shard)
{
	struct snapshot rows = jobs_rows(&w->face, shard, time_now(w).unix_ms);

	snapshot_read(&rows);
	assert_int_equal(rows.code, CODE_ok);
	jobs_open(w->jobs, &rows);
	snapshot_free(&rows);
}

static inline void
boot(struct world *w)
{
	for (unsigned i = 0; i < STATS; i++)
		stats_set((enum stat_id)i, 0);
	w->face.immediate = !w->blocks;
	make_parts(w);
	publishing_turn(w->publishing, time_now(w));
	for (unsigned s = 0; s < w->shards; s++) {
		sequence_shard(w->sequence, s)->owned = true;
		sequence_shard(w->sequence, s)->epoch = EPOCH;
		sequence_shard(w->sequence, s)->top = w->tops[s];
		sequence_shard(w->sequence, s)->next = w->tops[s] + 1;
		open_jobs(w, s);
	}
}

static inline void
forget_frames(struct end *e)
{
	struct list *node;

	while ((node = list_shift(&e->inbox)) != NULL)
		free(container_of(node, struct frame, node));
}

static inline void
link_down(struct world *w, unsigned i)
{
	struct end *e = &w->ends[i];

	if (!e->up)
		return;
	e->up = false;
	publishers_leave(w->publishers, e->publisher, w->now);
	e->publisher->peer = NULL;
	jobs_peer_gone(w->jobs, &e->jobs);
	forget_frames(e);
}

static inline void
link_up(struct world *w, unsigned i)
{
	struct end *e = &w->ends[i];

	must(!e->up);
	e->up = true;
	e->bus.dead = false;
	if (e->bus.boot == 0)
		e->bus.boot = 100 + i;
	snprintf(e->bus.stage, sizeof(e->bus.stage), "pusher");
	snprintf(e->bus.name, sizeof(e->bus.name), "pusher.%u", i);
	e->publisher = publishers_join(w->publishers, &e->bus);
	jobs_peer_init(&e->jobs, &e->bus, e->publisher);
}

/* The process dies: what is being written is lost, or is not. */
static inline void
kill_store(struct world *w, bool lost)
{
	if (w->writing != NULL && !lost)
		w->engine->write(w->engine, w->writing);
	w->writing = NULL;
	for (unsigned i = 0; i < PEERS; i++)
		link_down(w, i);
	for (unsigned s = 0; s < w->shards; s++)
		w->tops[s] = sequence_shard(w->sequence, s)->next - 1;
	jobs_free(&w->jobs);
	writes_free(&w->writes);
	publishing_free(&w->publishing);
	route_free(&w->route);
	watches_free(&w->watches);
	ids_free(&w->ids);
	publishers_free(&w->publishers);
	sequence_free(&w->sequence);
	wheel_free(&w->wheel);
}

static inline struct world *
world_new(unsigned shards, bool blocks)
{
	struct world *w = xcalloc(1, sizeof(*w));
	const char *why;
	struct slice bad;

	w->random = 88172645463325252u;
	w->now = 1000;
	w->shards = shards;
	w->blocks = blocks;
	w->wire = (struct wire){wire_send, wire_send_encoded};
	w->engine = engine_memory_new(shards, 1 << 30);
	w->face = *w->engine; /* to be looked at, and to scan */
	w->face.scan = pass_scan;
	w->policies = policies_new(SLICE("/**=100"), &why, &bad);
	must(w->policies != NULL);
	w->limits = (struct jobs_limits){.most = 10000,
	    .bytes = 1 << 24,
	    .done = 10000,
	    .dead = 100,
	    .done_ms = 3600000,
	    .dead_ms = 3600000,
	    .lease_ms = 60000,
	    .grace_ms = 3000,
	    .age_ms = 86400000,
	    .retry_ms = 1000,
	    .retry_max = 60000,
	    .attempts = 4};
	for (unsigned i = 0; i < PEERS; i++)
		list_init(&w->ends[i].inbox);
	return w;
}

static inline void
world_free(struct world *w)
{
	publishes_add_up();
	jobs_add_up();
	kill_store(w, true);
	w->engine->close(&w->engine);
	policies_free(&w->policies);
	free(w);
}

/* Some time passes. */
static inline void
turn(struct world *w, uint64_t ms)
{
	w->now += ms;
	wheel_advance(w->wheel, w->now);
	publishing_turn(w->publishing, time_now(w));
	while (jobs_turn(w->jobs))
		;
}

static inline void
say(struct world *w, unsigned i, const struct msg *m)
{
	jobs_frame(w->jobs, &w->ends[i].jobs, m);
}

/* Number it as its publisher would. */
static inline void
put_write(struct world *w, unsigned i, struct msg *m)
{
	*msg_seq(m) = ++w->ends[i].seq;
	say(w, i, m);
}

static inline void
credit(struct world *w, unsigned i, const char *queue, unsigned jobs)
{
	say(w, i,
	    &(struct msg){.id = MSG_credit,
		.credit = {.queue = slice_of(queue), .jobs = jobs}});
}

/* The next frame of that kind, which the caller frees; others are dropped. */
static inline struct frame *
next(struct world *w, unsigned i, enum msg_id id)
{
	struct list *node;

	while ((node = list_shift(&w->ends[i].inbox)) != NULL) {
		struct frame *f = container_of(node, struct frame, node);

		if (f->m.id == id)
			return f;
		free(f);
	}
	return NULL;
}

static inline uint64_t
accounted(void)
{
	return stats_get(STAT_jobs_pending) + stats_get(STAT_jobs_delivered) +
	       stats_get(STAT_jobs_expired) + stats_get(STAT_jobs_dead) +
	       stats_get(STAT_jobs_replaced) + stats_get(STAT_jobs_gone) +
	       stats_get(STAT_jobs_cancelled) + stats_get(STAT_jobs_left);
}

/* What came in is what ended and what is there. */
static inline void
assert_conserved(void)
{
	assert_int_equal(accounted(), stats_get(STAT_jobs_enqueued) +
					  stats_get(STAT_jobs_recovered) +
					  stats_get(STAT_jobs_replayed));
	assert_int_equal(
	    stats_get(STAT_jobs_dead) + stats_get(STAT_dead_recovered),
	    stats_get(STAT_dead_letters) + stats_get(STAT_jobs_replayed) +
		stats_get(STAT_dead_dropped) + stats_get(STAT_dead_cancelled) +
		stats_get(STAT_dead_left));
}

#endif

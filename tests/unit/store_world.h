/*
 * store_world.h - a whole store on a real bus, and three scripted peers.
 */
#ifndef TESTS_UNIT_STORE_WORLD_H
#define TESTS_UNIT_STORE_WORLD_H

#include "common/code.h"
#include "store/core.h"
#include "store/engine_memory.h"
#include "tests/unit/adds_up.h"
#include "tests/unit/store_peer.h"

#include <unistd.h>

enum { DEADLINE_MS = 20000 }; /* reached by a failure only */

/* The memory engine as one that blocks, on threads, and fails when told. */
struct scripted {
	struct engine face;
	struct engine *inner;
	enum code code;      /* of writes */
	enum code scan_code; /* of scans, which the reader counts */
	unsigned scans;
	const struct lender *lender; /* NULL: the store's own shards */
	struct lease_face *leases;
	uint64_t until, term; /* of the lease */
	unsigned released;
};

static inline void
scripted_write(struct engine *e, struct batch *b)
{
	struct scripted *s = container_of(e, struct scripted, face);

	if (s->code != CODE_ok)
		batch_fail(b, s->code);
	else
		s->inner->write(s->inner, b);
}

static inline void
scripted_read(struct engine *e, struct read *q)
{
	struct scripted *s = container_of(e, struct scripted, face);

	s->inner->read(s->inner, q);
}

static inline void
scripted_scan(struct engine *e, struct scan *q)
{
	struct scripted *s = container_of(e, struct scripted, face);

	s->scans++;
	if ((q->code = s->scan_code) == CODE_ok)
		s->inner->scan(s->inner, q);
	else
		q->more = false;
}

static inline enum code
scripted_open(
    struct engine *e, unsigned shard, uint64_t unix_ms, struct shard_state *out)
{
	struct scripted *s = container_of(e, struct scripted, face);

	return s->inner->open(s->inner, shard, unix_ms, out);
}

struct world {
	struct loop *loop;
	char dir[64], stores[256];
	struct owners owners;
	struct policies *policies;
	struct engine *engine;
	struct scripted scripted;
	bool blocking;
	struct core_setup setup;
	struct core *core;
	struct bus_context *context;
	struct peer *hub, *other, *publisher;
	struct turn turn;
	struct watch watch;
	struct timer tick, deadline;
	struct peer *wanted; /* the loop ends when it has so many of these */
	enum msg_id want;
	unsigned want_count, drained;
	uint64_t not_before; /* unix ms; nothing is complete until then */
	bool late;
};

static inline void
work(struct turn *t)
{
	struct world *w = container_of(t, struct world, turn);

	peer_turn(w->hub);
	peer_turn(w->other);
	peer_turn(w->publisher);
}

static inline bool
end(struct turn *t)
{
	struct world *w = container_of(t, struct world, turn);

	work(t);
	if (loop_unix_ms(w->loop) <= w->not_before)
		return false;
	if (w->wanted != NULL ? peer_count(w->wanted, w->want) >= w->want_count
			      : w->drained != 0)
		loop_stop(w->loop, 0);
	return false;
}

/* The peers' sockets are looked at every ms: this is not what is tested. */
static inline void
tick(struct timer *t)
{
	struct world *w = container_of(t, struct world, tick);

	loop_arm(w->loop, t, 1);
}

static inline void
too_late(struct timer *t)
{
	struct world *w = container_of(t, struct world, deadline);

	w->late = true;
	loop_stop(w->loop, 1);
}

static inline void
await(struct world *w, struct peer *p, enum msg_id id, unsigned count)
{
	w->wanted = p;
	w->want = id;
	w->want_count = count;
	loop_arm(w->loop, &w->deadline, DEADLINE_MS);
	loop_run(w->loop);
	timer_cancel(&w->deadline);
	if (w->late)
		fail_msg("got %u of %u %s", p != NULL ? peer_count(p, id) : 0,
		    count, msg_name(id));
}

static inline void
drained(struct core_setup *s)
{
	container_of(s, struct world, setup)->drained++;
}

static inline void
open_store(struct world *w, const char *history, unsigned shards)
{
	struct owners_setup owners = {.stores = slice_of(w->stores),
	    .self = "store.1",
	    .run = w->dir,
	    .shards = shards};
	const char *why;
	struct slice bad;

	assert_null(owners_read(&w->owners, &owners));
	w->policies = policies_new(slice_of(history), &why, &bad);
	assert_non_null(w->policies);
	w->engine = engine_memory_new(shards, 256 << 20);
	w->scripted.inner = w->engine;
	w->scripted.face = (struct engine){.name = "scripted",
	    .kept = KEPT_FSYNC,
	    .open = scripted_open,
	    .write = scripted_write,
	    .read = scripted_read,
	    .scan = scripted_scan,
	    .lender = w->scripted.lender,
	    .remembers = w->scripted.lender != NULL};
	w->setup = (struct core_setup){.loop = w->loop,
	    .owners = &w->owners,
	    .policies = w->policies,
	    .engine = w->blocking ? &w->scripted.face : w->engine,
	    .epoch_ms = 7000,
	    .pending_bytes = 64 << 20,
	    .topics = 1000,
	    .ids = 1000,
	    .box_items = 4,
	    .box_bytes = 4096,
	    .box_ttl_ms = 3600000,
	    .box_memory = 1 << 20,
	    .tracks = 100,
	    .tracks_ms = 60000,
	    .presence = {.users = 100, .sessions = 10, .bytes = 1 << 20},
	    .drained = drained};
	w->core = core_open(&w->setup, &why);
	if (w->core == NULL)
		fail_msg("%s", why);
	core_add_key(w->core,
	    &(struct core_key){SLICE("demo"), SLICE("demo"), SLICE("secret")});
}

static inline int
set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	snprintf(w->dir, sizeof(w->dir), "/tmp/store_test.XXXXXX");
	must(mkdtemp(w->dir) != NULL);
	w->loop = loop_new();
	w->turn.work = work;
	w->turn.end = end;
	loop_add_turn(w->loop, &w->turn);
	timer_init(&w->deadline, too_late);
	timer_init(&w->tick, tick);
	loop_arm(w->loop, &w->tick, 1);
	w->context = bus_context_new();
	w->hub = xcalloc(1, sizeof(*w->hub));
	w->other = xcalloc(1, sizeof(*w->other));
	w->publisher = xcalloc(1, sizeof(*w->publisher));
	w->hub->stage = "hub";
	w->other->stage = "hub";
	w->publisher->stage = "ingress";
	w->hub->boot = 11;
	w->other->boot = 12;
	w->publisher->boot = 13;
	*state = w;
	return 0;
}

static inline int
tear_down(void **state)
{
	struct world *w = *state;
	char path[128];

	peer_close(w->hub);
	peer_close(w->other);
	peer_close(w->publisher);
	publishes_add_up();
	core_close(&w->core);
	if (w->engine != NULL)
		w->engine->close(&w->engine);
	policies_free(&w->policies);
	timer_cancel(&w->tick);
	loop_free(&w->loop);
	bus_context_free(&w->context);
	snprintf(path, sizeof(path), "%s/store", w->dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/store.lock", w->dir);
	unlink(path);
	rmdir(w->dir);
	free(w->hub);
	free(w->other);
	free(w->publisher);
	free(w);
	return 0;
}

static inline void
greet(struct world *w, struct peer *p)
{
	peer_open(p, w->context, owners_endpoint(&w->owners));
	await(w, p, MSG_welcome, 1);
}

static inline void
publish(struct world *w, uint64_t seq, const char *channel, struct slice body)
{
	struct msg m = {.id = MSG_publish,
	    .publish = {
		.seq = seq, .channel = slice_of(channel), .body = body}};

	peer_send(w->publisher, &m);
}

static inline void
join(struct peer *p, const char *channel, uint64_t epoch, uint64_t offset)
{
	struct msg m = {.id = MSG_join,
	    .join = {
		.channel = slice_of(channel),
		.generation = 5,
		.resume = epoch != 0 ? RESUME_POSITION : RESUME_NOW,
		.epoch = epoch,
		.offset = offset,
	    }};

	peer_send(p, &m);
}

#define whole(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif

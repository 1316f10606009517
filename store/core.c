/*
 * core.c - peers, and which part of the store hears which frame.
 *
 * The bus may find a peer dead in the middle of what we do for it (a send
 * that fails).  Its state is put aside then and taken apart at the end of
 * the turn, before the bus frees the peer.
 */
#include "store/core_own.h"

#include "common/log.h"
#include "common/must.h"
#include "common/stats.h"

static void
peer_free(struct core *c, struct bus_peer_state *s)
{
	route_peer_gone(&s->route);
	replay_peer_gone(c->replays, &s->replay);
	pages_peer_gone(&s->pages);
	watch_peer_gone(&s->watch);
	jobs_peer_gone(c->jobs, &s->jobs);
	presence_peer_gone(&s->presence);
	core_roster_gone(c, s->peer);
	core_errands_gone(c, s->peer);
	counters_free(&s->counters);
	free(s->bounced);
	list_remove(&s->dead);
	free(s);
}

static void
bury(struct core *c)
{
	while (!list_empty(&c->dead))
		peer_free(
		    c, container_of(c->dead.next, struct bus_peer_state, dead));
}

static void
on_gone(struct bus_server_face *f, struct bus_peer *peer)
{
	struct core *c = container_of(f, struct core, face);
	struct bus_peer_state *s = peer->state;

	if (s == NULL)
		return;
	rejoin_gone(c->rejoin, peer);
	tracks_gone(c->tracks, peer, loop_now(c->setup->loop));
	publishers_leave(c->publishers, s->publisher, loop_now(c->setup->loop));
	list_append(&c->dead, &s->dead);
	peer->state = NULL;
	if (c->working)
		return;
	bury(c);
	c->working = false;
}

static void
on_hello(struct bus_server_face *f, struct bus_peer *peer)
{
	struct core *c = container_of(f, struct core, face);
	struct bus_peer_state *s = xcalloc(1, sizeof(*s));

	c->working = true;
	peer->state = s;
	s->peer = peer;
	list_init(&s->dead);
	s->publisher = publishers_join(c->publishers, peer);
	rejoin_hello(c->rejoin, peer);
	tracks_came(c->tracks, peer);
	route_peer_init(c->route, &s->route, peer);
	replay_peer_init(&s->replay, peer);
	pages_peer_init(&s->pages, peer);
	watch_peer_init(&s->watch, peer);
	jobs_peer_init(&s->jobs, peer, s->publisher);
	presence_peer_init(c->presence, &s->presence, peer);
	counters_init(&s->counters);
	core_tell_owners(c, peer);
	keyring_tell(
	    c->keyring, &(struct keyring_told){&c->wire, peer, KEYRING_ALL,
			    loop_unix_ms(c->setup->loop)});
	bus_server_welcome(
	    c->server, peer, c->setup->owners->shards, s->publisher->mark);
}

static void
take(struct core *c, struct bus_peer *peer, const struct msg *m)
{
	if (m->id == MSG_publish)
		publish_take(c->publishing, peer->state->publisher, &m->publish,
		    core_time(c));
	else
		core_frame(c, peer->state, m);
}

static void
on_frame(struct bus_server_face *f, struct bus_peer *peer, const struct msg *m)
{
	struct core *c = container_of(f, struct core, face);

	core_check_leases(c);
	c->working = true;
	if (c->draining && msg_writes(m))
		return;
	if (rejoin_waits(c->rejoin) && msg_writes(m))
		rejoin_hold(c->rejoin, peer, m);
	else if (core_is_stale(c, peer, m))
		publish_bounce(c->publishing, peer->state->publisher, m);
	else
		take(c, peer, m);
}

/* The hubs are back: now what was published since the boot reaches them. */
static void
all_rejoined(struct rejoin_setup *setup)
{
	struct core *c = container_of(setup, struct core, rejoin_setup);
	struct bus_peer *peer;
	struct msg m;

	c->working = true;
	while (rejoin_take(c->rejoin, &peer, &m))
		take(c, peer, &m);
}

static void
on_ahead(struct bus_server_face *f, const struct msg *m, unsigned count)
{
	publish_ahead(
	    &container_of(f, struct core, face)->publishing_setup, m, count);
}

static void
wire_send(struct wire *w, struct bus_peer *peer, const struct msg *m)
{
	struct core *c = container_of(w, struct core, wire);

	if (c->server != NULL)
		bus_server_send(c->server, peer, m);
}

static void
wire_send_encoded(struct wire *w, struct bus_peer *peer, struct slice frame)
{
	struct core *c = container_of(w, struct core, wire);

	if (c->server != NULL)
		bus_server_send_encoded(c->server, peer, frame, 1);
}

static void
route_granted(struct route_setup *setup, struct withheld *w)
{
	struct core *c = container_of(setup, struct core, route_setup);

	c->working = true;
	publish_granted(c->publishing, w);
}

static uint64_t
route_epoch(struct route_setup *setup, unsigned shard)
{
	struct core *c = container_of(setup, struct core, route_setup);

	return sequence_shard(c->sequence, shard)->epoch;
}

static void
join_ends(struct route_setup *setup, struct join *j)
{
	struct core *c = container_of(setup, struct core, route_setup);

	replay_cancel(c->replays, j->replay);
}

static struct route_spot *
route_spot(struct route_setup *setup, struct slice name, uint32_t hash)
{
	struct core *c = container_of(setup, struct core, route_setup);
	struct topic *t = sequence_find(c->sequence, name, hash);

	return t != NULL ? &t->spot : NULL;
}

static void
topic_forgotten(struct sequence_setup *setup, struct topic *t)
{
	struct core *c = container_of(setup, struct core, sequence_setup);

	publishing_forgets(c->publishing, t);
}

static struct publish_time
jobs_now(struct jobs_setup *setup)
{
	return core_time(container_of(setup, struct core, jobs_setup));
}

static void
run_write(struct work *work)
{
	struct core_write *w = container_of(work, struct core_write, work);

	w->engine->write(w->engine, w->batch);
}

static void
log_failures(const struct core *c, const struct batch *b)
{
	for (unsigned s = 0; s < b->shards; s++)
		if (b->codes[s] != CODE_ok)
			log_err("commit", "engine=%s shard=%u code=%s",
			    c->setup->engine->name, s, code_name(b->codes[s]));
}

static void
written(struct work *work)
{
	struct core *c = container_of(work, struct core, write.work);

	c->working = true;
	core_check_leases(c);
	log_failures(c, c->write.batch);
	publishing_written(c->publishing);
	core_let_go(c);
}

static void
begin_write(struct publishing_setup *setup, struct batch *b)
{
	struct core *c = container_of(setup, struct core, publishing_setup);

	c->write.batch = b;
	worker_do(c->committer, &c->write.work);
}

static void
run_read(struct work *work)
{
	struct core_read *r = container_of(work, struct core_read, work);

	r->engine->read(r->engine, r->read);
}

static void
found(struct work *work)
{
	struct core *c = container_of(work, struct core, read.work);

	c->working = true;
	replays_found(c->replays);
}

static void
begin_read(struct replays_setup *setup, struct read *q)
{
	struct core *c = container_of(setup, struct core, replays_setup);

	c->read.read = q;
	worker_do(c->reader, &c->read.work);
}

/* ZeroMQ's own thread sends the last answers; with no linger it needs a
 * moment before the socket is closed. */
enum { LAST_WORDS_MS = 50 };

static void
drained(struct timer *t)
{
	struct core *c = container_of(t, struct core, last_words);

	c->setup->drained(c->setup);
}

static bool
turn_end(struct turn *t)
{
	struct core *c = container_of(t, struct core, turn);
	bool more;

	core_check_leases(c);
	core_drop_late(c);
	c->working = true;
	more = presence_turn(c->presence);
	publishing_turn(c->publishing, core_time(c));
	if (c->draining)
		route_drain(c->route);
	route_turn(c->route);
	more |= replays_turn(c->replays, loop_unix_ms(c->setup->loop));
	more |= jobs_turn(c->jobs);
	more |= pages_turn(c->pages, loop_unix_ms(c->setup->loop));
	if (c->draining && !timer_armed(&c->last_words) &&
	    publishing_pending(c->publishing) == 0)
		loop_arm(c->setup->loop, &c->last_words, LAST_WORDS_MS);
	bury(c);
	c->working = false;
	return more;
}

static void
second(struct timer *t)
{
	struct core *c = container_of(t, struct core, second);
	struct engine *e = c->setup->engine;

	core_check_leases(c);
	c->working = true;
	loop_arm(c->setup->loop, &c->second, 1000);
	publishers_tick(c->publishers, loop_now(c->setup->loop));
	jobs_tick(c->jobs);
	tracks_tick(c->tracks, loop_now(c->setup->loop));
	if (e->tick != NULL)
		e->tick(e, loop_unix_ms(c->setup->loop));
}

static void
make_jobs(struct core *c)
{
	c->jobs_setup = (struct jobs_setup){
	    .sequence = c->sequence,
	    .publishing = c->publishing,
	    .writes = c->writes,
	    .ids = c->ids,
	    .wire = &c->wire,
	    .wheel = loop_wheel(c->setup->loop),
	    .engine = c->setup->engine,
	    .limits = c->setup->jobs,
	    .time = jobs_now,
	};
	c->jobs = jobs_new(&c->jobs_setup);
}

static void
make_workers(struct core *c)
{
	struct engine *e = c->setup->engine;

	c->write =
	    (struct core_write){{.run = run_write, .done = written}, e, NULL};
	c->read = (struct core_read){{.run = run_read, .done = found}, e, NULL};
	c->committer = worker_new(c->setup->loop, !e->immediate);
	c->reader = worker_new(c->setup->loop, !e->immediate);
}

static void
make_parts(struct core *c)
{
	struct core_setup *setup = c->setup;

	c->wire = (struct wire){wire_send, wire_send_encoded};
	c->sequence_setup = (struct sequence_setup){
	    .shards = setup->owners->shards,
	    .remembers = setup->engine->remembers,
	    .most = setup->topics,
	    .policies = setup->policies,
	    .forgets = topic_forgotten,
	};
	c->sequence = sequence_new(&c->sequence_setup);
	c->route_setup = (struct route_setup){
	    .shards = setup->owners->shards,
	    .wire = &c->wire,
	    .wheel = loop_wheel(setup->loop),
	    .granted = route_granted,
	    .epoch = route_epoch,
	    .join_ends = join_ends,
	    .spot = route_spot,
	};
	c->route = route_new(&c->route_setup);
	c->replays_setup = (struct replays_setup){
	    .sequence = c->sequence, .wire = &c->wire, .read = begin_read};
	c->replays = replays_new(&c->replays_setup);
	c->rejoin_setup = (struct rejoin_setup){
	    .loop = setup->loop,
	    .folder = setup->data,
	    .name = owners_name(setup->owners),
	    .over = all_rejoined,
	};
	c->rejoin = rejoin_new(&c->rejoin_setup);
	c->publishers = publishers_new();
	c->ids = ids_new(setup->ids);
	c->watches = watches_new(&c->wire);
	c->publishing_setup = (struct publishing_setup){
	    .sequence = c->sequence,
	    .route = c->route,
	    .ids = c->ids,
	    .watches = c->watches,
	    .wire = &c->wire,
	    .engine = setup->engine,
	    .pending_bytes = setup->pending_bytes,
	    .write = begin_write,
	    .failed = core_write_failed,
	    .bounced = core_bounced,
	};
	c->publishing = publishing_new(&c->publishing_setup);
	c->writes =
	    writes_new(&(struct writes_setup){c->publishing, c->sequence});
	core_tracks_open(c);
	make_jobs(c);
	core_presence_open(c);
	core_errands_open(c);
	make_workers(c);
	core_make_rows(c);
}

static bool
bind_bus(struct core *c, const char **why)
{
	struct core_setup *setup = c->setup;
	struct bus_server_setup bus = {
	    .loop = setup->loop,
	    .face = &c->face,
	    .endpoint = setup->endpoint != NULL
	                    ? setup->endpoint
	                    : owners_endpoint(setup->owners),
	    .name = owners_name(setup->owners),
	    .keys = setup->bus_keys,
	    .allow_plain = setup->allow_plain,
	};

	c->face = (struct bus_server_face){.hello = on_hello,
	    .frame = on_frame,
	    .ahead = on_ahead,
	    .gone = on_gone};
	c->server = bus_server_open(&bus, why);
	return c->server != NULL;
}

struct core *
core_open(struct core_setup *setup, const char **why)
{
	struct core *c = xcalloc(1, sizeof(*c));

	c->setup = setup;
	list_init(&c->dead);
	make_parts(c);
	timer_init(&c->second, second);
	timer_init(&c->last_words, drained);
	list_init(&c->turn.node);
	*why = "the engine cannot open its shards";
	if (!core_open_shards(c) || !bind_bus(c, why)) {
		core_close(&c);
		return NULL;
	}
	/* after the bus's own hook, so that ours ends before it */
	c->turn.end = turn_end;
	loop_add_turn(setup->loop, &c->turn);
	loop_arm(setup->loop, &c->second, 1000);
	if (setup->engine->lender != NULL)
		core_lend(c);
	core_presence_start(c);
	return c;
}

void
core_close(struct core **cp)
{
	struct core *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	c->working = false;
	worker_free(&c->committer);
	worker_free(&c->reader);
	bury(c); /* who went in a turn that did not end */
	bus_server_close(&c->server);
	core_lend_end(c);
	timer_cancel(&c->second);
	timer_cancel(&c->last_words);
	list_remove(&c->turn.node);
	jobs_free(&c->jobs);
	core_presence_close(c);
	core_errands_close(c);
	core_free_rows(c);
	rejoin_free(&c->rejoin);
	writes_free(&c->writes);
	publishing_free(&c->publishing);
	replays_free(&c->replays);
	route_free(&c->route);
	tracks_free(&c->tracks);
	watches_free(&c->watches);
	ids_free(&c->ids);
	publishers_free(&c->publishers);
	sequence_free(&c->sequence);
	free(c);
}

void
core_drain(struct core *c)
{
	c->draining = true;
	jobs_drain(c->jobs);
}

/*
 * hub.c - the stage: settings, turns, and the way of frames to the modules.
 */
#include "hub/hub.h"

#include "common/copies.h"
#include "common/log.h"
#include "common/must.h"
#include "common/net.h"
#include "common/routes.h"
#include "common/stats.h"
#include "common/statsd.h"
#include "hub/accept.h"
#include "hub/addresses.h"
#include "hub/attend_bus.h"
#include "hub/bayeux.h"
#include "hub/conn.h"
#include "hub/deflate.h"
#include "hub/door.h"
#include "hub/drain.h"
#include "hub/fates_bus.h"
#include "hub/gauges.h"
#include "hub/incus_hub.h"
#include "hub/limits.h"
#include "hub/subscribe.h"

static bool
say(struct subs_face *f, unsigned shard, const struct msg *m)
{
	struct hub *h = container_of(f, struct hub, subs_face);
	struct bus_link *l = bus_owner(h->d.bus, shard);

	if (l == NULL)
		return false;
	bus_send(l, m);
	return true;
}

static bool
is_up(struct subs_face *f, unsigned shard)
{
	struct hub *h = container_of(f, struct hub, subs_face);

	return bus_owner(h->d.bus, shard) != NULL;
}

static uint64_t
now(struct subs_face *f)
{
	return loop_now(container_of(f, struct hub, subs_face)->d.loop);
}

static uint64_t
wall_clock(struct subs_face *f)
{
	return loop_unix_ms(container_of(f, struct hub, subs_face)->d.loop);
}

static uint64_t
right_now(struct subs_face *f)
{
	(void)f;
	return clock_us();
}

/* The end of a turn: what was framed is handed out, what is queued written,
 * who died is buried. */
static bool
turn_end(struct turn *t)
{
	struct hub *h = container_of(t, struct hub, turn);
	bool more, owes;

	subs_moved(h->subs);
	h->flushing = true;
	more = subs_flush(h->subs);
	more = conns_flush(h) || more;
	h->flushing = false;
	conns_reap(h);
	owes = !list_empty(&h->dirty); /* to who carried a dead session */
	if (more != h->held)
		bus_hold(h->d.bus, more);
	h->held = more;
	drain_step(h);
	return attends_turn(h->attends) || more || owes;
}

static void
each_second(struct timer *t)
{
	struct hub *h = container_of(t, struct hub, second);

	loop_arm(h->d.loop, &h->second, 1000);
	subs_tick(h->subs);
	attends_tick(h->attends);
	gauges_ask(h);
	fates_tick(h->fates);
	if (h->doors != NULL)
		doors_offer(h->doors);
}

void
hub_open(struct hub *h)
{
	h->subs_face = (struct subs_face){.say = say,
	    .up = is_up,
	    .now = now,
	    .unix_ms = wall_clock,
	    .clock_us = right_now,
	    .settled = conns_settled};
	h->runs = runs_new();
	hub_fates_open(h);
	h->deflate =
	    h->limits.deflate || h->limits.echo
		? deflate_new(h->limits.level != 0 ? h->limits.level : 1)
		: NULL;
	h->forms = forms_new(h->deflate);
	h->subs = subs_new(&h->subs_face, h->runs, h->forms, h->limits.recent);
	hub_attend_open(h);
	h->incus = incus_hub_new(h);
	bayeux_open(h);
	h->keys = keys_new();
	h->rules = (struct websocket_rules){
	    .max = h->limits.message, .deflate = h->deflate};
	h->addresses = addresses_new(h->limits.per_address);
	list_init(&h->conns);
	list_init(&h->dirty);
	list_init(&h->dead);
	h->turn.end = turn_end;
	loop_add_turn(h->d.loop, &h->turn);
	drain_init(h);
	timer_init(&h->second, each_second);
	loop_arm(h->d.loop, &h->second, 1000);
}

void
hub_close(struct hub *h)
{
	if (h->subs == NULL)
		return;
	while (!list_empty(&h->conns))
		conn_kill(container_of(h->conns.next, struct conn, node),
		    "the hub stops");
	bayeux_drop(h);
	conns_reap(h);
	bayeux_close(h);
	timer_cancel(&h->second);
	timer_cancel(&h->drain);
	list_remove(&h->turn.node);
	incus_hub_free(&h->incus);
	subs_free(&h->subs);
	hub_fates_close(h);
	hub_attend_close(h);
	forms_free(&h->forms);
	runs_free(&h->runs);
	deflate_free(&h->deflate);
	keys_free(&h->keys);
	addresses_free(&h->addresses);
	buf_free(&h->json);
	buf_free(&h->text);
	native_free(&h->native);
}

void
hub_link_up(struct hub *h)
{
	subs_shards(h->subs, bus_shards(h->d.bus));
	subs_up(h->subs);
	hub_attend_links(h);
	incus_bus_links(h);
	fates_again(h->fates);
	if (h->doors != NULL)
		doors_offer(h->doors);
	if (bus_ready(h->d.bus))
		daemon_ready(&h->d);
}

void
hub_link_down(struct hub *h)
{
	if (h->subs == NULL) /* the bus closes after us */
		return;
	subs_down(h->subs);
	hub_attend_links(h);
	incus_bus_links(h);
}

void
hub_frame(struct hub *h, const struct msg *m)
{
	const char *why;

	switch (m->id) {
	case MSG_deliver:
		subs_deliver(h->subs, &m->deliver);
		break;
	case MSG_joined:
		subs_joined(h->subs, &m->joined);
		break;
	case MSG_gap:
		subs_gap(h->subs, &m->gap);
		break;
	case MSG_lag:
		subs_lag(h->subs, &m->lag);
		break;
	case MSG_untrack:
		fates_untrack(h->fates, m->untrack.track);
		break;
	case MSG_key:
		if ((why = keys_told(h->keys, &m->key)) != NULL)
			log_warn("key", "id=%.*s why=\"%s\"",
			    SLICE_ARGS(m->key.id), why);
		break;
	case MSG_entered:
	case MSG_present:
	case MSG_roster_end:
	case MSG_hubs:
		hub_attend_frame(h, m);
		break;
	case MSG_told_redis:
		incus_bus_told(h, &m->told_redis);
		break;
	case MSG_stat:
	case MSG_stats_end:
		gauges_frame(h, m);
		break;
	default:
		stats_add(STAT_drop_unknown_frame, 1);
	}
}

static void
on_frame(struct daemon *d, struct bus_link *l, const struct msg *m)
{
	copies_came(l, m);
	hub_frame(container_of(d, struct hub, d), m);
}

static void
on_ahead(struct daemon *d, const struct msg *m, unsigned count)
{
	subs_ahead(container_of(d, struct hub, d)->subs, m, count);
}

static void
on_up(struct daemon *d, struct bus_link *l)
{
	struct msg m = {.id = MSG_rejoined};

	hub_link_up(container_of(d, struct hub, d));
	incus_hub_up(container_of(d, struct hub, d)->incus);
	bus_send(l, &m);
}

static void
on_down(struct daemon *d, struct bus_link *l)
{
	copies_gone(l);
	hub_link_down(container_of(d, struct hub, d));
}

static void
on_owner(struct daemon *d, unsigned shard)
{
	struct hub *h = container_of(d, struct hub, d);

	if (bus_shards(d->bus) == 0)
		return;
	subs_shards(h->subs, bus_shards(d->bus));
	subs_owner(h->subs, shard);
	attends_owner(h->attends, shard);
	if (bus_ready(d->bus))
		daemon_ready(d);
}

/* Connections end where descriptors do, less what we need ourselves: then a
 * client is told 503, and a door knows beforehand. */
static void
bound_by_descriptors(struct hub *h)
{
	uint64_t most = net_raise_limit();
	uint64_t own = HUB_DESCRIPTORS + HUB_LINK * bus_links(h->d.bus);

	stats_set(STAT_descriptor_limit, most);
	most = most > 2 * own ? most - own : most / 2;
	if (h->limits.connections > most)
		h->limits.connections = most;
}

static int
hub_check(struct daemon *d)
{
	struct hub *h = container_of(d, struct hub, d);
	struct slice rest = opt_list(d->options, "listen"), word;
	char shown[LOG_VALUE];
	struct address address;

	hub_limits_fixed(&h->limits, d->options);
	if (!hub_limits_live(&h->limits, d->options) ||
	    !tyron_prefix_read(&h->limits.tyron.prefix, d->options) ||
	    !tyron_rules_read(&h->limits.tyron, d->options) ||
	    !statsd_check(opt_str(d->options, "statsd")))
		return EXIT_SETTINGS;
	if (!personas_read(
		opt_list(d->options, "personas"), &h->limits.personas, &word)) {
		log_err("setting", "name=personas value=%s why=\"%s\"",
		    log_value(shown, sizeof(shown), word), "no such persona");
		return EXIT_SETTINGS;
	}
	while (opt_word(&rest, &word)) {
		if (address_parse(word, &address))
			continue;
		log_err("setting", "name=listen value=%s why=\"%s\"",
		    log_value(shown, sizeof(shown), word),
		    "no such address or port");
		return EXIT_SETTINGS;
	}
	return 0;
}

static int
hub_start(struct daemon *d)
{
	struct hub *h = container_of(d, struct hub, d);
	int status = EXIT_SETTINGS;

	bound_by_descriptors(h);
	hub_open(h);
	h->statsd = statsd_new(d->loop, opt_str(d->options, "statsd"));
	statsd_count(h->statsd, "incus.startup");
	h->accepts = accepts_new(h, opt_list(d->options, "listen").p, &status);
	if (h->accepts == NULL)
		return status;
	h->doors = doors_new(h, d->run);
	return 0;
}

static void
hub_stop(struct daemon *d)
{
	struct hub *h = container_of(d, struct hub, d);

	accepts_free(&h->accepts);
	doors_free(&h->doors);
	hub_close(h);
	statsd_free(&h->statsd);
}

static int
hub_reload(struct daemon *d)
{
	struct hub *h = container_of(d, struct hub, d);
	struct hub_limits next = h->limits;

	if (!hub_limits_live(&next, d->options))
		return EXIT_SETTINGS;
	h->limits = next;
	bound_by_descriptors(h);
	return 0;
}

static void
hub_drain(struct daemon *d)
{
	drain_begin(container_of(d, struct hub, d));
}

const struct stage hub_stage = {
    .name = "hub",
    .about = "holds clients' connections and delivers to them by channel",
    .options = hub_options,
    .shared = hub_shared_options,
    .size = sizeof(struct hub),
    .check = hub_check,
    .start = hub_start,
    .up = on_up,
    .down = on_down,
    .owner = on_owner,
    .on =
	{
	    [MSG_deliver] = on_frame,
	    [MSG_joined] = on_frame,
	    [MSG_gap] = on_frame,
	    [MSG_lag] = on_frame,
	    [MSG_untrack] = on_frame,
	    [MSG_key] = on_frame,
	    [MSG_entered] = on_frame,
	    [MSG_present] = on_frame,
	    [MSG_roster_end] = on_frame,
	    [MSG_hubs] = on_frame,
	    [MSG_told_redis] = on_frame,
	    [MSG_stat] = on_frame,
	    [MSG_stats_end] = on_frame,
	},
    .ahead = on_ahead,
    .reload = hub_reload,
    .live = "connections per_address subscriptions backlog publishes roster "
	    "slow head_timeout idle_timeout first_timeout ping pong heartbeat "
	    "retry spread trusted_proxies",
    .drain = hub_drain,
    .stop = hub_stop,
};

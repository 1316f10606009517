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
#include "hub/conn.h"
#include "hub/deflate.h"
#include "hub/door.h"
#include "hub/drain.h"
#include "hub/fates_bus.h"
#include "hub/gauges.h"
#include "hub/incus_hub.h"
#include "hub/subscribe.h"

/* clang-format off */
static const struct option shared_options[] = {
	{"trusted_proxies", "", OPT_LIST, 0, TRUST_MAX, "addresses or ranges that may name the client's address to listen"},
	{"personas", "incus pandapush", OPT_LIST, 0, PERSONAS, "protocols besides our own that listen serves: incus, pandapush, tyron"},
	{"origins", "*", OPT_LIST, 0, 32, "Origin headers let in; * is any"},
	{"tyron_timeout", "600s", OPT_TIME, 0, 86400000, "a poll of Tyron is answered with nothing after; 0 is at once"},
	{"tyron_text", "text/plain", OPT_STR, 1, 16, "or text/html: what Tyron's clients are told a text is"},
	{"tyron_cors", "0", OPT_BOOL, 0, 0, "pages of other origins may poll Tyron, as its sibling let them"},
	{"tyron_prefix", TYRON_CHANNEL, OPT_STR, 0, TYRON_PREFIX_MAX, "channels of Tyron stand behind it; /incus/public/page/: they are Incus' pages"},
	{"statsd", "", OPT_STR, 0, 255, "address of a StatsD that is told Incus' metrics by UDP; port 8125 if none is said; empty: none"},
	{NULL, NULL, OPT_STR, 0, 0, NULL},
};

const struct option hub_options[] = {
	{"listen", "", OPT_LIST, 0, 16, "addresses of our own, for hosts without an ingress"},
	{"connections", "1000000", OPT_NUM, 1, 10000000, "held at once; descriptors may allow fewer"},
	{"per_address", "1000", OPT_NUM, 0, 10000000, "of one address; 0 is any; offices share one"},
	{"subscriptions", "100", OPT_NUM, 1, 100000, "of one connection; each costs memory here and in the store"},
	{"message", "256k", OPT_BYTES, 1024, 4194304, "largest message from a client"},
	{"backlog", "1m", OPT_BYTES, 16384, 1 << 30, "owed to a client that does not read, before slow applies"},
	{"slow", "disconnect", OPT_STR, 4, 10, "disconnect or skip: what becomes of a slow reader"},
	{"recent", "16m", OPT_BYTES, 0, 1 << 30, "the last messages of all channels, for who comes back at once; 0 is none"},
	{"head_timeout", "10s", OPT_TIME, 100, 600000, "for a whole request head"},
	{"idle_timeout", "75s", OPT_TIME, 100, 3600000, "between requests of one connection"},
	{"first_timeout", "30s", OPT_TIME, 100, 3600000, "for the first command of a WebSocket"},
	{"ping", "25s", OPT_TIME, 100, 3600000, "silence before a WebSocket is pinged; below what proxies cut"},
	{"pong", "10s", OPT_TIME, 100, 600000, "for the answer to a ping"},
	{"heartbeat", "15s", OPT_TIME, 100, 3600000, "between comments on a silent SSE stream"},
	{"retry", "2s", OPT_TIME, 0, 600000, "what an SSE client is told to wait before it comes back"},
	{"spread", "5s", OPT_TIME, 0, 3600000, "a drain sends clients away over this time"},
	{"publishes", "64", OPT_NUM, 1, 16384, "unanswered ones of one WebSocket"},
	{"roster", "100", OPT_NUM, 0, 10000, "users told in the answer to a subscribe of a presence channel"},
	{"deflate", "0", OPT_BOOL, 0, 0, "permessage-deflate for clients that offer it: less traffic, more work"},
	{"deflate_level", "1", OPT_NUM, 1, 9, "1 is fast, 9 is small"},
	{"incus_broadcasts", "1", OPT_BOOL, 0, 0, "Incus clients may send messages to each other"},
	{"incus_empty_beat", "0", OPT_BOOL, 0, 0, "empty texts besides pings: by them old clients count reconnects anew"},
	{"incus_ping", "20s", OPT_TIME, 100, 3600000, "between pings to an Incus WebSocket"},
	{"incus_connected_present", "0", OPT_BOOL, 0, 0, "an Incus client is present while it is connected, whatever it says"},
	{"incus_poll", "0s", OPT_TIME, 0, 3600000, "an Incus long poll ends after; 0 is 60s; WebSockets never do"},
	{"incus_empty_ok", "0", OPT_BOOL, 0, 0, "it ends with 200 and not 204: the oldest clients count 204 as errors"},
	{"incus_nobody", "3s", OPT_TIME, 0, 600000, "before an Incus poll of no user is answered: such clients ask at once again"},
	{"incus_cookie", "0", OPT_BOOL, 0, 0, "the place of an Incus poll goes by cookie, for clients that do not ask for it"},
	{"incus_redis", "", OPT_STR, 0, 255, "Redis channel that messages of Incus clients go to, for other nodes; empty: to the store"},
	{"incus_sets", "0", OPT_BOOL, 0, 0, "Redis is told who is here: SocketClients, PageClients, ClientPresence, for outside tools"},
	{"echo", "0", OPT_BOOL, 0, 0, "serve /v1/echo, for conformance suites"},
	{NULL, NULL, OPT_STR, 0, 0, NULL},
};
/* clang-format on */

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
	bool more;

	subs_moved(h->subs);
	h->flushing = true;
	more = subs_flush(h->subs);
	more = conns_flush(h) || more;
	h->flushing = false;
	conns_reap(h);
	if (more != h->held)
		bus_hold(h->d.bus, more);
	h->held = more;
	drain_step(h);
	return attends_turn(h->attends) || more;
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
	conns_reap(h);
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

static void
read_times(struct hub_limits *l, const struct options *o)
{
	l->head = opt_num(o, "head_timeout");
	l->idle = opt_num(o, "idle_timeout");
	l->first = opt_num(o, "first_timeout");
	l->ping = opt_num(o, "ping");
	l->pong = opt_num(o, "pong");
	l->heartbeat = opt_num(o, "heartbeat");
	l->retry = opt_num(o, "retry");
	l->spread = opt_num(o, "spread");
}

/* What is built into things made at start. */
static void
read_fixed(struct hub_limits *l, const struct options *o)
{
	l->message = opt_num(o, "message");
	l->recent = opt_num(o, "recent");
	l->origins = opt_list(o, "origins").p;
	l->deflate = opt_bool(o, "deflate");
	l->level = (int)opt_num(o, "deflate_level");
	l->echo = opt_bool(o, "echo");
	incus_limits_read(&l->incus, o);
	l->tyron.timeout = opt_num(o, "tyron_timeout");
}

/* What SIGHUP may change: hub_stage.live. */
static bool
read_live(struct hub_limits *l, const struct options *o)
{
	const char *slow = opt_str(o, "slow");
	char shown[LOG_VALUE];
	struct slice bad;
	const char *why;

	l->connections = opt_num(o, "connections");
	l->per_address = opt_num(o, "per_address");
	l->subscriptions = opt_num(o, "subscriptions");
	l->backlog = opt_num(o, "backlog");
	l->commands = opt_num(o, "publishes");
	l->roster = opt_num(o, "roster");
	l->slow = strcmp(slow, "skip") == 0 ? SLOW_SKIP : SLOW_DISCONNECT;
	read_times(l, o);
	if (l->slow != SLOW_SKIP && strcmp(slow, "disconnect") != 0) {
		log_err("settings", "slow=\"is disconnect or skip\"");
		return false;
	}
	why = trust_read(&l->trusted, opt_list(o, "trusted_proxies"), &bad);
	if (why != NULL)
		log_err("setting", "name=trusted_proxies value=%s why=\"%s\"",
		    log_value(shown, sizeof(shown), bad), why);
	return why == NULL;
}

/* Connections end where descriptors do, less what we need ourselves: then a
 * client is told 503, and a door knows beforehand. */
static void
bound_by_descriptors(struct hub *h)
{
	uint64_t most = net_raise_limit();

	stats_set(STAT_descriptor_limit, most);
	most = most > 2 * HUB_DESCRIPTORS ? most - HUB_DESCRIPTORS : most / 2;
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

	read_fixed(&h->limits, d->options);
	if (!read_live(&h->limits, d->options) ||
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

	if (!read_live(&next, d->options))
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
    .shared = shared_options,
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

/*
 * bridge.c - settings, the control connection, and who may run when.
 *
 *   control connection up --> lease of the instance --> queues run
 *                         \-> lease of pub/sub ------> subscribed
 *
 * Without Redis it waits: a bridge with nothing to carry is in good health,
 * and ready.
 */
#include "ingress/bridge.h"

#include "common/address.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/must.h"
#include "common/stats.h"
#include "common/statsd.h"
#include "common/tyron.h"
#include "ingress/bridge_errand.h"
#include "ingress/bridge_pubsub.h"
#include "ingress/bridge_queue.h"
#include "ingress/bridge_switch.h"

#include <unistd.h>

enum {
	LISTS_MAX = 64, /* each has a connection of its own */
	REDIS_DB_MAX = 65535,
};

struct bindings {
	struct binding at[PUBSUB_NAMES];
	size_t n;
};

struct bridge {
	struct daemon d;
	struct redis_setup redis;
	struct redis *control;
	struct redis_face face;
	struct lease lease; /* of this instance */
	struct bindings lists, channels, patterns;
	struct queue *queues[LISTS_MAX];
	size_t nqueues;
	struct pubsub *pubsub;
	struct errands_setup errands_setup;
	struct errands *errands;
	struct carriage carriage;
	struct killswitch killswitch;
	struct turn turn;
	char instance[160], token[192];
	char address[256], user[256]; /* where the setting is a URL */
};

/* clang-format off */
static const struct option shared_options[] = {
	{"redis", "127.0.0.1:6379", OPT_STR, 1, 255, "host:port, unix:/path or redis://[user@]host[:port][/db]"},
	{"redis_user", "", OPT_STR, 0, 255, "as in ACL SETUSER; empty is the default user"},
	{"redis_password", "", OPT_SECRET, 0, 1024, "empty: do not authenticate"},
	{"redis_db", "0", OPT_NUM, 0, REDIS_DB_MAX, "database number"},
	{"incus_apns", "false", OPT_BOOL, 0, 0, "pushes of Incus for iOS become jobs"},
	{"incus_gcm", "false", OPT_BOOL, 0, 0, "pushes of Incus for Android become jobs"},
	{"incus_sound", "bingbong.aiff", OPT_STR, 0, 255, "what pushes of Incus for iOS play; empty: none"},
	{"incus_error_queue", "Incus_Android_Error_Queue", OPT_STR, 0, 255, "Redis list that is told of failed pushes of Incus for Android; empty: none"},
	{"incus_killswitch", "longpoll_killswitch", OPT_STR, 0, 1024, "while Redis has this key, Incus' long polls are refused; empty: never"},
	{"tyron_prefix", TYRON_CHANNEL, OPT_STR, 0, TYRON_PREFIX_MAX, "channels of Tyron stand behind it; /incus/public/page/: they are Incus' pages"},
	{"statsd", "", OPT_STR, 0, 255, "address of a StatsD that is told Incus' metrics by UDP; port 8125 if none is said; empty: none"},
	{NULL, NULL, OPT_STR, 0, 0, NULL},
};

static const struct option bridge_options[] = {
	{"lists", "posthorn_queue Incus_Queue=incus", OPT_LIST, 0, LISTS_MAX, "lists to take from: NAME[=ENVELOPE]"},
	{"channels", "posthorn Incus=incus tyron_pubsub=tyron", OPT_LIST, 0, PUBSUB_NAMES, "channels to subscribe to: NAME[=ENVELOPE]"},
	{"patterns", "", OPT_LIST, 0, PUBSUB_NAMES, "patterns to subscribe to: PATTERN[=ENVELOPE]"},
	{"prefix", "posthorn:bridge:", OPT_STR, 1, 64, "of our own keys; bridges with the same one share the work"},
	{"lease", "3s", OPT_TIME, 1000, 60000, "a bridge silent for so long is taken over from"},
	{"item_max", "8m", OPT_BYTES, 1024, 16 << 20, "larger list items are put aside"},
	{"dead_max", "1000", OPT_NUM, 1, 1000000, "items put aside per list, then the oldest go"},
	{"pubsub_buffer", "4m", OPT_BYTES, 1024, 1 << 30, "pub/sub messages that may wait for a store; more are dropped"},
	{NULL, NULL, OPT_STR, 0, 0, NULL},
};
/* clang-format on */

static struct bridge *
bridge_of(struct daemon *d)
{
	return container_of(d, struct bridge, d);
}

static void
run_queues(struct bridge *b)
{
	bool run = b->lease.held && redis_is_up(b->control) && !b->d.draining;

	for (size_t i = 0; i < b->nqueues; i++)
		queue_run(b->queues[i], run);
}

static void
control_up(struct redis_face *f)
{
	struct bridge *b = container_of(f, struct bridge, face);

	stats_set(STAT_redis_connected, 1);
	lease_ask(&b->lease);
	if (b->pubsub != NULL)
		pubsub_up(b->pubsub);
	errands_up(b->errands);
	killswitch_look(&b->killswitch);
	run_queues(b);
}

static void
control_down(struct redis_face *f)
{
	struct bridge *b = container_of(f, struct bridge, face);

	stats_set(STAT_redis_connected, 0);
	run_queues(b);
}

static void
lease_changed(struct lease *l)
{
	run_queues(container_of(l, struct bridge, lease));
}

/* NULL, or the word that is wrong and why. */
static bool
read_bindings(const struct options *o, const char *name, struct bindings *out)
{
	struct slice rest = opt_list(o, name), word;

	while (opt_word(&rest, &word)) {
		const char *why = binding_parse(word, &out->at[out->n]);

		if (why != NULL) {
			log_err("setting", "name=%s word=\"%.*s\" why=\"%s\"",
			    name, SLICE_ARGS(word), why);
			return false;
		}
		out->n++;
	}
	return true;
}

/* redis://[user@]host[:port][/db].  A password in it would be shown wherever
 * the setting is. */
static const char *
read_url(struct bridge *b)
{
	struct slice rest = slice_of(opt_str(b->d.options, "redis")), part;
	struct redis_setup *r = &b->redis;

	if (!slice_starts(rest, SLICE("redis://")))
		return NULL;
	rest = slice_from(rest, 8);
	if (memchr(rest.p, '@', rest.n) != NULL) {
		slice_cut(&rest, '@', &part);
		if (memchr(part.p, ':', part.n) != NULL)
			return "the password belongs into redis_password";
		snprintf(b->user, sizeof(b->user), "%.*s", SLICE_ARGS(part));
		r->user = b->user;
	}
	if (!slice_cut(&rest, '/', &part) || part.n == 0)
		return "no host";
	if (rest.p != NULL && rest.n != 0 &&
	    (!slice_num(rest, &r->db) || r->db > REDIS_DB_MAX))
		return "not a database number";
	snprintf(b->address, sizeof(b->address), "%.*s%s", SLICE_ARGS(part),
	    memchr(part.p, ':', part.n) != NULL ? "" : ":6379");
	r->address = b->address;
	return NULL;
}

/* An address, or a name and a port. */
static const char *
wrong_address(struct slice s)
{
	struct slice host = s;
	struct address a;

	if (address_parse(s, &a))
		return NULL;
	while (host.n != 0 && host.p[host.n - 1] != ':')
		host.n--;
	return host.n > 1 && memchr(host.p, ':', host.n - 1) == NULL &&
	               address_parse(slice_from(s, host.n), &a)
	           ? NULL
	           : "not host:port, unix:/path or redis://host";
}

static bool
read_redis(struct bridge *b)
{
	const struct options *o = b->d.options;
	const char *why;

	b->redis = (struct redis_setup){
	    .face = &b->face,
	    .address = opt_str(o, "redis"),
	    .user = opt_str(o, "redis_user"),
	    .password = opt_str(o, "redis_password"),
	    .db = opt_num(o, "redis_db"),
	    .label = "control",
	};
	if ((why = read_url(b)) == NULL)
		why = wrong_address(slice_of(b->redis.address));
	if (why != NULL)
		log_err("setting", "name=redis why=\"%s\"", why);
	return why == NULL;
}

/* Host names differ where instance names repeat: every host has a bridge.1. */
static void
name_instance(struct bridge *b)
{
	char host[64] = "localhost";

	(void)!gethostname(host, sizeof(host) - 1);
	snprintf(b->instance, sizeof(b->instance), "%s@%s", b->d.name, host);
	snprintf(b->token, sizeof(b->token), "%s/%llx", b->instance,
	    (unsigned long long)hash_random());
}

static struct lease_setup
lease_setup(const struct bridge *b, const char *name)
{
	return (struct lease_setup){
	    .loop = b->d.loop,
	    .redis = b->control,
	    .prefix = opt_str(b->d.options, "prefix"),
	    .name = name,
	    .token = b->token,
	    .ttl = (unsigned)opt_num(b->d.options, "lease"),
	};
}

static void
open_queues(struct bridge *b)
{
	const struct options *o = b->d.options;

	for (size_t i = 0; i < b->lists.n; i++)
		b->queues[b->nqueues++] = queue_new(&(struct queue_setup){
		    .with = &b->carriage,
		    .control = b->control,
		    .redis = b->redis,
		    .lease = &b->lease,
		    .binding = b->lists.at[i],
		    .prefix = opt_str(o, "prefix"),
		    .instance = b->instance,
		    .item_max = opt_num(o, "item_max"),
		    .dead_max = opt_num(o, "dead_max"),
		});
}

static void
open_pubsub(struct bridge *b)
{
	if (b->channels.n + b->patterns.n == 0)
		return;
	b->pubsub = pubsub_new(&(struct pubsub_setup){
	    .with = &b->carriage,
	    .lease = lease_setup(b, "pubsub"),
	    .redis = b->redis,
	    .channels = b->channels.at,
	    .nchannels = b->channels.n,
	    .patterns = b->patterns.at,
	    .npatterns = b->patterns.n,
	    .buffer = opt_num(b->d.options, "pubsub_buffer"),
	});
}

static bool
has_incus(const struct bindings *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->at[i].envelope == envelope_named(SLICE("incus")))
			return true;
	return false;
}

static void
open_incus(struct bridge *b)
{
	const struct options *o = b->d.options;

	b->carriage = (struct carriage){
	    .loop = b->d.loop,
	    .bus = b->d.bus,
	    .presents = presents_new(b->d.bus, b->d.loop),
	    .statsd = statsd_new(b->d.loop, opt_str(o, "statsd")),
	    .tyron = b->carriage.tyron,
	    .incus.enabled = {[INCUS_IOS] = opt_bool(o, "incus_apns"),
		[INCUS_ANDROID] = opt_bool(o, "incus_gcm")},
	    .incus.sound = opt_str(o, "incus_sound"),
	    .incus.error_queue = opt_str(o, "incus_error_queue"),
	};
	b->killswitch = (struct killswitch){
	    .loop = b->d.loop,
	    .bus = b->d.bus,
	    .redis = b->control,
	    .key = opt_str(o, "incus_killswitch"),
	};
	if (*b->killswitch.key != '\0' &&
	    (has_incus(&b->lists) || has_incus(&b->channels) ||
		has_incus(&b->patterns)))
		killswitch_open(&b->killswitch);
}

static void
told(struct errands_setup *setup, struct bus_link *link, const struct msg *m)
{
	(void)setup;
	bus_send(link, m);
}

static void
on_ask_redis(struct daemon *d, struct bus_link *link, const struct msg *m)
{
	errands_take(bridge_of(d)->errands, link, m);
}

/* All that was published is settled: give the leases back and go.  The order
 * of the hooks lets the word still reach Redis. */
static bool
turn_end(struct turn *t)
{
	struct bridge *b = container_of(t, struct bridge, turn);

	if (!b->d.draining || b->lease.left ||
	    (b->pubsub != NULL && !pubsub_idle(b->pubsub)) ||
	    !errands_idle(b->errands))
		return false;
	for (size_t i = 0; i < b->nqueues; i++)
		if (!queue_idle(b->queues[i]))
			return false;
	lease_leave(&b->lease);
	daemon_drained(&b->d);
	return false;
}

static void
on_present(struct daemon *d, struct bus_link *link, const struct msg *m)
{
	(void)link;
	if (bridge_of(d)->carriage.presents != NULL)
		presents_frame(bridge_of(d)->carriage.presents, m);
}

static void
bridge_down(struct daemon *d, struct bus_link *link)
{
	if (bridge_of(d)->carriage.presents != NULL)
		presents_down(bridge_of(d)->carriage.presents, link);
}

static int
bridge_check(struct daemon *d)
{
	struct bridge *b = bridge_of(d);
	const struct options *o = d->options;

	if (!statsd_check(opt_str(o, "statsd")) || !read_redis(b) ||
	    !read_bindings(o, "lists", &b->lists) ||
	    !read_bindings(o, "channels", &b->channels) ||
	    !read_bindings(o, "patterns", &b->patterns) ||
	    !tyron_prefix_read(&b->carriage.tyron, o))
		return EXIT_SETTINGS;
	return 0;
}

static int
bridge_start(struct daemon *d)
{
	struct bridge *b = bridge_of(d);
	struct lease_setup own;

	b->redis.loop = d->loop;
	name_instance(b);
	b->face = (struct redis_face){.up = control_up, .down = control_down};
	b->control = redis_new(&b->redis);
	b->lease.changed = lease_changed;
	own = lease_setup(b, b->instance);
	lease_open(&b->lease, &own);
	b->turn.end = turn_end;
	loop_add_turn(d->loop, &b->turn);
	open_incus(b);
	open_queues(b);
	open_pubsub(b);
	b->errands_setup =
	    (struct errands_setup){.redis = b->redis, .told = told};
	b->errands = errands_new(&b->errands_setup);
	redis_open(b->control);
	daemon_ready(d);
	return 0;
}

static void
bridge_publishable(struct daemon *d)
{
	struct bridge *b = bridge_of(d);

	for (size_t i = 0; i < b->nqueues; i++)
		queue_room(b->queues[i]);
	if (b->pubsub != NULL)
		pubsub_room(b->pubsub);
}

static void
bridge_drain(struct daemon *d)
{
	struct bridge *b = bridge_of(d);

	for (size_t i = 0; i < b->nqueues; i++)
		queue_drain(b->queues[i]);
	if (b->pubsub != NULL)
		pubsub_drain(b->pubsub);
}

static void
bridge_stop(struct daemon *d)
{
	struct bridge *b = bridge_of(d);

	if (b->control == NULL)
		return;
	redis_free(&b->control);
	killswitch_close(&b->killswitch);
	lease_close(&b->lease);
	list_remove(&b->turn.node);
	for (size_t i = 0; i < b->nqueues; i++)
		queue_free(&b->queues[i]);
	pubsub_free(&b->pubsub);
	errands_free(&b->errands);
	statsd_free(&b->carriage.statsd);
	carriage_end(&b->carriage);
}

const struct stage bridge_stage = {
    .name = "bridge",
    .about = "carry messages from Redis lists and channels to the stores",
    .options = bridge_options,
    .shared = shared_options,
    .size = sizeof(struct bridge),
    .check = bridge_check,
    .start = bridge_start,
    .publishable = bridge_publishable,
    .down = bridge_down,
    .on = {[MSG_ask_redis] = on_ask_redis,
	[MSG_present] = on_present,
	[MSG_roster_end] = on_present},
    .drain = bridge_drain,
    .stop = bridge_stop,
};

/*
 * store.c - the settings of a store, and its life.
 */
#include "store/store.h"

#include "common/bus_check.h"
#include "common/log.h"
#include "common/must.h"
#include "store/core.h"
#include "store/data.h"
#include "store/engine_memory.h"
#include "store/rocks.h"
#include "store/store_redis.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>

enum {
	PATH = 4096,
};

struct store {
	struct daemon daemon;
	struct core_setup setup;
	struct owners owners;
	struct policies *policies;
	struct engine *engine;
	struct core *core;
	struct signal_watch usr2; /* make a backup */
};

/* clang-format off */
/* What the whole house is asked about: POSTHORN_SHARDS as well as
 * POSTHORN_STORE_SHARDS. */
static const struct option shared_options[] = {
	{"bus_clients", "", OPT_STR, 0, 65535, "CURVE: public keys let in, by spaces; needed with a secret key"},
	{"shards", "1", OPT_NUM, 1, 256, "parts of the numbering; several stores share them; never changes for kept data"},
	{"memory", "256m", OPT_BYTES, 1 << 20, 0, "kept messages at most; past it the oldest go"},
	{"history", "/**=1000,5m,1m", OPT_STR, 0, 4096, "rows PATTERN=COUNT[,AGE[,BYTES]]: what a channel keeps"},
	{"data", "data", OPT_STR, 1, 3900, "folder of all that is kept, and of demo.key"},
	{"redis", "127.0.0.1:6379", OPT_STR, 1, 4096, "engine redis: host:port or unix:/path, by spaces: the server, some of a Cluster, or Sentinels"},
	{"redis_user", "", OPT_STR, 0, 255, "as in ACL SETUSER; empty is the default user"},
	{"redis_password", "", OPT_SECRET, 0, 1024, "empty: do not authenticate"},
	{"redis_db", "0", OPT_NUM, 0, 1000000, "database number; 0 of a Cluster"},
	{"bootstrap", "", OPT_SECRET, 0, 16384, "app:keyid:secret ... made at start; empty: application demo"},
	{NULL, NULL, OPT_STR, 0, 0, NULL},
};

static const struct option store_options[] = {
	{"engine", "rocksdb", OPT_STR, 1, 16, "rocksdb, redis: what is kept outlives the process; memory: it does not"},
	{"journal", "1h", OPT_TIME, 300000, 31622400000, "rocksdb, redis: how long patterns can resume; some bytes a message"},
	{"data_cache", "64m", OPT_BYTES, 1 << 20, 0, "rocksdb: kept rows held in memory; and as much, up to 64m, of the newest"},
	{"data_reserve", "256m", OPT_BYTES, 0, 0, "rocksdb: free bytes of the disk below which nothing more is kept"},
	{"redis_sentinel", "", OPT_STR, 0, 255, "name of the master, where redis names Sentinels"},
	{"redis_prefix", "posthorn", OPT_STR, 1, 64, "of all keys; another one is another house"},
	{"redis_timeout", "1500ms", OPT_TIME, 100, 60000, "of a write; then its shard is taken anew, and its publishers ask again"},
	{"redis_replicas", "1", OPT_NUM, 0, 12, "that a write waits for, as far as so many are there; 0 waits for none"},
	{"redis_wait", "200ms", OPT_TIME, 1, 10000, "how long it waits for them; the receipt says how many had it"},
	{"bind", "", OPT_STR, 0, 255, "endpoint to bind, where it differs from the one in store"},
	{"channels", "1000000", OPT_NUM, 1000, 100000000, "channels known at most; past it the idle are forgotten"},
	{"box_items", "1000", OPT_NUM, 1, 100000, "items of a box; a device that never comes back has no more"},
	{"box_bytes", "4m", OPT_BYTES, 1024, 1 << 30, "keys and bodies of a box"},
	{"box_ttl", "30d", OPT_TIME, 1000, 0, "an item of a box lives no longer; what Web Push grants"},
	{"box_memory", "64m", OPT_BYTES, 65536, 0, "directories of boxes in memory; past it those touched longest ago go"},
	{"ids", "262144", OPT_NUM, 1024, 100000000, "idempotency ids remembered at most"},
	{"pending", "256m", OPT_BYTES, 1 << 20, 0, "accepted and not yet safe; past it publishers are told to wait: what a disk that hangs costs"},
	{"tracks", "10000", OPT_NUM, 0, 10000000, "tracked messages at most; past it the oldest are forgotten; 0: none is tracked"},
	{"track_age", "1h", OPT_TIME, 1000, 0, "how long they are remembered"},
	{"jobs", "1000000", OPT_NUM, 1, 100000000, "jobs and dead letters at most; past it none is accepted"},
	{"jobs_memory", "512m", OPT_BYTES, 1 << 20, 0, "bytes of them, likewise"},
	{"job_age", "28d", OPT_TIME, 1000, 0, "a job expires then at the latest; as long as vendors keep a push"},
	{"job_lease", "60s", OPT_TIME, 100, 86400000, "a pusher has for a job before another one gets it"},
	{"job_grace", "3s", OPT_TIME, 0, 3600000, "a pusher may be away and keep its leases"},
	{"job_attempts", "8", OPT_NUM, 1, 1000, "leases of a job; then it is a dead letter"},
	{"job_retry", "1s", OPT_TIME, 1, 86400000, "wait after the first failure at most; doubles with each"},
	{"job_retry_max", "1h", OPT_TIME, 1, 86400000, "wait after any failure at most"},
	{"jobs_done", "100000", OPT_NUM, 1, 100000000, "finished jobs remembered at most, 300 bytes each"},
	{"jobs_done_age", "1h", OPT_TIME, 0, 0, "how long they are remembered"},
	{"dead_letters", "10000", OPT_NUM, 1, 100000000, "kept at most; past it the oldest are dropped"},
	{"dead_letter_age", "7d", OPT_TIME, 1000, 0, "how long they are kept"},
	{"linger", "10s", OPT_TIME, 0, 600000, "a lost connection stays present; above what clients take to come back"},
	{"presence_users", "10000", OPT_NUM, 1, 10000000, "present on one channel: each is told of every other"},
	{"presence_sessions", "100", OPT_NUM, 1, 1000000, "of one user on one channel"},
	{"presence_memory", "256m", OPT_BYTES, 1 << 16, 0, "of all who are present; past it none may enter"},
	{"bus_plain", "0", OPT_BOOL, 0, 1, "bind beyond loopback without keys: frames are trusted"},
	{NULL, NULL, OPT_STR, 0, 0, NULL},
};
/* clang-format on */

static struct store *
store_of(struct daemon *d)
{
	return container_of(d, struct store, daemon);
}

static void
drained(struct core_setup *setup)
{
	daemon_drained(&container_of(setup, struct store, setup)->daemon);
}

static int
wrong(const char *setting, const char *why)
{
	log_err("setting", "name=%s why=\"%s\"", setting, why);
	return EXIT_SETTINGS;
}

static int
read_settings(struct store *s)
{
	const struct options *o = s->daemon.options;
	struct owners_setup owners = {
	    .stores = slice_of(opt_str(o, "store")),
	    .self = s->daemon.name,
	    .run = s->daemon.run,
	    .shards = (unsigned)opt_num(o, "shards"),
	};
	const char *why = owners_read(&s->owners, &owners);
	char row[LOG_VALUE];
	struct slice bad;

	if (why != NULL)
		return wrong("store", why);
	s->policies = policies_new(slice_of(opt_str(o, "history")), &why, &bad);
	if (s->policies != NULL)
		return EXIT_OK;
	log_err("setting", "name=history row=%s why=\"%s\"",
	    log_value(row, sizeof(row), bad), why);
	return EXIT_SETTINGS;
}

static int
read_key(struct slice word, struct core_key *key)
{
	*key = (struct core_key){.secret = word};
	if (!slice_cut(&key->secret, ':', &key->app) ||
	    !slice_cut(&key->secret, ':', &key->id) || key->app.n == 0 ||
	    key->app.n > 63 || key->id.n == 0 || key->id.n > 63 ||
	    key->secret.n == 0)
		return wrong("bootstrap", "a word is app:keyid:secret");
	return EXIT_OK;
}

/* Without an application nobody could publish at all: append the secret of
 * demo's key if no other key is set, else nothing. */
static int
read_demo(const struct options *o, struct buf *secret)
{
	const char *folder = opt_str(o, "data");

	if (slice_trim(slice_of(opt_str(o, "bootstrap"))).n != 0 ||
	    data_demo_key(folder, secret))
		return EXIT_OK;
	log_err("demo_key", "data=%s error=\"%s\"", folder, strerror(errno));
	return EXIT_WORLD;
}

/* They were checked, and demo's, if there is no other, was read. */
static void
add_keys(struct store *s, struct slice demo)
{
	struct slice rest = slice_of(opt_str(s->daemon.options, "bootstrap"));
	struct core_key key = {SLICE("demo"), SLICE("demo"), demo};
	struct slice word;

	if (demo.n != 0)
		core_add_key(s->core, &key);
	while (slice_cut(&rest, ' ', &word)) {
		if (word.n == 0)
			continue;
		must(read_key(word, &key) == EXIT_OK);
		core_add_key(s->core, &key);
	}
}

static int
check_keys(const struct options *o)
{
	struct slice rest = slice_of(opt_str(o, "bootstrap")), word;
	int status = EXIT_OK;
	struct core_key key;

	while (status == EXIT_OK && slice_cut(&rest, ' ', &word))
		if (word.n != 0)
			status = read_key(word, &key);
	return status;
}

static const char *
endpoint(const struct store *s)
{
	const struct options *o = s->daemon.options;

	return opt_given(o, "bind") ? opt_str(o, "bind")
	                            : owners_endpoint(&s->owners);
}

static struct bus_keys
bus_keys(const struct options *o)
{
	return (struct bus_keys){.public = opt_str(o, "bus_public_key"),
	    .secret = opt_str(o, "bus_secret_key"),
	    .clients = opt_str(o, "bus_clients")};
}

/* Where a store keeps what is its own. */
static void
path_of(const struct store *s, const char *what, char out[PATH])
{
	snprintf(out, PATH, "%s/%s.%s", opt_str(s->daemon.options, "data"),
	    what, owners_name(&s->owners));
}

/* What is kept was made for these settings, and by no newer version. */
static int
check_folder(const struct store *s)
{
	char path[PATH];

	if (strcmp(opt_str(s->daemon.options, "engine"), "rocksdb") != 0)
		return EXIT_OK;
	path_of(s, "rocks", path);
	return engine_rocks_look(
	    &(struct rocks_setup){.path = path, .shards = s->owners.shards});
}

/* All that can be wrong with the settings, and with what they find. */
static int
store_check(struct daemon *d)
{
	struct store *s = store_of(d);
	const char *engine = opt_str(d->options, "engine");
	int status = read_settings(s);
	struct bus_server_setup bus = {
	    .keys = bus_keys(d->options),
	    .allow_plain = opt_bool(d->options, "bus_plain"),
	};
	struct redis_engine_setup redis = {0};
	const char *why, *name;

	if (status != EXIT_OK)
		return status;
	if (strcmp(engine, "rocksdb") != 0 && strcmp(engine, "redis") != 0 &&
	    strcmp(engine, "memory") != 0)
		return wrong("engine", "it is rocksdb, redis or memory");
	if (strcmp(engine, "redis") == 0 &&
	    (why = store_redis_read(&redis, d->options, &name)) != NULL)
		return wrong(name, why);
	bus.endpoint = endpoint(s);
	if ((why = bus_check_store(&bus, &name)) != NULL)
		return wrong(strcmp(name, "endpoint") != 0   ? name
			     : opt_given(d->options, "bind") ? "bind"
							     : "store",
		    why);
	status = check_keys(d->options);
	if (status != EXIT_OK || !options_check_only(d->options))
		return status; /* a start finds out for itself */
	return check_folder(s);
}

static void
backup(struct signal_watch *w, int signo)
{
	struct store *s = container_of(w, struct store, usr2);
	char path[PATH];

	(void)signo;
	path_of(s, "backup", path);
	if (strcmp(opt_str(s->daemon.options, "engine"), "rocksdb") != 0)
		log_warn("backup", "why=\"the engine has no folder\"");
	else if (!engine_rocks_backup(s->engine, path))
		log_warn("backup", "path=%s why=\"one is being made\"", path);
}

static int
open_rocks(struct store *s)
{
	const struct options *o = s->daemon.options;
	char path[PATH];
	struct rocks_setup setup = {
	    .path = path,
	    .shards = s->owners.shards,
	    .channels = opt_num(o, "channels"),
	    .cache = opt_num(o, "data_cache"),
	    .reserve = opt_num(o, "data_reserve"),
	    .journal_ms = opt_num(o, "journal"),
	    .unix_ms = loop_unix_ms(s->daemon.loop),
	};
	int status;

	path_of(s, "rocks", path);
	if (mkdir(opt_str(o, "data"), 0700) != 0 && errno != EEXIST) {
		log_err("data", "path=%s error=\"%s\"", opt_str(o, "data"),
		    strerror(errno));
		return EXIT_WORLD;
	}
	s->engine = engine_rocks_open(&setup, &status);
	return s->engine != NULL ? EXIT_OK : status;
}

static void
open_redis(struct store *s)
{
	struct redis_engine_setup setup = {
	    .loop = s->daemon.loop, .shards = s->owners.shards};
	const char *name;

	must(store_redis_read(&setup, s->daemon.options, &name) == NULL);
	s->engine = engine_redis_new(&setup);
}

static int
open_engine(struct store *s)
{
	const struct options *o = s->daemon.options;
	const char *name = opt_str(o, "engine");

	if (strcmp(name, "rocksdb") == 0)
		return open_rocks(s);
	if (strcmp(name, "redis") == 0) {
		open_redis(s);
		return EXIT_OK;
	}
	s->engine = engine_memory_new(s->owners.shards, opt_num(o, "memory"));
	return EXIT_OK;
}

static struct jobs_limits
jobs_limits(const struct options *o)
{
	return (struct jobs_limits){
	    .most = opt_num(o, "jobs"),
	    .bytes = opt_num(o, "jobs_memory"),
	    .age_ms = opt_num(o, "job_age"),
	    .lease_ms = opt_num(o, "job_lease"),
	    .grace_ms = opt_num(o, "job_grace"),
	    .attempts = (unsigned)opt_num(o, "job_attempts"),
	    .retry_ms = opt_num(o, "job_retry"),
	    .retry_max = opt_num(o, "job_retry_max"),
	    .done = opt_num(o, "jobs_done"),
	    .done_ms = opt_num(o, "jobs_done_age"),
	    .dead = opt_num(o, "dead_letters"),
	    .dead_ms = opt_num(o, "dead_letter_age"),
	};
}

static int
store_start(struct daemon *d)
{
	struct store *s = store_of(d);
	const struct options *o = d->options;
	struct buf demo = {0};
	const char *why;
	int status;

	/* first, for it ends who does not expect it; heard once we serve */
	s->usr2.caught = backup;
	loop_signal(d->loop, &s->usr2, SIGUSR2);
	if ((status = open_engine(s)) != EXIT_OK)
		return status;
	s->setup = (struct core_setup){
	    .loop = d->loop,
	    .owners = &s->owners,
	    .policies = s->policies,
	    .engine = s->engine,
	    .endpoint = endpoint(s),
	    .bus_keys = bus_keys(o),
	    .allow_plain = opt_bool(o, "bus_plain"),
	    .data = opt_str(o, "data"),
	    .epoch_ms = data_epoch(opt_str(o, "data"), owners_name(&s->owners),
		loop_unix_ms(d->loop)),
	    .pending_bytes = opt_num(o, "pending"),
	    .topics = opt_num(o, "channels"),
	    .ids = opt_num(o, "ids"),
	    .jobs = jobs_limits(o),
	    .box_items = opt_num(o, "box_items"),
	    .box_bytes = opt_num(o, "box_bytes"),
	    .box_ttl_ms = opt_num(o, "box_ttl"),
	    .box_memory = opt_num(o, "box_memory"),
	    .tracks = opt_num(o, "tracks"),
	    .tracks_ms = opt_num(o, "track_age"),
	    .presence = {.linger_ms = opt_num(o, "linger"),
		.users = opt_num(o, "presence_users"),
		.sessions = opt_num(o, "presence_sessions"),
		.bytes = opt_num(o, "presence_memory")},
	    .drained = drained,
	};
	s->core = core_open(&s->setup, &why);
	if (s->core == NULL) {
		log_err("start", "why=\"%s\"", why);
		return EXIT_WORLD;
	}
	status = read_demo(o, &demo);
	if (status == EXIT_OK)
		add_keys(s, buf_slice(&demo));
	buf_free(&demo);
	if (status != EXIT_OK)
		return status;
	log_info("store", "name=%s shards=%u engine=%s endpoint=%s",
	    owners_name(&s->owners), s->owners.shards, s->engine->name,
	    owners_endpoint(&s->owners));
	daemon_ready(d);
	return EXIT_OK;
}

/* All was checked: nothing of it can fail. */
static void
take_live(struct store *s, struct slice demo)
{
	core_bus_clients(s->core, opt_str(s->daemon.options, "bus_clients"));
	core_keys_again(s->core);
	add_keys(s, demo);
	core_keys_done(s->core);
}

/* The demo's key comes last, since it may be made: who is refused leaves the
 * disk as it was. */
static int
store_reload(struct daemon *d)
{
	struct store *s = store_of(d);
	const char *why =
	    core_wrong_clients(s->core, opt_str(d->options, "bus_clients"));
	struct buf demo = {0};
	int status = EXIT_SETTINGS;

	if (why != NULL)
		return wrong("bus_clients", why);
	if (check_keys(d->options) == EXIT_OK &&
	    read_demo(d->options, &demo) == EXIT_OK) {
		take_live(s, buf_slice(&demo));
		status = EXIT_OK;
	}
	buf_free(&demo);
	return status;
}

static void
store_drain(struct daemon *d)
{
	core_drain(store_of(d)->core);
}

static void
store_stop(struct daemon *d)
{
	struct store *s = store_of(d);

	core_close(&s->core);
	if (s->engine != NULL)
		s->engine->close(&s->engine);
	policies_free(&s->policies);
}

const struct stage store_stage = {
    .name = "store",
    .about = "numbers, keeps and routes every message",
    .options = store_options,
    .shared = shared_options,
    .size = sizeof(struct store),
    .no_bus = true,
    .check = store_check,
    .start = store_start,
    .reload = store_reload,
    .live = "bootstrap bus_clients",
    .drain = store_drain,
    .stop = store_stop,
};

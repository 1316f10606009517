/*
 * gcm.c - settings, credentials, and the life of the stage.
 *
 * With a service account pushes go by FCM HTTP v1, else with a key by the
 * legacy protocol, else not at all: jobs stay where they are, until a reload
 * brings either.
 */
#include "pushers/gcm.h"

#include "common/file.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/must.h"
#include "common/stats.h"
#include "common/statsd.h"
#include "pushers/gcm_own.h"

#include <errno.h>

enum {
	ACCOUNT_MAX = 65536, /* bytes; they have some 2400 */
	DOWN_MIN_MS = 1000,
	DOWN_MAX_MS = 60000,
};

struct stage_gcm {
	struct gcm gcm; /* first */
	struct statsd *statsd;
};

/* clang-format off */
static const struct option gcm_options[] = {
	{"service_account", "", OPT_STR, 0, 4096, "JSON file of Google's with the key of a service account: pushes go by FCM HTTP v1"},
	{"project", "", OPT_STR, 0, 255, "of Firebase; empty: that of the service account"},
	{"url", "https://fcm.googleapis.com", OPT_STR, 8, 1024, "where FCM HTTP v1 is"},
	{"token_url", "", OPT_STR, 0, 1024, "where access tokens are; empty: what the service account says"},
	{"api_key", "", OPT_SECRET, 0, 1024, "without a service account: of the legacy protocol"},
	{"legacy_url", "https://fcm.googleapis.com/fcm/send", OPT_STR, 8, 1024, "where somebody still speaks it"},
	{"connections", "32", OPT_NUM, 1, 1024, "to Google, of HTTP/1.1: each carries a push at a time"},
	{"ca", "", OPT_STR, 0, 4096, "PEM file of the roots that Google's certificate is checked by; empty: the system's"},
	{"proxy", "", OPT_SECRET, 0, 1024, "URL of a proxy, with its password; empty: what HTTPS_PROXY says"},
	{"dry_run", "no", OPT_BOOL, 0, 0, "Google only checks what it is sent"},
	PUSHER_OPTIONS("gcm", "500"),
	{NULL, NULL, OPT_STR, 0, 0, NULL},
};

static const struct option shared_options[] = {
	{"statsd", "", OPT_STR, 0, 255, "address of a StatsD that is told Incus' metrics by UDP; port 8125 if none is said; empty: none"},
	{NULL, NULL, OPT_STR, 0, 0, NULL},
};
/* clang-format on */

static struct stage_gcm *
stage_of(struct daemon *d)
{
	return container_of(d, struct stage_gcm, gcm.pusher.d);
}

/* ---- Credentials */

static const char *
refuse(const char *name, const char *why)
{
	log_err("setting", "name=%s why=\"%s\"", name, why);
	return why;
}

static bool
is_url(struct slice s)
{
	size_t n = slice_starts(s, SLICE("https://"))  ? 8
	           : slice_starts(s, SLICE("http://")) ? 7
	                                               : 0;

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return n != 0 && s.n > n;
}

/* One word of a path.  "example.com:name" is one of Google's. */
static bool
is_project(const char *name)
{
	for (const char *p = name; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' || strchr("/?#%\\", *p) != NULL)
			return false;
	return name[0] != '\0';
}

static const char *
check_account(const struct google *g, const struct options *o)
{
	const char *project = opt_str(o, "project");

	if (project[0] == '\0')
		project = g->project;
	if (project[0] == '\0')
		return refuse("project", "the service account names none");
	if (!is_project(project))
		return refuse("project", "not the id of a project");
	if (!is_url(slice_of(g->token_uri)))
		return refuse("service_account",
		    "its token_uri is not http:// or https://");
	return NULL;
}

/* NULL, or it is said why not. */
static const char *
read_account(struct google *g, const struct options *o)
{
	const char *path = opt_str(o, "service_account"), *why;
	struct buf json = {0};

	if (file_read(path, ACCOUNT_MAX, &json) != 0)
		return refuse("service_account", strerror(errno));
	why = google_open(g, buf_slice(&json));
	if (json.p != NULL)
		explicit_bzero(json.p, json.cap);
	buf_free(&json);
	if (why != NULL)
		return refuse("service_account", why);
	if ((why = check_account(g, o)) != NULL)
		google_close(g);
	return why;
}

static bool
urls_good(const struct options *o)
{
	static const char *const names[] = {"url", "legacy_url", "token_url"};

	for (size_t i = 0; i < LENGTH(names); i++) {
		const char *url = opt_str(o, names[i]);

		if (url[0] != '\0' && !is_url(slice_of(url))) {
			refuse(names[i], "not http:// or https://");
			return false;
		}
	}
	return true;
}

/* A line of a header. */
static bool
key_good(const struct options *o)
{
	const char *key = opt_str(o, "api_key");

	for (const char *p = key; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~') {
			refuse("api_key", "has a character it may not have");
			return false;
		}
	return true;
}

static int
gcm_check(struct daemon *d)
{
	const struct options *o = d->options;
	struct google g = {0};
	bool good =
	    urls_good(o) && key_good(o) && statsd_check(opt_str(o, "statsd"));

	if (good && opt_str(o, "service_account")[0] != '\0')
		good = read_account(&g, o) == NULL;
	google_close(&g);
	return good ? 0 : EXIT_SETTINGS;
}

static char *
printed(const char *format, const char *a, const char *b)
{
	struct buf text = {0};

	for (; *format != '\0'; format++) {
		if (*format == '%') {
			buf_str(&text, a);
			a = b;
		} else {
			buf_chr(&text, *format);
		}
	}
	buf_chr(&text, '\0');
	return text.p;
}

static void
close_credentials(struct gcm *g)
{
	google_close(&g->google);
	free(g->url);
	free(g->key);
	g->url = g->key = NULL;
}

/* Checked before. */
static void
open_credentials(struct gcm *g)
{
	const struct options *o = g->pusher.d.options;
	const char *project = opt_str(o, "project"), *why = NULL;

	if (opt_str(o, "service_account")[0] != '\0') {
		why = read_account(&g->google, o);
		if (why == NULL && project[0] == '\0')
			project = g->google.project;
		if (why == NULL)
			g->url = printed("%/v1/projects/%/messages:send",
			    opt_str(o, "url"), project);
	} else if (opt_str(o, "api_key")[0] != '\0') {
		g->key = printed("key=%", opt_str(o, "api_key"), "");
	} else {
		why = "neither service_account nor api_key is set";
	}
	pusher_able(&g->pusher, why);
}

static void
token_changed(struct google *google, const char *why)
{
	struct gcm *g = container_of(google, struct gcm, google);

	if (why == NULL) {
		gcm_token_came(g);
		return;
	}
	pusher_pause(&g->pusher, google_wait(google));
	gcm_token_failed(g, slice_of(why));
}

/* ---- A life */

static int
gcm_start(struct daemon *d)
{
	struct stage_gcm *s = stage_of(d);
	struct gcm *g = &s->gcm;
	const struct options *o = d->options;
	const char *why;

	list_init(&g->waiting);
	g->posts = posts_new(
	    &(struct posts_setup){
		.loop = d->loop,
		.connections = (unsigned)opt_num(o, "connections"),
		.ca = opt_str(o, "ca"),
		.proxy = opt_str(o, "proxy"),
	    },
	    &why);
	if (g->posts == NULL) {
		log_err("libcurl", "why=\"%s\"", why);
		return EXIT_WORLD;
	}
	pusher_start(&g->pusher, &gcm_vendor);
	reports_open(&g->reports, d->bus, d->loop);
	g->legacy_url = opt_str(o, "legacy_url");
	g->timeout = opt_num(o, "timeout");
	g->dry = opt_bool(o, "dry_run");
	g->random = hash_random();
	backoff_init(&g->down, DOWN_MIN_MS, DOWN_MAX_MS);
	g->google.loop = d->loop;
	g->google.posts = g->posts;
	g->google.token_url = opt_str(o, "token_url");
	g->google.timeout_ms = g->timeout;
	g->google.changed = token_changed;
	s->statsd = statsd_new(d->loop, opt_str(o, "statsd"));
	open_credentials(g);
	return 0;
}

/* Requests on their way have their credentials with them; who waits for a
 * token of the old ones is given back. */
static int
gcm_reload(struct daemon *d)
{
	struct gcm *g = &stage_of(d)->gcm;

	if (gcm_check(d) != 0)
		return EXIT_SETTINGS;
	gcm_token_failed(g, SLICE("new credentials"));
	close_credentials(g);
	open_credentials(g);
	pusher_pause(&g->pusher, 0);
	return 0;
}

static void
on_told_redis(struct daemon *d, struct bus_link *link, const struct msg *m)
{
	(void)link;
	reports_frame(&stage_of(d)->gcm.reports, &m->told_redis);
}

static void
gcm_stop(struct daemon *d)
{
	struct stage_gcm *s = stage_of(d);

	pusher_stop(&s->gcm.pusher);
	close_credentials(&s->gcm);
	reports_close(&s->gcm.reports);
	posts_free(&s->gcm.posts);
	statsd_free(&s->statsd);
}

const struct stage gcm_stage = {
    .name = "gcm",
    .about = "wake devices through Google: FCM HTTP v1, or GCM",
    .options = gcm_options,
    .shared = shared_options,
    .size = sizeof(struct stage_gcm),
    .check = gcm_check,
    .start = gcm_start,
    .up = pusher_up,
    .owner = pusher_owner,
    .on = {PUSHER_FRAMES, [MSG_told_redis] = on_told_redis},
    .reload = gcm_reload,
    .live = "service_account project api_key",
    .drain = pusher_drain,
    .late = pusher_late,
    .stop = gcm_stop,
};

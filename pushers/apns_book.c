/*
 * apns_book.c - settings and files, made into links.
 */
#include "pushers/apns_book.h"

#include "common/file.h"
#include "common/log.h"
#include "common/must.h"

#include <errno.h>
#include <unistd.h>

enum {
	STREAMS = 1000,            /* as many as Apple ever allowed */
	STOP_MAX = 60 * 60 * 1000, /* ms */
};

/* A token and who has its key. */
struct held {
	struct list node;
	struct apns_token token;
	char path[256];
};

/* ---- What the settings name */

static bool
wrong(const char *where, const char *what, const char *why)
{
	char text[LOG_VALUE];

	log_err("settings", "apns=%s what=%s why=\"%s\"", where,
	    log_value(text, sizeof(text), slice_of(what)), why);
	return false;
}

static bool
read_file(struct apns_book *b, const char *path)
{
	struct buf text = {0};
	struct apns_wrong at = {.line = 0};
	bool good = false;
	char line[32];

	if (path[0] == '\0')
		return true;
	if (file_read(path, APNS_APPS_FILE, &text) != 0) {
		wrong("apps", path, strerror(errno));
	} else if (!apns_apps_read(&b->apps, buf_slice(&text), &at)) {
		snprintf(line, sizeof(line), "apps:%u", at.line);
		wrong(at.line != 0 ? line : "apps", at.what, at.why);
	} else {
		good = true;
	}
	buf_free(&text);
	return good;
}

/* Incus' four builds.  A file that is not there is missed only if somebody
 * has named it. */
static bool
read_builds(struct apns_book *b, const struct options *o)
{
	static const char *const names[][4] = {
#define NAMES(build)                                                           \
	{"incus/" build, build "_cert", build "_private_key", build "_url"}
	    NAMES("store"), NAMES("enterprise"), NAMES("beta"),
	    NAMES("development")
#undef NAMES
	};

	for (size_t i = 0; i < LENGTH(names); i++) {
		struct apns_app app = {.name = ""};
		const char *cert = opt_str(o, names[i][1]), *why;

		if (cert[0] == '\0' ||
		    (!opt_given(o, names[i][1]) && access(cert, F_OK) != 0))
			continue;
		snprintf(app.name, sizeof(app.name), "%s", names[i][0]);
		snprintf(app.cert, sizeof(app.cert), "%s", cert);
		snprintf(app.private_key, sizeof(app.private_key), "%s",
		    opt_str(o, names[i][2]));
		snprintf(
		    app.host, sizeof(app.host), "%s", opt_str(o, names[i][3]));
		if ((why = apns_apps_add(&b->apps, &app)) != NULL)
			return wrong(names[i][1], app.host, why);
	}
	return true;
}

/* ---- What the files hold */

static struct apns_token *
token_of(struct apns_book *b, const struct apns_app *app)
{
	struct held *h;
	const char *why;

	list_each (node, &b->tokens) {
		h = container_of(node, struct held, node);
		if (strcmp(h->path, app->key) == 0 &&
		    strcmp(h->token.kid, app->key_id) == 0 &&
		    strcmp(h->token.team, app->team_id) == 0)
			return &h->token;
	}
	h = xcalloc(1, sizeof(*h));
	if ((why = apns_token_open(&h->token, app->key)) != NULL) {
		wrong(app->name, app->key, why);
		free(h);
		return NULL;
	}
	memcpy(h->path, app->key, sizeof(h->path));
	memcpy(h->token.kid, app->key_id, sizeof(h->token.kid));
	memcpy(h->token.team, app->team_id, sizeof(h->token.team));
	list_append(&b->tokens, &h->node);
	return &h->token;
}

static bool
same(const struct apns_app *a, const struct apns_app *b)
{
	return strcmp(a->host, b->host) == 0 && strcmp(a->port, b->port) == 0 &&
	       strcmp(a->cert, b->cert) == 0 &&
	       strcmp(a->private_key, b->private_key) == 0 &&
	       strcmp(a->key, b->key) == 0 &&
	       strcmp(a->key_id, b->key_id) == 0 &&
	       strcmp(a->team_id, b->team_id) == 0;
}

static struct tls_context *
tls_of(const struct apns_app *app, const char *ca)
{
	struct tls_client_files files = {
	    .ca = ca[0] != '\0' ? ca : NULL, .alpn = TLS_ALPN_H2};
	struct tls_error error;
	struct tls_context *ctx;

	if (app->cert[0] != '\0') {
		files.cert = app->cert;
		files.key = app->private_key;
	}
	if ((ctx = tls_context_client_as(&files, &error)) == NULL)
		wrong(app->name, app->cert, error.text);
	return ctx;
}

static void
link_free(struct apns_link *l)
{
	list_remove(&l->node);
	h2_client_free(&l->client);
	tls_context_free(&l->tls);
	free(l);
}

static struct apns_link *
link_of(struct apns_book *b, const struct apns_app *app, const char *ca)
{
	struct apns_link *l;

	list_each (node, &b->all) {
		l = container_of(node, struct apns_link, node);
		if (same(l->like, app))
			return l;
	}
	l = xcalloc(1, sizeof(*l));
	l->book = b;
	l->like = app;
	list_append(&b->all, &l->node);
	l->tls = tls_of(app, ca);
	if (l->tls != NULL && app->key[0] != '\0')
		l->token = token_of(b, app);
	if (l->tls == NULL || (app->key[0] != '\0' && l->token == NULL)) {
		link_free(l);
		return NULL;
	}
	return l;
}

static bool
make_links(struct apns_book *b, const struct options *o)
{
	b->links = xcalloc(b->apps.n, sizeof(*b->links));
	for (size_t i = 0; i < b->apps.n; i++) {
		b->links[i] = link_of(b, &b->apps.at[i], opt_str(o, "ca"));
		if (b->links[i] == NULL)
			return false;
	}
	return true;
}

/* ---- Its life */

struct apns_book *
apns_book_new(const struct options *o)
{
	struct apns_book *b = xcalloc(1, sizeof(*b));

	list_init(&b->all);
	list_init(&b->tokens);
	list_init(&b->node);
	if (!read_file(b, opt_str(o, "apps")) || !read_builds(b, o) ||
	    !make_links(b, o))
		apns_book_free(&b);
	return b;
}

void
apns_book_start(struct apns_book *b, const struct options *o, struct loop *loop,
    const struct h2_client_face *face)
{
	struct h2_client_setup set = {
	    .loop = loop,
	    .keep = SLICE("apns-id"),
	    .streams = STREAMS,
	    .times = {(unsigned)opt_num(o, "connect"),
		(unsigned)opt_num(o, "ping"), (unsigned)opt_num(o, "pong")},
	    .wait_min = (unsigned)opt_num(o, "wait"),
	    .wait_max = (unsigned)opt_num(o, "wait_max"),
	};
	unsigned stop = (unsigned)opt_num(o, "stop");

	if (set.wait_max < set.wait_min)
		set.wait_max = set.wait_min;
	list_each (node, &b->all) {
		struct apns_link *l =
		    container_of(node, struct apns_link, node);

		l->face = *face;
		set.tls = l->tls;
		set.host = l->like->host;
		set.port = l->like->port;
		set.face = &l->face;
		set.shy = l->token != NULL;
		l->client = h2_client_new(&set);
		backoff_init(&l->stops, stop, STOP_MAX);
	}
}

void
apns_book_free(struct apns_book **bp)
{
	struct apns_book *b = *bp;
	struct list *node;

	*bp = NULL;
	if (b == NULL)
		return;
	while (!list_empty(&b->all))
		link_free(container_of(b->all.next, struct apns_link, node));
	while ((node = list_shift(&b->tokens)) != NULL) {
		struct held *h = container_of(node, struct held, node);

		apns_token_close(&h->token);
		free(h);
	}
	list_remove(&b->node);
	apns_apps_free(&b->apps);
	free(b->links);
	free(b);
}

const struct apns_app *
apns_book_app(const struct apns_book *b, struct slice app, struct slice which)
{
	return apns_apps_find(&b->apps, app, which);
}

struct apns_link *
apns_book_link(const struct apns_book *b, const struct apns_app *app)
{
	return b->links[app - b->apps.at];
}

/*
 * apns_apps.c - the file of connections, line by line.
 */
#include "pushers/apns_apps.h"

#include "common/must.h"

#include <stdio.h>

static const struct {
	struct slice name;
	size_t at, room;
} keys[] = {
#define KEY(name)                                                              \
	{                                                                      \
		SLICE_INIT(#name), offsetof(struct apns_app, name),            \
		    sizeof(((struct apns_app *)NULL)->name)                    \
	}
    KEY(cert),
    KEY(private_key),
    KEY(key),
    KEY(key_id),
    KEY(team_id),
    KEY(topic),
    KEY(push_type),
    KEY(host),
#undef KEY
};

bool
apns_push_type(struct slice s)
{
	static const char *const types[] = {"alert", "background", "voip",
	    "complication", "fileprovider", "mdm", "location", "liveactivity",
	    "pushtotalk", "controls", "widgets"};

	for (size_t i = 0; i < LENGTH(types); i++)
		if (slice_is(s, types[i]))
			return true;
	return false;
}

/* ---- One connection */

/* Cut the port off a host[:port] or [address][:port]. */
static const char *
cut_port(struct apns_app *app)
{
	char *colon = strrchr(app->host, ':');
	uint64_t port = 443;

	if (colon != NULL && strchr(colon, ']') == NULL) {
		if (!slice_num(slice_of(colon + 1), &port) || port == 0 ||
		    port > 65535)
			return "host wants a port of 1 to 65535 behind its :";
		*colon = '\0';
	}
	snprintf(app->port, sizeof(app->port), "%u", (unsigned)port & 65535);
	return NULL;
}

static const char *
set_host(struct apns_app *app)
{
	struct slice host = slice_of(app->host);
	const char *why, *word = NULL;

	if (host.n == 0 || slice_is(host, "production"))
		word = "api.push.apple.com";
	else if (slice_is(host, "development") || slice_is(host, "sandbox"))
		word = "api.sandbox.push.apple.com";
	if (word != NULL)
		snprintf(app->host, sizeof(app->host), "%s", word);
	if ((why = cut_port(app)) != NULL)
		return why;
	host = slice_of(app->host);
	if (slice_is(host, "gateway.push.apple.com") ||
	    slice_is(host, "gateway.sandbox.push.apple.com"))
		return "the binary protocol of that host has ended: say "
		       "production or development";
	if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']') {
		memmove(app->host, app->host + 1, host.n - 2);
		app->host[host.n - 2] = '\0';
	}
	return host.n == 0 ? "host is empty" : NULL;
}

static const char *
check(const struct apns_app *app)
{
	bool cert = app->cert[0] != '\0', key = app->key[0] != '\0';

	if (cert == key)
		return cert ? "has a cert and a key: one is enough"
		            : "has neither cert nor key";
	if (!cert && app->private_key[0] != '\0')
		return "has a private_key without a cert";
	if (key && (app->key_id[0] == '\0' || app->team_id[0] == '\0'))
		return "a key wants key_id and team_id";
	if (key && app->topic[0] == '\0')
		return "a key wants a topic";
	if (app->push_type[0] != '\0' &&
	    !apns_push_type(slice_of(app->push_type)))
		return "push_type is none of Apple's";
	return NULL;
}

/* What is said about one whole section. */
static const char *
finish(struct apns_app *app)
{
	const char *why = check(app);

	if (why != NULL)
		return why;
	if (app->cert[0] != '\0' && app->private_key[0] == '\0')
		memcpy(app->private_key, app->cert, sizeof(app->cert));
	return set_host(app);
}

static struct apns_app *
push_back(struct apns_apps *all)
{
	all->at = xrealloc(all->at, (all->n + 1) * sizeof(*all->at));
	all->at[all->n] = (struct apns_app){.name = ""};
	return &all->at[all->n++];
}

static struct apns_app *
named(const struct apns_apps *all, struct slice name)
{
	for (size_t i = 0; i < all->n; i++)
		if (slice_is(name, all->at[i].name))
			return &all->at[i];
	return NULL;
}

const char *
apns_apps_add(struct apns_apps *all, const struct apns_app *one)
{
	struct apns_app app = *one;
	const char *why = finish(&app);

	if (why == NULL && named(all, slice_of(app.name)) == NULL)
		*push_back(all) = app;
	return why;
}

/* ---- A file */

/* What can be a name, a path or a header. */
static bool
plain(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return s.n != 0;
}

static const char *
open_section(struct apns_apps *all, struct slice line)
{
	struct slice name = slice_trim((struct slice){line.p + 1, line.n - 2});
	struct apns_app *app;

	if (!plain(name) || name.n >= sizeof(app->name))
		return "a section's name has 1 to 127 printable bytes";
	if (named(all, name) != NULL)
		return "a section stands there twice";
	if (all->n == APNS_APPS)
		return "there are more than 1024 sections";
	app = push_back(all);
	memcpy(app->name, name.p, name.n);
	return NULL;
}

static const char *
set_key(struct apns_apps *all, struct slice line)
{
	struct slice name, value = line;
	char *to;

	/* Without a = the value has no bytes, not even none. */
	if (!slice_cut(&value, '=', &name) || value.p == NULL)
		return "is neither [section] nor key = value";
	name = slice_trim(name);
	value = slice_trim(value);
	if (all->n == 0)
		return "stands before the first section";
	for (size_t i = 0; i < LENGTH(keys); i++) {
		if (!slice_eq(name, keys[i].name))
			continue;
		to = (char *)&all->at[all->n - 1] + keys[i].at;
		if (to[0] != '\0')
			return "is said twice";
		if (!plain(value) || value.n >= keys[i].room)
			return "is empty, too long or not printable";
		memcpy(to, value.p, value.n);
		return NULL;
	}
	return "is no key that is known";
}

static const char *
read_line(struct apns_apps *all, struct slice line)
{
	if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';')
		return NULL;
	if (line.p[0] == '[' && line.p[line.n - 1] == ']')
		return open_section(all, line);
	return set_key(all, line);
}

static bool
say(struct apns_wrong *wrong, const char *why, struct slice what)
{
	wrong->why = why;
	snprintf(wrong->what, sizeof(wrong->what), "%.*s",
	    (int)(what.n < 64 ? what.n : 64), what.n != 0 ? what.p : "");
	return false;
}

/* What may be shown of a line: a section, or a word that could be a key.  A key
 * of Apple's pasted there is neither. */
static struct slice
shown(struct slice line)
{
	struct slice name;

	if (line.p[0] == '[')
		return line;
	slice_cut(&line, '=', &name);
	name = slice_trim(name);
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] != '_' && (name.p[i] < 'a' || name.p[i] > 'z'))
			return (struct slice){"", 0};
	return name.n < 32 ? name : (struct slice){"", 0};
}

bool
apns_apps_read(
    struct apns_apps *all, struct slice text, struct apns_wrong *wrong)
{
	struct slice line;
	const char *why;
	size_t first = all->n;

	wrong->line = 0;
	while (slice_cut(&text, '\n', &line)) {
		if (line.n != 0 && line.p[line.n - 1] == '\r')
			line.n--;
		wrong->line++;
		line = slice_trim(line);
		if ((why = read_line(all, line)) == NULL)
			continue;
		return say(wrong, why, shown(line));
	}
	wrong->line = 0;
	for (size_t i = first; i < all->n; i++)
		if ((why = finish(&all->at[i])) != NULL)
			return say(wrong, why, slice_of(all->at[i].name));
	return true;
}

void
apns_apps_free(struct apns_apps *all)
{
	free(all->at);
	*all = (struct apns_apps){NULL, 0};
}

const struct apns_app *
apns_apps_find(
    const struct apns_apps *all, struct slice app, struct slice which)
{
	char name[sizeof(all->at->name)];
	int n = snprintf(name, sizeof(name), "%.*s%s%.*s", SLICE_ARGS(app),
	    which.n != 0 ? "/" : "", SLICE_ARGS(which));

	if (n < 0 || n >= (int)sizeof(name))
		return NULL;
	return named(all, (struct slice){name, (size_t)n});
}

/*
 * api_apps.c - /v1/apps: applications and their keys, for who holds the
 * administrator's key.
 *
 *	GET    /v1/apps                 all applications
 *	PUT    /v1/apps/APP             make it, or leave it as it is
 *	DELETE /v1/apps/APP             revoke all its keys, then forget it
 *	GET    /v1/apps/APP/keys        its keys, without their secrets
 *	POST   /v1/apps/APP/keys        make a key; its secret is shown now
 *	DELETE /v1/apps/APP/keys/ID     revoke it
 *
 * They are rows of the store's tables `apps` (home apps, key the application)
 * and `keys` (home the application, key the id, value a key frame).  What
 * takes several writes can be cut off between any two and asked for again.
 * The body of a new key is api_key.c's.
 */
#include "ingress/api_apps.h"

#include "common/channel.h"
#include "common/json_write.h"
#include "common/must.h"
#include "ingress/admin.h"
#include "ingress/api.h"
#include "ingress/question.h"

enum {
	PAGE = 1000, /* applications or keys of one answer */
	APP_MAX = 63,
};

enum thing { THING_NONE, THING_APPS, THING_APP, THING_KEYS, THING_KEY };

struct apps {
	struct steps s; /* first */
	enum http_method verb;
	enum thing thing;
	uint64_t unix_ms;
	bool first, seen;
	struct new_key key; /* POST */
	char app[APP_MAX + 1], id[APP_MAX + 1];
	char after[256]; /* of a list */
};

static struct apps *
of(struct steps *s)
{
	return container_of(s, struct apps, s);
}

/* ---- writes */

static void
unset(struct apps *a, struct msg_unset m, void (*next)(struct steps *))
{
	struct msg frame = {.id = MSG_unset, .unset = m};

	steps_write(&a->s, &frame, next);
}

static void
unset_key(struct apps *a, const char *id, void (*next)(struct steps *))
{
	unset(a,
	    (struct msg_unset){.home = slice_of(a->app),
		.table = SLICE("keys"),
		.key = slice_of(id)},
	    next);
}

static void
set_key(struct apps *a, const struct msg_key *key, void (*next)(struct steps *))
{
	struct buf value = {0};
	struct msg m = {.id = MSG_set,
	    .set = {
		.home = key->app,
		.table = SLICE("keys"),
		.key = key->id,
		.expires = key->expires * 1000,
	    }};

	msg_encode(&value, &(struct msg){.id = MSG_key, .key = *key});
	m.set.value = buf_slice(&value);
	steps_write(&a->s, &m, next);
	explicit_bzero(value.p, value.n);
	buf_free(&value);
}

static void
told(struct steps *s)
{
	steps_done(s);
}

/* ---- one application */

static void
put_app(struct apps *a)
{
	char value[48];
	int n = snprintf(value, sizeof(value), "{\"changed\":%llu}",
	    (unsigned long long)a->unix_ms);
	struct msg m = {.id = MSG_set,
	    .set = {
		.home = SLICE("apps"),
		.table = SLICE("apps"),
		.key = slice_of(a->app),
		.value = {value, (size_t)n},
	    }};

	buf_printf(&a->s.a.answer, "{\"app\":\"%s\"}", a->app);
	steps_write(&a->s, &m, told);
}

static void
note_id(struct steps *s, const struct msg_row *row)
{
	snprintf(of(s)->id, sizeof(of(s)->id), "%.*s", SLICE_ARGS(row->key));
}

static void revoke_next(struct steps *);

static void
revoke_one(struct steps *s)
{
	struct apps *a = of(s);

	if (a->id[0] != '\0') {
		unset_key(a, a->id, revoke_next);
		return;
	}
	buf_printf(&s->a.answer, "{\"app\":\"%s\",\"deleted\":true}", a->app);
	unset(a,
	    (struct msg_unset){.home = SLICE("apps"),
		.table = SLICE("apps"),
		.key = slice_of(a->app)},
	    told);
}

/* One key after the other; when there is none, the application itself. */
static void
revoke_next(struct steps *s)
{
	struct apps *a = of(s);

	a->id[0] = '\0';
	steps_scan(s,
	    &(struct msg_scan){
		.table = SLICE("keys"), .home = slice_of(a->app), .limit = 1},
	    note_id, revoke_one);
}

/* ---- lists */

static void
end_list(struct steps *s)
{
	buf_str(&s->a.answer, s->more ? "],\"more\":true}" : "]}");
	steps_done(s);
}

static void
comma(struct apps *a)
{
	if (!a->first)
		buf_chr(&a->s.a.answer, ',');
	a->first = false;
}

static void
app_row(struct steps *s, const struct msg_row *row)
{
	comma(of(s));
	buf_str(&s->a.answer, "{\"app\":");
	json_escape(&s->a.answer, row->key);
	buf_chr(&s->a.answer, '}');
}

static void
key_row(struct steps *s, const struct msg_row *row)
{
	struct msg m;
	const char *why;

	if (msg_decode(row->value, &m, &why) <= 0 || m.id != MSG_key)
		return;
	comma(of(s));
	new_key_put(&m.key, &s->a.answer);
}

static void
list(struct apps *a)
{
	bool keys = a->thing == THING_KEYS;
	struct msg_scan m = {
	    .table = keys ? SLICE("keys") : SLICE("apps"),
	    .home = keys ? slice_of(a->app) : SLICE("apps"),
	    .after = slice_of(a->after),
	    .limit = PAGE,
	};

	a->first = true;
	buf_str(&a->s.a.answer, keys ? "{\"keys\":[" : "{\"apps\":[");
	steps_scan(&a->s, &m, keys ? key_row : app_row, end_list);
}

/* ---- a new key */

static void
is_app(struct steps *s, const struct msg_row *row)
{
	of(s)->seen = of(s)->seen || slice_is(row->key, of(s)->app);
}

static void
note_old(struct steps *s, const struct msg_row *row)
{
	struct apps *a = of(s);

	if (slice_is(row->key, a->key.replaces))
		new_key_old(&a->key, row->value);
}

/* The new one is safe: the old one ends, or will. */
static void
end_old(struct steps *s)
{
	struct apps *a = of(s);
	uint64_t end = a->unix_ms / 1000 + a->key.overlap;
	struct msg m;
	const char *why;

	if (a->key.replaces[0] == '\0') {
		steps_done(s);
		return;
	}
	if (a->key.overlap == 0) {
		unset_key(a, a->key.replaces, told);
		return;
	}
	must(msg_decode(buf_slice(&a->key.old), &m, &why) > 0);
	if (m.key.expires == 0 || m.key.expires > end)
		m.key.expires = end;
	set_key(a, &m.key, told);
}

static void
make_key(struct steps *s)
{
	struct apps *a = of(s);
	struct msg_key key;

	if (a->key.replaces[0] != '\0' && a->key.old.n == 0) {
		ask_refuse(&s->a, CODE_not_found, "replaces", "no such key");
		return;
	}
	new_key_make(&a->key, slice_of(a->app), &key);
	new_key_show(&a->key, &key, &s->a.answer);
	set_key(a, &key, end_old);
}

static void
find_old(struct steps *s)
{
	struct apps *a = of(s);

	if (!a->seen) {
		ask_refuse(
		    &s->a, CODE_not_found, NULL, "no such application; PUT it");
		return;
	}
	if (a->key.replaces[0] == '\0') {
		make_key(s);
		return;
	}
	steps_scan(s,
	    &(struct msg_scan){.table = SLICE("keys"),
		.home = slice_of(a->app),
		.prefix = slice_of(a->key.replaces),
		.limit = 1},
	    note_old, make_key);
}

/* The name itself stands first among those that begin with it. */
static void
post_key(struct apps *a, struct slice body)
{
	struct new_key_fault f = new_key_read(&a->key, body, a->unix_ms);

	if (f.code != CODE_ok) {
		ask_refuse(&a->s.a, f.code, f.field, f.why);
		return;
	}
	steps_scan(&a->s,
	    &(struct msg_scan){.table = SLICE("apps"),
		.home = SLICE("apps"),
		.prefix = slice_of(a->app),
		.limit = 1},
	    is_app, find_old);
}

static void
delete_key(struct apps *a)
{
	buf_str(&a->s.a.answer, "{\"id\":");
	json_escape(&a->s.a.answer, slice_of(a->id));
	buf_str(&a->s.a.answer, ",\"revoked\":true}");
	unset_key(a, a->id, told);
}

/* ---- the request */

static void
body(struct request *r, struct slice s, bool last)
{
	struct apps *a = container_of(r, struct apps, s.a.r);

	(void)last;
	a->unix_ms = loop_unix_ms(request_front(r)->loop);
	if (a->verb == HTTP_GET || a->verb == HTTP_HEAD)
		list(a);
	else if (a->verb == HTTP_POST)
		post_key(a, s);
	else if (a->verb == HTTP_PUT)
		put_app(a);
	else if (a->thing == THING_APP)
		revoke_next(&a->s);
	else
		delete_key(a);
}

static void
apps_free(struct request *r)
{
	struct apps *a = container_of(r, struct apps, s.a.r);

	new_key_free(&a->key);
	if (a->s.a.answer.p != NULL)
		explicit_bzero(a->s.a.answer.p, a->s.a.answer.n);
	steps_end(&a->s);
	free(a);
}

static const struct request_kind kind = {
    .publishes = true,
    .body = body,
    .answer = ask_answer,
    .fail = ask_fail,
    .free = apps_free,
};

static bool
take_word(char to[APP_MAX + 1], struct slice word)
{
	if (word.n == 0 || word.n > APP_MAX)
		return false;
	for (size_t i = 0; i < word.n; i++)
		if (strchr(
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			"0123456789-._~",
			word.p[i]) == NULL)
			return false;
	memcpy(to, word.p, word.n);
	return true;
}

/* /v1/apps, /APP, /keys, /ID */
static enum thing
read_path(struct apps *a, struct slice path)
{
	struct slice rest = slice_from(path, sizeof("/v1/apps") - 1), part;

	if (rest.n == 0)
		return THING_APPS;
	rest = slice_from(rest, 1);
	if (!slice_cut(&rest, '/', &part) || !take_word(a->app, part))
		return THING_NONE;
	if (!slice_cut(&rest, '/', &part))
		return THING_APP;
	if (!slice_is(part, "keys"))
		return THING_NONE;
	if (!slice_cut(&rest, '/', &part))
		return THING_KEYS;
	return rest.p == NULL && take_word(a->id, part) ? THING_KEY
	                                                : THING_NONE;
}

static unsigned
allowed(enum thing t)
{
	const unsigned get = HTTP_ALLOW(HTTP_GET) | HTTP_ALLOW(HTTP_HEAD) |
	                     HTTP_ALLOW(HTTP_OPTIONS);

	switch (t) {
	case THING_APPS:
		return get;
	case THING_APP:
		return HTTP_ALLOW(HTTP_PUT) | HTTP_ALLOW(HTTP_DELETE) |
		       HTTP_ALLOW(HTTP_OPTIONS);
	case THING_KEYS:
		return get | HTTP_ALLOW(HTTP_POST);
	case THING_KEY:
		return HTTP_ALLOW(HTTP_DELETE) | HTTP_ALLOW(HTTP_OPTIONS);
	case THING_NONE:
		break;
	}
	return 0;
}

/* Of another persona: its channels are theirs alone. */
static bool
is_reserved(const char *app)
{
	return strcmp(app, "incus") == 0 || strcmp(app, "tyron") == 0 ||
	       strcmp(app, "push") == 0;
}

static struct request *
begin(struct apps *a, struct front *f, const struct http_request *h)
{
	struct question after = {.name = "after"};
	struct request *refused;

	if (f->admin_key[0] == '\0')
		return question_refuse(
		    CODE_not_found, NULL, "closed: admin_key is not set");
	if (!admin_shown(f->admin_key, http_header(h, SLICE("authorization"))))
		return question_refuse(CODE_unauthorized, NULL,
		    "the administrator's key is needed");
	a->verb = h->verb;
	if ((a->thing = read_path(a, h->path)) == THING_NONE)
		return question_refuse(CODE_not_found, NULL, NULL);
	if ((allowed(a->thing) & HTTP_ALLOW(h->verb)) == 0)
		return answer_methods(allowed(a->thing), false);
	if (h->verb == HTTP_PUT && is_reserved(a->app))
		return question_refuse(
		    CODE_bad_field, "app", "this name is a persona's");
	if ((refused = question_read(h->query, &after, 1, &f->text)) != NULL)
		return refused;
	if (after.value.n >= sizeof(a->after))
		return question_refuse(CODE_bad_field, "after", NULL);
	if (after.value.n != 0)
		memcpy(a->after, after.value.p, after.value.n);
	return NULL;
}

struct request *
api_apps(struct client *c, const struct http_request *h)
{
	struct apps *a = xcalloc(1, sizeof(*a));
	struct request *refused;

	steps_init(&a->s, &kind, api_front(c));
	refused = begin(a, a->s.a.front, h);
	if (refused == NULL)
		return &a->s.a.r;
	apps_free(&a->s.a.r);
	return refused;
}

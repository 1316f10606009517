/*
 * api_devices.c - /v1/devices: which tokens a user's devices have.
 *
 *	PUT    ?user=U           {"token": T, "queue": Q, "data": any}
 *	GET    ?user=U           his devices
 *	GET    ?token=T          whose it is, or since when it is gone
 *	DELETE ?user=U&token=T   this device
 *	DELETE ?user=U           all of them
 *	DELETE ?token=T          its vendor says it is gone: whoever has it
 *
 * With a key of the application that may publish.  See common/device.h for
 * the rows and the order of the steps.
 * CAVEAT: two users that claim one token in the same instant may both get it,
 * until one of them claims it again.
 */
#include "ingress/api_devices.h"
#include "common/json_write.h"
#include "common/must.h"
#include "ingress/api.h"
#include "ingress/question.h"

void
devices_told(struct steps *s)
{
	steps_done(s);
}

struct slice
devices_home(struct devices *d, const char *user)
{
	return device_home(d->home, slice_of(d->app), slice_of(user));
}

void
devices_set(struct devices *d, struct msg_set m, void (*next)(struct steps *))
{
	steps_write(&d->s, &(struct msg){.id = MSG_set, .set = m}, next);
}

void
devices_unset(
    struct devices *d, struct msg_unset m, void (*next)(struct steps *))
{
	steps_write(&d->s, &(struct msg){.id = MSG_unset, .unset = m}, next);
}

void
devices_unset_one(
    struct devices *d, const char *user, void (*next)(struct steps *))
{
	devices_unset(d,
	    (struct msg_unset){.home = devices_home(d, user),
		.table = SLICE("devices"),
		.key = slice_of(d->token)},
	    next);
}

static void
unset_token(struct devices *d, void (*next)(struct steps *))
{
	devices_unset(d,
	    (struct msg_unset){.home = d->token_at,
		.table = SLICE("tokens"),
		.key = SLICE("user")},
	    next);
}

static void
note_owner(struct steps *s, const struct msg_row *row)
{
	snprintf(devices_of(s)->owner, sizeof(devices_of(s)->owner), "%.*s",
	    SLICE_ARGS(row->value));
}

void
devices_find_owner(struct devices *d, void (*next)(struct steps *))
{
	d->owner[0] = '\0';
	d->token_at = device_token_home(
	    d->token_home, slice_of(d->app), slice_of(d->token));
	steps_scan(&d->s,
	    &(struct msg_scan){
		.table = SLICE("tokens"), .home = d->token_at, .limit = 1},
	    note_owner, next);
}

/* ---- GET */

static void
end_list(struct steps *s)
{
	buf_str(&s->a.answer, "]}");
	steps_done(s);
}

static void
device_row(struct steps *s, const struct msg_row *row)
{
	if (!devices_of(s)->first)
		buf_chr(&s->a.answer, ',');
	devices_of(s)->first = false;
	buf_put(&s->a.answer, row->value);
}

static void
show_since(struct steps *s, const struct msg_row *row)
{
	devices_of(s)->known = true;
	buf_str(&s->a.answer, ",\"gone\":");
	buf_put(&s->a.answer, row->value);
}

static void
show_end(struct steps *s)
{
	buf_chr(&s->a.answer, '}');
	if (devices_of(s)->known)
		steps_done(s);
	else
		ask_refuse(&s->a, CODE_not_found, "token", "nobody has it");
}

static void
show_owner(struct steps *s)
{
	struct devices *d = devices_of(s);

	buf_str(&s->a.answer, "{\"token\":");
	json_escape(&s->a.answer, slice_of(d->token));
	d->known = d->owner[0] != '\0';
	if (d->known) {
		buf_str(&s->a.answer, ",\"user\":");
		json_escape(&s->a.answer, slice_of(d->owner));
	}
	steps_scan(s,
	    &(struct msg_scan){
		.table = SLICE("rejected"), .home = d->token_at, .limit = 1},
	    show_since, show_end);
}

static void
get(struct devices *d)
{
	if (d->user[0] == '\0') {
		devices_find_owner(d, show_owner);
		return;
	}
	d->first = true;
	buf_str(&d->s.a.answer, "{\"user\":");
	json_escape(&d->s.a.answer, slice_of(d->user));
	buf_str(&d->s.a.answer, ",\"devices\":[");
	steps_scan(&d->s,
	    &(struct msg_scan){.table = SLICE("devices"),
		.home = devices_home(d, d->user),
		.limit = DEVICES_MOST},
	    device_row, end_list);
}

/* ---- DELETE */

static void drop_next(struct steps *);

static void
dropped(struct steps *s)
{
	struct devices *d = devices_of(s);

	d->count++;
	if (d->known) { /* all of a user's, one after the other */
		drop_next(s);
		return;
	}
	steps_done(s);
}

/* Somebody else may have the token by now: then the row is his. */
static void
drop_token(struct steps *s)
{
	struct devices *d = devices_of(s);

	if (strcmp(d->owner, d->user) == 0)
		unset_token(d, dropped);
	else
		dropped(s);
}

static void
drop_owner(struct steps *s)
{
	devices_find_owner(devices_of(s), drop_token);
}

static void
note_token(struct steps *s, const struct msg_row *row)
{
	snprintf(devices_of(s)->token, sizeof(devices_of(s)->token), "%.*s",
	    SLICE_ARGS(row->key));
}

static void
drop_found(struct steps *s)
{
	struct devices *d = devices_of(s);

	if (d->token[0] != '\0')
		devices_unset_one(d, d->user, drop_owner);
	else
		steps_done(s);
}

static void
drop_next(struct steps *s)
{
	struct devices *d = devices_of(s);

	d->token[0] = '\0';
	steps_scan(s,
	    &(struct msg_scan){.table = SLICE("devices"),
		.home = devices_home(d, d->user),
		.limit = 1},
	    note_token, drop_found);
}

/* ---- a token that is gone */

static void
gone_token(struct steps *s)
{
	unset_token(devices_of(s), devices_told);
}

static void
gone_device(struct steps *s)
{
	struct devices *d = devices_of(s);

	if (d->owner[0] != '\0')
		devices_unset_one(d, d->owner, gone_token);
	else
		steps_done(s);
}

/* First it is written down that it is gone: what is cut off then is still
 * known to be so. */
static void
gone_note(struct steps *s)
{
	struct devices *d = devices_of(s);
	char since[24];
	int n = snprintf(since, sizeof(since), "%llu",
	    (unsigned long long)loop_unix_ms(request_front(&s->a.r)->loop));

	devices_set(d,
	    (struct msg_set){.home = d->token_at,
		.table = SLICE("rejected"),
		.key = SLICE("since"),
		.value = {since, (size_t)n}},
	    gone_device);
}

static void
del(struct devices *d)
{
	buf_str(&d->s.a.answer, "{\"deleted\":true}");
	if (d->user[0] == '\0')
		devices_find_owner(d, gone_note);
	else if (d->token[0] != '\0')
		devices_unset_one(d, d->user, drop_owner);
	else {
		d->known = true;
		drop_next(&d->s);
	}
}

/* ---- the request */

static void
body(struct request *r, struct slice s, bool last)
{
	struct devices *d = container_of(r, struct devices, s.a.r);

	(void)last;
	if (d->verb == HTTP_PUT)
		devices_put(d, s);
	else if (d->verb == HTTP_DELETE)
		del(d);
	else
		get(d);
}

static void
devices_free(struct request *r)
{
	struct devices *d = container_of(r, struct devices, s.a.r);

	steps_end(&d->s);
	buf_free(&d->value);
	free(d);
}

static const struct request_kind kind = {
    .publishes = true,
    .body = body,
    .answer = ask_answer,
    .fail = ask_fail,
    .free = devices_free,
};

static bool
take(char *to, struct slice s, size_t max)
{
	if (s.p == NULL)
		return true;
	if (!device_name_ok(s, max))
		return false;
	memcpy(to, s.p, s.n);
	return true;
}

static struct request *
begin(struct devices *d, struct front *f, const struct http_request *h)
{
	struct question q[] = {{.name = "user"}, {.name = "token"}};
	struct request *refused;
	struct auth_result who;
	enum code code =
	    auth_check(f->auth, http_header(h, SLICE("authorization")),
		loop_unix_ms(f->loop) / 1000, &who);

	if (code != CODE_ok)
		return question_refuse(code, NULL, who.why);
	if (who.who->grant.token || (who.who->grant.rights & KEY_PUBLISH) == 0)
		return question_refuse(CODE_forbidden, NULL,
		    "a key that may publish is needed, and no token");
	memcpy(d->app, who.who->grant.app, sizeof(d->app));
	d->verb = h->verb;
	if ((refused = question_read(h->query, q, LENGTH(q), &f->text)) != NULL)
		return refused;
	if (!take(d->user, q[0].value, DEVICE_USER))
		return question_refuse(
		    CODE_bad_field, "user", "not a text of 1 to 191 bytes");
	if (!take(d->token, q[1].value, DEVICE_TOKEN))
		return question_refuse(
		    CODE_bad_field, "token", "not a text of 1 to 255 bytes");
	if (d->user[0] == '\0' && (d->token[0] == '\0' || d->verb == HTTP_PUT))
		return question_refuse(CODE_missing_field, "user", NULL);
	return NULL;
}

struct request *
api_devices(struct client *c, const struct http_request *h)
{
	struct devices *d = xcalloc(1, sizeof(*d));
	struct request *refused;

	steps_init(&d->s, &kind, api_front(c));
	refused = begin(d, d->s.a.front, h);
	if (refused == NULL)
		return &d->s.a.r;
	devices_free(&d->s.a.r);
	return refused;
}

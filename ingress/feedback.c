/*
 * feedback.c - one dead token after the other.
 *
 * When the store fails a step the token is left as it is: the next push to
 * it fails as this one did, and is told again.
 */
#include "ingress/feedback.h"

#include "common/channel.h"
#include "common/device.h"
#include "common/json.h"
#include "common/must.h"
#include "common/stats.h"
#include "ingress/steps.h"

enum {
	WAITING_MOST = 4096, /* tokens; past it the rest waits for the next
			      * push that fails */
	APPS_MOST = 100000,  /* applications, each with a join */
};

struct app {
	struct table_entry entry; /* by name */
	size_t n;                 /* of its channel */
	char channel[CHANNEL_MAX + 1];
};

struct dead {
	struct list node;
	struct steps s;
	struct feedback *all;
	uint64_t since; /* unix ms */
	bool back;      /* it was seen since then */
	struct slice token_at;
	char app[64], token[DEVICE_TOKEN + 1], owner[DEVICE_USER + 1];
	char home[DEVICE_HOME], token_home[DEVICE_HOME];
};

struct feedback {
	struct front *front;
	struct table *apps;
	struct list waiting; /* struct dead; the first may be at work */
	size_t count;
	struct timer turn; /* armed while the first is not */
	struct buf text;
};

static void begin(struct timer *);

struct feedback *
feedback_new(struct front *f)
{
	struct feedback *all = xcalloc(1, sizeof(*all));

	all->front = f;
	all->apps = table_new();
	list_init(&all->waiting);
	timer_init(&all->turn, begin);
	return all;
}

static void
dead_free(struct dead *d)
{
	d->all->count--;
	list_remove(&d->node);
	steps_end(&d->s);
	free(d);
}

void
feedback_free(struct feedback **fp)
{
	struct feedback *all = *fp;
	struct table_cursor at = {0};
	struct table_entry *e;

	*fp = NULL;
	if (all == NULL)
		return;
	timer_cancel(&all->turn);
	while (!list_empty(&all->waiting))
		dead_free(container_of(all->waiting.next, struct dead, node));
	while ((e = table_next(all->apps, &at)) != NULL) {
		table_remove(all->apps, e);
		free(container_of(e, struct app, entry));
	}
	table_free(&all->apps);
	buf_free(&all->text);
	free(all);
}

/* ---- listening */

static void
listen_to(struct feedback *all, const struct app *a, struct bus_link *only)
{
	struct slice channel = {a->channel, a->n};
	unsigned shards = bus_shards(all->front->bus), shard;
	struct bus_link *l;
	struct msg m = {.id = MSG_join,
	    .join = {.channel = channel, .resume = RESUME_POSITION}};

	if (shards == 0)
		return;
	shard = channel_shard(channel, shards);
	l = bus_owner(all->front->bus, shard);
	if (l == NULL || (only != NULL && l != only))
		return;
	m.join.shard = shard;
	bus_send(l, &m);
}

void
feedback_app(struct feedback *all, struct slice name)
{
	struct app *a;
	int n;

	if (table_find(all->apps, name) != NULL ||
	    table_count(all->apps) >= APPS_MOST)
		return;
	a = xcalloc(1, sizeof(*a));
	n = snprintf(a->channel, sizeof(a->channel), "/%.*s/meta/feedback",
	    SLICE_ARGS(name));
	a->n = (size_t)n;
	if (channel_check((struct slice){a->channel, a->n}) != NULL) {
		free(a);
		return;
	}
	table_insert(
	    all->apps, &a->entry, (struct slice){a->channel + 1, name.n});
	listen_to(all, a, NULL);
}

void
feedback_up(struct feedback *all, struct bus_link *l)
{
	struct table_cursor at = {0};
	struct table_entry *e;

	while ((e = table_next(all->apps, &at)) != NULL)
		listen_to(all, container_of(e, struct app, entry), l);
}

/* ---- a dead token */

static struct dead *
of(struct steps *s)
{
	return container_of(s, struct dead, s);
}

static void
unset(struct dead *d, struct msg_unset m, void (*next)(struct steps *))
{
	steps_write(&d->s, &(struct msg){.id = MSG_unset, .unset = m}, next);
}

static void
unset_token(struct steps *s)
{
	unset(of(s),
	    (struct msg_unset){.home = of(s)->token_at,
		.table = SLICE("tokens"),
		.key = SLICE("user")},
	    steps_done);
}

static void
unset_device(struct steps *s)
{
	struct dead *d = of(s);

	stats_add(STAT_devices_gone, 1);
	unset(d,
	    (struct msg_unset){.home = device_home(d->home, slice_of(d->app),
				   slice_of(d->owner)),
		.table = SLICE("devices"),
		.key = slice_of(d->token)},
	    unset_token);
}

static void
reject(struct steps *s)
{
	struct dead *d = of(s);
	char since[24];
	int n = snprintf(
	    since, sizeof(since), "%llu", (unsigned long long)d->since);

	if (d->back) {
		steps_done(s);
		return;
	}
	steps_write(s,
	    &(struct msg){.id = MSG_set,
		.set = {.home = d->token_at,
		    .table = SLICE("rejected"),
		    .key = SLICE("since"),
		    .value = {since, (size_t)n}}},
	    d->owner[0] != '\0' ? unset_device : steps_done);
}

static void
note_seen(struct steps *s, const struct msg_row *row)
{
	static const struct json_field seen = {
	    SLICE_INIT("seen"), JSON_MAY(JSON_NUMBER), true};
	struct json_value v;
	struct json_walk w;
	uint64_t at;

	if (slice_is(row->key, of(s)->token) &&
	    json_object(&w, row->value, NULL) &&
	    json_object_read(&w, (struct json_table){&seen, 1}, &v) &&
	    json_uint(v, &at) && at > of(s)->since)
		of(s)->back = true;
}

static void
look_at_device(struct steps *s)
{
	struct dead *d = of(s);

	if (d->owner[0] == '\0') {
		reject(s);
		return;
	}
	steps_scan(s,
	    &(struct msg_scan){.table = SLICE("devices"),
		.home =
		    device_home(d->home, slice_of(d->app), slice_of(d->owner)),
		.prefix = slice_of(d->token),
		.limit = 1},
	    note_seen, reject);
}

static void
note_owner(struct steps *s, const struct msg_row *row)
{
	snprintf(
	    of(s)->owner, sizeof(of(s)->owner), "%.*s", SLICE_ARGS(row->value));
}

static void
begin(struct timer *t)
{
	struct feedback *all = container_of(t, struct feedback, turn);
	struct dead *d = container_of(all->waiting.next, struct dead, node);

	d->token_at = device_token_home(
	    d->token_home, slice_of(d->app), slice_of(d->token));
	steps_scan(&d->s,
	    &(struct msg_scan){
		.table = SLICE("tokens"), .home = d->token_at, .limit = 1},
	    note_owner, look_at_device);
}

/* The next one in a turn of its own: this one may end in the middle of
 * something. */
static void
over(struct ask *a)
{
	struct dead *d = container_of(a, struct dead, s.a);
	struct feedback *all = d->all;

	dead_free(d);
	if (!list_empty(&all->waiting))
		loop_arm(all->front->loop, &all->turn, 0);
}

static void
add(struct feedback *all, const struct dead *what)
{
	struct dead *d = xmalloc(sizeof(*d));

	*d = *what;
	d->all = all;
	steps_init(&d->s, NULL, all->front);
	d->s.a.over = over;
	list_append(&all->waiting, &d->node);
	if (++all->count == 1)
		loop_arm(all->front->loop, &all->turn, 0);
}

static bool
take(char *to, struct slice s, size_t max)
{
	if (!device_name_ok(s, max))
		return false;
	memcpy(to, s.p, s.n);
	return true;
}

static void
heard(struct feedback *all, const struct msg_deliver *m)
{
	static const struct json_field fields[] = {
	    {SLICE_INIT("target"), JSON_MAY(JSON_STRING), true},
	    {SLICE_INIT("since"), JSON_MAY(JSON_NUMBER), false}};
	struct json_value v[LENGTH(fields)];
	struct dead d = {.since = loop_unix_ms(all->front->loop)};
	struct json_walk w;

	buf_clear(&all->text);
	if (!json_object(&w, m->body, NULL) ||
	    !json_object_read(
		&w, (struct json_table){fields, LENGTH(fields)}, v) ||
	    !take(d.app, channel_app(m->channel), sizeof(d.app) - 1) ||
	    !take(d.token, json_string(v[0], &all->text), DEVICE_TOKEN))
		return;
	if (v[1].kind != JSON_NONE)
		json_uint(v[1], &d.since);
	if (all->count >= WAITING_MOST)
		stats_add(STAT_drop_overflow, 1);
	else
		add(all, &d);
}

void
feedback_frame(struct feedback *all, const struct msg *m)
{
	struct table_entry *e;

	if (m->id == MSG_deliver) {
		stats_add(m->deliver.generation != 0 ? STAT_copies_history
						     : STAT_copies_live,
		    1);
		stats_add(STAT_copies_used, 1);
		heard(all, &m->deliver);
	}
	if (m->id != MSG_lag)
		return;
	e = table_find(all->apps, channel_app(m->lag.channel));
	if (e != NULL)
		listen_to(all, container_of(e, struct app, entry), NULL);
}

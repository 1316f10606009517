/*
 * statsd.c - rows of statsd.def, commands by their names, and datagrams.
 *
 * The names of commands and applications come from strangers: the known ones
 * have their places for good, others for a second.
 */
#include "common/statsd.h"

#include "common/address.h"
#include "common/buf.h"
#include "common/channel.h"
#include "common/log.h"
#include "common/must.h"
#include "common/stats.h"

#include <errno.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 32, METRIC_BYTES = 128, STATUS_END = 600 };

struct row {
	const char *metric;
	enum stat_id stat;
};

static const struct row counts[] = {
#define COUNTS(metric, stat) {metric, STAT_##stat},
#define GAUGES(metric, stat)
#include "common/statsd.def"
};

static const struct row gauges[] = {
#define COUNTS(metric, stat)
#define GAUGES(metric, stat) {metric, STAT_##stat},
#include "common/statsd.def"
};

static const char *const ways[STATSD_WAYS] = {
    [STATSD_WEBSOCKET] = "websocket", /* a long poll, too */
    [STATSD_REDIS] = "redis",
};

static const char *const known[] = {"other", "authenticate", "message",
    "setpage", "setpresence", "push", "pushios", "pushandroid",
    "pushormessage"};

struct command {
	char name[NAME_MAX_BYTES];
	uint64_t n[STATSD_WAYS];
};

struct app {
	char name[NAME_MAX_BYTES];
	uint64_t n[STATSD_DONE];
};

struct statsd {
	struct loop *loop;
	struct timer tick;
	int fd;
	struct address to;
	struct buf out; /* lines that are not sent yet */
	uint64_t told[LENGTH(counts)];
	uint64_t sums[LENGTH(gauges)];
	struct command commands[STATSD_COMMANDS];
	unsigned commands_n;          /* >= LENGTH(known) */
	uint64_t from[STATSD_WAYS];   /* all of them, without a name, too */
	struct app apps[STATSD_APPS]; /* the first is "other" */
	unsigned apps_n;
	uint64_t answers[STATUS_END], answered;
};

static bool
parse(const char *address, struct address *a)
{
	char text[256];

	if (strlen(address) + 8 > sizeof(text))
		return false;
	if (address_parse(slice_of(address), a))
		return !a->any;
	if (slice_starts(slice_of(address), SLICE("unix:")))
		return false;
	snprintf(text, sizeof(text), "%s:%d", address, STATSD_PORT);
	return address_parse(slice_of(text), a);
}

bool
statsd_check(const char *address)
{
	struct address a;

	if (*address == '\0' || parse(address, &a))
		return true;
	log_err("setting", "name=statsd why=\"%s\"",
	    "is no address: names are not looked up");
	return false;
}

/* ---- Datagrams */

static void
flush(struct statsd *s)
{
	if (s->out.n == 0)
		return;
	if (sendto(s->fd, s->out.p, s->out.n, MSG_DONTWAIT | MSG_NOSIGNAL,
		&s->to.sa, s->to.len) < 0)
		stats_add(STAT_statsd_failed, 1);
	else
		stats_add(STAT_statsd_sent, 1);
	buf_clear(&s->out);
}

static void
put(struct statsd *s, const char *metric, uint64_t value, const char *kind)
{
	char line[METRIC_BYTES];
	int n = snprintf(line, sizeof(line), "%s:%llu|%s", metric,
	    (unsigned long long)value, kind);

	must(n > 0 && (size_t)n < sizeof(line));
	if (s->out.n + 1 + (size_t)n > STATSD_BYTES)
		flush(s);
	if (s->out.n != 0)
		buf_chr(&s->out, '\n');
	buf_add(&s->out, line, (size_t)n);
}

/* ---- Commands */

static struct command *
find(struct statsd *s, const char *name)
{
	struct command *c;

	for (unsigned i = 0; i < s->commands_n; i++)
		if (strcmp(s->commands[i].name, name) == 0)
			return &s->commands[i];
	if (s->commands_n == STATSD_COMMANDS || strlen(name) >= sizeof(c->name))
		return &s->commands[0]; /* other */
	c = &s->commands[s->commands_n++];
	*c = (struct command){.n = {0}};
	memcpy(c->name, name, strlen(name));
	return c;
}

void
statsd_command(struct statsd *s, enum statsd_from from, const char *name)
{
	if (s == NULL)
		return;
	s->from[from]++;
	if (*name != '\0')
		find(s, name)->n[from]++;
}

static void
put_command(struct statsd *s, struct command *c)
{
	char metric[METRIC_BYTES - 24];
	uint64_t all = 0;

	for (unsigned i = 0; i < STATSD_WAYS; i++) {
		if (c->n[i] == 0)
			continue;
		snprintf(metric, sizeof(metric), "incus.command.%s.%s", ways[i],
		    c->name);
		put(s, metric, c->n[i], "c");
		all += c->n[i];
		c->n[i] = 0;
	}
	if (all == 0)
		return;
	snprintf(metric, sizeof(metric), "incus.command.%s", c->name);
	put(s, metric, all, "c");
}

static void
put_commands(struct statsd *s)
{
	char metric[METRIC_BYTES - 24];
	uint64_t all = 0;

	for (unsigned i = 0; i < STATSD_WAYS; i++) {
		if (s->from[i] == 0)
			continue;
		snprintf(metric, sizeof(metric), "incus.command.%s", ways[i]);
		put(s, metric, s->from[i], "c");
		all += s->from[i];
		s->from[i] = 0;
	}
	if (all != 0)
		put(s, "incus.command", all, "c");
	for (unsigned i = 0; i < s->commands_n; i++)
		put_command(s, &s->commands[i]);
	s->commands_n = LENGTH(known);
}

/* ---- Applications, and answers over HTTP */

static bool
is_fit(struct slice name)
{
	for (size_t i = 0; i < name.n; i++) {
		char small = (char)(name.p[i] | 0x20);

		if (!(small >= 'a' && small <= 'z') && name.p[i] != '-' &&
		    !(name.p[i] >= '0' && name.p[i] <= '9') && name.p[i] != '_')
			return false;
	}
	return name.n != 0 && name.n < NAME_MAX_BYTES;
}

static struct app *
find_app(struct statsd *s, struct slice name)
{
	struct app *a;

	for (unsigned i = 0; i < s->apps_n; i++)
		if (slice_is(name, s->apps[i].name))
			return &s->apps[i];
	if (s->apps_n == STATSD_APPS || !is_fit(name))
		return &s->apps[0];
	a = &s->apps[s->apps_n++];
	*a = (struct app){.n = {0}};
	memcpy(a->name, name.p, name.n);
	return a;
}

void
statsd_app(struct statsd *s, enum statsd_done what, struct slice channel)
{
	if (s != NULL)
		find_app(s, channel_app(channel))->n[what]++;
}

static void
put_apps(struct statsd *s)
{
	static const char *const whats[STATSD_DONE] = {
	    [STATSD_SUBSCRIBE] = "subscribe",
	    [STATSD_UNSUBSCRIBE] = "unsubscribe",
	    [STATSD_PUBLISH] = "publish",
	};
	char metric[METRIC_BYTES - 24];

	for (unsigned i = 0; i < s->apps_n * STATSD_DONE; i++) {
		struct app *a = &s->apps[i / STATSD_DONE];
		unsigned what = i % STATSD_DONE;

		if (a->n[what] == 0)
			continue;
		snprintf(metric, sizeof(metric), "pandapush.apps.%s.%s",
		    a->name, whats[what]);
		put(s, metric, a->n[what], "c");
		a->n[what] = 0;
	}
	s->apps_n = 1;
}

void
statsd_answer(struct statsd *s, unsigned status, uint64_t ms)
{
	if (s == NULL || status >= STATUS_END)
		return;
	s->answers[status]++;
	s->answered++;
	put(s, "pandapush.duration.all", ms, "ms");
}

static void
put_answers(struct statsd *s)
{
	char metric[METRIC_BYTES - 24];

	for (unsigned i = 0; s->answered != 0 && i < STATUS_END; i++) {
		if (s->answers[i] == 0)
			continue;
		snprintf(
		    metric, sizeof(metric), "pandapush.responses.all.%u", i);
		put(s, metric, s->answers[i], "c");
		s->answered -= s->answers[i];
		s->answers[i] = 0;
	}
}

/* ---- Once a second */

static void
tell(struct statsd *s)
{
	for (size_t i = 0; i < LENGTH(counts); i++) {
		uint64_t now = stats_get(counts[i].stat);

		if (now != s->told[i])
			put(s, counts[i].metric, now - s->told[i], "c");
		s->told[i] = now;
	}
	put_commands(s);
	put_apps(s);
	put_answers(s);
	flush(s);
}

static void
tick(struct timer *t)
{
	struct statsd *s = container_of(t, struct statsd, tick);

	loop_arm(s->loop, t, STATSD_MS);
	tell(s);
}

void
statsd_count(struct statsd *s, const char *metric)
{
	if (s != NULL)
		put(s, metric, 1, "c");
}

void
statsd_sample(struct statsd *s, struct slice stat, uint64_t value)
{
	for (size_t i = 0; s != NULL && i < LENGTH(gauges); i++)
		if (slice_eq(stat_rows[gauges[i].stat].name, stat))
			s->sums[i] += value;
}

void
statsd_sampled(struct statsd *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; s != NULL && i < LENGTH(gauges); i++) {
		sum += s->sums[i];
		s->sums[i] = 0;
		if (i + 1 < LENGTH(gauges) &&
		    strcmp(gauges[i].metric, gauges[i + 1].metric) == 0)
			continue;
		put(s, gauges[i].metric, sum, "g");
		sum = 0;
	}
}

void
statsd_forget(struct statsd *s)
{
	if (s != NULL)
		memset(s->sums, 0, sizeof(s->sums));
}

struct statsd *
statsd_new(struct loop *loop, const char *address)
{
	struct statsd *s;
	struct address to;
	int fd;

	if (*address == '\0' || !parse(address, &to))
		return NULL;
	fd = socket(
	    to.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		log_warn("statsd", "error=\"%s\"", strerror(errno));
		return NULL;
	}
	s = xcalloc(1, sizeof(*s));
	s->loop = loop;
	s->fd = fd;
	s->to = to;
	for (size_t i = 0; i < LENGTH(counts); i++)
		s->told[i] = stats_get(counts[i].stat);
	for (size_t i = 0; i < LENGTH(known); i++)
		find(s, known[i]);
	find_app(s, SLICE("other"));
	timer_init(&s->tick, tick);
	loop_arm(loop, &s->tick, STATSD_MS);
	return s;
}

void
statsd_free(struct statsd **sp)
{
	struct statsd *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	tell(s);
	timer_cancel(&s->tick);
	close(s->fd);
	buf_free(&s->out);
	free(s);
}

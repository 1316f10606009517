/* statsd_test.c - what a StatsD reads, and how much of it at most. */
#include "common/statsd.h"

#include "common/must.h"
#include "common/stats.h"
#include "tests/unit/test.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ROOM = 65536 };

struct world {
	struct loop *loop;
	struct statsd *s;
	int fd; /* what a StatsD has */
	char address[64];
	char got[ROOM]; /* all datagrams, each with a line's end */
	size_t n, datagrams, longest;
	struct timer end;
};

static int
begin(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct sockaddr_in to = {.sin_family = AF_INET};
	socklen_t len = sizeof(to);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	w->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(w->fd, (struct sockaddr *)&to, len), 0);
	getsockname(w->fd, (struct sockaddr *)&to, &len);
	snprintf(
	    w->address, sizeof(w->address), "127.0.0.1:%d", ntohs(to.sin_port));
	w->loop = loop_new();
	w->s = statsd_new(w->loop, w->address);
	assert_non_null(w->s);
	*state = w;
	return 0;
}

static void
read_all(struct world *w)
{
	ssize_t n;

	w->n = w->datagrams = w->longest = 0;
	while ((n = recv(w->fd, w->got + w->n, ROOM - w->n - 2, 0)) >= 0) {
		if ((size_t)n > w->longest)
			w->longest = (size_t)n;
		w->n += (size_t)n;
		w->got[w->n++] = '\n';
		w->datagrams++;
	}
	w->got[w->n] = '\0';
}

static void
tell(struct world *w)
{
	statsd_free(&w->s);
	assert_null(w->s);
	read_all(w);
}

static int
end(void **state)
{
	struct world *w = *state;

	statsd_free(&w->s);
	loop_free(&w->loop);
	close(w->fd);
	free(w);
	return 0;
}

static void
a_counter_is_told_as_what_it_grew_by(void **state)
{
	struct world *w = *state;

	stats_add(STAT_incus_writes, 5);
	stats_add(STAT_incus_messages_user, 2);
	stats_add(STAT_incus_messages_all, 1);
	tell(w);
	assert_string_equal(w->got,
	    "incus.message:2|c\nincus.message:1|c\nincus.message.user:2|c\n"
	    "incus.message.all:1|c\nincus.write:5|c\n");
	assert_int_equal(w->datagrams, 1);
	w->s = statsd_new(w->loop, w->address);
	tell(w); /* it stood there before */
	assert_int_equal(w->datagrams, 0);
}

static void
a_command_is_told_by_its_way_and_its_name(void **state)
{
	struct world *w = *state;

	statsd_count(w->s, "incus.startup");
	statsd_command(w->s, STATSD_WEBSOCKET, "setpage");
	statsd_command(w->s, STATSD_WEBSOCKET, "setpage");
	statsd_command(w->s, STATSD_REDIS, "setpage");
	statsd_command(w->s, STATSD_REDIS, "strange");
	statsd_command(w->s, STATSD_WEBSOCKET, "");
	tell(w);
	assert_string_equal(w->got,
	    "incus.startup:1|c\n"
	    "incus.command.websocket:3|c\nincus.command.redis:2|c\n"
	    "incus.command:5|c\n"
	    "incus.command.websocket.setpage:2|c\n"
	    "incus.command.redis.setpage:1|c\nincus.command.setpage:3|c\n"
	    "incus.command.redis.strange:1|c\nincus.command.strange:1|c\n");
}

static void
gauges_are_the_sums_of_all_stages(void **state)
{
	struct world *w = *state;

	statsd_sample(w->s, SLICE("incus_polls"), 100);
	statsd_forget(w->s);
	statsd_sample(w->s, SLICE("incus_sockets"), 3);
	statsd_sample(w->s, SLICE("incus_polls"), 1);
	statsd_sample(w->s, SLICE("incus_sockets"), 2);
	statsd_sample(w->s, SLICE("connections"), 9);
	statsd_sample(w->s, SLICE("of_tomorrow"), 7);
	statsd_sampled(w->s);
	statsd_sampled(w->s);
	tell(w);
	assert_string_equal(w->got,
	    "incus.client_count:6|g\nincus.goroutines:9|g\n"
	    "incus.pendingactivityredislen:0|g\n"
	    "incus.client_count:0|g\nincus.goroutines:0|g\n"
	    "incus.pendingactivityredislen:0|g\n");
}

static void
strange_commands_past_the_bound_are_other(void **state)
{
	struct world *w = *state;
	char name[32];
	size_t lines = 0;

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "%031d", i);
		statsd_command(w->s, STATSD_WEBSOCKET, name);
	}
	statsd_command(w->s, STATSD_WEBSOCKET, "message");
	statsd_command(
	    w->s, STATSD_WEBSOCKET, "longer-than-any-name-that-is-kept-here");
	tell(w);
	for (const char *p = w->got; *p != '\0'; p++)
		lines += *p == '\n';
	assert_int_equal(lines, 2 + 2 * (STATSD_COMMANDS - 9) + 2 + 2);
	assert_non_null(strstr(w->got, "\nincus.command:1002|c\n"));
	assert_non_null(strstr(w->got, "\nincus.command.message:1|c\n"));
	assert_non_null(strstr(w->got, "\nincus.command.other:946|c\n"));
	assert_true(w->datagrams > 1);
	assert_true(w->longest <= STATSD_BYTES);
}

static void
what_was_done_is_told_of_each_application(void **state)
{
	struct world *w = *state;

	statsd_app(w->s, STATSD_SUBSCRIBE, SLICE("/fRP0y2aV/public/x"));
	statsd_app(w->s, STATSD_SUBSCRIBE, SLICE("/fRP0y2aV/private/y"));
	statsd_app(w->s, STATSD_UNSUBSCRIBE, SLICE("/fRP0y2aV/public/x"));
	statsd_app(w->s, STATSD_PUBLISH, SLICE("/a-b_c/public/x"));
	statsd_app(w->s, STATSD_PUBLISH, SLICE("/a.b/public/x"));
	statsd_app(w->s, STATSD_PUBLISH, SLICE("/a:1|c/public/x"));
	tell(w);
	assert_string_equal(w->got, "pandapush.apps.other.publish:2|c\n"
				    "pandapush.apps.fRP0y2aV.subscribe:2|c\n"
				    "pandapush.apps.fRP0y2aV.unsubscribe:1|c\n"
				    "pandapush.apps.a-b_c.publish:1|c\n");
}

static void
strange_applications_past_the_bound_are_other(void **state)
{
	struct world *w = *state;
	char channel[64];
	size_t lines = 0;

	for (int i = 0; i < 1000; i++) {
		snprintf(channel, sizeof(channel), "/a%d/public/x", i);
		statsd_app(w->s, STATSD_PUBLISH, slice_of(channel));
	}
	tell(w);
	for (const char *p = w->got; *p != '\0'; p++)
		lines += *p == '\n';
	assert_int_equal(lines, STATSD_APPS);
	assert_non_null(strstr(w->got, "pandapush.apps.other.publish:937|c\n"));
	assert_true(w->longest <= STATSD_BYTES);
}

static void
answers_are_told_by_status_and_each_with_its_time(void **state)
{
	struct world *w = *state;

	statsd_answer(w->s, 200, 3);
	statsd_answer(w->s, 404, 0);
	statsd_answer(w->s, 200, 12);
	statsd_answer(w->s, 1000, 0); /* of nobody */
	tell(w);
	assert_string_equal(w->got,
	    "pandapush.duration.all:3|ms\npandapush.duration.all:0|ms\n"
	    "pandapush.duration.all:12|ms\n"
	    "pandapush.responses.all.200:2|c\n"
	    "pandapush.responses.all.404:1|c\n");
}

static void
late(struct timer *t)
{
	struct world *w = container_of(t, struct world, end);

	read_all(w);
	if (w->datagrams == 0)
		loop_arm(w->loop, t, 20);
	else
		loop_stop(w->loop, 0);
}

static void
it_is_told_every_second_and_strange_names_are_forgotten(void **state)
{
	struct world *w = *state;
	char name[32];

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "a%d", i);
		statsd_command(w->s, STATSD_REDIS, name);
	}
	timer_init(&w->end, late);
	loop_arm(w->loop, &w->end, STATSD_MS);
	loop_run(w->loop);
	assert_non_null(strstr(w->got, "incus.command.a1:1|c\n"));
	assert_null(strstr(w->got, "incus.command.a99:"));
	statsd_command(w->s, STATSD_REDIS, "a99");
	tell(w);
	assert_string_equal(w->got,
	    "incus.command.redis:1|c\nincus.command:1|c\n"
	    "incus.command.redis.a99:1|c\nincus.command.a99:1|c\n");
}

static void
who_is_not_there_is_not_waited_for(void **state)
{
	struct world *w = *state;
	struct statsd *s =
	    statsd_new(w->loop, "unix:/nowhere/there.is.nobody.here");
	uint64_t before = stats_get(STAT_statsd_failed);

	assert_non_null(s);
	statsd_count(s, "incus.startup");
	statsd_free(&s);
	assert_int_equal(stats_get(STAT_statsd_failed) - before, 1);
}

static void
an_address_is_no_name_and_has_a_port_of_its_own(void **state)
{
	static const char *const good[] = {"", "127.0.0.1", "localhost",
	    "127.0.0.1:9125", "[::1]", "[::1]:8125", "unix:/run/dsd.socket"};
	static const char *const bad[] = {"8125", "statsd", "statsd:8125",
	    "127.0.0.1:", ":8125", "127.0.0.1:99999", "::1", "unix:"};
	char longest[400];

	(void)state;
	for (size_t i = 0; i < LENGTH(good); i++)
		assert_true(statsd_check(good[i]));
	for (size_t i = 0; i < LENGTH(bad); i++)
		if (statsd_check(bad[i]))
			fail_msg("%s is taken", bad[i]);
	memset(longest, '1', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_false(statsd_check(longest));
}

static void
without_a_statsd_nothing_is_done(void **state)
{
	struct world *w = *state;
	struct statsd *none = statsd_new(w->loop, "");

	assert_null(none);
	statsd_count(none, "incus.startup");
	statsd_command(none, STATSD_REDIS, "message");
	statsd_app(none, STATSD_PUBLISH, SLICE("/a/public/x"));
	statsd_answer(none, 200, 1);
	statsd_sample(none, SLICE("incus_polls"), 1);
	statsd_sampled(none);
	statsd_forget(none);
	statsd_free(&none);
}

#define with(f) cmocka_unit_test_setup_teardown(f, begin, end)
TESTS(with(a_counter_is_told_as_what_it_grew_by),
    with(a_command_is_told_by_its_way_and_its_name),
    with(gauges_are_the_sums_of_all_stages),
    with(strange_commands_past_the_bound_are_other),
    with(what_was_done_is_told_of_each_application),
    with(strange_applications_past_the_bound_are_other),
    with(answers_are_told_by_status_and_each_with_its_time),
    with(it_is_told_every_second_and_strange_names_are_forgotten),
    with(who_is_not_there_is_not_waited_for),
    unit(an_address_is_no_name_and_has_a_port_of_its_own),
    with(without_a_statsd_nothing_is_done))

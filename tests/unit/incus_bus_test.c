/* incus_bus_test.c - which clients of a hub Redis is told of, and when they
 * count no longer. */
#include "hub/incus_bus.h"

#include "common/redis_reader.h"
#include "hub/state.h"
#include "tests/unit/incus_world.h"

/* The hub has begun: the first ask had the number 1. */
static void
answer(struct world *w, uint64_t ref, const char *number)
{
	struct msg m = {.id = MSG_told_redis,
	    .told_redis = {.ref = ref,
		.kind = REDIS_IS_NUMBER,
		.value = slice_of(number)}};

	bus_server_send(w->server, w->peer, &m);
}

static bool
was_asked(struct world *w)
{
	return w->asked.n != 0 && memmem(w->asked.p, w->asked.n, w->wanted,
				      strlen(w->wanted)) != NULL;
}

/* Redis is asked for this, and then all before is of no interest. */
static void
asks(struct world *w, const char *wanted)
{
	w->wanted = wanted;
	if (!world_until(w, was_asked))
		fail_msg("\"%s\" was not asked but \"%.*s\"", wanted,
		    (int)w->asked.n, w->asked.p);
	buf_clear(&w->asked);
}

static bool
has_begun(struct world *w)
{
	(void)w;
	return stats_get(STAT_incus_sets_begun) == 1;
}

static bool
waits_for_nothing(struct world *w)
{
	(void)w;
	return stats_get(STAT_incus_sets_waiting) == 0;
}

/* Redis has it, and the hub knows. */
static void
took(struct world *w, uint64_t ref)
{
	answer(w, ref, "1");
	until(w, waits_for_nothing);
}

static void
begin(struct world *w)
{
	w->hub.limits.incus.sets = true;
	stats_set(STAT_incus_sets_begun, 0);
	incus_bus_open(&w->hub);
	asks(w, "hub.1@");
	answer(w, 1, "0");
	until(w, has_begun);
}

static struct conn *
only_conn(struct world *w)
{
	assert_false(list_empty(&w->hub.conns));
	return container_of(w->hub.conns.prev, struct conn, node);
}

#define COMMAND(name, more, message)                                           \
	"{\"command\":{\"command\":\"" name "\"" more "},\"message\":" message \
	"}"

static void
a_socket_counts_until_it_is_closed_from_here(void **state)
{
	struct world *w = *state;
	int fd;

	begin(w);
	fd = come(w, AUTH("a b"), 3);
	say_text(fd, COMMAND("setpage", ",\"page\":\"/p*\"", "{}"));
	asks(w, "4:ua b1:14:p/p*1:1");
	took(w, 2);
	say_text(fd, "[]");
	hear(w, fd, "\x88\x02\x03\xe8"); /* 1000; we do not close ours */
	asks(w, "0");
	assert_null(only_conn(w)->stay);
	assert_int_equal(stats_get(STAT_incus_sockets), 0);
	close(fd);
}

static void
a_stranger_does_not_count(void **state)
{
	struct world *w = *state;
	int fd, other;

	begin(w);
	fd = client_ws(w, "/socket", "");
	other = come(w, AUTH("a"), 3);
	asks(w, " 2:ua1:1\n");
	close(fd);
	close(other);
}

static void
presence_is_the_sessions_and_ends_by_false_or_with_it(void **state)
{
	struct world *w = *state;
	int fd;

	begin(w);
	fd = come(w, AUTH("a"), 3);
	asks(w, " 2:ua1:1\n");
	took(w, 2);
	say_text(fd, COMMAND("setpresence", "", "{\"presence\":true}"));
	w->wanted = "17:h";
	until(w, was_asked);
	assert_non_null(memmem(w->asked.p, w->asked.n, "12:17", 5));
	assert_memory_equal(w->asked.p + w->asked.n - 3, " a\n", 3);
	buf_clear(&w->asked);
	took(w, 3);
	say_text(fd, COMMAND("setpresence", "", "{\"presence\":false}"));
	asks(w, "0:\n");
	took(w, 4);
	say_text(fd, COMMAND("setpresence", "", "{\"presence\":true}"));
	asks(w, "12:17");
	took(w, 5);
	close(fd);
	asks(w, "0:2:ua1:0");
}

static void
a_poll_counts_while_it_waits(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	begin(w);
	say(fd, "GET /lp?user=%00a&page=p HTTP/1.1\r\nHost: a\r\n\r\n");
	w->wanted_joins = 4;
	until(w, joined_all);
	w->wanted = "2:pp1:1\n";
	until(w, was_asked);
	assert_non_null(memmem(w->asked.p, w->asked.n, "3:u\0a1:1", 8));
	buf_clear(&w->asked);
	took(w, 2);
	tell(w, PAGE "p", "{\"event\":\"e\",\"data\":{}}");
	hear(w, fd, "\"event\":\"e\"");
	asks(w, "2:pp1:03:u");
	close(fd);
}

static void
a_name_that_is_too_long_is_not_told(void **state)
{
	struct world *w = *state;
	uint64_t before = stats_get(STAT_incus_sets_skipped);
	struct buf b = {0};
	int fd = client(w), other;

	begin(w);
	buf_str(&b, "GET /lp?user=");
	for (int i = 0; i < 4097; i++)
		buf_chr(&b, 'x');
	buf_str(&b, " HTTP/1.1\r\nHost: a\r\n\r\n");
	buf_chr(&b, '\0');
	say(fd, b.p);
	w->wanted_joins = 3;
	until(w, joined_all);
	other = come(w, AUTH("a"), 4);
	asks(w, " 2:ua1:1\n");
	assert_int_equal(stats_get(STAT_incus_sets_skipped), before + 1);
	buf_free(&b);
	close(fd);
	close(other);
}

static void
a_connection_takes_its_names_along(void **state)
{
	struct world *w = *state;
	struct buf frames = {0};
	struct incus_names names;
	struct conn *c;
	int fd, to;

	begin(w);
	fd = come(w, AUTH("a b"), 3);
	say_text(fd, COMMAND("setpage", ",\"page\":\"/p*\"", "{}"));
	say_text(fd, COMMAND("setpresence", "", "{\"presence\":true}"));
	asks(w, "4:ua b1:14:p/p*1:1");
	assert_true(state_save(only_conn(w), &frames));
	to = client(w);
	c = only_conn(w);
	assert_null(state_load(c, buf_slice(&frames)));
	names = incus_bus_names(c);
	assert_true(slice_is(names.user, "a b"));
	assert_true(slice_is(names.page, "/p*"));
	answer(w, 2, "1");
	asks(w, "4:ua b1:24:p/p*1:2");
	buf_free(&frames);
	close(fd);
	close(to);
}

static void
without_the_setting_nothing_is_asked(void **state)
{
	struct world *w = *state;
	int fd = come(w, AUTH("a"), 3);

	assert_null(w->hub.incus_bus);
	assert_null(only_conn(w)->stay);
	assert_true(incus_bus_left(&w->hub));
	incus_bus_links(&w->hub);
	answer(w, 1, "1");
	close(fd);
	assert_int_equal(w->asked.n, 0);
}

TESTS(story(a_socket_counts_until_it_is_closed_from_here),
    story(a_stranger_does_not_count),
    story(presence_is_the_sessions_and_ends_by_false_or_with_it),
    story(a_poll_counts_while_it_waits),
    story(a_name_that_is_too_long_is_not_told),
    story(a_connection_takes_its_names_along),
    story(without_the_setting_nothing_is_asked))

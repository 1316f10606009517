/* incus_message_test.c - what Incus' clients say and hear, where they are, and
 * what the bridge says of them. */
#include "hub/state.h"
#include "tests/unit/incus_world.h"

static bool
published_all(struct world *w)
{
	return w->publishes == 6;
}

static bool
asked_redis(struct world *w)
{
	return w->asked.n != 0;
}

/* ---- Messages to it */

static void
a_message_is_framed_as_incus_does_it(void **state)
{
	static const char want[] =
	    "{\"event\":\"e\\u00e9\",\"data\":{\"n\": 1e400,\"internal_url\":"
	    "\"u\"},\"time\":1";
	struct world *w = *state;
	const char *got;
	int fd = come(w, AUTH("a"), 3);

	tell(w, USER "a",
	    "{\"data\":{\"n\": 1e400,\"internal_url\":\"u\"},\"time\":5,"
	    "\"x\":1, \"event\":\"e\\u00e9\"}");
	got = hear(w, fd, ",\"internal_url\":\"u\"}\n");
	assert_int_equal((unsigned char)got[0], 0x81);
	assert_int_equal((size_t)got[1] + 2, strlen(got));
	assert_memory_equal(got + 2, want, sizeof(want) - 1);
	close(fd);
}

static void
other_bodies_are_made_events(void **state)
{
	static const struct {
		const char *type, *body, *want;
	} rows[] = {
	    {"", "{\"a\":1}", "{\"event\":\"message\",\"data\":{\"a\":1},"},
	    {"", "[1]", "\"data\":{\"data\":[1]},"},
	    {"text/plain;charset=utf-8", "t\"",
		"\"data\":{\"text\":\"t\\\"\"},"},
	    {"application/octet-stream", "\xff",
		"\"data\":{\"base64\":\"/w==\"},"},
	};
	struct world *w = *state;
	int fd = come(w, AUTH("a"), 3);

	for (size_t i = 0; i < LENGTH(rows); i++) {
		world_send(w, (struct msg_deliver){.channel = SLICE(INCUS_ALL),
				  .type = slice_of(rows[i].type),
				  .body = slice_of(rows[i].body)});
		hear(w, fd, rows[i].want);
		hear(w, fd, "}\n");
	}
	close(fd);
}

static void
a_page_narrows_what_is_for_its_user(void **state)
{
	struct world *w = *state;
	const char *got;
	int fd = come(w, AUTH("a"), 3);

	say_text(
	    fd, "{\"command\":{\"command\":\"setpage\",\"page\":\"p/q\"}}");
	w->wanted_joins = 4;
	until(w, joined_all);
	world_send(w, (struct msg_deliver){.channel = SLICE(USER "a"),
			  .filter = SLICE("other"),
			  .body = SLICE("{\"event\":\"no\",\"data\":{}}")});
	world_send(w, (struct msg_deliver){.channel = SLICE(USER "a"),
			  .filter = SLICE("p%2Fq"),
			  .body = SLICE("{\"event\":\"yes\",\"data\":{}}")});
	got = hear(w, fd, "\"yes\"");
	assert_null(strstr(got, "\"no\""));
	assert_int_equal(stats_get(STAT_drop_other_page), 1);
	close(fd);
}

static void
another_page_takes_the_place_of_the_first(void **state)
{
	struct world *w = *state;
	const char *got;
	int fd = come(w, AUTH("a"), 3);

	say_text(fd, "{\"command\":{\"command\":\"setpage\",\"page\":\"p\"}}");
	say_text(fd, "{\"command\":{\"command\":\"setpage\",\"page\":\"q\"}}");
	w->wanted_joins = 5;
	until(w, joined_all);
	tell(w, PAGE "p", "{\"event\":\"p\",\"data\":{}}");
	tell(w, PAGE "q", "{\"event\":\"q\",\"data\":{}}");
	got = hear(w, fd, "\"q\"");
	assert_null(strstr(got, "\"p\""));
	close(fd);
}

/* ---- Messages from it */

static void
a_message_goes_where_it_says(void **state)
{
	struct world *w = *state;
	int fd = come(w, AUTH("a"), 3);

	say_text(fd, MESSAGE(""));
	until(w, published_once);
	assert_true(slice_is(buf_slice(&w->published),
	    "{\"event\":\"e\",\"data\":{\"n\":1.50}}"));
	say_text(fd, MESSAGE(",\"user\":\"\""));
	say_text(fd, MESSAGE(",\"page\":\"\""));
	say_text(fd, MESSAGE(",\"user\":null"));
	say_text(fd, MESSAGE(",\"user\":\"b\""));
	say_text(fd, MESSAGE(",\"user\":\"b\",\"page\":\"\""));
	say_text(fd, MESSAGE(",\"user\":\"b\",\"page\":\"p q\""));
	say_text(fd, MESSAGE(",\"page\":\"p q\""));
	say_text(fd, "{\"command\":{\"command\":\"MESSAGE\"},\"message\":{"
		     "\"event\":\"\",\"data\":{}}}");
	until(w, published_all);
	assert_true(slice_is(buf_slice(&w->channels),
	    INCUS_ALL " \n" USER "b \n" USER "b \n" USER "b p%20q\n" PAGE
		      "p%20q \n" INCUS_ALL " \n"));
	close(fd);
}

static void
a_message_without_event_or_data_goes_nowhere(void **state)
{
	static const char *const bad[] = {"{}", "{\"event\":\"e\"}",
	    "{\"data\":{}}", "{\"event\":1,\"data\":{}}",
	    "{\"event\":null,\"data\":{}}", "{\"event\":\"e\",\"data\":\"s\"}",
	    "{\"event\":\"e\",\"data\":[]}", "{\"event\":\"e\",\"data\":null}",
	    "null"};
	struct world *w = *state;
	uint64_t before = stats_get(STAT_incus_messages_dropped);
	char text[128];
	int fd = come(w, AUTH("a"), 3);

	for (size_t i = 0; i < LENGTH(bad); i++) {
		snprintf(text, sizeof(text),
		    "{\"command\":{\"command\":\"message\"},\"message\":%s}",
		    bad[i]);
		say_text(fd, text);
	}
	say_text(fd, MESSAGE(",\"user\":\"b\""));
	until(w, published_once);
	assert_true(slice_is(buf_slice(&w->channels), USER "b \n"));
	assert_int_equal(
	    stats_get(STAT_incus_messages_dropped) - before, LENGTH(bad));
	close(fd);
}

static void
clients_may_be_kept_from_speaking(void **state)
{
	struct world *w = *state;
	int fd = come(w, AUTH("a"), 3);

	w->hub.limits.incus.broadcasts = false;
	say_text(fd, MESSAGE(""));
	say_text(fd, "{\"command\":{\"command\":\"setpage\",\"page\":\"p\"}}");
	w->wanted_joins = 4;
	until(w, joined_all);
	assert_int_equal(w->publishes, 0);
	close(fd);
}

static void
with_redis_the_envelope_goes_there_as_it_came(void **state)
{
	struct world *w = *state;
	int fd = come(w, AUTH("a"), 3);

	w->hub.limits.incus.redis = "Incus";
	say_text(fd, MESSAGE(",\"user\":\"b\"") " garbage");
	until(w, asked_redis);
	assert_true(slice_is(
	    buf_slice(&w->asked), "Incus " MESSAGE(",\"user\":\"b\"") "\n"));
	assert_int_equal(w->publishes, 0);
	close(fd);
}

static bool
answered_all(struct world *w)
{
	return w->publishes >= 100;
}

static void
who_says_too_much_is_read_later_and_in_order(void **state)
{
	struct world *w = *state;
	char text[128];
	struct buf want = {0};
	int fd = come(w, AUTH("a"), 3);

	w->hub.limits.commands = 3;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(text, sizeof(text),
		    "{\"command\":{\"command\":\"message\"},\"message\":{"
		    "\"event\":\"%u\",\"data\":{}}}",
		    i);
		say_text(fd, text);
		buf_printf(&want, "{\"event\":\"%u\",\"data\":{}}", i);
	}
	until(w, answered_all);
	assert_true(slice_eq(buf_slice(&w->published), buf_slice(&want)));
	buf_free(&want);
	say_frame(fd, 0x89, SLICE(""));
	hear(w, fd, "\x8a");
	close(fd);
}

/* ---- Presence */

static bool
entered_once(struct world *w)
{
	return w->entered == 1;
}

static bool
exited_once(struct world *w)
{
	return w->exited == 1;
}

#define PRESENCE(yes)                                                          \
	"{\"command\":{\"command\":\"setpresence\"},\"message\":{"             \
	"\"presence\":" yes ",\"time\":1}}"

static void
presence_is_what_the_client_says_until_it_goes(void **state)
{
	struct world *w = *state;
	int fd = come(w, AUTH("a b"), 3);

	say_text(fd, PRESENCE("true"));
	say_text(fd, PRESENCE("true"));
	until(w, entered_once);
	assert_true(slice_is(buf_slice(&w->asked), "a%20b"));
	say_text(fd, PRESENCE("false"));
	until(w, exited_once);
	w->entered = w->exited = 0;
	say_text(fd, PRESENCE("true"));
	until(w, entered_once);
	close(fd);
	until(w, exited_once); /* no lingering */
}

static void
being_connected_may_be_presence(void **state)
{
	struct world *w = *state;
	int fd;

	w->hub.limits.incus.connected_present = true;
	fd = come(w, AUTH("a"), 3);
	until(w, entered_once);
	say_text(fd, PRESENCE("false"));
	say_frame(fd, 0x89, SLICE(""));
	hear(w, fd, "\x8a");
	assert_int_equal(w->exited, 0);
	close(fd);
	until(w, exited_once);
}

/* ---- Orders of the bridge */

static void
the_bridge_sets_the_page_of_all_of_a_user(void **state)
{
	struct world *w = *state;
	int one = come(w, AUTH("a"), 3);
	int two = come(w, AUTH("a"), 3), other = come(w, AUTH("b"), 4);
	const char *got;

	tell(w, INCUS_CONTROL,
	    "{\"setpage\":{\"user\":\"a\",\"page\":\"new\"}}");
	w->wanted_joins = 5;
	until(w, joined_all);
	tell(w, PAGE "new", "{\"event\":\"n\",\"data\":{}}");
	tell(w, INCUS_ALL, "{\"event\":\"all\",\"data\":{}}");
	hear(w, one, "\"event\":\"n\"");
	hear(w, two, "\"event\":\"n\"");
	got = hear(w, other, "\"all\"");
	assert_null(strstr(got, "\"n\""));
	close(one);
	close(two);
	close(other);
}

/* ---- The end */

static void
a_hub_that_leaves_says_1001(void **state)
{
	struct world *w = *state;
	int fd = come(w, AUTH("a"), 3);

	w->hub.d.draining = true;
	drain_begin(&w->hub);
	hear(w, fd, "\x88\x02\x03\xe9");
	hear(w, fd, NULL);
	close(fd);
}

static void
a_socket_is_the_same_after_a_round_trip(void **state)
{
	struct world *w = *state;
	struct buf first = {0}, again = {0};
	struct conn *c;
	int fd = come(w, AUTH("a"), 3), other;

	say_text(fd, "{\"command\":{\"command\":\"setpage\",\"page\":\"p\"}}");
	say_text(fd, PRESENCE("true"));
	until(w, entered_once);
	w->wanted_joins = 4;
	until(w, joined_all);
	c = container_of(w->hub.conns.prev, struct conn, node);
	assert_true(state_save(c, &first));
	other = client(w);
	c = container_of(w->hub.conns.prev, struct conn, node);
	assert_null(state_load(c, buf_slice(&first)));
	assert_true(state_save(c, &again));
	assert_int_equal(again.n, first.n);
	close(fd);
	tell(w, USER "a", "{\"event\":\"u\",\"data\":{}}");
	hear(w, other, "\"u\"");
	world_send(w, (struct msg_deliver){.channel = SLICE(USER "a"),
			  .filter = SLICE("p"),
			  .body = SLICE("{\"event\":\"up\",\"data\":{}}")});
	hear(w, other, "\"up\"");
	w->exited = 0;
	close(other);
	until(w, exited_once);
	buf_free(&first);
	buf_free(&again);
}

TESTS(story(a_message_is_framed_as_incus_does_it),
    story(other_bodies_are_made_events),
    story(a_page_narrows_what_is_for_its_user),
    story(another_page_takes_the_place_of_the_first),
    story(a_message_goes_where_it_says),
    story(a_message_without_event_or_data_goes_nowhere),
    story(clients_may_be_kept_from_speaking),
    story(with_redis_the_envelope_goes_there_as_it_came),
    story(who_says_too_much_is_read_later_and_in_order),
    story(presence_is_what_the_client_says_until_it_goes),
    story(being_connected_may_be_presence),
    story(the_bridge_sets_the_page_of_all_of_a_user),
    story(a_hub_that_leaves_says_1001),
    story(a_socket_is_the_same_after_a_round_trip))

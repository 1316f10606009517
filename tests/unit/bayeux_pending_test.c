/* bayeux_pending_test.c - subscribes of Bayeux' clients until they are
 * answered: rosters, refusals, and a store that is away. */
#include "tests/unit/bayeux_world.h"

#define ROSTER(channel) "{\"subscribe\":{\"" channel "\":{}}}"
#define ONE             "/demo/presence/1"
#define TWO             "/demo/presence/2"

static void
a_presence_that_cannot_be_used_is_told_why(void **state)
{
	struct world *w = *state;
	int fd = client(w);
	const char *id = shake(w, fd);
	static const char *const bad[] = {
	    "{\"id\":1.5}", "{\"id\":1e3}", "{\"id\":\"a\\u0000b\"}"};

	for (size_t i = 0; i < LENGTH(bad); i++) {
		struct buf said = {0};

		come(w, &said, "\"" ONE "\"", bad[i]);
		say_as(fd, id, said.p, false);
		hear(w, fd,
		    "\"error\":\"the token's presence has no id: text of 1 to "
		    "255 bytes, or a whole number but 0\",\"successful\":"
		    "false,\"subscription\":\"" ONE "\"}]");
		buf_free(&said);
	}
	close(fd);
}

static void
each_channel_of_a_list_has_its_roster(void **state)
{
	struct world *w = *state;
	struct buf said = {0};
	int fd = client(w);
	const char *id = shake(w, fd);

	w->rosters = true;
	come(w, &said, "[\"" ONE "\",\"/demo/public/x\",\"" TWO "\"]",
	    "{\"id\":\"me\"}");
	say_as(fd, id, said.p, false);
	hear(w, fd,
	    "\"successful\":true,\"subscription\":[\"" ONE
	    "\",\"/demo/public/x\",\"" TWO "\"]},"
	    "{\"channel\":\"" ONE "\",\"data\":" ROSTER(
		ONE) "},"
		     "{\"channel\":\"" TWO "\",\"data\":" ROSTER(TWO) "}]");
	buf_free(&said);
	close(fd);
}

static void
the_only_roster_of_a_list_stands_in_the_answer(void **state)
{
	struct world *w = *state;
	struct buf said = {0};
	int fd = client(w);
	const char *id = shake(w, fd);

	w->rosters = true;
	come(w, &said, "[\"/demo/public/x\",\"" TWO "\"]", "{\"id\":\"me\"}");
	say_as(fd, id, said.p, false);
	hear(w, fd, "\"" TWO "\"],\"ext\":{\"presence\":" ROSTER(TWO) "}}]");
	buf_free(&said);
	close(fd);
}

/* As faye does who adds a second listener. */
static void
who_subscribes_twice_at_once_reads_the_roster_twice(void **state)
{
	struct world *w = *state;
	struct buf said = {0}, both = {0};
	int fd = client(w);
	const char *id = shake(w, fd);

	w->rosters = true;
	come(w, &said, "\"" ONE "\"", "{\"id\":\"me\"}");
	buf_printf(&both, "%s},{\"clientId\":\"%s\",%s", said.p, id, said.p);
	buf_chr(&both, '\0');
	say_as(fd, id, both.p, false);
	hear(w, fd, "\"ext\":{\"presence\":" ROSTER(ONE) "}},");
	hear(w, fd, "\"ext\":{\"presence\":" ROSTER(ONE) "}}]");
	buf_free(&both);
	buf_free(&said);
	close(fd);
}

/* The store is there, and does not answer. */
static void
a_subscribe_is_answered_while_the_store_is_away(void **state)
{
	struct world *w = *state;
	int fd = client(w), other = client(w);
	const char *id = shake(w, fd);

	w->mute = true;
	w->hub.limits.bayeux.timeout = 50;
	say_as(fd, id, SUBSCRIBE("\"/demo/public/x\""), false);
	say_as(other, id, SUBSCRIBE("[\"/demo/public/y\",\"/demo/public/x\"]"),
	    false);
	hear(w, fd,
	    "\"successful\":false,\"subscription\":\"/demo/public/x\","
	    "\"error\":\"503:store:Try again later\"}]");
	hear(w, other, "\"error\":\"503:store:Try again later\"}]");
	assert_int_equal(stats_get(STAT_subscriptions), 0);
	w->mute = false;
	say_as(fd, id, SUBSCRIBE("\"/demo/public/z\""), false);
	hear(w, fd, "\"successful\":true,\"subscription\":\"/demo/public/z\"");
	close(fd);
	close(other);
}

/* Nor is anybody present of whom that was said. */
static void
a_roster_that_does_not_come_is_given_up(void **state)
{
	struct world *w = *state;
	struct buf said = {0};
	int fd = client(w);
	const char *id = shake(w, fd);

	w->hub.limits.bayeux.timeout = 50;
	come(w, &said, "[\"/demo/public/x\",\"" ONE "\"]", "{\"id\":\"me\"}");
	say_as(fd, id, said.p, false);
	hear(w, fd, "\"error\":\"503:store:Try again later\"}]");
	assert_int_equal(stats_get(STAT_attendees), 0);
	assert_int_equal(stats_get(STAT_subscriptions), 1); /* it was joined */
	buf_free(&said);
	close(fd);
}

static bool
a_join_waits(struct world *w)
{
	return w->joins == w->wanted_joins;
}

static void
a_socket_reads_the_answer_before_what_it_subscribed_to(void **state)
{
	struct world *w = *state;
	int fd = client(w), ws;
	const char *id = shake(w, fd);

	ws = client_ws(w, "/push", "");
	say_as(ws, id, CONNECT(""), true);
	w->mute = true;
	w->wanted_joins = 1;
	say_as(ws, id, SUBSCRIBE("\"/demo/public/x\""), true);
	until(w, a_join_waits);
	answer_join(w, w->join);
	world_message(w, "/demo/public/x", "1"); /* of the same turn */
	hear(w, ws, "\"subscription\":\"/demo/public/x\"}]");
	hear(w, ws, "\"data\":1,");
	close(fd);
	close(ws);
}

/* It was answered long ago. */
static void
who_may_not_listen_any_more_is_told(void **state)
{
	struct world *w = *state;
	int fd = client(w), ws;
	const char *id = shake(w, fd);
	struct conn *c = bayeux_find(&w->hub, slice_of(id));

	ws = client_ws(w, "/push", "");
	say_as(ws, id, CONNECT(""), true);
	say_as(ws, id, SUBSCRIBE("\"/demo/public/x\""), true);
	hear(w, ws, "\"subscription\":\"/demo/public/x\"}]");
	c->reader.face->refused(&c->reader, c->reader.subs, CODE_too_many);
	hear(w, ws,
	    "\"channel\":\"/meta/subscribe\",\"error\":"
	    "\"500:/demo/public/x:Internal server error\","
	    "\"successful\":false,\"subscription\":\"/demo/public/x\"}]");
	assert_int_equal(stats_get(STAT_subscriptions), 0);
	close(fd);
	close(ws);
}

TESTS(story(who_may_not_listen_any_more_is_told),
    story(a_presence_that_cannot_be_used_is_told_why),
    story(each_channel_of_a_list_has_its_roster),
    story(the_only_roster_of_a_list_stands_in_the_answer),
    story(who_subscribes_twice_at_once_reads_the_roster_twice),
    story(a_subscribe_is_answered_while_the_store_is_away),
    story(a_roster_that_does_not_come_is_given_up),
    story(a_socket_reads_the_answer_before_what_it_subscribed_to))

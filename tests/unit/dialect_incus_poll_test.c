/* dialect_incus_poll_test.c - Incus' long poll: what may be asked, how it ends,
 * and that nothing is lost between two for who asks by a place. */
#include "hub/incus_hub.h"
#include "hub/state.h"
#include "tests/unit/incus_world.h"

#define HTTP  " HTTP/1.1\r\nHost: a\r\n"
#define EVENT "{\"event\":\"e\",\"data\":{}}"

static bool
nobody_waits(struct world *w)
{
	(void)w;
	return stats_get(STAT_incus_polls) == 0;
}

static bool
somebody_waits(struct world *w)
{
	(void)w;
	return stats_get(STAT_incus_polls) == 1;
}

/* A poll that waits, with so many channels joined. */
static int
ask(struct world *w, const char *query, unsigned joins)
{
	int fd = client(w);

	say(fd, "GET /lp");
	say(fd, query);
	say(fd, HTTP "\r\n");
	w->wanted_joins = joins;
	until(w, joined_all);
	until(w, somebody_waits);
	return fd;
}

static void
the_first_message_ends_it_and_the_next_poll_may_follow(void **state)
{
	static const char head[] =
	    "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\n"
	    "Content-Type: application/json\r\n"
	    "Cache-Control: private, no-store, no-cache, must-revalidate, "
	    "post-check=0, pre-check=0\r\nConnection: keep-alive\r\nDate: ";
	struct world *w = *state;
	const char *got;
	int fd = ask(w, "?user=a", 3);

	tell(w, INCUS_ALL, EVENT);
	got = hear(w, fd, "\r\n\r\n");
	assert_memory_equal(got, head, sizeof(head) - 1);
	assert_non_null(strstr(got, " GMT\r\nContent-Length: 41\r\n\r\n"));
	hear(w, fd, "{\"event\":\"e\",\"data\":{},\"time\":1");
	say(fd, "GET /lp?user=a&page=p" HTTP "\r\n");
	w->wanted_joins = 4;
	until(w, joined_all);
	tell(w, PAGE "p", EVENT);
	got = hear(w, fd, "{\"event\":\"e\"");
	assert_non_null(strstr(got, "}HTTP/1.1 200")); /* no line's end */
	close(fd);
}

static void
its_words_may_stand_in_forms(void **state)
{
	static const char *const requests[] = {
	    "GET /lp?user=a%20b&page=p%2f" HTTP "\r\n",
	    "POST /lp?user=x&page=p%2F" HTTP "Content-Length: 8\r\n"
	    "Content-Type: application/x-www-form-urlencoded; charset=u\r\n\r\n"
	    "user=a+b",
	    "PUT /lp" HTTP "Transfer-Encoding: chunked\r\n"
	    "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
	    "a\r\nuser=a%20b\r\n8\r\n&page=p/\r\n0\r\n\r\n",
	    "POST /lp?page=x" HTTP "Content-Length: 200\r\n"
	    "Content-Type: multipart/form-data; boundary=\"b-1\"\r\n\r\n"
	    "--b-1\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\n"
	    "a b\r\n--b-1\r\nX: y\r\ncontent-disposition: form-data; "
	    "name=\"page\"; filename=\"f\"\r\n\r\nno\r\n--b-1\r\n"
	    "Content-Disposition: form-data; name=page\r\n\r\np/\r\n--b-1--",
	    "GET /lp?user=a%20b&user=x&page=p/&page=&%zz=1&command=%" HTTP
	    "\r\n",
	};
	struct world *w = *state;

	for (size_t i = 0; i < LENGTH(requests); i++) {
		int fd = client(w);

		say(fd, requests[i]);
		until(w, somebody_waits);
		w->wanted_joins = 4;
		until(w, joined_all);
		tell(w, USER "a%20b", EVENT);
		hear(w, fd, "HTTP/1.1 200 OK");
		hear(w, fd, "\"event\":\"e\"");
		close(fd);
		until(w, nobody_waits);
	}
	assert_int_equal(w->joins, 4); /* all named the same */
}

static void
a_form_of_a_get_is_not_read(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	say(fd, "GET /lp" HTTP "Content-Length: 6\r\n"
		"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
		"user=a");
	hear(w, fd, "HTTP/1.1 200 OK");
	hear(w, fd, "Content-Length: 0\r\n\r\n");
	assert_int_equal(w->joins, 0);
	close(fd);
}

static void
when_the_time_is_over_it_ends_with_204_or_200(void **state)
{
	struct world *w = *state;
	const char *got;
	int fd = client(w);

	w->hub.limits.incus.poll = 20;
	say(fd, "GET /lp?user=a" HTTP "\r\n");
	got = hear(w, fd, "\r\n\r\n");
	assert_memory_equal(got, "HTTP/1.1 204 No Content\r\n", 25);
	assert_non_null(strstr(got, "Content-Type: application/json\r\n"));
	assert_non_null(strstr(got, "Connection: keep-alive\r\n"));
	assert_null(strstr(got, "Content-Length"));
	w->hub.limits.incus.empty_ok = true;
	say(fd, "HEAD /lp?user=a" HTTP "\r\n");
	hear(w, fd, "HTTP/1.1 200 OK\r\n");
	hear(w, fd, "Content-Length: 0\r\n\r\n");
	close(fd);
}

static void
nobody_is_answered_late_but_options_at_once(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	w->hub.limits.incus.nobody = 60000;
	say(fd, "OPTIONS /lp" HTTP "\r\nBREW /lp?user=" HTTP "\r\n");
	hear(w, fd, "HTTP/1.1 200 OK\r\n");
	hear(w, fd, "Content-Length: 0\r\n\r\n");
	until(w, somebody_waits);
	close(fd);
	until(w, nobody_waits);
	w->hub.limits.incus.nobody = 20;
	fd = client(w);
	say(fd, "GET /lp?page=p" HTTP "\r\n");
	hear(w, fd, "HTTP/1.1 200 OK\r\n");
	hear(w, fd, "Content-Length: 0\r\n\r\n");
	assert_int_equal(w->joins, 0);
	close(fd);
}

static void
the_body_of_head_stays_away(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	say(fd, "HEAD /lp?user=a" HTTP "\r\n");
	w->wanted_joins = 3;
	until(w, joined_all);
	tell(w, INCUS_ALL, EVENT);
	hear(w, fd, "Content-Length: 41\r\n\r\n");
	say(fd, "OPTIONS /lp" HTTP "\r\n");
	assert_string_equal(hear(w, fd, "HTTP/1.1 200"), "HTTP/1.1 200");
	close(fd);
}

/* ---- Commands */

#define COMMAND(json) "?user=a&page=p&command=" json
#define SAY_SELF                                                               \
	"%7B%22command%22:%7B%22command%22:%22message%22,%22user%22:%22a%22"   \
	"%7D,%22message%22:%7B%22event%22:%22e%22,%22data%22:%7B%7D%7D%7D"

static void
a_command_is_done_and_the_poll_goes_on(void **state)
{
	struct world *w = *state;
	int fd = ask(w, COMMAND(SAY_SELF), 4);

	until(w, published_once);
	assert_true(slice_is(buf_slice(&w->channels), USER "a \n"));
	assert_int_equal(stats_get(STAT_incus_polls), 1);
	close(fd);
	until(w, nobody_waits);
	fd = ask(w,
	    COMMAND("%7B%22command%22:%7B%22command%22:%22setpage%22,"
		    "%22page%22:%22q%22%7D%7D"),
	    5);
	close(fd);
}

static void
who_has_only_something_to_say_does_not_wait(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	say(fd, "GET /lp" COMMAND(SAY_SELF) "&timeout=0" HTTP "\r\n");
	hear(w, fd, "HTTP/1.1 204 ");
	until(w, published_once);
	close(fd);
}

static void
a_bad_command_leaves_it_waiting(void **state)
{
	static const char *const bad[] = {COMMAND("x"), COMMAND("%7B"),
	    COMMAND("[]"), COMMAND("%7B%22command%22:7%7D"),
	    COMMAND("%7B%22command%22:%7B%22command%22:%22push%22%7D%7D")};
	struct world *w = *state;

	for (size_t i = 0; i < LENGTH(bad); i++) {
		int fd = ask(w, bad[i], 4);

		close(fd);
		until(w, nobody_waits);
	}
	assert_int_equal(w->publishes, 0);
}

static void
it_is_done_although_the_client_is_gone(void **state)
{
	struct world *w = *state;
	int fd = client(w);

	say(fd, "GET /lp" COMMAND(SAY_SELF) HTTP "\r\n");
	close(fd);
	until(w, published_once);
	until(w, nobody_waits);
}

static bool
entered_and_gone(struct world *w)
{
	return w->entered == 1 && w->exited == 1;
}

static void
its_presence_ends_with_it(void **state)
{
	struct world *w = *state;
	int fd = ask(w,
	    COMMAND("%7B%22command%22:%7B%22command%22:%22setpresence%22%7D,"
		    "%22message%22:%7B%22presence%22:true%7D%7D"),
	    4);

	tell(w, INCUS_ALL, EVENT);
	hear(w, fd, "\"e\"");
	until(w, entered_and_gone);
	close(fd);
}

/* ---- Places */

static void
old_clients_get_one_message_and_miss_the_rest(void **state)
{
	struct world *w = *state;
	const char *got;
	int fd = ask(w, "?user=a", 3);

	tell(w, INCUS_ALL, "{\"event\":\"1\",\"data\":{}}");
	tell(w, INCUS_ALL, "{\"event\":\"2\",\"data\":{}}");
	got = hear(w, fd, "\"event\":\"1\"");
	assert_null(strstr(got, "X-Incus"));
	w->hub.limits.incus.poll = 20;
	say(fd, "GET /lp?user=a" HTTP "\r\n");
	got = hear(w, fd, "HTTP/1.1 204");
	assert_null(strstr(got, "\"2\""));
	close(fd);
}

/* The place behind a message, as the answer named it. */
static void
place(const char *head, char *room, size_t n)
{
	const char *at = strstr(head, "X-Incus-Cursor: ");
	size_t len;

	assert_non_null(at);
	at += 16;
	len = strcspn(at, "\r");
	assert_true(len < n);
	memcpy(room, at, len);
	room[len] = '\0';
}

static void
who_names_a_place_misses_nothing(void **state)
{
	struct world *w = *state;
	const char *got;
	char at[64], query[128];
	int fd = ask(w, "?user=a&cursor=", 3);

	tell(w, INCUS_ALL, "{\"event\":\"1\",\"data\":{}}");
	tell(w, USER "a", "{\"event\":\"2\",\"data\":{}}");
	tell(w, INCUS_ALL, "{\"event\":\"3\",\"data\":{}}");
	got = hear(w, fd, "\r\n\r\n");
	assert_non_null(strstr(got,
	    "Access-Control-Expose-Headers: X-Incus-Cursor, X-Incus-Gap\r\n"));
	place(got, at, sizeof(at));
	assert_string_equal(at, "5.1");
	hear(w, fd, "\"event\":\"1\"");
	snprintf(query, sizeof(query),
	    "GET /lp?user=a&messages=5&cursor=%s" HTTP "\r\n", at);
	say(fd, query);
	got = hear(w, fd, "\r\n\r\n");
	place(got, at, sizeof(at));
	assert_string_equal(at, "5.3");
	got = hear(w, fd, "}]");
	assert_int_equal(got[strcspn(got, "[")], '[');
	assert_non_null(strstr(got, "[{\"event\":\"2\",\"data\":{},\"time\":"));
	assert_non_null(strstr(got, "},{\"event\":\"3\",\"data\":{},"));
	close(fd);
}

static void
what_cannot_be_had_is_told(void **state)
{
	struct world *w = *state;
	const char *got;
	int fd = client(w);

	w->hub.limits.incus.poll = 20;
	say(fd, "GET /lp?user=a&cursor=nonsense" HTTP "\r\n");
	got = hear(w, fd, "\r\n\r\n");
	assert_memory_equal(got, "HTTP/1.1 204 ", 13);
	assert_non_null(strstr(got, "X-Incus-Gap: 1\r\n"));
	assert_non_null(strstr(got, "X-Incus-Cursor: 5.0\r\n"));
	close(fd);
}

static void
a_place_may_go_by_cookie(void **state)
{
	struct world *w = *state;
	const char *got, *cookie;
	char request[256];
	int fd;

	w->hub.limits.incus.cookie = true;
	fd = ask(w, "?user=a", 3);
	tell(w, INCUS_ALL, "{\"event\":\"1\",\"data\":{}}");
	tell(w, INCUS_ALL, "{\"event\":\"2\",\"data\":{}}");
	got = hear(w, fd, "\r\n\r\n");
	cookie = strstr(got, "Set-Cookie: incus_");
	assert_non_null(cookie);
	assert_null(strstr(got, "X-Incus"));
	assert_non_null(strstr(
	    cookie, "=5.1; Path=/lp; Max-Age=300; HttpOnly; SameSite=Lax\r\n"));
	cookie += 12;
	snprintf(request, sizeof(request),
	    "GET /lp?user=a" HTTP "Cookie: a=b; %.*s; c\r\n\r\n",
	    (int)strcspn(cookie, ";"), cookie);
	hear(w, fd, "\"event\":\"1\"");
	say(fd, request);
	until(w, world_asked); /* for what its user was told elsewhere */
	answer_join(w, w->history);
	hear(w, fd, "\"event\":\"2\""); /* bare: it asked for no list */
	close(fd);
}

/* ---- Refusals */

static bool
refuses(struct world *w)
{
	return !incus_polls_open(w->hub.incus);
}

static bool
takes_again(struct world *w)
{
	return !refuses(w);
}

static void
while_the_switch_is_off_polls_are_refused(void **state)
{
	struct world *w = *state;
	const char *got;
	int waits = ask(w, "?user=a", 3), fd = client(w);

	tell(w, INCUS_CONTROL, "{\"longpoll\":false}");
	until(w, refuses);
	say(fd, "GET /lp?user=a" HTTP "\r\n");
	got = hear(w, fd, "\r\n\r\n");
	assert_memory_equal(got, "HTTP/1.1 503 ", 13);
	assert_non_null(strstr(got, "Connection: close\r\n"));
	assert_non_null(strstr(got, "Access-Control-Allow-Origin: *\r\n"));
	assert_non_null(strstr(got, "Content-Length: 0\r\n"));
	hear(w, fd, NULL);
	close(fd);
	tell(w, INCUS_ALL, EVENT); /* who waits goes on */
	hear(w, waits, "200 OK");
	tell(w, INCUS_CONTROL, "{\"longpoll\":true}");
	until(w, takes_again);
	close(waits);
}

static void
a_hub_that_leaves_answers_503(void **state)
{
	struct world *w = *state;
	int fd = ask(w, "?user=a", 3);

	w->hub.d.draining = true;
	drain_begin(&w->hub);
	hear(w, fd, "HTTP/1.1 503 ");
	hear(w, fd, "Connection: close\r\n");
	hear(w, fd, NULL);
	close(fd);
}

static void
origins_may_be_limited(void **state)
{
	struct world *w = *state;
	const char *got;
	int fd = client(w);

	w->hub.limits.origins = "http://good.example";
	w->hub.limits.incus.poll = 20;
	say(fd, "GET /lp?user=a" HTTP "Origin: http://good.example\r\n\r\n");
	got = hear(w, fd, "\r\n\r\n");
	assert_non_null(strstr(
	    got, "Access-Control-Allow-Origin: http://good.example\r\n"));
	assert_non_null(strstr(got, "Vary: Origin\r\n"));
	say(fd, "GET /lp?user=a" HTTP "Origin: http://bad.example\r\n\r\n");
	got = hear(w, fd, "\r\n\r\n");
	assert_non_null(strstr(got, "HTTP/1.1 403 "));
	assert_null(strstr(got, "bad.example"));
	close(fd);
}

static void
a_poll_is_the_same_after_a_round_trip(void **state)
{
	struct world *w = *state;
	struct buf first = {0}, again = {0};
	struct conn *c;
	int fd = ask(w, "?user=a&page=p&cursor=&messages=7", 4), other;

	c = container_of(w->hub.conns.prev, struct conn, node);
	assert_true(state_save(c, &first));
	other = client(w);
	c = container_of(w->hub.conns.prev, struct conn, node);
	assert_null(state_load(c, buf_slice(&first)));
	assert_true(state_save(c, &again));
	assert_int_equal(again.n, first.n);
	close(fd);
	until(w, somebody_waits);
	tell(w, PAGE "p", EVENT);
	hear(w, other, "X-Incus-Cursor: 5.1\r\n");
	hear(w, other, "[{\"event\":\"e\"");
	close(other);
	buf_free(&first);
	buf_free(&again);
}

TESTS(story(the_first_message_ends_it_and_the_next_poll_may_follow),
    story(its_words_may_stand_in_forms), story(a_form_of_a_get_is_not_read),
    story(when_the_time_is_over_it_ends_with_204_or_200),
    story(nobody_is_answered_late_but_options_at_once),
    story(the_body_of_head_stays_away),
    story(a_command_is_done_and_the_poll_goes_on),
    story(who_has_only_something_to_say_does_not_wait),
    story(a_bad_command_leaves_it_waiting),
    story(it_is_done_although_the_client_is_gone),
    story(its_presence_ends_with_it),
    story(old_clients_get_one_message_and_miss_the_rest),
    story(who_names_a_place_misses_nothing), story(what_cannot_be_had_is_told),
    story(a_place_may_go_by_cookie),
    story(while_the_switch_is_off_polls_are_refused),
    story(a_hub_that_leaves_answers_503), story(origins_may_be_limited),
    story(a_poll_is_the_same_after_a_round_trip))

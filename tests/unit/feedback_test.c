/*
 * feedback_test.c - a token its vendor misses leaves its user, unless it came
 * back.  The store is a handful of rows that answers as a store would.
 */
#include "common/device.h"
#include "ingress/feedback.h"
#include "tests/unit/front_world.h"

enum { ROWS = 16 };

static struct row {
	char table[32], home[256], key[256], value[64];
} rows[ROWS];
static unsigned joins;
static enum code refuses; /* the next write with this */

static struct row *
find(struct slice table, struct slice home, struct slice key)
{
	for (unsigned i = 0; i < ROWS; i++)
		if (slice_is(table, rows[i].table) &&
		    slice_is(home, rows[i].home) && slice_is(key, rows[i].key))
			return &rows[i];
	return NULL;
}

static void
set(const struct msg_set *m)
{
	struct row *r = find(m->table, m->home, m->key);

	if (r == NULL)
		r = find(SLICE(""), SLICE(""), SLICE(""));
	assert_non_null(r);
	keep(r->table, sizeof(r->table), m->table);
	keep(r->home, sizeof(r->home), m->home);
	keep(r->key, sizeof(r->key), m->key);
	keep(r->value, sizeof(r->value), m->value);
}

static void
unset(const struct msg_unset *m)
{
	struct row *r = find(m->table, m->home, m->key);

	if (r != NULL)
		memset(r, 0, sizeof(*r));
}

static void
scan(struct house *h, const struct msg_scan *m)
{
	for (unsigned i = 0; i < ROWS; i++) {
		const struct row *r = &rows[i];

		if (!slice_is(m->table, r->table) ||
		    !slice_is(m->home, r->home) ||
		    !slice_starts(slice_of(r->key), m->prefix))
			continue;
		server_say(h, &(struct msg){.id = MSG_row,
				  .row = {.ref = m->ref,
				      .home = m->home,
				      .key = slice_of(r->key),
				      .value = slice_of(r->value)}});
	}
	server_say(
	    h, &(struct msg){.id = MSG_scan_end, .scan_end = {.ref = m->ref}});
}

static void
store(struct house *h, const struct msg *m)
{
	joins += m->id == MSG_join;
	if (m->id == MSG_scan)
		scan(h, &m->scan);
	if (m->id != MSG_set && m->id != MSG_unset)
		return;
	h->code = refuses;
	if (refuses == CODE_ok && m->id == MSG_set)
		set(&m->set);
	if (refuses == CODE_ok && m->id == MSG_unset)
		unset(&m->unset);
	server_answer(h, m->publish.seq);
	refuses = CODE_ok;
}

static struct slice
home(const char *token)
{
	static char room[DEVICE_HOME];

	return device_token_home(room, SLICE("demo"), slice_of(token));
}

static void
has_device(const char *user, const char *token, const char *value)
{
	char room[DEVICE_HOME];

	set(&(struct msg_set){.table = SLICE("devices"),
	    .home = device_home(room, SLICE("demo"), slice_of(user)),
	    .key = slice_of(token),
	    .value = slice_of(value)});
	set(&(struct msg_set){.table = SLICE("tokens"),
	    .home = home(token),
	    .key = SLICE("user"),
	    .value = slice_of(user)});
}

static bool
is_there(const char *user, const char *token)
{
	char room[DEVICE_HOME];

	return find(SLICE("devices"),
		   device_home(room, SLICE("demo"), slice_of(user)),
		   slice_of(token)) != NULL;
}

static void
say_feedback(struct house *h, const char *body)
{
	server_say(h, &(struct msg){.id = MSG_deliver,
			  .deliver = {.channel = SLICE("/demo/meta/feedback"),
			      .body = slice_of(body)}});
}

static bool
joined(struct house *h)
{
	return joins >= h->count;
}

static void
open_store(struct house *h)
{
	memset(rows, 0, sizeof(rows));
	joins = 0;
	refuses = CODE_ok;
	h->other = store;
	open_all(h);
	h->count = 1;
	until(h, joined);
}

/* The last of a row of feedbacks: all before it are done with. */
static bool
last_is_done(struct house *h)
{
	(void)h;
	return find(SLICE("rejected"), home("last"), SLICE("since")) != NULL;
}

static void
a_dead_token_leaves_its_user(void **state)
{
	struct house *h = *state;

	open_store(h);
	has_device("u", "t", "{\"seen\":100}");
	has_device("u", "t2", "{\"seen\":100}");
	say_feedback(h, "{\"target\":\"t\",\"why\":\"Unregistered\","
			"\"since\":200}");
	say_feedback(h, "{\"target\":\"last\"}");
	until(h, last_is_done);
	assert_false(is_there("u", "t"));
	assert_true(is_there("u", "t2"));
	assert_null(find(SLICE("tokens"), home("t"), SLICE("user")));
	assert_string_equal(
	    find(SLICE("rejected"), home("t"), SLICE("since"))->value, "200");
}

static void
a_token_that_came_back_stays(void **state)
{
	struct house *h = *state;

	open_store(h);
	has_device("u", "t", "{\"seen\":300}");
	say_feedback(h, "{\"target\":\"t\",\"since\":200}");
	say_feedback(h, "{\"target\":\"last\"}");
	until(h, last_is_done);
	assert_true(is_there("u", "t"));
	assert_null(find(SLICE("rejected"), home("t"), SLICE("since")));
}

static void
what_is_no_feedback_is_passed(void **state)
{
	struct house *h = *state;

	open_store(h);
	has_device("u", "t", "{}");
	say_feedback(h, "[");
	say_feedback(h, "{\"target\":1}");
	say_feedback(h, "{\"target\":\"\"}");
	say_feedback(h, "{\"target\":\"last\"}");
	until(h, last_is_done);
	assert_true(is_there("u", "t"));
}

static void
a_step_that_fails_leaves_the_token_for_the_next_time(void **state)
{
	struct house *h = *state;

	open_store(h);
	has_device("u", "t", "{\"seen\":100}");
	refuses = CODE_full;
	say_feedback(h, "{\"target\":\"t\"}");
	say_feedback(h, "{\"target\":\"last\"}");
	until(h, last_is_done);
	assert_true(is_there("u", "t"));
	assert_non_null(find(SLICE("tokens"), home("t"), SLICE("user")));
	unset(&(struct msg_unset){.table = SLICE("rejected"),
	    .home = home("last"),
	    .key = SLICE("since")});
	say_feedback(h, "{\"target\":\"t\"}");
	say_feedback(h, "{\"target\":\"last\"}");
	until(h, last_is_done);
	assert_false(is_there("u", "t"));
}

static void
it_listens_again_when_the_link_returns_or_lags(void **state)
{
	struct house *h = *state;

	open_store(h);
	server_say(h, &(struct msg){.id = MSG_lag,
			  .lag = {.channel = SLICE("/demo/meta/feedback")}});
	h->count = joins + 1;
	until(h, joined);
	bus_server_close(&h->server);
	open_server(h);
	h->count = joins + 1;
	until(h, joined);
}

TESTS(story(a_dead_token_leaves_its_user), story(a_token_that_came_back_stays),
    story(what_is_no_feedback_is_passed),
    story(a_step_that_fails_leaves_the_token_for_the_next_time),
    story(it_listens_again_when_the_link_returns_or_lags))

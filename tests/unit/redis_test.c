/* redis_test.c - a connection to Redis greets, answers in order, and comes
 * back when it broke. */
#include "tests/unit/redis_world.h"

struct call {
	struct redis_call call; /* first */
	unsigned answers;
	bool null;
	enum redis_kind kind;
	int64_t number;
	char text[32];
	size_t n;
};

static void
answered(struct redis_call *c, const struct redis_reply *r)
{
	struct call *call = container_of(c, struct call, call);

	call->answers++;
	call->null = r == NULL;
	if (r == NULL)
		return;
	call->kind = r->kind;
	call->number = r->number;
	call->n = r->n;
	snprintf(call->text, sizeof(call->text), "%.*s", SLICE_ARGS(r->text));
}

static void
ask(struct world *w, struct call *c, const char *word)
{
	struct slice words[] = {slice_of(word)};

	c->call.answered = answered;
	redis_ask(w->redis, &c->call, words, 1);
}

static struct call *last; /* until() has no argument but the world */

static bool
last_is_answered(struct world *w)
{
	(void)w;
	return last->answers == 1;
}

static void
it_authenticates_with_a_user_and_chooses_its_database(void **state)
{
	struct world *w = *state;

	redis_begin(w, (struct redis_setup){
			   .user = "me", .password = "pass word", .db = 7});
	server_hear(w, "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$9\r\npass word\r\n"
		       "*2\r\n$6\r\nSELECT\r\n$1\r\n7\r\n");
	server_say(w, "+OK\r\n");
	assert_int_equal(w->ups, 0); /* not before the database is chosen */
	server_say(w, "+OK\r\n");
	w->count = 1;
	until(w, is_up);
	assert_int_equal(w->came, 1);
}

static void
without_a_user_it_is_the_default_one(void **state)
{
	struct world *w = *state;

	redis_begin(w, (struct redis_setup){.password = "secret"});
	server_hear(w, "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n"
		       "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n");
}

static bool
three_came(struct world *w)
{
	return w->came == 3;
}

static void
who_is_refused_tries_again_and_is_never_up(void **state)
{
	struct world *w = *state;

	redis_begin(w, (struct redis_setup){.password = "wrong"});
	for (unsigned i = 0; i < 2; i++) {
		server_hear(w, "SELECT\r\n$1\r\n0\r\n");
		server_say(w, "-WRONGPASS no\r\n-NOAUTH\r\n");
	}
	until(w, three_came);
	assert_int_equal(w->ups + w->downs, 0);
}

static void
a_database_that_does_not_exist_is_a_refusal(void **state)
{
	struct world *w = *state;

	redis_begin(w, (struct redis_setup){.db = 99});
	for (unsigned i = 0; i < 2; i++) {
		server_hear(w, "SELECT\r\n$2\r\n99\r\n");
		server_say(w, "-ERR DB index is out of range\r\n");
	}
	until(w, three_came);
	assert_int_equal(w->ups, 0);
}

static void
answers_of_every_kind_come_in_order_however_they_are_cut(void **state)
{
	static const char text[] = ":-42\r\n$-1\r\n$4\r\na\r\nb\r\n"
				   "*2\r\n:1\r\n*0\r\n-ERR no\r\n+OK\r\n";
	struct world *w = *state;
	struct call c[6] = {{.answers = 0}};
	char one[2] = "";

	redis_begin_up(w);
	for (unsigned i = 0; i < 6; i++)
		ask(w, &c[i], "ASK");
	for (unsigned i = 0; i < 6; i++)
		server_hear(w, "*1\r\n$3\r\nASK\r\n");
	for (size_t i = 0; text[i] != '\0'; i++) {
		one[0] = text[i];
		server_say(w, one);
	}
	last = &c[5];
	until(w, last_is_answered);
	assert_int_equal(c[0].kind, REDIS_IS_NUMBER);
	assert_int_equal(c[0].number, -42);
	assert_int_equal(c[1].kind, REDIS_IS_NIL);
	assert_int_equal(c[2].kind, REDIS_IS_STRING);
	assert_string_equal(c[2].text, "a\r\nb");
	assert_int_equal(c[3].kind, REDIS_IS_ARRAY);
	assert_int_equal(c[3].n, 2);
	assert_int_equal(c[4].kind, REDIS_IS_ERROR);
	assert_string_equal(c[4].text, "ERR no");
	assert_int_equal(c[5].kind, REDIS_IS_STATUS);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(c[i].answers, 1);
}

static bool
is_down(struct world *w)
{
	return w->downs == w->count;
}

static void
what_was_asked_of_a_connection_that_broke_is_answered_with_null(void **state)
{
	struct world *w = *state;
	struct call c[2] = {{.answers = 0}};
	uint64_t again = stats_get(STAT_redis_reconnects);

	redis_begin_up(w);
	ask(w, &c[0], "ONE");
	ask(w, &c[1], "TWO");
	server_hear(w, "TWO\r\n");
	server_hang_up(w);
	w->count = 1;
	until(w, is_down);
	for (unsigned i = 0; i < 2; i++)
		assert_true(c[i].answers == 1 && c[i].null);
	server_hear(w, "SELECT\r\n$1\r\n0\r\n");
	server_say(w, "+OK\r\n");
	w->count = 2;
	until(w, is_up);
	assert_int_equal(stats_get(STAT_redis_reconnects), again + 1);
}

static void
what_makes_no_sense_ends_the_connection(void **state)
{
	static const char *const texts[] = {
	    "what\r\n", "$-2\r\n", "*1048577\r\n", ":1\r\n" /* unasked */};
	struct world *w = *state;

	redis_begin_up(w);
	for (unsigned i = 0; i < LENGTH(texts); i++) {
		server_say(w, texts[i]);
		w->count = i + 1;
		until(w, is_down);
		server_hear(w, "SELECT\r\n$1\r\n0\r\n");
		server_say(w, "+OK\r\n");
		w->count = i + 2;
		until(w, is_up);
	}
}

static void
who_does_not_answer_in_time_is_left(void **state)
{
	struct world *w = *state;
	struct call c = {.call = {.wait_ms = 20}};

	redis_begin_up(w);
	ask(w, &c, "SLOW");
	w->count = 1;
	until(w, is_down);
	assert_true(c.answers == 1 && c.null);
}

static bool
enough_came(struct world *w)
{
	return w->came == w->count;
}

/* With a quarter of jitter on top: 100, 200, 400, 800 and again 100. */
static void
the_pause_doubles_and_begins_anew_after_a_success(void **state)
{
	struct world *w = *state;
	uint64_t left;

	w->slam = true;
	redis_begin(w, (struct redis_setup){.db = 0});
	w->count = 4;
	until(w, enough_came);
	for (unsigned i = 1; i < 4; i++)
		assert_true(w->came_at[i] - w->came_at[i - 1] >= 50u << i);
	w->slam = false;
	server_hear(w, "SELECT\r\n$1\r\n0\r\n");
	assert_true(w->came_at[4] - w->came_at[3] >= 800);
	server_say(w, "+OK\r\n");
	w->count = 1;
	until(w, is_up);
	left = loop_now(w->loop);
	server_hang_up(w);
	w->count = 6;
	until(w, enough_came);
	assert_in_range(w->came_at[5] - left, 100, 799);
}

static bool
was_pushed(struct world *w)
{
	return w->pushes == w->count;
}

static void
all_that_comes_to_a_subscriber_is_pushed(void **state)
{
	struct world *w = *state;

	redis_begin_up(w);
	redis_subscribe(
	    w->redis, (struct slice[]){SLICE("SUBSCRIBE"), SLICE("news")}, 2);
	server_hear(w, "*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\nnews\r\n");
	server_say(w, "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n"
		      "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$2\r\nhi\r\n");
	w->count = 2;
	until(w, was_pushed);
	assert_string_equal(w->pushed, "hi");
}

TESTS(story(it_authenticates_with_a_user_and_chooses_its_database),
    story(without_a_user_it_is_the_default_one),
    story(who_is_refused_tries_again_and_is_never_up),
    story(a_database_that_does_not_exist_is_a_refusal),
    story(answers_of_every_kind_come_in_order_however_they_are_cut),
    story(what_was_asked_of_a_connection_that_broke_is_answered_with_null),
    story(what_makes_no_sense_ends_the_connection),
    story(who_does_not_answer_in_time_is_left),
    story(the_pause_doubles_and_begins_anew_after_a_success),
    story(all_that_comes_to_a_subscriber_is_pushed))

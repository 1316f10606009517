/* bridge_errand_test.c - commands of others reach Redis word by word, and
 * each is answered once. */
#include "ingress/bridge_errand.h"

#include "common/code.h"
#include "common/verb.h"
#include "tests/unit/redis_world.h"

enum { TOLD = 8 };

struct told {
	uint64_t ref, code, kind;
	char value[32];
	size_t n;
	struct bus_link *link;
};

/* As large as a link, of which only the address counts. */
struct link_like {
	char byte;
};

struct story {
	struct errands_setup setup; /* first */
	struct errands *errands;
	struct told told[TOLD];
	size_t n;
	struct link_like links[2];
};

static struct story *now; /* until() has no argument but the world */

static void
tell(struct errands_setup *s, struct bus_link *link, const struct msg *m)
{
	struct story *t = container_of(s, struct story, setup);
	struct told *told = &t->told[t->n++];

	must(t->n <= TOLD);
	assert_int_equal(m->id, MSG_told_redis);
	told->ref = m->told_redis.ref;
	told->code = m->told_redis.code;
	told->kind = m->told_redis.kind;
	told->n = m->told_redis.value.n;
	told->link = link;
	snprintf(told->value, sizeof(told->value), "%.*s",
	    SLICE_ARGS(m->told_redis.value));
}

static struct bus_link *
link_of(struct story *t, unsigned i)
{
	return (struct bus_link *)(void *)&t->links[i];
}

static void
take(struct story *t, uint64_t ref, struct msg_ask_redis ask)
{
	struct msg m = {.id = MSG_ask_redis, .ask_redis = ask};

	m.ask_redis.ref = ref;
	errands_take(t->errands, link_of(t, ref % 2), &m);
}

static bool
all_told(struct world *w)
{
	return now->n == w->count;
}

static void
await(struct world *w, size_t n)
{
	w->count = n;
	until(w, all_told);
}

static void
begin(struct world *w, struct story *t)
{
	now = t;
	*t = (struct story){.setup = {.redis = {.loop = w->loop,
					  .address = w->address,
					  .user = "",
					  .password = "",
					  .db = 3},
				.told = tell}};
	t->errands = errands_new(&t->setup);
	errands_up(t->errands);
}

static const struct msg_ask_redis get = {
    .verb = VERB_get, .key = SLICE_INIT("k")};

/* Up, which only shows in what is not refused. */
static bool
gets_through(struct world *w)
{
	(void)w;
	now->n = 0;
	take(now, 1, get);
	return now->n == 0;
}

static void
begin_up(struct world *w, struct story *t)
{
	begin(w, t);
	server_hear(w, "SELECT\r\n$1\r\n3\r\n");
	server_say(w, "+OK\r\n");
	until(w, gets_through);
	server_hear(w, "GETRANGE\r\n$1\r\nk\r\n$1\r\n0\r\n$7\r\n4194304\r\n");
	server_say(w, "$1\r\nx\r\n");
	await(w, 1);
	t->n = 0;
}

static void
a_verb_is_the_words_of_its_row(void **state)
{
	struct world *w = *state;
	struct story t;

	begin_up(w, &t);
	take(&t, 10,
	    (struct msg_ask_redis){.verb = VERB_get, .key = SLICE("a b")});
	server_hear(w, "*4\r\n$8\r\nGETRANGE\r\n$3\r\na b\r\n$1\r\n0\r\n"
		       "$7\r\n4194304\r\n");
	take(&t, 11,
	    (struct msg_ask_redis){.verb = VERB_ttl, .key = SLICE("k")});
	server_hear(w, "*2\r\n$3\r\nTTL\r\n$1\r\nk\r\n");
	take(&t, 12,
	    (struct msg_ask_redis){.verb = VERB_publish,
		.key = SLICE("news"),
		.value = SLICE("$key\r\n")});
	server_hear(
	    w, "*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$6\r\n$key\r\n\r\n");
	assert_false(errands_idle(t.errands));
	server_say(w, "$2\r\nhi\r\n:-2\r\n:17\r\n");
	await(w, 3);
	assert_true(errands_idle(t.errands));
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(t.told[i].ref, 10 + i);
		assert_int_equal(t.told[i].code, CODE_ok);
		assert_ptr_equal(t.told[i].link, link_of(&t, i % 2));
	}
	assert_int_equal(t.told[0].kind, REDIS_IS_STRING);
	assert_string_equal(t.told[0].value, "hi");
	assert_int_equal(t.told[1].kind, REDIS_IS_NUMBER);
	assert_string_equal(t.told[1].value, "-2");
	assert_string_equal(t.told[2].value, "17");
	errands_free(&t.errands);
}

static void
every_kind_of_reply_is_told(void **state)
{
	struct world *w = *state;
	struct story t;

	begin_up(w, &t);
	for (uint64_t ref = 1; ref <= 5; ref++)
		take(&t, ref, get);
	server_say(w, "$-1\r\n+OK\r\n-WRONGTYPE no\r\n*1\r\n:1\r\n$0\r\n\r\n");
	await(w, 5);
	assert_int_equal(t.told[0].kind, REDIS_IS_NIL);
	assert_int_equal(t.told[1].kind, REDIS_IS_STATUS);
	assert_string_equal(t.told[1].value, "OK");
	assert_int_equal(t.told[2].kind, REDIS_IS_ERROR);
	assert_string_equal(t.told[2].value, "WRONGTYPE no");
	assert_int_equal(t.told[3].kind, REDIS_IS_ARRAY);
	assert_int_equal(t.told[3].n, 0);
	assert_int_equal(t.told[4].kind, REDIS_IS_STRING);
	assert_int_equal(t.told[4].n, 0);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(t.told[i].code, CODE_ok);
	errands_free(&t.errands);
}

static void
what_no_row_says_is_not_done(void **state)
{
	struct world *w = *state;
	struct story t;

	begin_up(w, &t);
	take(&t, 1, (struct msg_ask_redis){.verb = VERB_none});
	take(&t, 2, (struct msg_ask_redis){.verb = VERBS - 1});
	take(&t, 3, (struct msg_ask_redis){.verb = VERBS});
	assert_int_equal(t.n, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(t.told[i].code, CODE_unknown_op);
	errands_free(&t.errands);
}

static void
without_redis_it_is_unavailable_at_once(void **state)
{
	struct world *w = *state;
	struct story t;

	begin(w, &t);
	take(&t, 1, get);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.told[0].code, CODE_unavailable);
	errands_free(&t.errands);
}

static void
a_connection_that_breaks_leaves_it_in_doubt(void **state)
{
	struct world *w = *state;
	struct story t;

	begin_up(w, &t);
	take(&t, 1, get);
	take(&t, 2, get);
	server_hear(w, "GETRANGE");
	server_say(w, "$1\r\nx\r\n");
	server_hang_up(w);
	await(w, 2);
	assert_int_equal(t.told[0].code, CODE_ok);
	assert_int_equal(t.told[1].code, CODE_timeout);
	assert_true(errands_idle(t.errands));
	/* and it comes back */
	server_hear(w, "SELECT\r\n$1\r\n3\r\n");
	errands_free(&t.errands);
}

static void
what_a_client_says_and_redis_does_not_take_is_counted(void **state)
{
	static const struct msg_ask_redis say = {.verb = VERB_publish,
	    .key = SLICE_INIT("Incus"),
	    .value = SLICE_INIT("{}")};
	struct world *w = *state;
	uint64_t failed = stats_get(STAT_incus_messages_failed);
	struct story t;

	begin(w, &t);
	take(&t, 1, say);
	assert_int_equal(stats_get(STAT_incus_messages_failed), failed + 1);
	errands_free(&t.errands);
	begin_up(w, &t);
	take(&t, 1, say);
	take(&t, 2, say);
	take(&t, 3, say);
	server_hear(w, "PUBLISH");
	server_say(w, ":0\r\n-NOPERM\r\n");
	server_hang_up(w);
	await(w, 3);
	assert_int_equal(stats_get(STAT_incus_messages_failed), failed + 3);
	take(&t, 4, get);
	assert_int_equal(stats_get(STAT_incus_messages_failed), failed + 3);
	errands_free(&t.errands);
}

static struct slice rest; /* likewise */

static bool
is_sent_and_told(struct world *w)
{
	ssize_t n;

	while (rest.n != 0 && (n = send(w->fd, rest.p, rest.n,
				   MSG_NOSIGNAL | MSG_DONTWAIT)) > 0)
		rest = slice_from(rest, (size_t)n);
	return rest.n == 0 && now->n == 1;
}

static void
a_value_past_the_limit_is_too_large(void **state)
{
	enum { MUCH = 4194304 + 1 };
	struct world *w = *state;
	struct story t;
	struct buf b = {0};

	begin_up(w, &t);
	take(&t, 1, get);
	server_hear(w, "GETRANGE");
	buf_printf(&b, "$%d\r\n", MUCH);
	memset(buf_room(&b, MUCH), 'x', MUCH);
	b.n += MUCH;
	buf_str(&b, "\r\n");
	rest = buf_slice(&b);
	assert_false(is_sent_and_told(w));
	until(w, is_sent_and_told);
	assert_int_equal(t.told[0].code, CODE_too_large);
	assert_int_equal(t.told[0].n, 0);
	buf_free(&b);
	errands_free(&t.errands);
}

static void
only_so_many_are_on_their_way_and_the_rest_is_forgotten(void **state)
{
	struct world *w = *state;
	struct story t;

	begin_up(w, &t);
	for (unsigned i = 0; i < ERRANDS_MOST; i++)
		take(&t, 1, get);
	assert_int_equal(t.n, 0);
	take(&t, 2, get);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.told[0].code, CODE_busy);
	errands_free(&t.errands); /* who waits hears nothing */
	assert_int_equal(t.n, 1);
}

TESTS(story(a_verb_is_the_words_of_its_row), story(every_kind_of_reply_is_told),
    story(what_no_row_says_is_not_done),
    story(without_redis_it_is_unavailable_at_once),
    story(a_connection_that_breaks_leaves_it_in_doubt),
    story(what_a_client_says_and_redis_does_not_take_is_counted),
    story(a_value_past_the_limit_is_too_large),
    story(only_so_many_are_on_their_way_and_the_rest_is_forgotten))

/* subs_test.c - who hears what while all is well, and how a channel is joined
 * and left. */
#include "tests/unit/subs_world.h"

static void
the_first_subscriber_joins_and_the_second_does_not(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w), *b = client_new(w);

	subscribe(a, "/a/public/x");
	assert_int_equal(w->count, 1);
	assert_int_equal(last_said(w)->join.resume, RESUME_NOW);
	assert_int_equal(a->joined, 0);
	joined(w, 3);
	assert_int_equal(a->joined, 1);
	assert_int_equal(a->live, 1);
	subscribe(b, "/a/public/x");
	assert_int_equal(w->count, 1);
	assert_int_equal(b->joined, 1);
	deliver(w, "/a/public/x", 4, 0);
	deliver(w, "/a/public/x", 5, 0);
	assert_string_equal(heard(a), "+45");
	assert_string_equal(heard(b), "+45");
	assert_int_equal(a->sends, 1); /* a turn is one piece */
}

static void
a_message_comes_once_however_many_subs_match(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w);

	subscribe(a, "/a/public/x");
	joined(w, 0);
	subscribe(a, "/a/public/*");
	joined(w, 0);
	subscribe(a, "/a/public/**");
	joined(w, 0);
	deliver(w, "/a/public/x", 1, 0);
	deliver(w, "/a/public/y", 2, 0);
	deliver(w, "/a/public/y/z", 3, 0);
	deliver(w, "/a/private/y", 4, 0);
	assert_string_equal(heard(a), "+++123");
}

static void
a_sub_is_found_from_its_channel_and_from_its_listener(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w), *b = client_new(w);
	struct slice x = SLICE("/a/public/x"), y = SLICE("/a/public/y");
	struct sub *ax, *ay, *bx;

	assert_null(sub_find(w->subs, &a->reader, x));
	ax = subscribe(a, "/a/public/x");
	ay = subscribe(a, "/a/public/y");
	bx = subscribe(b, "/a/public/x");
	assert_ptr_equal(sub_find(w->subs, &a->reader, x), ax);
	assert_ptr_equal(sub_find(w->subs, &a->reader, y), ay); /* of one */
	assert_ptr_equal(sub_find(w->subs, &b->reader, x), bx); /* its only */
	assert_null(sub_find(w->subs, &b->reader, y));
	sub_remove(w->subs, ay);
	assert_null(sub_find(w->subs, &a->reader, y));
}

static void
who_comes_in_the_middle_of_a_turn_hears_the_rest_of_it(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w), *b = client_new(w);

	subscribe(a, "/a/public/x");
	joined(w, 0);
	deliver(w, "/a/public/x", 1, 0);
	subscribe(b, "/a/public/x");
	deliver(w, "/a/public/x", 2, 0);
	subscribe(a, "/a/public/y"); /* now it is told of each */
	joined(w, 2);
	deliver(w, "/a/public/x", 3, 0);
	sub_remove(
	    w->subs, sub_find(w->subs, &a->reader, SLICE("/a/public/y")));
	deliver(w, "/a/public/x", 4, 0);
	assert_string_equal(heard(a), "+12+34");
	assert_string_equal(heard(b), "+234");
}

static void
a_channel_lingers_and_then_is_left(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w);

	subscribe(a, "/a/public/x");
	joined(w, 2);
	client_end(a);
	w->ms += SUBS_LINGER_MS - 1;
	subs_tick(w->subs);
	assert_int_equal(w->count, 1);
	deliver(w, "/a/public/x", 3, 0);
	client_init(a, w);
	resume(a, "/a/public/x", 3); /* back in time: nothing is asked */
	assert_int_equal(w->count, 1);
	assert_int_equal(a->joined, 1);
	client_end(a);
	w->ms += SUBS_LINGER_MS;
	subs_tick(w->subs);
	assert_int_equal(w->count, 2);
	assert_int_equal(last_said(w)->id, MSG_leave);
}

static void
a_long_flush_lets_others_work_and_goes_on(void **state)
{
	enum { MANY = 3 * SUBS_CLOCK_EVERY };
	static struct client c[MANY];
	struct world *w = *state;

	for (unsigned i = 0; i < MANY; i++) {
		client_init(&c[i], w);
		subscribe(&c[i], "/a/public/x");
	}
	joined(w, 0);
	deliver(w, "/a/public/x", 1, 0);
	w->us_step = SUBS_FLUSH_US + 1;
	assert_true(subs_flush(w->subs));
	assert_int_equal(c[SUBS_CLOCK_EVERY - 1].sends, 1);
	assert_int_equal(c[SUBS_CLOCK_EVERY].sends, 0);
	client_end(&c[SUBS_CLOCK_EVERY]); /* the very next one leaves */
	client_init(&c[SUBS_CLOCK_EVERY], w);
	subscribe(&c[SUBS_CLOCK_EVERY], "/a/public/x");
	w->us_step = 0;
	flush(w);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(c[i].sends, i == SUBS_CLOCK_EVERY ? 0 : 1);
		client_end(&c[i]);
	}
}

static void
a_store_that_refuses_is_told_to_all(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w);

	subscribe(a, "/a/public/x");
	subs_joined(
	    w->subs, &(struct msg_joined){.channel = SLICE("/a/public/x"),
			 .generation = last_said(w)->join.generation,
			 .code = CODE_forbidden});
	assert_int_equal(a->refused, 1);
	assert_null(a->reader.subs);
}

static void
a_busy_store_is_asked_again(void **state)
{
	struct world *w = *state;
	struct client *a = client_new(w);

	subscribe(a, "/a/public/x");
	subs_joined(
	    w->subs, &(struct msg_joined){.channel = SLICE("/a/public/x"),
			 .generation = last_said(w)->join.generation,
			 .code = CODE_moved});
	assert_int_equal(w->count, 1);
	subs_tick(w->subs);
	assert_int_equal(w->count, 2);
	joined(w, 1);
	assert_int_equal(a->joined, 1);
}

/* It was refused while somebody listened, and not asked again when nobody
 * did. */
static void
who_comes_to_a_refused_channel_has_it_asked_again(void **state)
{
	struct world *w = *state;
	struct client a;

	client_init(&a, w);
	subscribe(&a, "/a/public/x");
	subs_joined(
	    w->subs, &(struct msg_joined){.channel = SLICE("/a/public/x"),
			 .generation = last_said(w)->join.generation,
			 .code = CODE_moved});
	client_end(&a);
	subs_tick(w->subs);
	client_init(&a, w);
	subscribe(&a, "/a/public/x");
	subs_tick(w->subs);
	joined(w, 1);
	assert_int_equal(a.joined, 1);
	client_end(&a);
}

static void
a_pattern_is_joined_once_per_shard(void **state)
{
	struct world *w = *state;
	struct cursor_part parts[CURSOR_PARTS];
	struct client *a = client_new(w);
	struct sub *s;

	subs_shards(w->subs, 4);
	s = subscribe(a, "/a/public/**");
	assert_int_equal(w->count, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(w->said[i].join.shard, i);
		subs_joined(
		    w->subs, &(struct msg_joined){
				 .generation = w->said[i].join.generation,
				 .epoch = 5,
				 .top = i});
		assert_int_equal(a->joined, i == 3 ? 1 : 0);
	}
	assert_int_equal(sub_position(s, parts), 4);
	assert_int_equal(parts[2].offset, 2);
	assert_int_equal(subs_shard_of(w->subs, SLICE("/a/public/**")), -1);
}

TESTS(story(the_first_subscriber_joins_and_the_second_does_not),
    story(a_message_comes_once_however_many_subs_match),
    story(a_sub_is_found_from_its_channel_and_from_its_listener),
    story(who_comes_in_the_middle_of_a_turn_hears_the_rest_of_it),
    story(a_channel_lingers_and_then_is_left),
    story(a_long_flush_lets_others_work_and_goes_on),
    story(a_store_that_refuses_is_told_to_all),
    story(a_busy_store_is_asked_again),
    story(who_comes_to_a_refused_channel_has_it_asked_again),
    story(a_pattern_is_joined_once_per_shard))

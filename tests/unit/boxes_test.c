/*
 * boxes_test.c - boxes of a whole store: what is decided, what a list sees,
 * and in which order.  Each story is told on an engine that answers at once
 * and on one that blocks.
 */
#include "tests/unit/boxes_world.h"

static void
items_are_put_replaced_and_dropped(struct world *w)
{
	const struct msg *m;

	put(w, 1,
	    (struct msg_put){.key = SLICE("b"),
		.version = 5,
		.type = SLICE("text/plain"),
		.body = SLICE("five")});
	put(w, 2, (struct msg_put){.key = SLICE("a"), .version = 1});
	put(w, 3,
	    (struct msg_put){
		.key = SLICE("b"), .version = 2, .body = SLICE("two")});
	assert_int_equal(answer(w, 3), CODE_ok);
	ask(w, "", 100);
	await(w, w->publisher, MSG_list_end, 1);
	m = peer_nth(w->publisher, MSG_item, 1);
	assert_true(slice_is(m->item.key, "b"));
	assert_true(slice_is(m->item.body, "two"));
	assert_int_equal(m->item.type.n, 0);
	assert_int_equal(m->item.version, 2);
	assert_true(m->item.at != 0);
	assert_int_equal(m->item.expires, m->item.at + 3600000);
	peer_forget(w->publisher);
	drop(w, 4, "a", 0);
	drop(w, 5, "b", 0);
	drop(w, 6, "b", 0);
	await(w, w->publisher, MSG_published, 3);
	assert_int_equal(
	    peer_nth(w->publisher, MSG_published, 2)->published.code,
	    CODE_not_found);
	holds(w, "");
}

static void
only_a_newer_version_replaces_if_asked(struct world *w)
{
	put(w, 1, (struct msg_put){.key = SLICE("k"), .version = 5});
	put(w, 2,
	    (struct msg_put){.key = SLICE("k"), .version = 5, .newer = 1});
	put(w, 3,
	    (struct msg_put){.key = SLICE("k"), .version = 4, .newer = 1});
	put(w, 4,
	    (struct msg_put){.key = SLICE("k"), .version = 6, .newer = 1});
	put(w, 5, (struct msg_put){.key = SLICE("k"), .version = 3});
	assert_int_equal(answer(w, 5), CODE_ok);
	assert_int_equal(answer(w, 2), CODE_older);
	assert_int_equal(answer(w, 3), CODE_older);
	assert_int_equal(answer(w, 4), CODE_ok);
	holds(w, "k=3 ");
}

static void
an_acknowledgement_of_an_old_version_drops_no_newer(struct world *w)
{
	put(w, 1, (struct msg_put){.key = SLICE("k"), .version = 5});
	drop(w, 2, "k", 4);
	assert_int_equal(answer(w, 2), CODE_not_found);
	holds(w, "k=5 ");
	drop(w, 3, "k", 5);
	assert_int_equal(answer(w, 3), CODE_ok);
	holds(w, "");
}

static void
a_box_holds_so_many_items(struct world *w)
{
	static const char *const keys[] = {"a", "b", "c", "d", "e"};

	for (unsigned i = 0; i < LENGTH(keys); i++)
		put(w, i + 1, (struct msg_put){.key = slice_of(keys[i])});
	put(w, 6, (struct msg_put){.key = SLICE("a"), .version = 2});
	assert_int_equal(answer(w, 6), CODE_ok);
	assert_int_equal(answer(w, 4), CODE_ok);
	assert_int_equal(answer(w, 5), CODE_box_full);
	holds(w, "a=2 b=0 c=0 d=0 ");
}

static void
a_box_holds_so_many_bytes(struct world *w)
{
	static char body[3000];

	put(w, 1,
	    (struct msg_put){.key = SLICE("a"), .body = {body, sizeof(body)}});
	put(w, 2,
	    (struct msg_put){.key = SLICE("b"), .body = {body, sizeof(body)}});
	put(w, 3,
	    (struct msg_put){
		.key = SLICE("a"), .version = 1, .body = {body, 1000}});
	put(w, 4,
	    (struct msg_put){.key = SLICE("b"), .body = {body, sizeof(body)}});
	assert_int_equal(answer(w, 4), CODE_ok);
	assert_int_equal(answer(w, 2), CODE_box_full);
	holds(w, "a=1 b=0 ");
}

static void
what_has_expired_is_gone_and_makes_room(struct world *w)
{
	uint64_t soon = loop_unix_ms(w->loop) + 300;

	put(w, 1, (struct msg_put){.key = SLICE("x"), .expires = 1});
	assert_int_equal(answer(w, 1), CODE_expired);
	put(w, 2, (struct msg_put){.key = SLICE("a"), .expires = soon});
	put(w, 3, (struct msg_put){.key = SLICE("b")});
	put(w, 4, (struct msg_put){.key = SLICE("c"), .expires = soon});
	put(w, 5, (struct msg_put){.key = SLICE("d")});
	holds(w, "a=0 b=0 c=0 d=0 ");
	w->not_before = soon + 1;
	holds(w, "a=0 b=0 c=0 d=0 "); /* asked before, told after */
	w->not_before = 0;
	holds(w, "b=0 d=0 ");
	put(w, 6, (struct msg_put){.key = SLICE("e"), .version = 1});
	drop(w, 7, "a", 0);
	assert_int_equal(answer(w, 7), CODE_not_found);
	assert_int_equal(answer(w, 6), CODE_ok);
	holds(w, "b=0 d=0 e=1 ");
}

static void
a_box_is_given_up_at_once(struct world *w)
{
	put(w, 1, (struct msg_put){.key = SLICE("a")});
	put(w, 2, (struct msg_put){.key = SLICE("b")});
	put(w, 3, (struct msg_put){.box = SLICE(BOX "2"), .key = SLICE("a")});
	drop(w, 4, "", 0);
	drop(w, 5, "", 0);
	assert_int_equal(answer(w, 4), CODE_ok);
	assert_int_equal(answer(w, 5), CODE_ok);
	holds(w, "");
	peer_forget(w->publisher);
	peer_send(w->publisher,
	    &(struct msg){.id = MSG_list,
		.list = {.ref = 7, .box = SLICE(BOX "2"), .limit = 10}});
	await(w, w->publisher, MSG_list_end, 1);
	assert_int_equal(peer_count(w->publisher, MSG_item), 1);
}

static void
a_list_goes_on_behind_a_key(struct world *w)
{
	char room[256];

	put(w, 1, (struct msg_put){.key = SLICE("a"), .version = 1});
	put(w, 2, (struct msg_put){.key = SLICE("b"), .version = 2});
	put(w, 3, (struct msg_put){.key = SLICE("c"), .version = 3});
	ask(w, "", 2);
	await(w, w->publisher, MSG_list_end, 1);
	assert_string_equal(told(w, room), "a=1 b=2 +");
	peer_forget(w->publisher);
	ask(w, "b", 2);
	await(w, w->publisher, MSG_list_end, 1);
	assert_string_equal(told(w, room), "c=3 ");
}

static void
a_directory_is_read_again_after_a_restart(struct world *w)
{
	put(w, 1, (struct msg_put){.key = SLICE("k"), .version = 5});
	assert_int_equal(answer(w, 1), CODE_ok);
	restart(w);
	/* all of it waits for the directory, and so does the list */
	put(w, 1,
	    (struct msg_put){.key = SLICE("k"), .version = 4, .newer = 1});
	put(w, 2, (struct msg_put){.key = SLICE("l"), .version = 1});
	holds(w, "k=5 l=1 ");
	assert_int_equal(answer(w, 1), CODE_older);
	assert_int_equal(answer(w, 2), CODE_ok);
}

static void
bad_names_are_refused(struct world *w)
{
	put(w, 1, (struct msg_put){.box = SLICE("box"), .key = SLICE("k")});
	put(w, 2, (struct msg_put){.version = 1});
	assert_int_equal(answer(w, 1), CODE_bad_channel);
	assert_int_equal(answer(w, 2), CODE_missing_field);
	peer_send(w->publisher,
	    &(struct msg){.id = MSG_list, .list = {.box = SLICE("/x")}});
	await(w, w->publisher, MSG_list_end, 1);
	assert_int_equal(peer_nth(w->publisher, MSG_list_end, 0)->list_end.code,
	    CODE_bad_channel);
}

/* It stands in the numbering with the publishes around it. */
static void
who_joined_is_told_of_a_put(struct world *w)
{
	const struct msg *m;

	greet(w, w->hub);
	greet(w, w->other);
	join(w->hub, BOX, 0, 0);
	await(w, w->hub, MSG_joined, 1);
	warm(w);
	publish(w, 1, BOX, SLICE("1"));
	put(w, 2,
	    (struct msg_put){.key = SLICE("k"),
		.version = 77,
		.tell = 1,
		.body = SLICE("2")});
	publish(w, 3, BOX, SLICE("3"));
	put(w, 4, (struct msg_put){.key = SLICE("k"), .version = 78});
	await(w, w->hub, MSG_deliver, 3);
	for (unsigned i = 0; i < 3; i++) {
		m = peer_nth(w->hub, MSG_deliver, i);
		assert_int_equal(m->deliver.offset, i + 1);
		assert_int_equal(m->deliver.prev, i);
		assert_int_equal(m->deliver.body.p[0], '1' + (int)i);
	}
	m = peer_nth(w->hub, MSG_deliver, 1);
	assert_true(slice_is(m->deliver.id, "k"));
	assert_true(slice_is(m->deliver.filter, "77"));
	assert_int_equal(answer(w, 4), CODE_ok);
	m = peer_nth(w->publisher, MSG_published, 1);
	assert_int_equal(m->published.seq, 2);
	assert_int_equal(m->published.offset, 2);
	assert_int_equal(m->published.hubs, 1);
	m = peer_nth(w->publisher, MSG_published, 3);
	assert_int_equal(m->published.hubs, 0);
	holds(w, "k=78 ");
}

/* clang-format off */
#define both(f)                                                                \
	static void f##_at_once(void **state)                                  \
	{ open_at_once(*state); f(*state); }                                   \
	static void f##_blocking(void **state)                                 \
	{ open_blocking(*state); f(*state); }
both(items_are_put_replaced_and_dropped)
both(only_a_newer_version_replaces_if_asked)
both(an_acknowledgement_of_an_old_version_drops_no_newer)
both(a_box_holds_so_many_items)
both(a_box_holds_so_many_bytes)
both(what_has_expired_is_gone_and_makes_room)
both(a_box_is_given_up_at_once)
both(a_list_goes_on_behind_a_key)
both(a_directory_is_read_again_after_a_restart)
both(bad_names_are_refused)
both(who_joined_is_told_of_a_put)
/* clang-format on */

#define twice(f) whole(f##_at_once), whole(f##_blocking)

		TESTS(twice(items_are_put_replaced_and_dropped),
		    twice(only_a_newer_version_replaces_if_asked),
		    twice(an_acknowledgement_of_an_old_version_drops_no_newer),
		    twice(a_box_holds_so_many_items),
		    twice(a_box_holds_so_many_bytes),
		    twice(what_has_expired_is_gone_and_makes_room),
		    twice(a_box_is_given_up_at_once),
		    twice(a_list_goes_on_behind_a_key),
		    twice(a_directory_is_read_again_after_a_restart),
		    twice(bad_names_are_refused),
		    twice(who_joined_is_told_of_a_put))

/*
 * tables_test.c - rows of tables in a whole store, and the keys among them.
 */
#include "common/keys.h"
#include "common/stats.h"
#include "tests/unit/store_world.h"

static void
open_at_once(struct world *w)
{
	open_store(w, "/**=0", 1);
	greet(w, w->publisher);
}

static void
open_blocking(struct world *w)
{
	w->blocking = true;
	open_at_once(w);
}

static void
set(struct world *w, struct msg_set m)
{
	if (m.table.n == 0)
		m.table = SLICE("devices");
	peer_send(w->publisher, &(struct msg){.id = MSG_set, .set = m});
}

static void
unset(struct world *w, uint64_t seq, const char *home, const char *key)
{
	peer_send(w->publisher, &(struct msg){.id = MSG_unset,
				    .unset = {
					.seq = seq,
					.home = slice_of(home),
					.table = SLICE("devices"),
					.key = slice_of(key),
				    }});
}

static enum code
answer(struct world *w, uint64_t seq)
{
	await(w, w->publisher, MSG_published, (unsigned)seq);
	for (unsigned i = 0;; i++) {
		const struct msg *m = peer_nth(w->publisher, MSG_published, i);

		if (m->published.seq == seq)
			return (enum code)m->published.code;
	}
}

/* "home/key=value ", and + if there is more. */
static void
finds(struct world *w, struct msg_scan m, const char *what)
{
	char room[512] = "";
	size_t n = 0;

	m.ref = 3;
	if (m.table.n == 0)
		m.table = SLICE("devices");
	if (m.limit == 0)
		m.limit = 100;
	peer_send(w->publisher, &(struct msg){.id = MSG_scan, .scan = m});
	await(w, w->publisher, MSG_scan_end, 1);
	for (unsigned i = 0; i < w->publisher->count; i++) {
		struct msg *seen = &w->publisher->seen[i];

		if (seen->id == MSG_row)
			n += (size_t)snprintf(room + n, 512 - n,
			    "%.*s/%.*s=%.*s ", SLICE_ARGS(seen->row.home),
			    SLICE_ARGS(seen->row.key),
			    SLICE_ARGS(seen->row.value));
		if (seen->id == MSG_scan_end) {
			assert_int_equal(seen->scan_end.code, CODE_ok);
			assert_int_equal(seen->scan_end.ref, 3);
			if (seen->scan_end.more)
				n += (size_t)snprintf(room + n, 512 - n, "+");
		}
		if (seen->id == MSG_row || seen->id == MSG_scan_end)
			seen->id = MSG_unknown;
	}
	assert_string_equal(room, what);
}

static void
a_scan_sees_what_was_set_before(struct world *w)
{
	set(w, (struct msg_set){.seq = 1,
		   .home = SLICE("app/1"),
		   .key = SLICE("b"),
		   .value = SLICE("x")});
	set(w, (struct msg_set){.seq = 2,
		   .home = SLICE("app/1"),
		   .key = SLICE("a"),
		   .value = SLICE("y")});
	set(w, (struct msg_set){.seq = 3,
		   .home = SLICE("app/1"),
		   .key = SLICE("b"),
		   .value = SLICE("z")});
	finds(w, (struct msg_scan){.home = SLICE("app/1")},
	    "app/1/a=y app/1/b=z ");
	unset(w, 4, "app/1", "a");
	unset(w, 5, "app/1", "never there");
	finds(w, (struct msg_scan){.home = SLICE("app/1")}, "app/1/b=z ");
	for (uint64_t seq = 1; seq <= 5; seq++)
		assert_int_equal(answer(w, seq), CODE_ok);
}

static void
homes_and_tables_are_kept_apart(struct world *w)
{
	static const char *const homes[] = {"a", "a/1", "a/12", "b"};

	for (unsigned i = 0; i < LENGTH(homes); i++)
		set(w, (struct msg_set){.seq = i + 1,
			   .home = slice_of(homes[i]),
			   .key = SLICE("k")});
	set(w, (struct msg_set){.seq = 5,
		   .home = SLICE("a"),
		   .table = SLICE("dev"),
		   .key = SLICE("k")});
	finds(w, (struct msg_scan){.home = SLICE("a")}, "a/k= ");
	finds(w, (struct msg_scan){.home = SLICE("a/1")}, "a/1/k= ");
	finds(w, (struct msg_scan){.prefix = SLICE("")},
	    "a/k= a/1/k= a/12/k= b/k= ");
	finds(w, (struct msg_scan){.prefix = SLICE("a/")}, "a/1/k= a/12/k= ");
	finds(w, (struct msg_scan){.limit = 2}, "a/k= a/1/k= +");
	finds(w,
	    (struct msg_scan){.after_home = SLICE("a/1"), .after = SLICE("k")},
	    "a/12/k= b/k= ");
	finds(w,
	    (struct msg_scan){
		.home = SLICE("a"), .prefix = SLICE("k"), .after = SLICE("k")},
	    "");
}

static void
rows_expire(struct world *w)
{
	uint64_t soon = loop_unix_ms(w->loop) + 200;

	set(w, (struct msg_set){.seq = 1,
		   .home = SLICE("h"),
		   .key = SLICE("k"),
		   .expires = soon});
	set(w,
	    (struct msg_set){
		.seq = 2, .home = SLICE("h"), .key = SLICE("l"), .expires = 1});
	assert_int_equal(answer(w, 2), CODE_expired);
	finds(w, (struct msg_scan){.home = SLICE("h")}, "h/k= ");
	w->not_before = soon + 1;
	await(w, w->publisher, MSG_published, 2);
	w->not_before = 0;
	finds(w, (struct msg_scan){.home = SLICE("h")}, "");
}

static void
what_is_not_named_is_refused(struct world *w)
{
	set(w, (struct msg_set){.seq = 1, .home = SLICE("h")});
	set(w, (struct msg_set){
		   .seq = 2, .home = SLICE("h\0i"), .key = SLICE("k")});
	assert_int_equal(answer(w, 1), CODE_missing_field);
	assert_int_equal(answer(w, 2), CODE_missing_field);
}

/* More than a page of the engine. */
static void
many_rows_come_in_pages(struct world *w)
{
	char key[16];

	for (unsigned i = 1; i <= 1500; i++) {
		snprintf(key, sizeof(key), "%04u", i);
		set(w, (struct msg_set){
			   .seq = i, .home = SLICE("h"), .key = slice_of(key)});
	}
	peer_send(w->publisher, &(struct msg){.id = MSG_scan,
				    .scan = {.table = SLICE("devices"),
					.home = SLICE("h"),
					.limit = 1400}});
	await(w, w->publisher, MSG_scan_end, 1);
	assert_int_equal(peer_count(w->publisher, MSG_row), 1400);
	for (unsigned i = 0; i < 1400; i++) {
		snprintf(key, sizeof(key), "%04u", i + 1);
		assert_true(
		    slice_is(peer_nth(w->publisher, MSG_row, i)->row.key, key));
	}
	assert_true(peer_nth(w->publisher, MSG_scan_end, 0)->scan_end.more);
}

static void
set_key(struct world *w, uint64_t seq, const char *id, const char *secret)
{
	struct buf frame = {0};

	msg_encode(&frame, &(struct msg){.id = MSG_key,
			       .key = {
				   .app = SLICE("shop"),
				   .id = slice_of(id),
				   .alg = SLICE("HS256"),
				   .secret = slice_of(secret),
				   .rights = KEY_PUBLISH,
			       }});
	set(w, (struct msg_set){.seq = seq,
		   .table = SLICE("keys"),
		   .home = SLICE("shop"),
		   .key = SLICE("k1"),
		   .value = buf_slice(&frame)});
	buf_free(&frame);
}

static void
a_key_is_told_when_it_is_set_and_when_it_is_not(struct world *w)
{
	const struct msg *m;

	greet(w, w->hub);
	assert_int_equal(peer_count(w->hub, MSG_key), 1); /* demo's */
	set_key(w, 1, "k1", "s1");
	await(w, w->hub, MSG_key, 2);
	m = peer_nth(w->hub, MSG_key, 1);
	assert_true(slice_is(m->key.app, "shop"));
	assert_true(slice_is(m->key.secret, "s1"));
	assert_int_equal(m->key.rights, KEY_PUBLISH);
	greet(w, w->other);
	await(w, w->other, MSG_welcome, 1);
	assert_int_equal(peer_count(w->other, MSG_key), 2);
	peer_send(w->publisher, &(struct msg){.id = MSG_unset,
				    .unset = {.seq = 2,
					.home = SLICE("shop"),
					.table = SLICE("keys"),
					.key = SLICE("k1")}});
	await(w, w->hub, MSG_key, 3);
	m = peer_nth(w->hub, MSG_key, 2);
	assert_true(slice_is(m->key.id, "k1"));
	assert_int_equal(m->key.revoked, 1);
	assert_int_equal(peer_count(w->publisher, MSG_key), 3);
}

static void
a_row_that_is_no_key_is_told_to_nobody(struct world *w)
{
	greet(w, w->hub);
	set(w, (struct msg_set){.seq = 1,
		   .table = SLICE("keys"),
		   .home = SLICE("shop"),
		   .key = SLICE("k1"),
		   .value = SLICE("{}")});
	set_key(w, 2, "other", "s1"); /* under the name k1 */
	assert_int_equal(answer(w, 2), CODE_ok);
	set_key(w, 3, "k1", "s1");
	await(w, w->hub, MSG_key, 2);
	assert_true(slice_is(peer_nth(w->hub, MSG_key, 1)->key.secret, "s1"));
}

static void
keys_are_known_after_a_restart(struct world *w)
{
	const char *why;

	set_key(w, 1, "k1", "s1");
	assert_int_equal(answer(w, 1), CODE_ok);
	peer_close(w->publisher);
	core_close(&w->core);
	w->publisher->boot++;
	w->core = core_open(&w->setup, &why);
	assert_non_null(w->core);
	greet(w, w->publisher);
	assert_int_equal(peer_count(w->publisher, MSG_key), 1);
	assert_true(slice_is(peer_nth(w->publisher, MSG_key, 0)->key.id, "k1"));
}

static void
only_an_ingress_sets_keys(struct world *w)
{
	greet(w, w->hub);
	peer_send(w->hub, &(struct msg){.id = MSG_set,
			      .set = {.seq = 1,
				  .home = SLICE("shop"),
				  .table = SLICE("keys"),
				  .key = SLICE("k")}});
	await(w, w->hub, MSG_published, 1);
	assert_int_equal(
	    peer_nth(w->hub, MSG_published, 0)->published.code, CODE_forbidden);
}

/* clang-format off */
#define both(f)                                                                \
	static void f##_at_once(void **state)                                  \
	{ open_at_once(*state); f(*state); }                                   \
	static void f##_blocking(void **state)                                 \
	{ open_blocking(*state); f(*state); }
both(a_scan_sees_what_was_set_before)
both(homes_and_tables_are_kept_apart)
both(rows_expire)
both(what_is_not_named_is_refused)
both(many_rows_come_in_pages)
both(a_key_is_told_when_it_is_set_and_when_it_is_not)
both(a_row_that_is_no_key_is_told_to_nobody)
both(keys_are_known_after_a_restart)
both(only_an_ingress_sets_keys)
    /* clang-format on */

    static void a_set_that_failed_is_answered_so_and_told_to_nobody(
	void **state)
{
	struct world *w = *state;

	open_blocking(w);
	w->scripted.code = CODE_full;
	set_key(w, 1, "k1", "s1");
	finds(w,
	    (struct msg_scan){.table = SLICE("keys"), .home = SLICE("shop")},
	    "");
	assert_int_equal(answer(w, 1), CODE_full);
	assert_int_equal(peer_count(w->publisher, MSG_key), 1);
}

/* With asks on their way. */
static void
a_peer_that_left_takes_its_scans_along(void **state)
{
	struct world *w = *state;

	open_blocking(w);
	greet(w, w->hub);
	for (unsigned i = 0; i < 100; i++) {
		peer_send(w->hub,
		    &(struct msg){.id = MSG_scan,
			.scan = {.table = SLICE("devices"), .limit = 10}});
		peer_send(w->hub,
		    &(struct msg){.id = MSG_list,
			.list = {.box = SLICE("/a/private/b"), .limit = 10}});
	}
	peer_send(w->hub, &(struct msg){.id = MSG_set,
			      .set = {.seq = 1,
				  .home = SLICE("h"),
				  .table = SLICE("devices"),
				  .key = SLICE("k")}});
	peer_send(w->hub, &(struct msg){.id = MSG_bye, .bye = {.boot = 11}});
	set(w,
	    (struct msg_set){.seq = 1, .home = SLICE("h"), .key = SLICE("k2")});
	finds(w, (struct msg_scan){.home = SLICE("h"), .prefix = SLICE("k2")},
	    "h/k2= ");
}

#define twice(f) whole(f##_at_once), whole(f##_blocking)

TESTS(twice(a_scan_sees_what_was_set_before),
    twice(homes_and_tables_are_kept_apart), twice(rows_expire),
    twice(what_is_not_named_is_refused), twice(many_rows_come_in_pages),
    twice(a_key_is_told_when_it_is_set_and_when_it_is_not),
    twice(a_row_that_is_no_key_is_told_to_nobody),
    twice(keys_are_known_after_a_restart), twice(only_an_ingress_sets_keys),
    whole(a_set_that_failed_is_answered_so_and_told_to_nobody),
    whole(a_peer_that_left_takes_its_scans_along))

/* run_test.c - bytes framed once, read by many, each at its own pace. */
#include "common/must.h"
#include "hub/run.h"
#include "tests/unit/test.h"

static struct piece
append(struct run *r, const char *text)
{
	struct piece p = {r, (uint32_t)r->bytes.n, 0};

	buf_str(&r->bytes, text);
	p.to = (uint32_t)r->bytes.n;
	return p;
}

/* What a queue holds, piece by piece, with | between. */
static const char *
shown(const struct out *o, char *room)
{
	struct slice s[OUT_IOVECS];
	unsigned n = out_front(o, s);
	size_t at = 0;

	for (unsigned i = 0; i < n; i++) {
		if (i != 0)
			room[at++] = '|';
		memcpy(room + at, s[i].p, s[i].n);
		at += s[i].n;
	}
	room[at] = '\0';
	return room;
}

static void
adjacent_pieces_become_one(void **state)
{
	struct runs *pool = runs_new();
	struct run *a = run_new(pool), *b = run_new(pool);
	struct out o = {0};
	char room[64];

	(void)state;
	out_push(&o, append(a, "one"));
	out_push(&o, append(a, "two"));
	assert_string_equal(shown(&o, room), "onetwo");
	out_push(&o, append(b, "x"));
	out_push(&o, append(b, "y"));
	out_push(&o, append(a, "three"));
	assert_string_equal(shown(&o, room), "onetwo|xy|three");
	assert_int_equal(o.bytes, 13);
	out_clear(&o, STAT_drop_closed);
	assert_true(out_empty(&o));
	run_unref(&a);
	run_unref(&b);
	runs_free(&pool);
}

static void
what_was_written_leaves_from_the_front(void **state)
{
	struct runs *pool = runs_new();
	struct run *r[9];
	struct out o = {0};
	char room[64];

	(void)state;
	for (size_t i = 0; i < LENGTH(r); i++) {
		char text[3] = {(char)('a' + i), (char)('A' + i), '\0'};

		r[i] = run_new(pool);
		out_push(&o, append(r[i], text));
		run_unref(&r[i]);
	}
	out_pop(&o, 3);
	assert_string_equal(shown(&o, room), "B|cC|dD|eE|fF|gG|hH|iI");
	out_pop(&o, 1);
	r[0] = run_new(pool);
	out_push(&o, append(r[0], "end"));
	run_unref(&r[0]);
	assert_string_equal(shown(&o, room), "cC|dD|eE|fF|gG|hH|iI|end");
	out_pop(&o, o.bytes);
	assert_true(out_empty(&o));
	assert_null(o.more);
	runs_free(&pool);
}

static void
a_run_lives_until_its_last_reader_is_past_it(void **state)
{
	struct runs *pool = runs_new();
	struct run *r = run_new(pool), *first = r;
	struct out fast = {0}, slow = {0};
	struct piece p = append(r, "message");
	char room[64];

	(void)state;
	out_push(&fast, p);
	out_push(&slow, p);
	run_unref(&r);
	out_pop(&fast, 7);
	assert_string_equal(shown(&slow, room), "message");
	out_pop(&slow, 7);
	r = run_new(pool); /* the pool gives it out again, empty */
	assert_ptr_equal(r, first);
	assert_int_equal(r->bytes.n, 0);
	run_unref(&r);
	runs_free(&pool);
}

static void
a_run_may_move_while_pieces_of_it_wait(void **state)
{
	struct runs *pool = runs_new();
	struct run *r = run_new(pool);
	struct out o = {0};
	struct slice s[OUT_IOVECS];

	(void)state;
	out_push(&o, append(r, "begin"));
	for (unsigned i = 0; i < 10000; i++)
		append(r, "0123456789");
	assert_int_equal(out_front(&o, s), 1);
	assert_true(slice_is(s[0], "begin"));
	out_clear(&o, STAT_drop_closed);
	run_unref(&r);
	runs_free(&pool);
}

static void
one_write_takes_a_bounded_number_of_pieces(void **state)
{
	struct runs *pool = runs_new();
	struct out o = {0};
	struct slice s[OUT_IOVECS];

	(void)state;
	for (unsigned i = 0; i < 3 * OUT_IOVECS; i++) {
		struct run *r = run_new(pool);

		out_push(&o, append(r, "ab"));
		run_unref(&r);
	}
	assert_int_equal(out_front(&o, s), OUT_IOVECS);
	out_pop(&o, 2 * OUT_IOVECS);
	assert_int_equal(out_front(&o, s), OUT_IOVECS);
	out_clear(&o, STAT_drop_closed);
	runs_free(&pool);
}

/* A message counts where its last byte goes, however it was cut. */
static void
pieces_know_how_many_messages_end_in_them(void **state)
{
	struct runs *pool = runs_new();
	struct run *r = run_new(pool);
	struct out o = {0};
	struct piece whole = {r, 0, 0};

	(void)state;
	assert_int_equal(run_count(r, 0, 0), 0);
	for (unsigned i = 0; i < 100; i++) {
		append(r, "four");
		run_end_message(r, 0);
		append(r, "!");
	}
	whole.to = (uint32_t)r->bytes.n;
	assert_int_equal(piece_messages(&whole), 100);
	for (uint32_t from = 0; from <= 500; from++)
		for (uint32_t to = from; to <= 500; to++)
			assert_int_equal(run_count(r, from, to),
			    (to + 1) / 5 - (from + 1) / 5);
	for (uint32_t from = 0; from <= 500; from++) /* the last, too */
		for (uint32_t to = from; to <= 500; to++)
			assert_int_equal(
			    piece_messages(&(struct piece){r, from, to}),
			    (to + 1) / 5 - (from + 1) / 5);
	out_push(&o, whole);
	assert_int_equal(out_pop(&o, 3), 0);
	assert_int_equal(out_pop(&o, 1), 1);
	assert_int_equal(out_pop(&o, 250), 50);
	append(r, "more"); /* grown since: its end is no message's */
	assert_int_equal(out_pop(&o, 100), 20);
	assert_int_equal(out_clear(&o, STAT_drop_closed), 29);
	run_unref(&r);
	r = run_new(pool); /* the same one, and it has forgotten */
	append(r, "x");
	assert_int_equal(run_count(r, 0, 1), 0);
	run_unref(&r);
	runs_free(&pool);
}

TESTS(unit(pieces_know_how_many_messages_end_in_them),
    unit(adjacent_pieces_become_one),
    unit(what_was_written_leaves_from_the_front),
    unit(a_run_lives_until_its_last_reader_is_past_it),
    unit(a_run_may_move_while_pieces_of_it_wait),
    unit(one_write_takes_a_bounded_number_of_pieces))

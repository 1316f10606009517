/*
 * bus_frames_test.c - the frames of a message come in order, a few at a time,
 * and none from behind one that is bad.
 */
#include "common/bus_frames.h"
#include "tests/unit/test.h"

static void
put(struct buf *b, uint64_t last)
{
	msg_encode(b, &(struct msg){.id = MSG_beat, .beat = {.last = last}});
}

static void
all_come_in_order_a_few_at_a_time(void **state)
{
	struct msg m[FRAMES_AHEAD];
	const char *why = NULL;
	struct buf b = {0};
	struct slice in;
	uint64_t last = 0;

	(void)state;
	for (unsigned i = 1; i <= 2 * FRAMES_AHEAD + 3; i++)
		put(&b, i);
	in = buf_slice(&b);
	for (unsigned round = 0; round < 3; round++) {
		unsigned n = bus_frames_cut(&in, m, &why);

		assert_int_equal(n, round < 2 ? FRAMES_AHEAD : 3);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(m[i].beat.last, ++last);
	}
	assert_int_equal(in.n, 0);
	assert_int_equal(bus_frames_cut(&in, m, &why), 0);
	assert_null(why);
	buf_free(&b);
}

static void
what_stands_before_a_bad_one_comes_and_nothing_behind_it(void **state)
{
	struct msg m[FRAMES_AHEAD];
	const char *why = NULL;
	struct buf b = {0};
	struct slice in;

	(void)state;
	put(&b, 1);
	put(&b, 2);
	buf_str(&b, "x");
	put(&b, 3);
	in = buf_slice(&b);
	assert_int_equal(bus_frames_cut(&in, m, &why), 2);
	assert_int_equal(m[1].beat.last, 2);
	assert_non_null(why);
	why = NULL;
	buf_clear(&b);
	put(&b, 1);
	put(&b, 2);
	in = (struct slice){b.p, b.n - 1};
	assert_int_equal(bus_frames_cut(&in, m, &why), 1);
	assert_string_equal(why, "a frame is cut short");
	buf_free(&b);
}

TESTS(unit(all_come_in_order_a_few_at_a_time),
    unit(what_stands_before_a_bad_one_comes_and_nothing_behind_it))

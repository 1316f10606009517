/* link_test.c - a link is lossless or dead, and its window bounds it. */
#include "common/link.h"
#include "common/must.h"
#include "tests/unit/test.h"

static void
add_beat(struct link *l)
{
	struct msg m = {.id = MSG_beat, .beat = {.last = 1}};

	link_add(l, &m);
}

/* Carry what `from` has to say over to `to`. */
static enum link_verdict
carry(struct link *from, struct link *to)
{
	struct slice m = link_seal(from);
	enum link_verdict v;
	uint64_t n, acked;

	assert_true(msg_header_read(m, &n, &acked));
	v = link_heard(to, n, acked, m.n);
	free((char *)(uintptr_t)m.p);
	return v;
}

static void
messages_are_numbered_and_acknowledged(void **state)
{
	struct link a, b;

	(void)state;
	link_init(&a);
	link_init(&b);
	for (int i = 0; i < 100; i++) {
		add_beat(&a);
		assert_int_equal(carry(&a, &b), LINK_OK);
	}
	assert_int_equal(a.sent, 100);
	assert_int_equal(b.seen, 100);
	assert_true(a.flight >= 100 * 19);
	add_beat(&b);
	assert_int_equal(carry(&b, &a), LINK_OK);
	assert_int_equal(a.acked, 100);
	assert_int_equal(a.flight, 0);
	link_free(&a);
	link_free(&b);
}

static void
a_hole_ends_it(void **state)
{
	struct link a, b;

	(void)state;
	link_init(&a);
	link_init(&b);
	assert_int_equal(carry(&a, &b), LINK_OK);
	free((char *)(uintptr_t)link_seal(&a).p);
	assert_int_equal(carry(&a, &b), LINK_HOLE);
	assert_int_equal(link_heard(&b, 1, 0, 19), LINK_HOLE);
	link_free(&a);
	link_free(&b);
}

static void
acknowledging_what_was_never_sent_is_bad(void **state)
{
	struct link a;

	(void)state;
	link_init(&a);
	free((char *)(uintptr_t)link_seal(&a).p);
	assert_int_equal(link_heard(&a, 1, 2, 19), LINK_BAD);
	assert_int_equal(link_heard(&a, 1, 1, 19), LINK_OK);
	assert_int_equal(link_heard(&a, 2, 0, 19), LINK_BAD);
	link_free(&a);
}

static void
the_window_closes_and_opens(void **state)
{
	char big[65536] = {0};
	struct msg m = {
	    .id = MSG_deliver, .deliver = {.body = {big, sizeof(big)}}};
	struct link a, b;
	size_t sent = 0;

	(void)state;
	link_init(&a);
	link_init(&b);
	while (link_room(&a)) {
		link_add(&a, &m);
		assert_int_equal(carry(&a, &b), LINK_OK);
		sent++;
	}
	assert_in_range(sent, 63, 65);
	assert_true(link_due(&b));
	assert_false(link_room(&a));
	assert_int_equal(carry(&b, &a), LINK_OK);
	assert_true(link_room(&a));
	assert_false(link_due(&b));
	link_free(&a);
	link_free(&b);
}

static void
what_waits_counts_against_the_window(void **state)
{
	char big[65536] = {0};
	struct msg m = {
	    .id = MSG_deliver, .deliver = {.body = {big, sizeof(big)}}};
	struct link a;

	(void)state;
	link_init(&a);
	for (int i = 0; i < 63; i++)
		link_add(&a, &m);
	assert_true(link_room(&a) && link_ripe(&a));
	link_add(&a, &m);
	assert_false(link_room(&a));
	link_free(&a);
}

static void
silence_is_counted_in_own_beats_and_only_when_drained(void **state)
{
	struct link a, b;

	(void)state;
	link_init(&a);
	link_init(&b);
	for (int i = 0; i < 100; i++)
		assert_false(link_beat(&a, false));
	for (int i = 0; i < LINK_SILENT_BEATS; i++)
		assert_false(link_beat(&a, true));
	assert_int_equal(carry(&b, &a), LINK_OK);
	for (int i = 0; i < LINK_SILENT_BEATS; i++)
		assert_false(link_beat(&a, true));
	assert_true(link_beat(&a, true));
	link_free(&a);
	link_free(&b);
}

TESTS(unit(messages_are_numbered_and_acknowledged), unit(a_hole_ends_it),
    unit(acknowledging_what_was_never_sent_is_bad),
    unit(the_window_closes_and_opens),
    unit(what_waits_counts_against_the_window),
    unit(silence_is_counted_in_own_beats_and_only_when_drained))

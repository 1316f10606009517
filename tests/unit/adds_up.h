/*
 * adds_up.h - what is counted must add up, whatever a test did.
 */
#ifndef TESTS_UNIT_ADDS_UP_H
#define TESTS_UNIT_ADDS_UP_H

#include "common/stats.h"
#include "tests/unit/test.h"

static inline void
publishes_add_up(void)
{
	uint64_t refused = 0;

#define CODE(name, number, status, text)                                       \
	refused += stats_get(STAT_refused_##name);
#include "common/code.def"
	assert_int_equal(stats_get(STAT_publishes_refused) +
			     stats_get(STAT_publishes_busy) +
			     stats_get(STAT_refused_moved),
	    refused);
	assert_int_equal(stats_get(STAT_publishes_taken),
	    stats_get(STAT_publishes_accepted) +
		stats_get(STAT_publishes_repeated) + refused +
		stats_get(STAT_publishes_abandoned) +
		stats_get(STAT_publishes_pending));
	assert_int_equal(stats_get(STAT_writes_taken),
	    stats_get(STAT_writes_accepted) + stats_get(STAT_writes_repeated) +
		stats_get(STAT_writes_refused) + stats_get(STAT_writes_busy) +
		stats_get(STAT_writes_moved) + stats_get(STAT_writes_pending));
	assert_true(stats_get(STAT_publishes_pending) < INT64_MAX);
	assert_true(stats_get(STAT_writes_pending) < INT64_MAX);
}

static inline void
copies_add_up(void)
{
	assert_int_equal(
	    stats_get(STAT_copies_live) + stats_get(STAT_copies_history),
	    stats_get(STAT_copies_used) + stats_get(STAT_copies_old) +
		stats_get(STAT_drop_no_channel));
}

static inline void
deliveries_add_up(void)
{
	assert_int_equal(stats_get(STAT_messages_due),
	    stats_get(STAT_messages_delivered) + stats_get(STAT_slow_skips) +
		stats_get(STAT_drop_expired) + stats_get(STAT_drop_slow) +
		stats_get(STAT_drop_closed) + stats_get(STAT_drop_left) +
		stats_get(STAT_drop_hold) + stats_get(STAT_drop_no_room) +
		stats_get(STAT_drop_other_page) +
		stats_get(STAT_messages_pending));
	assert_true(stats_get(STAT_messages_pending) < INT64_MAX);
}

static inline void
jobs_add_up(void)
{
	assert_int_equal(stats_get(STAT_jobs_enqueued) +
			     stats_get(STAT_jobs_recovered) +
			     stats_get(STAT_jobs_replayed),
	    stats_get(STAT_jobs_pending) + stats_get(STAT_jobs_delivered) +
		stats_get(STAT_jobs_expired) + stats_get(STAT_jobs_dead) +
		stats_get(STAT_jobs_replaced) + stats_get(STAT_jobs_gone) +
		stats_get(STAT_jobs_cancelled) + stats_get(STAT_jobs_left));
	assert_true(stats_get(STAT_jobs_pending) < INT64_MAX);
}

#endif

/*
 * jobs_end_test.c - the rules of jobs: how they end, and what a pusher's or the
 * store's death does to them.
 */
#include "tests/unit/jobs_rules.h"

static void
a_retry_waits_longer_each_time_and_ends_as_a_dead_letter(void **state)
{
	struct world *w = *state;
	uint64_t a = enqueue(w, (struct msg_enqueue){0}), most = 1000;

	for (unsigned n = 1; n <= w->limits.attempts; n++, most *= 2) {
		struct frame *f;
		uint64_t lease;

		credit(w, 1, "q", 1);
		turn(w, 0);
		f = next(w, 1, MSG_job);
		assert_non_null(f);
		assert_int_equal(f->m.job.attempt, n);
		lease = f->m.job.lease;
		free(f);
		receipt(w, 1,
		    (struct msg_receipt){.number = a,
			.lease = lease,
			.outcome = OUTCOME_RETRY,
			.why = SLICE("busy")});
		assert_true(settled(w, 1, a));
		turn(w, most);
	}
	assert_int_equal(state_of(w, a), JOB_DEAD);
	assert_int_equal(stats_get(STAT_dead_letters), 1);
}

static void
a_retry_comes_when_the_vendor_said(void **state)
{
	struct world *w = *state;
	uint64_t a = enqueue(w, (struct msg_enqueue){0}), lease;

	credit(w, 1, "q", 9);
	lease = leased(w, 1, a);
	receipt(w, 1,
	    (struct msg_receipt){.number = a,
		.lease = lease,
		.outcome = OUTCOME_RETRY,
		.at = UNIX + w->now + 90000});
	turn(w, 89999);
	assert_null(next(w, 1, MSG_job));
	turn(w, 1);
	leased(w, 1, a);
}

static void
only_the_current_lease_may_ask_for_a_retry(void **state)
{
	struct world *w = *state;
	uint64_t a = enqueue(w, (struct msg_enqueue){0}), old;

	credit(w, 1, "q", 1);
	old = leased(w, 1, a);
	turn(w, w->limits.lease_ms);
	credit(w, 2, "q", 1);
	leased(w, 2, a);
	receipt(w, 1,
	    (struct msg_receipt){
		.number = a, .lease = old, .outcome = OUTCOME_RETRY});
	assert_true(settled(w, 1, a));
	assert_int_equal(state_of(w, a), JOB_LEASED);
	receipt(w, 1,
	    (struct msg_receipt){
		.number = a, .lease = old, .outcome = OUTCOME_DELIVERED});
	assert_int_equal(state_of(w, a), JOB_DELIVERED);
	assert_true(settled(w, 2, a)); /* who has it may forget it, too */
}

static void
a_dead_letter_can_be_replayed_or_deleted(void **state)
{
	struct world *w = *state;
	uint64_t n[2], lease;
	struct msg m = {.id = MSG_requeue, .requeue = {.target = SLICE("t")}};
	struct frame *f;

	for (unsigned i = 0; i < 2; i++) {
		n[i] = enqueue(w, (struct msg_enqueue){.body = SLICE("b")});
		credit(w, 1, "q", 1);
		lease = leased(w, 1, n[i]);
		receipt(w, 1,
		    (struct msg_receipt){.number = n[i],
			.lease = lease,
			.outcome = OUTCOME_REFUSED,
			.why = SLICE("BadTopic")});
		assert_int_equal(state_of(w, n[i]), JOB_DEAD);
	}
	m.requeue.number = n[0];
	put_write(w, 0, &m);
	assert_int_equal(state_of(w, n[0]), JOB_READY);
	credit(w, 1, "q", 1);
	turn(w, 0);
	f = next(w, 1, MSG_job);
	assert_int_equal(f->m.job.attempt, 1);
	assert_true(slice_is(f->m.job.body, "b"));
	free(f);
	m = (struct msg){
	    .id = MSG_cancel, .cancel = {.target = SLICE("t"), .number = n[1]}};
	put_write(w, 0, &m);
	assert_int_equal(state_of(w, n[1]), JOB_ANY);
	m.cancel.number = n[0];
	put_write(w, 0, &m);
	assert_int_equal(state_of(w, n[0]), JOB_CANCELLED);
	forget_frames(&w->ends[0]);
	put_write(w, 0, &m);
	f = next(w, 0, MSG_published);
	assert_int_equal(f->m.published.code, CODE_not_found);
	free(f);
}

static void
dead_letters_are_bounded_by_count_and_age(void **state)
{
	struct world *w = *state;
	unsigned n = 0;

	credit(w, 1, "q", 10000);
	while (stats_get(STAT_dead_letters) < w->limits.dead + 20) {
		uint64_t a = enqueue(w, (struct msg_enqueue){0});

		n++;
		receipt(w, 1,
		    (struct msg_receipt){.number = a,
			.lease = leased(w, 1, a),
			.outcome = OUTCOME_REFUSED});
	}
	jobs_tick(w->jobs);
	assert_int_equal(stats_get(STAT_dead_letters), w->limits.dead);
	assert_int_equal(stats_get(STAT_dead_dropped), 20);
	assert_int_equal(state_of(w, 1), JOB_ANY);
	turn(w, w->limits.dead_ms);
	jobs_tick(w->jobs);
	assert_int_equal(stats_get(STAT_dead_letters), 0);
	assert_int_equal(stats_get(STAT_jobs_bytes), 0);
}

static void
a_pusher_that_comes_back_in_time_keeps_its_leases(void **state)
{
	struct world *w = *state;
	uint64_t a = enqueue(w, (struct msg_enqueue){0});
	uint64_t b = enqueue(w, (struct msg_enqueue){0}), lease;

	credit(w, 1, "q", 2);
	lease = leased(w, 1, a);
	credit(w, 2, "q", 2);
	link_down(w, 1);
	turn(w, w->limits.grace_ms - 1);
	assert_null(next(w, 2, MSG_job));
	link_up(w, 1);
	say(w, 1,
	    &(struct msg){
		.id = MSG_holding, .holding = {.number = a, .lease = lease}});
	turn(w, w->limits.grace_ms);
	assert_int_equal(state_of(w, a), JOB_LEASED);
	credit(w, 1, "q", 0); /* it knows nothing of b */
	leased(w, 2, b);
	assert_int_equal(stats_get(STAT_job_leases_returned), 1);
	link_down(w, 1);
	turn(w, w->limits.grace_ms);
	leased(w, 2, a);
}

static void
a_new_life_of_a_pusher_ends_the_leases_of_the_old(void **state)
{
	struct world *w = *state;
	uint64_t a = enqueue(w, (struct msg_enqueue){0});

	credit(w, 1, "q", 2);
	leased(w, 1, a);
	link_down(w, 1);
	w->ends[1].bus.boot = 555;
	link_up(w, 1);
	credit(w, 1, "q", 2);
	leased(w, 1, a);
}

static void
a_dead_token_becomes_feedback(void **state)
{
	struct world *w = *state;
	uint64_t a = enqueue(w, (struct msg_enqueue){0});
	struct read q = {.channel = SLICE("/a/meta/feedback"),
	    .upto = UINT64_MAX,
	    .most = READ_MOST,
	    .most_bytes = 1 << 20};

	credit(w, 1, "q", 1);
	receipt(w, 1,
	    (struct msg_receipt){.number = a,
		.lease = leased(w, 1, a),
		.outcome = OUTCOME_GONE,
		.at = 77,
		.why = SLICE("Unregistered"),
		.replacement = SLICE("t9")});
	assert_int_equal(state_of(w, a), JOB_GONE);
	w->engine->read(w->engine, &q);
	assert_int_equal(q.count, 1);
	assert_true(slice_is(q.found[0]->body,
	    "{\"job\":\"0-1\",\"queue\":\"q\",\"target\":\"t\","
	    "\"why\":\"Unregistered\",\"since\":77,"
	    "\"replacement\":\"t9\"}"));
	record_unref(&q.found[0]);
	assert_true(enqueue(w, (struct msg_enqueue){0}) > a + 1);
}

/* Two shards, of which the one with the feedback is another store's. */
static void
feedback_for_another_store_goes_by_the_pusher(void **state)
{
	unsigned there = channel_shard(SLICE("/a/meta/feedback"), 2);
	struct msg_receipt r = {.shard = !there,
	    .outcome = OUTCOME_GONE,
	    .why = SLICE("Unregistered")};
	char target[] = "a";
	struct world *w;
	struct frame *f;

	world_free(*state);
	*state = w = world_new(2, false);
	boot(w);
	for (unsigned i = 0; i < PEERS; i++)
		link_up(w, i);
	while (channel_shard(slice_of(target), 2) == there)
		target[0]++;
	sequence_shard(w->sequence, there)->owned = false;
	r.number = enqueue(w, (struct msg_enqueue){.target = slice_of(target)});
	credit(w, 1, "q", 1);
	r.lease = leased(w, 1, r.number);
	receipt(w, 1, r);
	f = next(w, 1, MSG_relay);
	assert_non_null(f);
	assert_true(slice_is(f->m.relay.channel, "/a/meta/feedback"));
	assert_true(slice_is(f->m.relay.why, "Unregistered"));
	assert_true(slice_starts(f->m.relay.body, SLICE("{\"job\":\"")));
	assert_int_equal(f->m.relay.lease, r.lease);
	free(f);
	assert_int_equal(stats_get(STAT_jobs_leased), 1);
	r.told = 1;
	receipt(w, 1, r);
	assert_true(settled(w, 1, r.number));
	assert_int_equal(stats_get(STAT_jobs_gone), 1);
}

static void
a_receipt_that_cannot_be_written_is_not_settled(void **state)
{
	struct world *w = *state;
	uint64_t a = enqueue(w, (struct msg_enqueue){0});
	struct msg_receipt r = {.number = a, .outcome = OUTCOME_DELIVERED};

	credit(w, 1, "q", 1);
	r.lease = leased(w, 1, a);
	w->fails = CODE_full;
	receipt(w, 1, r);
	assert_false(settled(w, 1, a));
	assert_int_equal(state_of(w, a), JOB_LEASED);
	w->fails = CODE_ok;
	receipt(w, 1, r);
	assert_true(settled(w, 1, a));
}

static void
jobs_survive_the_store(void **state)
{
	struct world *w = *state;
	uint64_t a = enqueue(w, (struct msg_enqueue){.body = SLICE("body"),
				    .priority = 3,
				    .expires = UNIX + w->now + 60000});
	uint64_t dead = enqueue(w, (struct msg_enqueue){.priority = 9});
	struct frame *f;

	credit(w, 1, "q", 1);
	receipt(w, 1,
	    (struct msg_receipt){.number = dead,
		.lease = leased(w, 1, dead),
		.outcome = OUTCOME_REFUSED});
	turn(w, 0);
	kill_store(w, true);
	boot(w);
	assert_int_equal(stats_get(STAT_jobs_recovered), 1);
	for (unsigned i = 0; i < PEERS; i++)
		link_up(w, i);
	assert_int_equal(state_of(w, dead), JOB_DEAD);
	credit(w, 2, "q", 1);
	nothing_leased(w, 2); /* peer 1 may still have it */
	turn(w, JOB_HOLD_MS);
	f = next(w, 2, MSG_job);
	assert_non_null(f);
	assert_int_equal(f->m.job.number, a);
	assert_int_equal(f->m.job.priority, 3);
	assert_true(slice_is(f->m.job.body, "body"));
	free(f);
	assert_true(enqueue(w, (struct msg_enqueue){0}) > dead);
}

static void
a_lease_is_claimed_again_after_a_boot(void **state)
{
	struct world *w = *state;
	uint64_t a = enqueue(w, (struct msg_enqueue){0});
	uint64_t b = enqueue(w, (struct msg_enqueue){0}), lease;

	credit(w, 1, "q", 1);
	lease = leased(w, 1, a);
	kill_store(w, true);
	boot(w);
	for (unsigned i = 0; i < PEERS; i++)
		link_up(w, i);
	credit(w, 2, "q", 9);
	nothing_leased(w, 2);
	say(w, 1,
	    &(struct msg){
		.id = MSG_holding, .holding = {.number = a, .lease = lease}});
	nothing_leased(w, 2);
	credit(w, 1, "q", 0); /* all known pushers are back */
	assert_true(leased(w, 2, b) > lease);
	nothing_leased(w, 2);
	receipt(w, 1,
	    (struct msg_receipt){
		.number = a, .lease = lease, .outcome = OUTCOME_RETRY});
	assert_true(settled(w, 1, a));
	assert_int_equal(state_of(w, a), JOB_WAITING);
}

/* An engine that forgets gives the same numbers again. */
static void
a_receipt_from_before_the_boot_is_not_of_a_new_job(void **state)
{
	struct world *w = *state;
	uint64_t a = enqueue(w, (struct msg_enqueue){0}), lease;

	credit(w, 1, "q", 1);
	lease = leased(w, 1, a);
	world_free(w);
	*state = w = world_new(1, false);
	w->now += 5000;
	boot(w);
	for (unsigned i = 0; i < PEERS; i++)
		link_up(w, i);
	assert_int_equal(enqueue(w, (struct msg_enqueue){0}), a);
	say(w, 1,
	    &(struct msg){
		.id = MSG_holding, .holding = {.number = a, .lease = lease}});
	assert_int_equal(state_of(w, a), JOB_READY);
	receipt(w, 1,
	    (struct msg_receipt){
		.number = a, .lease = lease, .outcome = OUTCOME_DELIVERED});
	assert_true(settled(w, 1, a));
	assert_int_equal(state_of(w, a), JOB_READY);
	credit(w, 1, "q", 1);
	assert_true(leased(w, 1, a) > lease);
}

static void
nothing_is_told_before_it_is_safe(void **state)
{
	struct world *w = *state;
	struct msg m = {.id = MSG_enqueue,
	    .enqueue = {
		.target = SLICE("t"), .queue = SLICE("q"), .app = SLICE("a")}};

	world_free(w);
	*state = w = start(true);
	credit(w, 1, "q", 5);
	turn(w, 0);
	end_write(w); /* that peer 1 has leases */
	put_write(w, 0, &m);
	turn(w, 0);
	assert_null(next(w, 0, MSG_published));
	assert_null(next(w, 1, MSG_job));
	assert_int_equal(state_of(w, 1), JOB_ANY);
	end_write(w);
	assert_non_null(w->ends[0].inbox.next);
	free(next(w, 0, MSG_published));
	receipt(w, 1,
	    (struct msg_receipt){.number = 1,
		.lease = leased(w, 1, 1),
		.outcome = OUTCOME_DELIVERED});
	turn(w, 0);
	assert_null(next(w, 1, MSG_settled));
	assert_int_equal(state_of(w, 1), JOB_LEASED);
	end_write(w);
	assert_true(settled(w, 1, 1));
}

TESTS(with(a_retry_waits_longer_each_time_and_ends_as_a_dead_letter),
    with(a_retry_comes_when_the_vendor_said),
    with(only_the_current_lease_may_ask_for_a_retry),
    with(a_dead_letter_can_be_replayed_or_deleted),
    with(dead_letters_are_bounded_by_count_and_age),
    with(a_pusher_that_comes_back_in_time_keeps_its_leases),
    with(a_new_life_of_a_pusher_ends_the_leases_of_the_old),
    with(a_dead_token_becomes_feedback),
    with(feedback_for_another_store_goes_by_the_pusher),
    with(a_receipt_that_cannot_be_written_is_not_settled),
    with(jobs_survive_the_store), with(a_lease_is_claimed_again_after_a_boot),
    with(a_receipt_from_before_the_boot_is_not_of_a_new_job),
    with(nothing_is_told_before_it_is_safe))

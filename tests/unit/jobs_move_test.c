/*
 * jobs_move_test.c - jobs of a shard that goes and comes while the store
 * serves: nobody hears of them meanwhile, and leases outlive it.
 */
#include "tests/unit/jobs_rules.h"

static void
leave(struct world *w)
{
	sequence_shard(w->sequence, 0)->owned = false;
	jobs_stop(w->jobs, 0);
	turn(w, 0);
	w->tops[0] = sequence_shard(w->sequence, 0)->next - 1;
	jobs_leave(w->jobs, 0);
}

static void
gain(struct world *w)
{
	struct snapshot rows;

	w->now += 2000;
	rows = jobs_rows(&w->face, 0, time_now(w).unix_ms);
	snapshot_read(&rows);
	assert_int_equal(rows.code, CODE_ok);
	sequence_shard(w->sequence, 0)->top = w->tops[0];
	sequence_shard(w->sequence, 0)->next = w->tops[0] + 1;
	sequence_shard(w->sequence, 0)->owned = true;
	jobs_gain(w->jobs, &rows);
	snapshot_free(&rows);
}

static void
holds(struct world *w, unsigned i, uint64_t number, uint64_t lease)
{
	say(w, i,
	    &(struct msg){.id = MSG_holding,
		.holding = {.number = number, .lease = lease}});
}

static void
what_is_left_is_given_to_nobody(void **state)
{
	struct world *w = *state;
	enum code code;

	enqueue(w, (struct msg_enqueue){0});
	leave(w);
	assert_int_equal(stats_get(STAT_jobs_pending), 0);
	credit(w, 1, "q", 9);
	nothing_leased(w, 1);
	turn(w, JOB_HOLD_MS);
	nothing_leased(w, 1);
	assert_int_equal(enqueue_as(w, (struct msg_enqueue){0}, &code), 0);
	assert_int_equal(code, CODE_moved);
}

static void
receipts_of_what_is_left_are_not_answered(void **state)
{
	struct world *w = *state;
	uint64_t a = enqueue(w, (struct msg_enqueue){0}), lease;

	credit(w, 1, "q", 9);
	lease = leased(w, 1, a);
	leave(w);
	receipt(w, 1,
	    (struct msg_receipt){
		.number = a, .lease = lease, .outcome = OUTCOME_DELIVERED});
	holds(w, 1, a, lease);
	assert_null(next(w, 1, MSG_settled));
	gain(w);
	receipt(w, 1,
	    (struct msg_receipt){
		.number = a, .lease = lease, .outcome = OUTCOME_DELIVERED});
	assert_true(settled(w, 1, a));
}

static void
what_comes_back_is_claimed_before_it_is_given_again(void **state)
{
	struct world *w = *state;
	uint64_t a = enqueue(w, (struct msg_enqueue){0});
	uint64_t b = enqueue(w, (struct msg_enqueue){0}), lease;

	credit(w, 1, "q", 1);
	lease = leased(w, 1, a);
	leave(w);
	gain(w);
	credit(w, 2, "q", 9);
	nothing_leased(w, 2);
	holds(w, 1, a, lease);
	assert_int_equal(state_of(w, a), JOB_LEASED);
	turn(w, JOB_HOLD_MS);
	assert_true(leased(w, 2, b) > lease);
	nothing_leased(w, 2);
}

static void
what_nobody_claims_is_given_again(void **state)
{
	struct world *w = *state;
	uint64_t a = enqueue(w, (struct msg_enqueue){0}), lease;

	credit(w, 1, "q", 1);
	lease = leased(w, 1, a);
	leave(w);
	gain(w);
	credit(w, 2, "q", 9);
	turn(w, JOB_HOLD_MS - 1);
	nothing_leased(w, 2);
	turn(w, 1);
	assert_true(leased(w, 2, a) > lease);
}

/* Its receipt came first, by another peer. */
static void
a_claim_of_what_is_over_is_answered(void **state)
{
	struct world *w = *state;
	uint64_t a = enqueue(w, (struct msg_enqueue){0}), lease;

	credit(w, 1, "q", 1);
	lease = leased(w, 1, a);
	leave(w);
	gain(w);
	receipt(w, 2,
	    (struct msg_receipt){
		.number = a, .lease = lease, .outcome = OUTCOME_DELIVERED});
	assert_true(settled(w, 2, a));
	holds(w, 1, a, lease);
	assert_true(settled(w, 1, a));
}

static void
dead_letters_come_back(void **state)
{
	struct world *w = *state;
	uint64_t a = enqueue(w, (struct msg_enqueue){0});

	credit(w, 1, "q", 1);
	receipt(w, 1,
	    (struct msg_receipt){.number = a,
		.lease = leased(w, 1, a),
		.outcome = OUTCOME_REFUSED});
	assert_true(settled(w, 1, a));
	leave(w);
	assert_int_equal(stats_get(STAT_dead_letters), 0);
	gain(w);
	assert_int_equal(stats_get(STAT_dead_letters), 1);
	assert_int_equal(state_of(w, a), JOB_DEAD);
}

/* Its receipts come by another peer, and were taken by a life before. */
static void
who_claims_a_dead_letter_is_told_that_it_is_over(void **state)
{
	static const unsigned outcomes[] = {OUTCOME_REFUSED, OUTCOME_DELIVERED};
	struct world *w = *state;

	for (unsigned i = 0; i < LENGTH(outcomes); i++) {
		struct msg_receipt r = {.outcome = OUTCOME_REFUSED};

		r.number = enqueue(w, (struct msg_enqueue){0});
		credit(w, 1, "q", 1);
		r.lease = leased(w, 1, r.number);
		receipt(w, 2, r);
		assert_true(settled(w, 1, r.number));
		assert_true(settled(w, 2, r.number));
		leave(w);
		gain(w);
		holds(w, 1, r.number, r.lease);
		assert_null(next(w, 1, MSG_settled));
		r.outcome = outcomes[i];
		receipt(w, 2, r);
		assert_true(settled(w, 1, r.number));
		assert_true(settled(w, 2, r.number));
	}
}

static void
end_writes(struct world *w)
{
	for (turn(w, 0); w->writing != NULL; turn(w, 0))
		end_write(w);
}

/* It is being written meanwhile. */
static void
who_claims_what_is_about_to_end_is_told_then(void **state)
{
	static const unsigned outcomes[] = {OUTCOME_DELIVERED, OUTCOME_GONE};
	struct world *w = start(true);
	struct frame *f;

	(void)state;
	for (unsigned i = 0; i < LENGTH(outcomes); i++) {
		struct msg_receipt r = {.outcome = outcomes[i]};
		struct msg m = {.id = MSG_enqueue,
		    .enqueue = {.queue = SLICE("q"),
			.app = SLICE("a"),
			.target = SLICE("t")}};

		put_write(w, 0, &m);
		credit(w, 1, "q", 1);
		end_writes(w);
		turn(w, JOB_HOLD_MS);
		f = next(w, 0, MSG_published);
		r.number = f->m.published.offset;
		free(f);
		r.lease = leased(w, 1, r.number);
		leave(w);
		gain(w);
		receipt(w, 2, r);
		turn(w, 0);
		assert_non_null(w->writing);
		holds(w, 1, r.number, r.lease);
		assert_null(next(w, 1, MSG_settled));
		end_writes(w);
		assert_true(settled(w, 1, r.number));
		assert_true(settled(w, 2, r.number));
	}
	assert_conserved();
	world_free(w);
}

TESTS(with(what_is_left_is_given_to_nobody),
    with(receipts_of_what_is_left_are_not_answered),
    with(what_comes_back_is_claimed_before_it_is_given_again),
    with(what_nobody_claims_is_given_again),
    with(a_claim_of_what_is_over_is_answered), with(dead_letters_come_back),
    cmocka_unit_test(who_claims_what_is_about_to_end_is_told_then),
    with(who_claims_a_dead_letter_is_told_that_it_is_over))

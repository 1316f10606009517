/*
 * jobs_test.c - the rules of jobs: who gets which, and when.
 */
#include "tests/unit/cpu.h"
#include "tests/unit/jobs_rules.h"

static void
a_job_is_leased_by_credit_and_settled(void **state)
{
	struct world *w = *state;
	uint64_t a = enqueue(w, (struct msg_enqueue){.body = SLICE("hi")});
	uint64_t b = enqueue(w, (struct msg_enqueue){0}), lease;

	assert_int_equal(b, a + 1);
	assert_int_equal(state_of(w, a), JOB_READY);
	credit(w, 1, "other", 5);
	nothing_leased(w, 1);
	credit(w, 1, "q", 1);
	lease = leased(w, 1, a);
	nothing_leased(w, 1); /* the credit is used up */
	assert_int_equal(state_of(w, a), JOB_LEASED);
	receipt(w, 1,
	    (struct msg_receipt){.number = a,
		.lease = lease,
		.outcome = OUTCOME_DELIVERED,
		.vendor_id = SLICE("v")});
	assert_true(settled(w, 1, a));
	assert_int_equal(state_of(w, a), JOB_DELIVERED);
	receipt(w, 1,
	    (struct msg_receipt){
		.number = a, .lease = lease, .outcome = OUTCOME_DELIVERED});
	assert_true(settled(w, 1, a)); /* again */
	credit(w, 1, "q", 1);
	assert_true(leased(w, 1, b) > lease);
}

static void
priority_goes_before_order_within_an_application(void **state)
{
	struct world *w = *state;
	uint64_t low = enqueue(w, (struct msg_enqueue){.priority = 1});
	uint64_t high = enqueue(w, (struct msg_enqueue){.priority = 9});
	uint64_t high2 = enqueue(w, (struct msg_enqueue){.priority = 9});

	credit(w, 1, "q", 3);
	turn(w, 0);
	for (unsigned i = 0; i < 3; i++) {
		struct frame *f = next(w, 1, MSG_job);

		assert_int_equal(f->m.job.number, i == 0   ? high
						  : i == 1 ? high2
							   : low);
		free(f);
	}
}

static void
an_application_with_many_jobs_starves_no_other(void **state)
{
	struct world *w = *state;
	unsigned mine = 0;

	for (unsigned i = 0; i < 1000; i++)
		enqueue(w, (struct msg_enqueue){.priority = 9});
	for (unsigned i = 0; i < 10; i++)
		enqueue(w,
		    (struct msg_enqueue){.app = SLICE("small"), .priority = 0});
	credit(w, 1, "q", 20);
	turn(w, 0);
	for (unsigned i = 0; i < 20; i++) {
		struct frame *f = next(w, 1, MSG_job);

		mine += slice_is(f->m.job.app, "small");
		free(f);
	}
	assert_int_equal(mine, 10);
}

static void
two_pushers_share_a_queue(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < 10; i++)
		enqueue(w, (struct msg_enqueue){0});
	credit(w, 1, "q", 100);
	credit(w, 2, "q", 100);
	turn(w, 0);
	for (unsigned i = 0; i < 5; i++) {
		struct frame *f = next(w, 1, MSG_job), *g = next(w, 2, MSG_job);

		assert_true(f != NULL && g != NULL);
		free(f);
		free(g);
	}
}

static void
a_job_waits_for_its_time(void **state)
{
	struct world *w = *state;
	uint64_t a = enqueue(
	    w, (struct msg_enqueue){.not_before = UNIX + w->now + 5000});

	credit(w, 1, "q", 5);
	assert_int_equal(state_of(w, a), JOB_WAITING);
	turn(w, 4999);
	assert_null(next(w, 1, MSG_job));
	turn(w, 1);
	leased(w, 1, a);
}

static void
a_job_expires_and_is_counted(void **state)
{
	struct world *w = *state;
	uint64_t a =
	    enqueue(w, (struct msg_enqueue){.expires = UNIX + w->now + 5000});
	enum code code;

	turn(w, 5000);
	assert_int_equal(state_of(w, a), JOB_EXPIRED);
	assert_int_equal(stats_get(STAT_jobs_expired), 1);
	assert_int_equal(stats_get(STAT_jobs_pending), 0);
	enqueue_as(w, (struct msg_enqueue){.expires = 5}, &code);
	assert_int_equal(code, CODE_expired);
	enqueue_as(w,
	    (struct msg_enqueue){
		.not_before = UNIX + w->now + w->limits.age_ms},
	    &code);
	assert_int_equal(code, CODE_bad_field);
	a = enqueue(w, (struct msg_enqueue){.expires = UINT64_MAX});
	turn(w, w->limits.age_ms);
	assert_int_equal(state_of(w, a), JOB_EXPIRED);
}

static void
a_newer_job_of_its_key_replaces_what_waits(void **state)
{
	struct world *w = *state;
	struct msg_enqueue e = {.collapse = SLICE("k")};
	uint64_t a = enqueue(w, e), b = enqueue(w, e), other, c, lease;

	e.target = SLICE("t2");
	other = enqueue(w, e);
	assert_int_equal(state_of(w, a), JOB_REPLACED);
	credit(w, 1, "q", 1);
	lease = leased(w, 1, b);
	assert_int_equal(state_of(w, other), JOB_READY);
	e.target = SLICE("t");
	c = enqueue(w, e); /* follows what is leased */
	assert_int_equal(state_of(w, b), JOB_LEASED);
	assert_int_equal(state_of(w, c), JOB_WAITING);
	credit(w, 1, "q", 1);
	leased(w, 1, other);
	credit(w, 1, "q", 1);
	nothing_leased(w, 1);
	receipt(w, 1,
	    (struct msg_receipt){
		.number = b, .lease = lease, .outcome = OUTCOME_DELIVERED});
	assert_true(settled(w, 1, b));
	leased(w, 1, c);
}

static void
a_leased_job_that_fails_gives_way_to_the_newer_one(void **state)
{
	struct world *w = *state;
	struct msg_enqueue e = {.collapse = SLICE("k")};
	uint64_t a = enqueue(w, e), b, lease;

	credit(w, 1, "q", 1);
	lease = leased(w, 1, a);
	b = enqueue(w, e);
	receipt(w, 1,
	    (struct msg_receipt){
		.number = a, .lease = lease, .outcome = OUTCOME_RETRY});
	assert_true(settled(w, 1, a));
	assert_int_equal(state_of(w, a), JOB_REPLACED);
	credit(w, 1, "q", 1);
	leased(w, 1, b);
	turn(w, w->limits.lease_ms);
	assert_int_equal(state_of(w, b), JOB_READY); /* silence */
	assert_int_equal(stats_get(STAT_job_leases_expired), 1);
}

static void
a_job_that_was_returned_has_an_attempt_more(void **state)
{
	struct world *w = *state;
	uint64_t a = enqueue(w, (struct msg_enqueue){0});

	w->jobs_setup.limits.attempts = 1;
	for (unsigned i = 0; i < 3; i++) {
		credit(w, 1, "q", 1);
		receipt(w, 1,
		    (struct msg_receipt){.number = a,
			.lease = leased(w, 1, a),
			.outcome = OUTCOME_RETURNED});
		assert_true(settled(w, 1, a));
		assert_int_equal(state_of(w, a), JOB_READY);
	}
	assert_int_equal(stats_get(STAT_job_leases_returned), 3);
	credit(w, 1, "q", 1);
	receipt(w, 1,
	    (struct msg_receipt){.number = a,
		.lease = leased(w, 1, a),
		.outcome = OUTCOME_RETRY});
	assert_int_equal(state_of(w, a), JOB_DEAD);
}

static void
an_id_names_one_job(void **state)
{
	struct world *w = *state;
	struct msg_enqueue e = {.id = SLICE("once")};
	uint64_t a = enqueue(w, e);

	assert_int_equal(enqueue(w, e), a);
	e.target = SLICE("t2");
	assert_int_not_equal(enqueue(w, e), a);
	assert_int_equal(stats_get(STAT_jobs_enqueued), 2);
}

static void
what_cannot_be_a_job_is_refused(void **state)
{
	struct world *w = *state;
	enum code code;

	enqueue_as(w, (struct msg_enqueue){.queue = SLICE("")}, &code);
	assert_int_equal(code, CODE_bad_field);
	enqueue_as(w, (struct msg_enqueue){.app = SLICE("a/b")}, &code);
	assert_int_equal(code, CODE_bad_field);
	enqueue_as(w, (struct msg_enqueue){.target = SLICE("")}, &code);
	assert_int_equal(code, CODE_missing_field);
	w->jobs_setup.limits.most = 1;
	enqueue(w, (struct msg_enqueue){0});
	enqueue_as(w, (struct msg_enqueue){0}, &code);
	assert_int_equal(code, CODE_full);
}

static void
finished_jobs_are_remembered_for_a_while(void **state)
{
	struct world *w = *state;
	uint64_t a = enqueue(w, (struct msg_enqueue){0});

	credit(w, 1, "q", 1);
	receipt(w, 1,
	    (struct msg_receipt){.number = a,
		.lease = leased(w, 1, a),
		.outcome = OUTCOME_DELIVERED});
	turn(w, w->limits.done_ms - 1);
	jobs_tick(w->jobs);
	assert_int_equal(state_of(w, a), JOB_DELIVERED);
	turn(w, 1);
	jobs_tick(w->jobs);
	assert_int_equal(state_of(w, a), JOB_ANY);
}

static void
a_failed_enqueue_never_was(void **state)
{
	struct world *w = *state;
	struct msg_enqueue e = {.collapse = SLICE("k"), .id = SLICE("i")};
	uint64_t a;
	enum code code;

	e.id = SLICE("first");
	a = enqueue(w, e);
	e.id = SLICE("i");
	w->fails = CODE_full;
	enqueue_as(w, e, &code);
	assert_int_equal(code, CODE_full);
	assert_int_equal(state_of(w, a), JOB_READY);
	assert_int_equal(state_of(w, a + 1), JOB_ANY);
	w->fails = CODE_ok;
	assert_int_equal(enqueue(w, e), a + 1); /* its number comes again */
	assert_int_equal(state_of(w, a), JOB_REPLACED);
}

static void
a_list_goes_on_where_it_ended(void **state)
{
	struct world *w = *state;
	struct msg ask = {.id = MSG_jobs, .jobs = {.limit = 30, .ref = 8}};
	unsigned told = 0;
	bool more = true;

	for (unsigned i = 0; i < 100; i++)
		enqueue(w, (struct msg_enqueue){
			       .app = i % 2 != 0 ? SLICE("b") : SLICE("a")});
	ask.jobs.app = SLICE("b");
	while (more) {
		struct list *node;

		say(w, 3, &ask);
		while ((node = list_shift(&w->ends[3].inbox)) != NULL) {
			struct frame *f =
			    container_of(node, struct frame, node);

			if (f->m.id == MSG_job_is) {
				told++;
				assert_true(slice_is(f->m.job_is.app, "b"));
			} else {
				ask.jobs.after = f->m.jobs_end.after;
				more = f->m.jobs_end.more != 0;
			}
			free(f);
		}
	}
	assert_int_equal(told, 50);
}

static void
a_clock_that_leaps_is_followed(void **state)
{
	enum { HOUR = 3600000 };
	struct world *w = *state;
	uint64_t late = UNIX + w->now + HOUR, a, b, c;

	a = enqueue(w, (struct msg_enqueue){.not_before = late});
	b = enqueue(w, (struct msg_enqueue){.expires = late});
	w->leapt = 2 * HOUR;
	credit(w, 1, "q", 1);
	turn(w, 1);
	assert_int_equal(state_of(w, b), JOB_EXPIRED); /* and was not leased */
	jobs_tick(w->jobs);
	turn(w, 1);
	assert_int_equal(state_of(w, a), JOB_LEASED);
	w->leapt += w->limits.lease_ms + 1;
	turn(w, 1); /* too little for a timer */
	assert_int_equal(state_of(w, a), JOB_LEASED);
	jobs_tick(w->jobs);
	turn(w, 1);
	assert_int_equal(state_of(w, a), JOB_READY);
	c = enqueue(w, (struct msg_enqueue){.target = SLICE("c")});
	w->leapt = 0; /* it is not due any more */
	jobs_tick(w->jobs);
	assert_int_equal(state_of(w, c), JOB_WAITING);
}

/* Looking at each of them in each turn would take a minute or more. */
static void
many_waiting_jobs_cost_a_turn_nothing(void **state)
{
	enum { MANY = 100000, TURNS = 20000, HOUR = 3600000 };
	struct world *w = *state;
	uint64_t due = UNIX + w->now + HOUR, last = 0, from;

	w->jobs_setup.limits.most = 2 * MANY;
	w->jobs_setup.limits.bytes = 1 << 30;
	for (unsigned i = 0; i < MANY; i++)
		last = enqueue(w, (struct msg_enqueue){.not_before = due + i});
	from = cpu_us();
	for (unsigned i = 0; i < TURNS; i++) {
		turn(w, 1);
		jobs_tick(w->jobs);
	}
	assert_in_range(cpu_us() - from, 0, 2000000);
	assert_int_equal(state_of(w, last), JOB_WAITING);
	turn(w, HOUR + MANY);
	assert_int_equal(state_of(w, last), JOB_READY);
}

TESTS(with(a_job_is_leased_by_credit_and_settled),
    with(priority_goes_before_order_within_an_application),
    with(an_application_with_many_jobs_starves_no_other),
    with(two_pushers_share_a_queue), with(a_job_waits_for_its_time),
    with(a_job_expires_and_is_counted),
    with(a_newer_job_of_its_key_replaces_what_waits),
    with(a_leased_job_that_fails_gives_way_to_the_newer_one),
    with(a_job_that_was_returned_has_an_attempt_more),
    with(what_cannot_be_a_job_is_refused), with(an_id_names_one_job),
    with(what_cannot_be_a_job_is_refused),
    with(finished_jobs_are_remembered_for_a_while),
    with(a_failed_enqueue_never_was), with(a_list_goes_on_where_it_ended),
    with(a_clock_that_leaps_is_followed),
    with(many_waiting_jobs_cost_a_turn_nothing))

/*
 * jobs_test.c - the rules of jobs, one by one.
 */
#include "tests/unit/jobs_world.h"

static struct world *
start(bool blocks)
{
	struct world *w = world_new(1, blocks);

	boot(w);
	for (unsigned i = 0; i < PEERS; i++)
		link_up(w, i);
	return w;
}

static int
set_up(void **state)
{
	*state = start(false);
	return 0;
}

static int
tear_down(void **state)
{
	assert_conserved();
	world_free(*state);
	return 0;
}

/* Peer 0 enqueues; the answer's number, or 0 and *code. */
static uint64_t
enqueue_as(struct world *w, struct msg_enqueue e, enum code *code)
{
	struct msg m = {.id = MSG_enqueue, .enqueue = e};
	uint64_t number = 0;
	struct frame *f;

	if (m.enqueue.queue.p == NULL)
		m.enqueue.queue = SLICE("q");
	if (m.enqueue.app.p == NULL)
		m.enqueue.app = SLICE("a");
	if (m.enqueue.target.p == NULL)
		m.enqueue.target = SLICE("t");
	put_write(w, 0, &m);
	f = next(w, 0, MSG_published);
	assert_non_null(f);
	if (code != NULL)
		*code = (enum code)f->m.published.code;
	if (f->m.published.code == CODE_ok)
		number = f->m.published.offset;
	free(f);
	return number;
}

static uint64_t
enqueue(struct world *w, struct msg_enqueue e)
{
	uint64_t number = enqueue_as(w, e, NULL);

	assert_int_not_equal(number, 0);
	return number;
}

/* Peer i is leased that job next; its lease. */
static uint64_t
leased(struct world *w, unsigned i, uint64_t number)
{
	struct frame *f;
	uint64_t lease;

	turn(w, 0);
	f = next(w, i, MSG_job);
	assert_non_null(f);
	assert_int_equal(f->m.job.number, number);
	lease = f->m.job.lease;
	free(f);
	return lease;
}

static void
nothing_leased(struct world *w, unsigned i)
{
	turn(w, 0);
	assert_null(next(w, i, MSG_job));
}

static void
receipt(struct world *w, unsigned i, struct msg_receipt r)
{
	say(w, i, &(struct msg){.id = MSG_receipt, .receipt = r});
}

static bool
settled(struct world *w, unsigned i, uint64_t number)
{
	struct frame *f = next(w, i, MSG_settled);
	bool is = f != NULL && f->m.settled.number == number;

	free(f);
	return is;
}

static enum job_state
state_of(struct world *w, uint64_t number)
{
	struct frame *f;
	enum job_state s = JOB_ANY;

	say(w, 3, &(struct msg){.id = MSG_jobs, .jobs = {.number = number}});
	if ((f = next(w, 3, MSG_job_is)) != NULL)
		s = (enum job_state)f->m.job_is.state;
	free(f);
	forget_frames(&w->ends[3]);
	return s;
}

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

#define with(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

TESTS(with(a_job_is_leased_by_credit_and_settled),
    with(priority_goes_before_order_within_an_application),
    with(an_application_with_many_jobs_starves_no_other),
    with(two_pushers_share_a_queue), with(a_job_waits_for_its_time),
    with(a_job_expires_and_is_counted),
    with(a_newer_job_of_its_key_replaces_what_waits),
    with(a_leased_job_that_fails_gives_way_to_the_newer_one),
    with(a_retry_waits_longer_each_time_and_ends_as_a_dead_letter),
    with(a_retry_comes_when_the_vendor_said),
    with(only_the_current_lease_may_ask_for_a_retry),
    with(a_dead_letter_can_be_replayed_or_deleted),
    with(dead_letters_are_bounded_by_count_and_age),
    with(a_pusher_that_comes_back_in_time_keeps_its_leases),
    with(a_new_life_of_a_pusher_ends_the_leases_of_the_old),
    with(a_dead_token_becomes_feedback), with(an_id_names_one_job),
    with(what_cannot_be_a_job_is_refused),
    with(finished_jobs_are_remembered_for_a_while),
    with(a_failed_enqueue_never_was),
    with(a_receipt_that_cannot_be_written_is_not_settled),
    with(jobs_survive_the_store), with(a_lease_is_claimed_again_after_a_boot),
    with(nothing_is_told_before_it_is_safe),
    with(a_list_goes_on_where_it_ended))

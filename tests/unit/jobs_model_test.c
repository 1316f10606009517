/*
 * jobs_model_test.c - jobs against a simple model, at random.
 *
 * Pushers take jobs, answer or do not, lose their links and come back; the
 * engine blocks and fails; the store dies between and in writes.  Checked at
 * every step: the counters add up, and at every frame: nobody has what
 * another still has, nothing comes too early or too late, a collapse key
 * never goes backwards, and what was settled is off the disk.
 */
#include "tests/unit/jobs_model.h"

static void
answer_one(struct model *x, unsigned i)
{
	struct pusher *p = &x->pushers[i];
	struct msg m = {.id = MSG_receipt};
	struct hold *h;
	struct fact *f;

	if (p->count == 0 || !x->w->ends[i].up)
		return;
	h = &p->holds[dice(x->w, p->count)];
	if (h->said == OUTCOME_NONE)
		h->said = dice(x->w, 2) == 0
		              ? OUTCOME_DELIVERED
		              : (enum outcome)(1 + dice(x->w, 4));
	f = &x->facts[h->shard][h->number];
	if (h->said == OUTCOME_RETRY && f->holder == i + 1)
		f->holder = 0; /* the store may take it any time now */
	m.receipt = (struct msg_receipt){.shard = h->shard,
	    .number = h->number,
	    .lease = h->lease,
	    .outcome = h->said,
	    .why = SLICE("why")};
	say(x->w, i, &m);
}

static void
give_credit(struct model *x, unsigned i)
{
	struct pusher *p = &x->pushers[i];

	if (!x->w->ends[i].up)
		return;
	for (unsigned q = 0; q < 2; q++)
		credit(
		    x->w, i, queues[q], dice(x->w, 1 + (HELD - p->count) / 4));
}

static void
down(struct model *x, unsigned i)
{
	if (!x->w->ends[i].up)
		return;
	link_down(x->w, i);
	x->pushers[i].away_since = x->w->now;
}

/* Another may have it from now on. */
static void
let_go(struct model *x, unsigned i, const struct hold *h)
{
	struct fact *f = &x->facts[h->shard][h->number];

	if (f->holder == i + 1)
		f->holder = 0;
}

static void
up(struct model *x, unsigned i)
{
	struct pusher *p = &x->pushers[i];

	if (x->w->ends[i].up)
		return;
	for (unsigned k = 0; away_too_long(x, i) && k < p->count; k++)
		let_go(x, i, &p->holds[k]);
	p->forgiven = false;
	link_up(x->w, i);
	if (p->count != 0 && dice(x->w, 3) == 0) { /* it never came */
		struct hold *h = &p->holds[--p->count];

		let_go(x, i, h);
	}
	for (unsigned k = 0; k < p->count; k++) {
		struct hold *h = &p->holds[k];
		struct fact *f = &x->facts[h->shard][h->number];
		struct msg m = {.id = MSG_holding,
		    .holding = {h->shard, h->number, h->lease}};

		say(x->w, i, &m);
		if (f->until <= UNIX + x->w->now) /* it may be too late */
			let_go(x, i, h);
		else if (f->holder == i + 1 && f->lease == h->lease)
			f->until = UNIX + x->w->now + x->w->limits.lease_ms;
	}
	give_credit(x, i);
}

/* Whoever was lost in the inboxes was never told: their frames are read
 * before the links go. */
static void
restart(struct model *x)
{
	x->kills++;
	listen_all(x);
	for (unsigned i = 0; i < PEERS; i++)
		down(x, i);
	/* that a pusher has leases may be what could not be written */
	for (unsigned i = 0; x->fails && i < PEERS; i++)
		x->pushers[i].forgiven = true;
	kill_store(x->w, dice(x->w, 2) == 0);
	boot(x->w);
	for (unsigned i = 0; i < PEERS; i++)
		if (dice(x->w, 3) != 0)
			up(x, i);
}

static void
change_one(struct model *x)
{
	struct world *w = x->w;
	struct msg m = {.id = dice(w, 2) == 0 ? MSG_requeue : MSG_cancel};
	unsigned t = dice(w, TARGETS), shard;
	uint64_t top;

	if (!w->ends[0].up || w->ends[0].seq + 1 >= JOBS)
		return;
	shard = channel_shard(slice_of(targets[t]), w->shards);
	top = sequence_shard(w->sequence, shard)->top;
	m.cancel.target = slice_of(targets[t]);
	m.cancel.number = top > 20 ? top - dice(w, 20) : 1;
	if (m.id == MSG_requeue) /* its key is free of rules from then on */
		return;
	x->asked[w->ends[0].seq + 1].target = TARGETS;
	put_write(w, 0, &m);
}

static void
step(struct model *x)
{
	struct world *w = x->w;
	unsigned i = dice(w, PEERS);

	switch (dice(w, 16)) {
	case 0:
	case 1:
	case 2:
	case 3:
		enqueue(x);
		break;
	case 4:
	case 5:
		give_credit(x, i);
		break;
	case 6:
		if (dice(w, 6) == 0)
			down(x, i);
		break;
	case 7:
		up(x, i);
		break;
	case 8:
		change_one(x);
		break;
	case 9:
		if (dice(w, 100) == 0)
			restart(x);
		break;
	case 10:
	case 11:
		if (w->writing != NULL) {
			w->fails =
			    x->fails && dice(w, 8) == 0 ? CODE_full : CODE_ok;
			end_write(w);
		}
		break;
	default:
		answer_one(x, i);
	}
	turn(w, dice(w, 60));
	if (dice(w, 50) == 0)
		jobs_tick(w->jobs);
	listen_all(x);
	assert_conserved();
}

/* How many are in which state, and in what order they are told. */
static void
count_states(struct model *x, unsigned states[JOB_STATES])
{
	struct world *w = x->w;

	if (!w->ends[3].up)
		up(x, 3);
	listen_all(x);
	for (unsigned s = 0; s < w->shards; s++) {
		struct msg ask = {
		    .id = MSG_jobs, .jobs = {.shard = s, .limit = 10000}};
		bool more = true;
		uint64_t last = 0;

		while (more) {
			struct list *node;

			say(w, 3, &ask);
			while ((node = list_shift(&w->ends[3].inbox)) != NULL) {
				struct frame *f =
				    container_of(node, struct frame, node);

				if (f->m.id == MSG_job_is) {
					states[f->m.job_is.state]++;
					assert_true(f->m.job_is.number > last);
					last = f->m.job_is.number;
				} else if (f->m.id == MSG_jobs_end) {
					more = f->m.jobs_end.more != 0;
					ask.jobs.after = f->m.jobs_end.after;
				}
				free(f);
			}
		}
	}
}

static void
assert_counted(struct model *x)
{
	unsigned states[JOB_STATES] = {0};

	count_states(x, states);
	assert_int_equal(stats_get(STAT_jobs_pending),
	    states[JOB_WAITING] + states[JOB_READY] + states[JOB_LEASED]);
	assert_int_equal(stats_get(STAT_jobs_leased), states[JOB_LEASED]);
	assert_int_equal(stats_get(STAT_dead_letters), states[JOB_DEAD]);
}

/* All links are up and pushers take and deliver until nothing is left. */
static void
finish(struct model *x)
{
	struct world *w = x->w;

	x->fails = false;
	w->fails = CODE_ok;
	for (unsigned n = 0;
	     n < 4000 && (stats_get(STAT_jobs_pending) != 0 ||
			     publishing_pending(w->publishing) != 0);
	     n++) {
		for (unsigned i = 0; i < PEERS; i++) {
			up(x, i);
			give_credit(x, i);
			answer_one(x, i);
			answer_one(x, i);
		}
		while (w->writing != NULL)
			end_write(w);
		turn(w, 100);
		listen_all(x);
		assert_conserved();
	}
	assert_int_equal(stats_get(STAT_jobs_pending), 0);
	assert_counted(x);
	assert_int_equal(stats_get(STAT_jobs_leased), 0);
	jobs_tick(w->jobs);
}

static void
run(unsigned shards, bool blocks, bool fails, uint64_t seed)
{
	struct model *x = xcalloc(1, sizeof(*x));

	x->w = world_new(shards, blocks);
	x->w->random = seed * 0x9e3779b97f4a7c15u | 1;
	x->w->limits.lease_ms = 8000;
	x->fails = fails;
	boot(x->w);
	for (unsigned i = 0; i < PEERS; i++)
		up(x, i);
	for (unsigned i = 0; i < STEPS; i++) {
		step(x);
		if (i % 1000 == 0)
			assert_counted(x);
	}
	finish(x);
	assert_true(x->kills > 2 && x->leases > 500 && x->settles > 500);
	world_free(x->w);
	free(x);
}

static void
an_immediate_engine_keeps_the_rules(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++)
		run(1, false, false, seed);
}

static void
a_blocking_engine_keeps_the_rules(void **state)
{
	(void)state;
	for (uint64_t seed = 11; seed <= 13; seed++)
		run(2, true, false, seed);
}

static void
a_failing_engine_keeps_the_rules(void **state)
{
	(void)state;
	for (uint64_t seed = 21; seed <= 23; seed++)
		run(2, true, true, seed);
}

TESTS(unit(an_immediate_engine_keeps_the_rules),
    unit(a_blocking_engine_keeps_the_rules),
    unit(a_failing_engine_keeps_the_rules))

/*
 * jobs_rules.h - what the tests of the rules of jobs say: peer 0 enqueues,
 * 1 and 2 are pushers, 3 asks.
 */
#ifndef TESTS_UNIT_JOBS_RULES_H
#define TESTS_UNIT_JOBS_RULES_H

#include "tests/unit/jobs_world.h"

static inline struct world *
start(bool blocks)
{
	struct world *w = world_new(1, blocks);

	boot(w);
	for (unsigned i = 0; i < PEERS; i++)
		link_up(w, i);
	return w;
}

static inline int
set_up(void **state)
{
	*state = start(false);
	return 0;
}

static inline int
tear_down(void **state)
{
	assert_conserved();
	world_free(*state);
	return 0;
}

/* Peer 0 enqueues; the answer's number, or 0 and *code. */
static inline uint64_t
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

static inline uint64_t
enqueue(struct world *w, struct msg_enqueue e)
{
	uint64_t number = enqueue_as(w, e, NULL);

	assert_int_not_equal(number, 0);
	return number;
}

/* Peer i is leased that job next; its lease. */
static inline uint64_t
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

static inline void
nothing_leased(struct world *w, unsigned i)
{
	turn(w, 0);
	assert_null(next(w, i, MSG_job));
}

static inline void
receipt(struct world *w, unsigned i, struct msg_receipt r)
{
	say(w, i, &(struct msg){.id = MSG_receipt, .receipt = r});
}

static inline bool
settled(struct world *w, unsigned i, uint64_t number)
{
	struct frame *f = next(w, i, MSG_settled);
	bool is = f != NULL && f->m.settled.number == number;

	free(f);
	return is;
}

static inline enum job_state
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

#define with(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif

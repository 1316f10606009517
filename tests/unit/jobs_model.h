/*
 * jobs_model.h - what a test of jobs believes, and what it checks of every
 * frame the store says.
 */
#ifndef TESTS_UNIT_JOBS_MODEL_H
#define TESTS_UNIT_JOBS_MODEL_H

#include "tests/unit/jobs_world.h"

enum { JOBS = 30000, STEPS = 60000, HELD = 64, KEYS = 3, TARGETS = 5 };

/* What is known of a job, by shard 0's or 1's number. */
struct fact {
	bool accepted, delivered, gone, refused, cancelled;
	unsigned key; /* 0: none */
	uint64_t not_before, expires;
	unsigned holder; /* peer + 1; 0: none */
	uint64_t until, lease;
	unsigned attempts;
};

struct hold {
	uint64_t number, lease;
	unsigned shard;
	enum outcome said; /* NONE: nothing yet */
};

struct pusher {
	struct hold holds[HELD];
	unsigned count;
	uint64_t away_since; /* while its link is down */
	bool forgiven;       /* it was away for too long, or forgot */
};

struct model {
	struct world *w;
	struct fact facts[2][JOBS];
	struct pusher pushers[PEERS];
	uint64_t lease[2]; /* highest seen */
	uint64_t top_of[2][TARGETS][KEYS + 1];
	struct { /* unanswered writes of peer 0, by seq */
		unsigned target, key;
		uint64_t not_before, expires;
	} asked[JOBS];
	bool fails;
	unsigned kills, leases, settles, ends[JOB_STATES];
};

static const char *const targets[TARGETS] = {"t0", "t1", "t2", "t3", "t4"};
static const char *const keys[KEYS + 1] = {"", "k1", "k2", "k3"};
static const char *const queues[2] = {"q0", "q1"};
static const char *const apps[2] = {"a", "b"};

static inline void
enqueue(struct model *x)
{
	struct world *w = x->w;
	unsigned t = dice(w, TARGETS), k = dice(w, KEYS + 1);
	uint64_t unix_ms = UNIX + w->now, seq = w->ends[0].seq + 1;
	struct msg m = {.id = MSG_enqueue,
	    .enqueue = {
		.target = slice_of(targets[t]),
		.queue = slice_of(queues[t % 2]),
		.app = slice_of(apps[t % 2]),
		.collapse = slice_of(keys[k]),
		.priority = dice(w, 10),
		.not_before = dice(w, 3) == 0 ? unix_ms + dice(w, 5000) : 0,
		.expires = dice(w, 3) == 0 ? unix_ms + dice(w, 9000) + 1 : 0,
	    }};

	if (!w->ends[0].up || seq >= JOBS)
		return;
	x->asked[seq].target = t;
	x->asked[seq].key = k;
	x->asked[seq].not_before = m.enqueue.not_before;
	x->asked[seq].expires = m.enqueue.expires;
	put_write(w, 0, &m);
}

static inline void
heard_published(struct model *x, const struct msg_published *p)
{
	unsigned shard;
	struct fact *f;

	if (p->code != CODE_ok || x->asked[p->seq].target == TARGETS)
		return;
	shard = channel_shard(
	    slice_of(targets[x->asked[p->seq].target]), x->w->shards);
	assert_true(p->offset < JOBS);
	f = &x->facts[shard][p->offset];
	assert_false(f->accepted);
	f->accepted = true;
	f->not_before = x->asked[p->seq].not_before;
	f->expires = x->asked[p->seq].expires;
}

static inline bool
away_too_long(const struct model *x, unsigned peer)
{
	const struct pusher *p = &x->pushers[peer];

	return p->forgiven ||
	       (!x->w->ends[peer].up &&
		   p->away_since + x->w->limits.grace_ms <= x->w->now);
}

static inline void
heard_job(struct model *x, unsigned peer, const struct msg_job *j)
{
	struct pusher *p = &x->pushers[peer];
	struct fact *f = &x->facts[j->shard][j->number];
	uint64_t unix_ms = UNIX + x->w->now;
	unsigned t = (unsigned)(j->target.p[1] - '0');
	unsigned k =
	    j->collapse.n != 0 ? (unsigned)(j->collapse.p[1] - '0') : 0;

	x->leases++;
	assert_true(j->lease > x->lease[j->shard]);
	x->lease[j->shard] = j->lease;
	assert_false(f->delivered || f->gone || f->refused);
	assert_true(f->not_before <= unix_ms);
	assert_true(j->expires > unix_ms);
	assert_in_range(j->attempt, 1, x->w->limits.attempts);
	if (f->holder != 0 && f->holder != peer + 1)
		assert_true(
		    f->until <= unix_ms || away_too_long(x, f->holder - 1));
	if (k != 0) {
		assert_true(j->number >= x->top_of[j->shard][t][k]);
		x->top_of[j->shard][t][k] = j->number;
	}
	f->holder = peer + 1;
	f->until = j->until;
	f->lease = j->lease;
	for (unsigned i = 0; i < p->count; i++)
		if (p->holds[i].number == j->number &&
		    p->holds[i].shard == j->shard)
			p->holds[i] = p->holds[--p->count];
	assert_true(p->count < HELD);
	p->holds[p->count++] = (struct hold){
	    j->number, j->lease, (unsigned)j->shard, OUTCOME_NONE};
}

static unsigned rows_found;

static inline void
row_found(
    struct scan *q, struct slice key, struct slice value, uint64_t expires)
{
	(void)q;
	(void)key;
	(void)value;
	(void)expires;
	rows_found++;
}

/* On the disk there is a row of this job. */
static inline bool
on_disk(struct model *x, uint64_t shard, uint64_t number)
{
	char key[9] = {'j'};
	struct scan q = {.space = SPACE_JOB,
	    .shard = (uint16_t)shard,
	    .prefix = {key, 9},
	    .most = 1,
	    .most_bytes = 1,
	    .found = row_found};

	for (unsigned i = 0; i < 8; i++)
		key[1 + i] = (char)(unsigned char)(number >> (56 - 8 * i));
	rows_found = 0;
	x->w->engine->scan(x->w->engine, &q);
	return rows_found != 0;
}

static inline void
heard_settled(struct model *x, unsigned peer, const struct msg_settled *s)
{
	struct pusher *p = &x->pushers[peer];
	struct fact *f = &x->facts[s->shard][s->number];

	x->settles++;
	for (unsigned i = 0; i < p->count; i++) {
		struct hold *h = &p->holds[i];

		if (h->number != s->number || h->shard != s->shard ||
		    h->lease > s->lease)
			continue;
		if (h->said == OUTCOME_DELIVERED || h->said == OUTCOME_GONE)
			assert_false(on_disk(x, s->shard, s->number));
		f->delivered = f->delivered || h->said == OUTCOME_DELIVERED;
		f->gone = f->gone || h->said == OUTCOME_GONE;
		if (f->holder == peer + 1)
			f->holder = 0;
		*h = p->holds[--p->count];
		return;
	}
}

/* The oldest frame that nobody has heard. */
static inline struct frame *
oldest(struct world *w, unsigned *peer)
{
	struct frame *first = NULL;

	for (unsigned i = 0; i < PEERS; i++) {
		struct list *inbox = &w->ends[i].inbox;
		struct frame *f = container_of(inbox->next, struct frame, node);

		if (list_empty(inbox) ||
		    (first != NULL && first->stamp < f->stamp))
			continue;
		first = f;
		*peer = i;
	}
	return first;
}

static inline void
listen_all(struct model *x)
{
	struct frame *f;
	unsigned i = 0;

	while ((f = oldest(x->w, &i)) != NULL) {
		list_remove(&f->node);
		if (f->m.id == MSG_job)
			heard_job(x, i, &f->m.job);
		else if (f->m.id == MSG_settled)
			heard_settled(x, i, &f->m.settled);
		else if (f->m.id == MSG_published && i == 0)
			heard_published(x, &f->m.published);
		free(f);
	}
}

#endif

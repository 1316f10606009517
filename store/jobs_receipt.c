/*
 * jobs_receipt.c - what pushers say of jobs, until we say it is settled.
 *
 * What cannot be taken now is not answered: it comes again.  What is over
 * already is answered at once.
 */
#include "common/json_write.h"
#include "common/must.h"
#include "common/stats.h"
#include "store/jobs_own.h"

static void
answer(struct jobs *all, struct jobs_peer *to, const struct msg_receipt *m)
{
	struct msg a = {.id = MSG_settled,
	    .settled = {
		.shard = m->shard, .number = m->number, .lease = m->lease}};

	all->setup->wire->send(all->setup->wire, to->peer, &a);
}

/* Who claims it may not know yet: a life of ours before this told nobody. */
static void
answer_both(struct jobs *all, const struct job *j, struct jobs_peer *from,
    const struct msg_receipt *m)
{
	struct jobs_peer *holder = j != NULL ? holder_of(j) : NULL;

	answer(all, from, m);
	if (holder != NULL && holder != from && j->lease == m->lease)
		answer(all, holder, m);
}

static uint64_t
dice(struct jobs *all)
{
	all->random ^= all->random << 13;
	all->random ^= all->random >> 7;
	all->random ^= all->random << 17;
	return all->random;
}

/* Full jitter: any time up to what doubles with every attempt. */
static uint64_t
backoff(struct jobs *all, unsigned attempt)
{
	const struct jobs_limits *l = &all->setup->limits;
	uint64_t most = l->retry_ms;

	while (--attempt != 0 && most < l->retry_max)
		most *= 2;
	if (most > l->retry_max)
		most = l->retry_max;
	return dice(all) % (most + 1);
}

static void
put_string(struct buf *b, const char *name, struct slice value)
{
	buf_printf(b, ",\"%s\":", name);
	json_escape(b, value);
}

static void
put_feedback(struct buf *b, const struct job *j, const struct msg_receipt *m)
{
	buf_printf(
	    b, "{\"job\":\"%u-%llu\"", j->shard, (unsigned long long)j->number);
	put_string(b, "queue", lane_queue(j->lane));
	put_string(b, "target", job_target(j));
	put_string(b, "why", m->why);
	if (m->at != 0)
		buf_printf(b, ",\"since\":%llu", (unsigned long long)m->at);
	if (m->replacement.n != 0)
		put_string(b, "replacement", m->replacement);
	buf_chr(b, '}');
}

/* Its application learns it by a message before its end is written; a store
 * that dies in between tells it twice.  False: not yet; the receipt will come
 * again. */
static bool
feedback(
    const struct job *j, struct jobs_peer *from, const struct msg_receipt *m)
{
	struct jobs *all = j->all;
	struct buf b = {0};
	char channel[96];
	struct msg r = {.id = MSG_relay,
	    .relay = {
		.shard = m->shard,
		.number = m->number,
		.lease = m->lease,
		.why = m->why,
		.channel = {channel, 0},
	    }};
	struct msg_publish p = {.channel = {channel, 0}};
	enum code code;

	r.relay.channel.n = p.channel.n =
	    (size_t)snprintf(channel, sizeof(channel), "/%.*s/meta/feedback",
		SLICE_ARGS(lane_app(j->lane)));
	put_feedback(&b, j, m);
	r.relay.body = p.body = buf_slice(&b);
	code = publish_own(all->setup->publishing, &p, jobs_time(all));
	if (code == CODE_moved)
		all->setup->wire->send(all->setup->wire, from->peer, &r);
	buf_free(&b);
	if (code == CODE_moved || code == CODE_busy || code == CODE_full)
		return false;
	stats_add(STAT_drop_feedback, code != CODE_ok);
	return true;
}

static struct op_ask
retry(struct job *j, const struct msg_receipt *m)
{
	struct jobs *all = j->all;
	uint64_t now = jobs_time(all).unix_ms;
	struct op_ask ask = {.to = JOB_WAITING, .why = m->why};

	ask.untried = m->outcome == OUTCOME_RETURNED;
	stats_add(ask.untried ? STAT_job_leases_returned : STAT_job_retries, 1);
	ask.due =
	    m->at != 0 || ask.untried ? m->at : now + backoff(all, j->attempt);
	if (slot_last(j) != NULL && !slot_last(j)->pending)
		ask.to = JOB_REPLACED;
	else if (j->expires <= now)
		ask.to = JOB_EXPIRED;
	else if (j->attempt >= all->setup->limits.attempts && !ask.untried)
		ask.to = JOB_DEAD;
	return ask;
}

static bool
current(const struct job *j, const struct msg_receipt *m)
{
	return j->state == JOB_LEASED && j->lease == m->lease;
}

void
jobs_receipt(
    struct jobs *all, struct jobs_peer *from, const struct msg_receipt *m)
{
	struct job *j = job_given(all, m->shard, m->number, m->lease);
	bool settles =
	    m->outcome == OUTCOME_DELIVERED || m->outcome == OUTCOME_GONE;
	struct op_ask ask = {.why = m->why, .vendor_id = m->vendor_id};

	if (!jobs_ours(all, m->shard)) {
		stats_add(STAT_job_receipts_put_off, 1);
		return;
	}
	if (j == NULL || (job_over(j) && (j->state != JOB_DEAD || !settles)) ||
	    (!settles && !current(j, m))) {
		stats_add(STAT_job_receipts_late, 1);
		answer_both(all, j, from, m);
		return;
	}
	if (j->op != NULL || j->writing ||
	    !commit_room(publishing_commit(all->setup->publishing))) {
		stats_add(STAT_job_receipts_put_off, 1);
		return;
	}
	if (m->outcome == OUTCOME_DELIVERED)
		ask.to = JOB_DELIVERED;
	else if (m->outcome == OUTCOME_GONE)
		ask.to = JOB_GONE;
	else if (m->outcome == OUTCOME_REFUSED)
		ask.to = JOB_DEAD;
	else
		ask = retry(j, m);
	ask.asker = from->publisher;
	ask.lease = m->lease;
	if (ask.to == JOB_GONE && m->told == 0 && !feedback(j, from, m))
		stats_add(STAT_job_receipts_put_off, 1);
	else
		job_op(j, &ask);
}

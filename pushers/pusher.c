/*
 * pusher.c - a push from its lease to `settled`.
 *
 *	job ---> begun ---> ended ---> settled: forgotten
 *	           |  deadline: retry    \_ the receipt again, once a second
 *	           \---- settled: cancelled
 *
 * A job that is leased to us anew while we have it is not pushed again: its
 * receipt speaks of the newest lease.  Leases are renewed, so that a slow
 * vendor does not make a second push of it.  A pipe has no links to claim on
 * and nobody may answer: there a receipt is given up when its lease is over.
 */
#include "pushers/pusher.h"

#include "common/log.h"
#include "common/must.h"
#include "common/stats.h"

enum {
	AGAIN_MS = 1000,    /* between two of the same receipt */
	WORD_MAX = 255,     /* as in msg.def */
	PIPE_ENDED = 65536, /* receipts that a pipe may leave unanswered */
};

static struct pusher *
pusher_of(struct daemon *d)
{
	return container_of(d, struct pusher, d);
}

static struct push *
push_of(struct lease *l)
{
	return l != NULL ? container_of(l, struct push, lease) : NULL;
}

static void
count_hand(struct pusher *p)
{
	stats_set(STAT_pushes_in_flight, p->nbegun);
	stats_set(STAT_push_receipts, p->nended);
	if (p->pipe)
		bus_hold(
		    p->d.bus, p->d.draining || p->nbegun >= p->leases.most);
}

/* Its lease is held no more. */
static void
forget(struct push *x)
{
	struct pusher *p = x->pusher;

	timer_cancel(&x->deadline);
	list_remove(&x->node);
	p->nended -= x->ended;
	p->nbegun -= !x->ended;
	if (p->vendor->forget != NULL && x->given)
		p->vendor->forget(p, x);
	buf_free(&x->words);
	free(x->bytes);
	free(x);
	count_hand(p);
}

/* ---- Receipts */

static void
say(struct push *x)
{
	struct pusher *p = x->pusher;
	struct msg_receipt m = {
	    .shard = x->lease.job[0],
	    .number = x->lease.job[1],
	    .lease = x->lease.lease,
	    .outcome = x->end.outcome,
	    .at = x->end.at,
	    .why = x->end.why,
	    .vendor_id = x->end.vendor_id,
	    .replacement = x->end.replacement,
	};

	x->said = loop_now(p->d.loop);
	list_remove(&x->node);
	list_append(&p->ended, &x->node);
	receipts_say(&p->receipts, &m);
	if (!timer_armed(&p->again))
		loop_arm(p->d.loop, &p->again, AGAIN_MS);
}

static void
say_again(struct timer *t)
{
	struct pusher *p = container_of(t, struct pusher, again);
	uint64_t now = loop_now(p->d.loop);

	while (!list_empty(&p->ended)) {
		struct push *x = container_of(p->ended.next, struct push, node);

		if (x->said + AGAIN_MS > now) {
			loop_arm(p->d.loop, t, x->said + AGAIN_MS - now);
			return;
		}
		stats_add(STAT_push_receipts_again, 1);
		say(x);
	}
}

static void
give_up(struct push *x)
{
	stats_add(STAT_drop_push_receipt, 1);
	forget(x);
}

/* Only of a pipe, and at the end. */
static void
lease_over(struct leases *l, struct lease *one)
{
	struct pusher *p = container_of(l, struct pusher, leases);
	struct push *x = push_of(one);

	if (x->ended) {
		give_up(x);
	} else {
		x->orphan = true;
		list_remove(&x->node);
		list_append(&p->begun, &x->node);
	}
}

static struct slice
word(struct push *x, struct slice s)
{
	size_t n = s.n < WORD_MAX ? s.n : WORD_MAX, at = x->words.n;

	/* not in the middle of a character */
	while (n != 0 && n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	buf_add(&x->words, n != 0 ? s.p : "", n);
	for (size_t i = at; i < x->words.n; i++)
		if ((unsigned char)x->words.p[i] < ' ')
			x->words.p[i] = '?';
	return (struct slice){x->words.p != NULL ? x->words.p + at : "", n};
}

static void
keep_end(struct push *x, const struct push_end *end)
{
	must(buf_room(&x->words, 3 * WORD_MAX) != NULL);
	x->end = *end;
	x->end.why = word(x, end->why);
	x->end.vendor_id = word(x, end->vendor_id);
	x->end.replacement = word(x, end->replacement);
}

void
push_end(struct push *x, const struct push_end *end)
{
	static const enum stat_id ends[] = {
	    [OUTCOME_DELIVERED] = STAT_pushes_delivered,
	    [OUTCOME_RETRY] = STAT_pushes_retried,
	    [OUTCOME_GONE] = STAT_pushes_gone,
	    [OUTCOME_REFUSED] = STAT_pushes_refused,
	    [OUTCOME_RETURNED] = STAT_pushes_returned,
	};
	struct pusher *p = x->pusher;

	must(!x->ended && end->outcome != OUTCOME_NONE);
	stats_add(ends[end->outcome], 1);
	timer_cancel(&x->deadline);
	keep_end(x, end);
	x->ended = true;
	p->nbegun--;
	p->nended++;
	count_hand(p);
	say(x);
	if (x->orphan) {
		give_up(x);
	} else if (p->pipe && p->nended > PIPE_ENDED) {
		x = container_of(p->ended.next, struct push, node);
		leases_drop(&p->leases, &x->lease);
		give_up(x);
	}
}

void
push_ends(struct push *x, enum outcome outcome, struct slice why)
{
	push_end(x, &(struct push_end){.outcome = outcome, .why = why});
}

void
push_return(struct push *x)
{
	push_end(x, &(struct push_end){.outcome = OUTCOME_RETURNED,
			.at = loop_unix_ms(x->pusher->d.loop)});
}

/* ---- Jobs */

static void
too_late(struct timer *t)
{
	struct push *x = container_of(t, struct push, deadline);
	struct pusher *p = x->pusher;
	struct push_end end = {
	    .outcome = OUTCOME_RETRY, .why = SLICE("timeout")};

	if (p->vendor->untried != NULL && p->vendor->untried(p, x)) {
		end.outcome = OUTCOME_RETURNED;
		end.at = loop_unix_ms(p->d.loop) + AGAIN_MS;
	}
	stats_add(STAT_push_timeouts, 1);
	p->vendor->cancel(p, x);
	push_end(x, &end);
}

void
push_extend(struct push *x, uint64_t ms)
{
	if (!x->ended)
		loop_arm(x->pusher->d.loop, &x->deadline, ms);
}

static void
copy(struct push *x, const struct msg_job *m)
{
	char *at = x->bytes = xmalloc(
	    m->app.n + m->target.n + m->collapse.n + m->type.n + m->body.n + 1);

	x->app = slice_keep(&at, m->app);
	x->target = slice_keep(&at, m->target);
	x->collapse = slice_keep(&at, m->collapse);
	x->type = slice_keep(&at, m->type);
	x->body = slice_keep(&at, m->body);
	x->created = m->created;
	x->expires = m->expires;
	x->attempt = (unsigned)m->attempt;
	x->priority = (unsigned)m->priority;
}

static void
begin(struct pusher *p, const struct msg_job *m)
{
	struct push *x = xcalloc(1, p->vendor->push_size);

	copy(x, m);
	x->pusher = p;
	timer_init(&x->deadline, too_late);
	list_init(&x->node);
	list_append(&p->begun, &x->node);
	leases_add(&p->leases, &x->lease, m);
	p->nbegun++;
	stats_add(STAT_pushes_taken, 1);
	count_hand(p);
	if (p->d.draining || p->idle) {
		push_return(x);
	} else if (m->expires <= loop_unix_ms(p->d.loop)) {
		/* nothing is tried again that is over */
		push_ends(x, OUTCOME_RETRY, SLICE("expired"));
	} else {
		loop_arm(p->d.loop, &x->deadline, p->timeout);
		x->given = true;
		p->vendor->begin(p, x);
	}
}

void
pusher_job(struct daemon *d, struct bus_link *link, const struct msg *m)
{
	struct pusher *p = pusher_of(d);
	struct push *x =
	    push_of(leases_find(&p->leases, m->job.shard, m->job.number));

	(void)link;
	if (p->vendor == NULL)
		return;
	if (x == NULL) {
		begin(p, &m->job);
		return;
	}
	leases_again(&p->leases, &x->lease, &m->job);
	if (x->ended)
		say(x);
}

void
pusher_settled(struct daemon *d, struct bus_link *link, const struct msg *m)
{
	struct pusher *p = pusher_of(d);
	struct push *x = push_of(leases_settled(&p->leases, &m->settled));

	(void)link;
	if (x == NULL)
		return;
	leases_drop(&p->leases, &x->lease);
	if (!x->ended) {
		stats_add(STAT_pushes_cancelled, 1);
		p->vendor->cancel(p, x);
	}
	forget(x);
}

void
pusher_relay(struct daemon *d, struct bus_link *link, const struct msg *m)
{
	(void)link;
	receipts_relay(&pusher_of(d)->receipts, &m->relay);
}

/* ---- Links */

/* What has ended is claimed like the rest, so that a retry is still of the
 * current lease. */
void
pusher_up(struct daemon *d, struct bus_link *link)
{
	struct pusher *p = pusher_of(d);
	size_t n = p->nended;

	leases_up(&p->leases, link);
	while (n-- != 0)
		say(container_of(p->ended.next, struct push, node));
	daemon_ready(d);
}

void
pusher_owner(struct daemon *d, unsigned shard)
{
	struct pusher *p = pusher_of(d);

	if (p->vendor != NULL)
		leases_owner(&p->leases, shard);
}

/* ---- Whether jobs may come */

static void
set_credit(struct pusher *p)
{
	p->leases.most = p->idle || p->paused || p->d.draining ? 0 : p->most;
	leases_ask(&p->leases);
	count_hand(p);
}

void
pusher_able(struct pusher *p, const char *why_not)
{
	p->idle = why_not != NULL;
	stats_set(STAT_pusher_idle, p->idle);
	if (p->idle)
		log_warn(
		    "idle", "queue=%s why=\"%s\"", p->leases.queue, why_not);
	else
		log_info(
		    "able", "queue=%s in_flight=%u", p->leases.queue, p->most);
	set_credit(p);
}

static void
resume(struct timer *t)
{
	pusher_pause(container_of(t, struct pusher, resume), 0);
}

void
pusher_pause(struct pusher *p, uint64_t ms)
{
	uint64_t until = loop_now(p->d.loop) + ms;

	if (ms == 0 && !p->paused)
		return;
	if (ms != 0 && timer_armed(&p->resume) && p->resume.due >= until)
		return;
	stats_add(STAT_pusher_pauses, !p->paused);
	p->paused = ms != 0;
	timer_cancel(&p->resume);
	if (p->paused)
		loop_arm(p->d.loop, &p->resume, ms);
	set_credit(p);
}

/* ---- A life */

/* Of a pipe nobody says what is settled once its input is not read. */
static bool
turn_end(struct turn *t)
{
	struct pusher *p = container_of(t, struct pusher, turn);
	bool last = p->d.draining || bus_ended(p->d.bus);

	if (last && p->nbegun == 0 && (p->pipe || p->nended == 0))
		daemon_drained(&p->d);
	return false;
}

void
pusher_start(struct pusher *p, const struct vendor *vendor)
{
	struct daemon *d = &p->d;

	p->vendor = vendor;
	p->pipe = opt_str(d->options, "bus")[0] != '\0';
	p->most = (unsigned)opt_num(d->options, "in_flight");
	p->timeout = opt_num(d->options, "timeout");
	list_init(&p->begun);
	list_init(&p->ended);
	timer_init(&p->again, say_again);
	timer_init(&p->resume, resume);
	receipts_open(&p->receipts, d->bus);
	p->leases = (struct leases){
	    .bus = d->bus,
	    .loop = d->loop,
	    .queue = opt_str(d->options, "queue"),
	    .silent = p->pipe,
	    .renewed = !p->pipe,
	    .over = lease_over,
	};
	leases_open(&p->leases);
	p->turn.end = turn_end;
	loop_add_turn(d->loop, &p->turn);
}

void
pusher_drain(struct daemon *d)
{
	struct pusher *p = pusher_of(d);

	set_credit(p);
	if (p->vendor->drain != NULL)
		p->vendor->drain(p);
}

int
pusher_late(struct daemon *d)
{
	const struct pusher *p = pusher_of(d);

	log_warn("drain_deadline", "in_flight=%zu receipts=%zu", p->nbegun,
	    p->nended);
	return EXIT_OK;
}

void
pusher_stop(struct pusher *p)
{
	struct table_cursor at = {0};
	struct lease *one;

	if (p->vendor == NULL)
		return;
	while (!list_empty(&p->begun)) {
		struct push *x = container_of(p->begun.next, struct push, node);

		p->vendor->cancel(p, x);
		if (!x->orphan)
			leases_drop(&p->leases, &x->lease);
		forget(x);
	}
	while ((one = leases_next(&p->leases, &at)) != NULL) {
		leases_drop(&p->leases, one);
		forget(push_of(one));
	}
	leases_close(&p->leases);
	receipts_close(&p->receipts);
	timer_cancel(&p->again);
	timer_cancel(&p->resume);
	list_remove(&p->turn.node);
}

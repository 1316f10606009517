/*
 * gcm_push.c - a push, by one request or several.
 *
 *	begin ---> token? ---> shots ---> all ids have answers ---> done
 *	             |            ^                     |
 *	          waiting         +---- a pause, ids ---+
 *	                               unavailable (Incus)
 *
 * By v1 each id is a request of its own, some at a time; by the legacy
 * protocol all ids that have no answer are one.
 */
#include "common/log.h"
#include "common/must.h"
#include "common/stats.h"
#include "pushers/gcm_own.h"

enum {
	DOWN_AFTER = 5, /* failures one after the other */
	LOCKED_MS = 60000,
	WORD_MOST = 255,   /* bytes kept of an id of Google's, or of an error */
	TOKEN_MOST = 1024, /* and of a token */
	ROUND_MS = 1000,   /* and half of it less or more; doubles */
};

static void fire(struct gcm_push *);

static bool
is_v1(const struct gcm *g)
{
	return g->url != NULL;
}

/* ---- Answers */

/* Nothing of Google's is longer; who says he is Google may say what he likes,
 * and a report of a thousand has a limit. */
static struct slice
cut(struct slice s, size_t most)
{
	return (struct slice){s.p, s.n < most ? s.n : most};
}

static struct slice
keep(char **at, struct slice s)
{
	return s.n != 0 ? slice_keep(at, s) : SLICE("");
}

static void
set_answer(struct gcm_id *id, const struct gcm_answer *a)
{
	struct slice is = cut(a->id, WORD_MOST);
	struct slice replacement = cut(a->replacement, TOKEN_MOST);
	struct slice error = cut(a->error, WORD_MOST);
	char *at;

	free(id->words);
	at = id->words = xmalloc(is.n + replacement.n + error.n);
	id->answer = *a;
	id->answer.id = keep(&at, is);
	id->answer.replacement = keep(&at, replacement);
	id->answer.error = keep(&at, error);
	id->out = false;
}

/* Google is down, or does not take us: no more jobs for a while. */
static void
note_health(struct gcm *g, const struct gcm_answer *a)
{
	unsigned ms = LOCKED_MS;
	char why[LOG_VALUE];

	if (!a->down) {
		g->failures = 0;
		backoff_worked(&g->down);
		return;
	}
	if (a->verdict != GCM_LOCKED_OUT) {
		/* what was on its way then says nothing new */
		if (g->pusher.paused || ++g->failures < DOWN_AFTER)
			return;
		g->failures = 0;
		ms = backoff_failed(&g->down);
	}
	log_warn("vendor_down", "why=%s pause_ms=%u",
	    log_value(why, sizeof(why), a->error), ms);
	pusher_pause(&g->pusher, ms);
}

static struct gcm_reply
reply_of(const struct gcm_shot *s)
{
	return (struct gcm_reply){
	    .status = s->post.status,
	    .why = s->post.why,
	    .unsent = s->post.unsent,
	    .retry_after = s->post.retry_after,
	    .body = buf_slice(&s->post.reply),
	    .attempt = s->push->push.attempt,
	};
}

static void
take_v1(struct gcm_shot *s)
{
	struct gcm_push *x = s->push;
	struct gcm_reply r = reply_of(s);
	struct gcm_id *id = &x->ids[s->first];
	struct buf scratch = {0};
	struct gcm_answer a;

	gcm_answer_v1(&a, &r, &scratch);
	if (r.status == 401 && a.verdict == GCM_LOCKED_OUT && !id->again) {
		id->again = true;
		id->out = false;
		google_refused(&x->gcm->google, buf_slice(&s->auth));
	} else {
		note_health(x->gcm, &a);
		set_answer(id, &a);
	}
	buf_free(&scratch);
}

static void
take_legacy(struct gcm_shot *s)
{
	struct gcm_push *x = s->push;
	struct gcm_reply r = reply_of(s);
	struct gcm_answers all = {.n = 0};
	struct buf scratch = {0};
	unsigned n = 0;

	for (unsigned i = 0; i < x->n; i++)
		all.n += x->ids[i].out;
	all.at = xcalloc(all.n, sizeof(*all.at));
	gcm_answer_legacy(all, &r, &scratch);
	note_health(x->gcm, &all.at[0]);
	for (unsigned i = 0; i < x->n; i++)
		if (x->ids[i].out)
			set_answer(&x->ids[i], &all.at[n++]);
	free(all.at);
	buf_free(&scratch);
}

/* Once some of its ids were told the rest has its time, and each request its
 * own: the push is not to begin anew, which would tell them again. */
static void
extend(struct gcm_push *x, uint64_t ms)
{
	push_extend(
	    &x->push, ms + x->gcm->pusher.timeout + (x->n > 1 ? REPORT_MS : 0));
}

static void
answered(struct post *p)
{
	struct gcm_shot *s = container_of(p, struct gcm_shot, post);
	struct gcm_push *x = s->push;

	x->flying--;
	if (x->v1)
		take_v1(s);
	else
		take_legacy(s);
	if (x->n > 1)
		extend(x, 0);
	fire(x);
}

/* ---- Rounds */

static bool
open_id(const struct gcm_id *id)
{
	return id->answer.verdict == GCM_NONE && !id->out;
}

/* As Incus did: who is unavailable is asked again, twice. */
static bool
next_round(struct gcm_push *x)
{
	struct gcm *g = x->gcm;
	unsigned left = 0, ms = ROUND_MS << x->round;

	if (!x->job.incus || x->round + 1 >= GCM_ROUNDS)
		return false;
	for (unsigned i = 0; i < x->n; i++) {
		struct gcm_answer *a = &x->ids[i].answer;

		if (a->verdict != GCM_LATER || a->whole ||
		    !slice_is(gcm_legacy_word(a), "Unavailable"))
			continue;
		a->verdict = GCM_NONE;
		left++;
	}
	if (left == 0)
		return false;
	x->round++;
	g->random = g->random * 6364136223846793005u + 1442695040888963407u;
	ms = ms / 2 + (unsigned)((g->random >> 33) % (ms + 1));
	extend(x, ms);
	loop_arm(g->pusher.d.loop, &x->pause, ms);
	return true;
}

static void
round_begins(struct timer *t)
{
	fire(container_of(t, struct gcm_push, pause));
}

static void
shoot(struct gcm_shot *s, const struct gcm_sent *sent, struct slice auth)
{
	struct gcm *g = s->push->gcm;

	buf_clear(&s->body);
	buf_clear(&s->auth);
	buf_put(&s->auth, auth);
	if (is_v1(g))
		gcm_job_put_v1(&s->body, &s->push->job, sent);
	else
		gcm_job_put_legacy(&s->body, &s->push->job, sent);
	s->post.done = answered;
	buf_clear(&s->url);
	buf_str(&s->url, is_v1(g) ? g->url : g->legacy_url);
	buf_chr(&s->url, '\0');
	s->post.url = s->url.p;
	s->post.type = "application/json";
	s->post.authorization = buf_slice(&s->auth);
	s->post.body = buf_slice(&s->body);
	s->post.timeout_ms = g->timeout;
	s->push->flying++;
	post_send(g->posts, &s->post);
}

static void
shoot_one(struct gcm_push *x, unsigned i, struct slice auth)
{
	struct gcm_sent sent = {
	    &x->ids[i].id, 1, loop_unix_ms(x->gcm->pusher.d.loop), x->gcm->dry};
	struct gcm_shot *s = x->shots;

	while (s->post.all != NULL)
		s++;
	s->first = i;
	x->ids[i].out = true;
	shoot(s, &sent, auth);
}

static void
shoot_all(struct gcm_push *x, struct slice auth)
{
	struct slice *ids = xcalloc(x->n, sizeof(*ids));
	struct gcm_sent sent = {
	    ids, 0, loop_unix_ms(x->gcm->pusher.d.loop), x->gcm->dry};

	for (unsigned i = 0; i < x->n; i++)
		if (open_id(&x->ids[i])) {
			ids[sent.n++] = x->ids[i].id;
			x->ids[i].out = true;
		}
	shoot(&x->shots[0], &sent, auth);
	free(ids);
}

/* Of what was not asked yet: it was never tried. */
static void
give_up(struct gcm_push *x, struct slice why, uint64_t ms)
{
	struct gcm_answer a = {.verdict = GCM_LOCKED_OUT,
	    .whole = true,
	    .unheard = true,
	    .error = why,
	    .wait_ms = ms};

	for (unsigned i = 0; i < x->n; i++)
		if (open_id(&x->ids[i]))
			set_answer(&x->ids[i], &a);
}

static struct slice
authorization(struct gcm *g)
{
	if (is_v1(g))
		return google_token(&g->google);
	return g->key != NULL ? slice_of(g->key) : SLICE("");
}

static void
fire(struct gcm_push *x)
{
	struct gcm *g = x->gcm;
	struct slice auth;
	unsigned next = 0;

	list_remove(&x->node);
	if (x->v1 != is_v1(g))
		give_up(x, SLICE("new credentials"), 0);
	while (next < x->n && !open_id(&x->ids[next]))
		next++;
	if (next == x->n) {
		if (x->flying == 0 && !next_round(x))
			gcm_push_done(x);
		return;
	}
	auth = authorization(g);
	if (auth.n == 0 && !g->google.asking) {
		/* and none is on its way: nobody would wake it */
		give_up(x, SLICE("no access token"), google_wait(&g->google));
		if (x->flying == 0)
			gcm_push_done(x);
	} else if (auth.n == 0) {
		list_append(&g->waiting, &x->node);
	} else if (!is_v1(g)) {
		shoot_all(x, auth);
	} else {
		for (; next < x->n && x->flying < x->nshots; next++)
			if (open_id(&x->ids[next]))
				shoot_one(x, next, auth);
	}
}

/* ---- Tokens of ours */

void
gcm_token_came(struct gcm *g)
{
	struct list all, *node;

	list_init(&all);
	list_move(&all, &g->waiting);
	while ((node = list_shift(&all)) != NULL)
		fire(container_of(node, struct gcm_push, node));
}

void
gcm_token_failed(struct gcm *g, struct slice why)
{
	uint64_t ms = google_wait(&g->google);
	struct list all, *node;

	list_init(&all);
	list_move(&all, &g->waiting);
	while ((node = list_shift(&all)) != NULL) {
		struct gcm_push *x = container_of(node, struct gcm_push, node);

		give_up(x, why, ms);
		if (x->flying == 0)
			gcm_push_done(x);
	}
}

/* ---- What the pusher asks of a vendor */

static void
open_ids(struct gcm_push *x)
{
	struct slice rest = x->job.ids, id;

	while (x->job.incus && gcm_job_id(&rest, &id))
		x->n++;
	x->n += !x->job.incus;
	x->ids = xcalloc(x->n, sizeof(*x->ids));
	x->ids[0].id = rest = x->job.ids;
	for (unsigned i = 0; x->job.incus && i < x->n; i++)
		gcm_job_id(&rest, &x->ids[i].id);
	x->v1 = is_v1(x->gcm);
	x->nshots = !x->v1 ? 1 : x->n < GCM_SHOTS ? x->n : GCM_SHOTS;
	x->shots = xcalloc(x->nshots, sizeof(*x->shots));
	for (unsigned i = 0; i < x->nshots; i++)
		x->shots[i].push = x;
}

static void
begin(struct pusher *p, struct push *push)
{
	struct gcm_push *x = gcm_push_of(push);
	const char *why;

	x->gcm = container_of(p, struct gcm, pusher);
	list_init(&x->node);
	timer_init(&x->pause, round_begins);
	why = gcm_job_read(&x->job, push);
	if (why != NULL) {
		push_ends(push, OUTCOME_REFUSED, slice_of(why));
		return;
	}
	open_ids(x);
	fire(x);
}

static void
cancel(struct pusher *p, struct push *push)
{
	struct gcm_push *x = gcm_push_of(push);

	(void)p;
	for (unsigned i = 0; i < x->nshots; i++)
		post_cancel(&x->shots[i].post);
	x->flying = 0;
	list_remove(&x->node);
	timer_cancel(&x->pause);
	report_end(&x->report);
}

static void
forget(struct pusher *p, struct push *push)
{
	struct gcm_push *x = gcm_push_of(push);

	cancel(p, push);
	for (unsigned i = 0; i < x->nshots; i++) {
		buf_free(&x->shots[i].body);
		buf_free(&x->shots[i].auth);
		buf_free(&x->shots[i].url);
		buf_free(&x->shots[i].post.reply);
	}
	for (unsigned i = 0; i < x->n; i++)
		free(x->ids[i].words);
	free(x->shots);
	free(x->ids);
	gcm_job_free(&x->job);
}

/* No request of it has a connection yet. */
static bool
untried(struct pusher *p, struct push *push)
{
	const struct gcm_push *x = gcm_push_of(push);

	(void)p;
	for (unsigned i = 0; i < x->n; i++)
		if (x->ids[i].answer.verdict != GCM_NONE)
			return false;
	for (unsigned i = 0; i < x->nshots; i++)
		if (x->shots[i].post.all != NULL &&
		    !post_waits(&x->shots[i].post))
			return false;
	return x->round == 0 && x->report.all == NULL;
}

static void
drain(struct pusher *p)
{
	list_each_safe (at, &p->begun) {
		struct push *push = container_of(at, struct push, node);

		if (!untried(p, push))
			continue;
		cancel(p, push);
		push_return(push);
	}
}

const struct vendor gcm_vendor = {
    .push_size = sizeof(struct gcm_push),
    .begin = begin,
    .cancel = cancel,
    .untried = untried,
    .forget = forget,
    .drain = drain,
};

/*
 * apns.c - which way a push goes, and what its answer means for the others.
 *
 * Three things end a push without an attempt, for they are not its fault: no
 * connection can be had (the host is down), Apple does not like our
 * certificate or key (the link is stopped), and we leave.  While no link is of
 * use no job is taken at all.
 *
 * With a reload comes a new book of links; what is under way ends in the old.
 */
#include "pushers/apns.h"

#include "common/log.h"
#include "common/must.h"
#include "common/stats.h"
#include "common/statsd.h"
#include "pushers/apns_answer.h"
#include "pushers/apns_body.h"
#include "pushers/apns_book.h"

#include <limits.h>

enum {
	BUSY_MS = 15000,           /* Apple was busy: the first wait */
	BUSY_MAX = 60 * 60 * 1000, /* and the longest */
	SOON_MS = 1000,
};

struct apns {
	struct pusher p;
	struct apns_book *book;
	struct list retired; /* struct apns_book, with pushes under way */
	struct timer sweep;  /* they are freed, never from within a call */
	struct statsd *statsd;
};

struct apns_push {
	struct push x;
	struct apns_body body;
	struct h2_ask ask;
	struct apns_link *link; /* NULL: it went nowhere */
	uint64_t iat;           /* of the token it was sent with */
	bool renewed;           /* for its sake the token was */
};

static struct apns *
apns_of(struct pusher *p)
{
	return container_of(p, struct apns, p);
}

static struct apns_push *
push_of(struct push *x)
{
	return container_of(x, struct apns_push, x);
}

static struct loop *
loop_of(const struct apns_push *y)
{
	return y->x.pusher->d.loop;
}

/* ---- Ends */

/* As the original counted: whatever was not taken. */
static void
count_error(const struct apns_push *y)
{
	if (slice_is(y->x.app, "incus"))
		stats_add(STAT_incus_apns_errors, 1);
}

/* Not an attempt; at this many ms from now it may be tried. */
static void
give_back(struct apns_push *y, uint64_t ms, const char *why)
{
	push_end(&y->x, &(struct push_end){.outcome = OUTCOME_RETURNED,
			    .at = loop_unix_ms(loop_of(y)) + ms,
			    .why = slice_of(why)});
}

/* The store's backoff is for mistakes that last a moment; a busy Apple wants
 * to be left alone for longer. */
static void
try_later(struct apns_push *y, const char *why)
{
	uint64_t ms = BUSY_MS;

	count_error(y);
	for (unsigned i = 1; i < y->x.attempt && ms < BUSY_MAX; i++)
		ms *= 2;
	ms = ms < BUSY_MAX ? ms : BUSY_MAX;
	push_end(&y->x, &(struct push_end){.outcome = OUTCOME_RETRY,
			    .at = loop_unix_ms(loop_of(y)) + ms,
			    .why = slice_of(why)});
}

static void
refuse(struct apns_push *y, const char *why)
{
	char app[LOG_VALUE];

	count_error(y);
	log_warn("refused", "app=%s why=\"%s\"",
	    log_value(app, sizeof(app), y->x.app), why);
	push_ends(&y->x, OUTCOME_REFUSED, slice_of(why));
}

static void
gone(struct apns_push *y, const char *why, uint64_t since)
{
	count_error(y);
	push_end(&y->x,
	    &(struct push_end){
		.outcome = OUTCOME_GONE, .at = since, .why = slice_of(why)});
}

/* ---- Links that are of no use for a while */

/* Where none is of use, nothing is taken until the first may be. */
static void
pause_if_all(struct apns *a, const struct apns_book *b)
{
	unsigned least = UINT_MAX, ms;

	if (b != a->book)
		return;
	list_each (node, &b->all) {
		ms = h2_client_down(
		    container_of(node, struct apns_link, node)->client);
		least = ms < least ? ms : least;
	}
	if (least != 0 && least != UINT_MAX)
		pusher_pause(&a->p, least);
}

/* Somebody has to see to it; until then one push asks now and then. */
static void
stop(struct apns_push *y, const char *reason)
{
	struct apns_link *l = y->link;
	unsigned ms;

	if (h2_client_down(l->client) == 0) {
		ms = backoff_failed(&l->stops);
		stats_add(STAT_apns_stops, 1);
		log_err("stopped", "connection=%s host=%s reason=\"%s\" ms=%u",
		    l->like->name, l->like->host, reason, ms);
		h2_client_rest(l->client, ms);
		pause_if_all(apns_of(y->x.pusher), l->book);
	}
	give_back(y, h2_client_down(l->client), reason);
}

static void
on_down(struct h2_client_face *f, unsigned ms, const char *why)
{
	struct apns_link *l = container_of(f, struct apns_link, face);

	stats_add(STAT_apns_downs, 1);
	log_warn("down", "host=%s ms=%u why=\"%s\"", l->like->host, ms, why);
	pause_if_all(apns_of(l->owner), l->book);
}

static void
on_opened(struct h2_client_face *f)
{
	struct apns_link *l = container_of(f, struct apns_link, face);

	stats_add(STAT_apns_connects, 1);
	log_info("connected", "host=%s", l->like->host);
}

static void
on_leaving(struct h2_client_face *f, struct slice debug)
{
	struct apns_link *l = container_of(f, struct apns_link, face);
	char said[LOG_VALUE];

	stats_add(STAT_apns_leaves, 1);
	log_info("leaving", "host=%s said=%s", l->like->host,
	    log_value(said, sizeof(said), debug));
}

/* ---- Pushes */

static void
on_write(struct h2_client_face *f, struct h2_ask *ask, struct h2_request *r)
{
	struct apns_link *l = container_of(f, struct apns_link, face);
	struct apns_push *y = container_of(ask, struct apns_push, ask);
	struct slice token = {NULL, 0};

	if (l->token != NULL) {
		token = apns_token(l->token, loop_unix_ms(loop_of(y)) / 1000);
		y->iat = l->token->iat;
	}
	apns_body_write(&y->body, token, r);
}

static void
try_now(struct apns_push *y)
{
	if (!h2_client_send(y->link->client, &y->ask))
		give_back(y, h2_client_down(y->link->client), "down");
}

/* One token is of many pushes: only the first of them makes another. */
static void
token_old(struct apns_push *y, const char *reason)
{
	struct apns_token *t = y->link->token;

	if (t == NULL || y->renewed ||
	    (t->iat == y->iat &&
		!apns_token_renew(t, loop_unix_ms(loop_of(y)) / 1000))) {
		stop(y, reason);
		return;
	}
	y->renewed = true;
	try_now(y);
}

static void
answered(struct apns_push *y)
{
	struct h2_call *c = &y->ask.call;
	struct apns_answer a;

	apns_answer_read(&a, c);
	if (a.fate != APNS_STOPPED && a.fate != APNS_TOKEN_OLD)
		backoff_worked(&y->link->stops);
	switch (a.fate) {
	case APNS_DELIVERED:
		push_end(&y->x, &(struct push_end){.outcome = OUTCOME_DELIVERED,
				    .vendor_id = {c->kept, c->kept_n}});
		break;
	case APNS_GONE:
		gone(y, a.reason, a.since);
		break;
	case APNS_REFUSED:
		refuse(y, a.reason);
		break;
	case APNS_LATER:
		try_later(y, a.reason);
		break;
	case APNS_ELSEWHERE:
		/* Of many that say so the first is enough. */
		if (!y->ask.old)
			h2_client_renew(y->link->client);
		push_ends(&y->x, OUTCOME_RETRY, slice_of(a.reason));
		break;
	case APNS_TOKEN_OLD:
		token_old(y, a.reason);
		break;
	case APNS_STOPPED:
		stop(y, a.reason);
		break;
	}
}

static void
on_ended(struct h2_client_face *f, struct h2_ask *ask, enum h2_ask_end how)
{
	struct apns_push *y = container_of(ask, struct apns_push, ask);
	unsigned ms;

	(void)f;
	switch (how) {
	case ASK_ANSWERED:
		answered(y);
		break;
	case ASK_BROKEN:
		push_ends(&y->x, OUTCOME_RETRY, SLICE("connection lost"));
		break;
	case ASK_DOWN:
		ms = h2_client_down(y->link->client);
		give_back(y, ms != 0 ? ms : SOON_MS, "down");
		break;
	}
}

static void
begin(struct pusher *p, struct push *x)
{
	struct apns_push *y = push_of(x);
	struct apns_book *b = apns_of(p)->book;
	const struct apns_app *app = NULL;
	const char *why = apns_body_read(&y->body, x);

	if (why != NULL && strcmp(why, "BadDeviceToken") == 0) {
		gone(y, why, 0);
		return;
	}
	if (why == NULL &&
	    (app = apns_book_app(b, x->app, y->body.which)) == NULL)
		why = "no connection for this application";
	if (why == NULL)
		why = apns_body_settle(&y->body, app);
	if (why != NULL) {
		refuse(y, why);
		return;
	}
	y->link = apns_book_link(b, app);
	b->pushes++;
	try_now(y);
}

static void
cancel(struct pusher *p, struct push *x)
{
	struct apns_push *y = push_of(x);

	(void)p;
	if (y->link != NULL)
		h2_client_drop(y->link->client, &y->ask);
}

static bool
untried(struct pusher *p, struct push *x)
{
	(void)p;
	return h2_client_waits(&push_of(x)->ask);
}

static void
forget(struct pusher *p, struct push *x)
{
	struct apns *a = apns_of(p);
	struct apns_push *y = push_of(x);

	if (y->link != NULL && --y->link->book->pushes == 0 &&
	    y->link->book != a->book)
		loop_arm(p->d.loop, &a->sweep, 0);
	apns_body_free(&y->body);
}

static const struct vendor vendor = {
    .push_size = sizeof(struct apns_push),
    .begin = begin,
    .cancel = cancel,
    .untried = untried,
    .forget = forget,
};

/* ---- A life */

static struct apns *
stage_of(struct daemon *d)
{
	return container_of(d, struct apns, p.d);
}

static void
sweep(struct timer *t)
{
	struct apns *a = container_of(t, struct apns, sweep);
	struct apns_book *b;

	list_each_safe (node, &a->retired) {
		b = container_of(node, struct apns_book, node);
		if (b->pushes == 0)
			apns_book_free(&b);
	}
}

static int
apns_check(struct daemon *d)
{
	struct apns *a = stage_of(d);

	list_init(&a->retired);
	timer_init(&a->sweep, sweep);
	if (!statsd_check(opt_str(d->options, "statsd")))
		return EXIT_SETTINGS;
	a->book = apns_book_new(d->options);
	return a->book != NULL ? 0 : EXIT_SETTINGS;
}

static void
use(struct apns *a)
{
	struct daemon *d = &a->p.d;

	apns_book_start(a->book, d->options, d->loop,
	    &(struct h2_client_face){
		on_write, on_ended, on_down, on_opened, on_leaving});
	list_each (node, &a->book->all)
		container_of(node, struct apns_link, node)->owner = &a->p;
	pusher_able(&a->p,
	    a->book->apps.n == 0 ? "no certificate and no key is set" : NULL);
}

static int
apns_start(struct daemon *d)
{
	struct apns *a = stage_of(d);

	pusher_start(&a->p, &vendor);
	a->statsd = statsd_new(d->loop, opt_str(d->options, "statsd"));
	use(a);
	return 0;
}

static int
apns_reload(struct daemon *d)
{
	struct apns *a = stage_of(d);
	struct apns_book *b = apns_book_new(d->options);

	if (b == NULL)
		return EXIT_SETTINGS;
	list_append(&a->retired, &a->book->node);
	a->book = b;
	loop_arm(d->loop, &a->sweep, 0);
	pusher_pause(&a->p, 0);
	use(a);
	return 0;
}

static void
apns_stop(struct daemon *d)
{
	struct apns *a = stage_of(d);
	struct apns_book *b;

	pusher_stop(&a->p);
	statsd_free(&a->statsd);
	if (a->retired.next == NULL)
		return;
	timer_cancel(&a->sweep);
	list_each_safe (node, &a->retired) {
		b = container_of(node, struct apns_book, node);
		apns_book_free(&b);
	}
	apns_book_free(&a->book);
}

/* clang-format off */
static const struct option apns_options[] = {
	PUSHER_OPTIONS("apns", "1000"),
	APNS_BOOK_OPTIONS,
	{NULL, NULL, OPT_STR, 0, 0, NULL},
};

static const struct option shared_options[] = {
	{"statsd", "", OPT_STR, 0, 255, "address of a StatsD that is told Incus' metrics by UDP; port 8125 if none is said; empty: none"},
	{NULL, NULL, OPT_STR, 0, 0, NULL},
};
/* clang-format on */

const struct stage apns_stage = {
    .name = "apns",
    .about = "pushes jobs to Apple's devices",
    .options = apns_options,
    .shared = shared_options,
    .size = sizeof(struct apns),
    .check = apns_check,
    .start = apns_start,
    .up = pusher_up,
    .owner = pusher_owner,
    .on = {PUSHER_FRAMES},
    .reload = apns_reload,
    .live = "apps ca store_cert store_private_key store_url enterprise_cert "
	    "enterprise_private_key enterprise_url beta_cert "
	    "beta_private_key beta_url development_cert "
	    "development_private_key development_url connect ping pong wait "
	    "wait_max stop",
    .drain = pusher_drain,
    .late = pusher_late,
    .stop = apns_stop,
};

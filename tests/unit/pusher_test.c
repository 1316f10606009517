/*
 * pusher_test.c - a push from its lease to `settled`, over a real link to a
 * store that the test plays.
 */
#include "common/daemon_face.h"
#include "pushers/pusher.h"
#include "tests/unit/bus_world.h"

enum { SAID = 64 };

/* What the store was told. */
static struct {
	struct msg_receipt receipts[SAID];
	char why[SAID][32];
	struct msg_holding holdings[SAID];
	uint64_t credit;
	unsigned nreceipts, nholdings, ncredits;
	char order[SAID + 1]; /* H, R, C */
	unsigned n;
} told;

static struct {
	struct push *last;
	unsigned begun, cancelled, forgotten;
} vendor_saw;

static void
begin(struct pusher *p, struct push *x)
{
	(void)p;
	vendor_saw.last = x;
	vendor_saw.begun++;
}

static void
cancel(struct pusher *p, struct push *x)
{
	(void)p;
	(void)x;
	vendor_saw.cancelled++;
}

static void
forget(struct pusher *p, struct push *x)
{
	(void)p;
	(void)x;
	vendor_saw.forgotten++;
}

static void
drain(struct pusher *p)
{
	list_each_safe (at, &p->begun)
		push_return(container_of(at, struct push, node));
}

static const struct vendor vendor = {.push_size = sizeof(struct push),
    .begin = begin,
    .cancel = cancel,
    .forget = forget,
    .drain = drain};

static const struct option options[] = {
    PUSHER_OPTIONS("q", "4"),
    {"bus", "", OPT_STR, 0, 1, ""},
    {NULL, NULL, OPT_STR, 0, 0, NULL},
};

static const struct stage stage = {
    .name = "test",
    .size = sizeof(struct pusher),
    .up = pusher_up,
    .owner = pusher_owner,
    .on = {PUSHER_FRAMES},
};

static void
note(char what)
{
	if (told.n < SAID)
		told.order[told.n++] = what;
}

static void
store_hears(struct bus_server_face *f, struct bus_peer *p, const struct msg *m)
{
	(void)f;
	(void)p;
	if (m->id == MSG_receipt && told.nreceipts < SAID) {
		note('R');
		snprintf(told.why[told.nreceipts], 32, "%.*s",
		    SLICE_ARGS(m->receipt.why));
		told.receipts[told.nreceipts++] = m->receipt;
	} else if (m->id == MSG_holding && told.nholdings < SAID) {
		note('H');
		told.holdings[told.nholdings++] = m->holding;
	} else if (m->id == MSG_credit) {
		note('C');
		assert_true(slice_is(m->credit.queue, "q"));
		told.credit = m->credit.jobs;
		told.ncredits++;
	}
}

static bool
has_credit(struct world *w)
{
	(void)w;
	return told.ncredits != 0 && told.credit == 4;
}

/* A pusher that is able, unless there is a reason why not. */
static struct pusher *
open_pusher(struct world *w, const char *setting, const char *why_not)
{
	struct pusher *p = xcalloc(1, sizeof(*p));
	char *argv[] = {(char *)"test", (char *)"-o", (char *)setting};
	char *env[] = {NULL};
	const char *why;
	int status;

	memset(&told, 0, sizeof(told));
	memset(&vendor_saw, 0, sizeof(vendor_saw));
	w->server_face.frame = store_hears;
	open_server(w);
	p->d = (struct daemon){.stage = &stage, .loop = w->loop};
	p->d.options = options_read(&(struct options_from){.stage = "test",
					.own = options,
					.argc = setting != NULL ? 3 : 1,
					.argv = argv,
					.env = env,
					.out = stdout,
					.err = stderr},
	    &status);
	assert_non_null(p->d.options);
	daemon_face_init(&p->d);
	p->d.bus = w->bus = bus_open(&(struct bus_setup){.loop = w->loop,
					 .face = &p->d.face,
					 .stores = w->endpoint,
					 .stage = "test",
					 .name = "test.1"},
	    &why);
	assert_non_null(w->bus);
	pusher_start(p, &vendor);
	pusher_able(p, why_not);
	until(w, is_up);
	return p;
}

static void
close_pusher(struct world *w, struct pusher *p)
{
	pusher_stop(p);
	bus_close(&w->bus);
	options_free(&p->d.options);
	free(p);
}

static void
lease(struct world *w, uint64_t number, uint64_t n)
{
	uint64_t now = loop_unix_ms(w->loop);
	struct msg m = {.id = MSG_job,
	    .job = {.number = number,
		.lease = n,
		.until = now + 60000,
		.attempt = 1,
		.queue = SLICE("q"),
		.app = SLICE("app"),
		.target = SLICE("target"),
		.created = now,
		.expires = now + 60000,
		.body = SLICE("{}")}};

	bus_server_send(w->server, w->peer, &m);
}

static void
settle(struct world *w, uint64_t number, uint64_t n)
{
	struct msg m = {
	    .id = MSG_settled, .settled = {.number = number, .lease = n}};

	bus_server_send(w->server, w->peer, &m);
}

static bool
begun(struct world *w)
{
	(void)w;
	return vendor_saw.begun != 0;
}

static bool
said(struct world *w)
{
	(void)w;
	return told.nreceipts != 0;
}

static bool
said_again(struct world *w)
{
	(void)w;
	return told.nreceipts >= 2;
}

static bool
forgotten(struct world *w)
{
	(void)w;
	return vendor_saw.forgotten == 1;
}

static void
a_receipt_is_said_until_it_is_settled(void **state)
{
	struct world *w = *state;
	struct pusher *p = open_pusher(w, NULL, NULL);

	until(w, has_credit);
	lease(w, 7, 3);
	until(w, begun);
	assert_true(slice_is(vendor_saw.last->target, "target"));
	assert_true(slice_is(vendor_saw.last->body, "{}"));
	push_end(
	    vendor_saw.last, &(struct push_end){.outcome = OUTCOME_DELIVERED,
				 .vendor_id = SLICE("v")});
	until(w, said_again);
	assert_int_equal(told.receipts[1].number, 7);
	assert_int_equal(told.receipts[1].lease, 3);
	assert_int_equal(told.receipts[1].outcome, OUTCOME_DELIVERED);
	assert_int_equal(leases_count(&p->leases), 1);
	told.credit = 0;
	settle(w, 7, 3);
	until(w, forgotten);
	until(w, has_credit); /* its place is free again */
	assert_int_equal(leases_count(&p->leases), 0);
	assert_int_equal(vendor_saw.cancelled, 0);
	close_pusher(w, p);
}

static void
what_is_leased_anew_is_pushed_once(void **state)
{
	struct world *w = *state;
	struct pusher *p = open_pusher(w, NULL, NULL);

	lease(w, 7, 3);
	until(w, begun);
	lease(w, 7, 4);
	pass(w, 50);
	assert_int_equal(vendor_saw.begun, 1);
	push_ends(vendor_saw.last, OUTCOME_RETRY, SLICE("Busy"));
	until(w, said);
	assert_int_equal(told.receipts[0].lease, 4);
	assert_string_equal(told.why[0], "Busy");
	/* and so is its receipt of the newest lease */
	lease(w, 7, 5);
	until(w, said_again);
	assert_int_equal(told.receipts[1].lease, 5);
	assert_int_equal(vendor_saw.begun, 1);
	/* what an older lease settles is not the newest */
	settle(w, 7, 4);
	pass(w, 50);
	assert_int_equal(vendor_saw.forgotten, 0);
	close_pusher(w, p);
}

static void
a_vendor_that_is_silent_makes_a_retry(void **state)
{
	struct world *w = *state;
	struct pusher *p = open_pusher(w, "timeout=1s", NULL);

	lease(w, 7, 3);
	until(w, said);
	assert_int_equal(vendor_saw.cancelled, 1);
	assert_int_equal(told.receipts[0].outcome, OUTCOME_RETRY);
	assert_string_equal(told.why[0], "timeout");
	close_pusher(w, p);
}

static void
what_is_settled_otherwise_is_left_off(void **state)
{
	struct world *w = *state;
	struct pusher *p = open_pusher(w, NULL, NULL);

	lease(w, 7, 3);
	until(w, begun);
	settle(w, 7, 3);
	until(w, forgotten);
	assert_int_equal(vendor_saw.cancelled, 1);
	assert_int_equal(told.nreceipts, 0);
	close_pusher(w, p);
}

static bool
back(struct world *w)
{
	(void)w;
	return told.ncredits != 0;
}

static void
a_store_that_returns_hears_of_all_in_hand_before_credit(void **state)
{
	struct world *w = *state;
	struct pusher *p = open_pusher(w, NULL, NULL);
	unsigned holdings = 0;

	lease(w, 1, 1);
	until(w, begun);
	push_ends(vendor_saw.last, OUTCOME_DELIVERED, SLICE(""));
	until(w, said);
	lease(w, 2, 2);
	pass(w, 50);
	memset(&told, 0, sizeof(told));
	bus_server_drop(w->server, "test");
	until(w, back);
	pass(w, 50);
	for (const char *at = told.order; *at != 'C'; at++) {
		assert_int_equal(*at, 'H');
		holdings++;
	}
	assert_int_equal(holdings, 2);
	assert_true(told.nreceipts >= 1);
	assert_int_equal(told.receipts[0].number, 1);
	close_pusher(w, p);
}

static bool
no_credit(struct world *w)
{
	(void)w;
	return told.ncredits != 0 && told.credit == 0;
}

static void
jobs_come_while_it_is_able(void **state)
{
	struct world *w = *state;
	struct pusher *p = open_pusher(w, NULL, "no key");

	until(w, no_credit);
	/* one that was on its way is given back untried */
	lease(w, 7, 3);
	until(w, said);
	assert_int_equal(told.receipts[0].outcome, OUTCOME_RETURNED);
	assert_int_equal(vendor_saw.begun, 0);
	settle(w, 7, 3);
	pusher_able(p, NULL);
	until(w, has_credit);
	pusher_pause(p, 200);
	until(w, no_credit);
	until(w, has_credit);
	close_pusher(w, p);
}

static bool
returned(struct world *w)
{
	(void)w;
	return told.nreceipts == 1 &&
	       told.receipts[0].outcome == OUTCOME_RETURNED;
}

static bool
nothing_in_hand(struct world *w)
{
	(void)w;
	return vendor_saw.forgotten == 1;
}

static void
a_drain_gives_back_what_the_vendor_did_not_begin(void **state)
{
	struct world *w = *state;
	struct pusher *p = open_pusher(w, NULL, NULL);

	lease(w, 7, 3);
	until(w, begun);
	p->d.draining = true;
	pusher_drain(&p->d);
	/* nothing is left in hand, so the loop may end by itself; but it is
	 * not settled yet */
	assert_int_equal(p->nended, 1);
	until(w, returned);
	settle(w, 7, 3);
	until(w, nothing_in_hand);
	close_pusher(w, p);
}

static void
what_is_over_is_not_begun(void **state)
{
	struct world *w = *state;
	struct pusher *p = open_pusher(w, NULL, NULL);
	struct msg m = {.id = MSG_job,
	    .job = {.number = 9,
		.lease = 1,
		.until = loop_unix_ms(w->loop) + 60000,
		.expires = loop_unix_ms(w->loop) - 1}};

	bus_server_send(w->server, w->peer, &m);
	until(w, said);
	assert_int_equal(vendor_saw.begun, 0);
	assert_int_equal(told.receipts[0].outcome, OUTCOME_RETRY);
	assert_string_equal(told.why[0], "expired");
	close_pusher(w, p);
}

static void
words_of_a_vendor_are_cut_between_characters(void **state)
{
	struct world *w = *state;
	struct pusher *p = open_pusher(w, NULL, NULL);
	char why[300];

	memset(why, 'a', sizeof(why));
	memcpy(why + 254, "\xc3\xa9", 2);
	lease(w, 7, 3);
	until(w, begun);
	push_ends(
	    vendor_saw.last, OUTCOME_REFUSED, (struct slice){why, sizeof(why)});
	assert_int_equal(vendor_saw.last->end.why.n, 254);
	until(w, said);
	close_pusher(w, p);
}

TESTS(story(a_receipt_is_said_until_it_is_settled),
    story(what_is_leased_anew_is_pushed_once),
    story(a_vendor_that_is_silent_makes_a_retry),
    story(what_is_settled_otherwise_is_left_off),
    story(a_store_that_returns_hears_of_all_in_hand_before_credit),
    story(jobs_come_while_it_is_able),
    story(a_drain_gives_back_what_the_vendor_did_not_begin),
    story(what_is_over_is_not_begun),
    story(words_of_a_vendor_are_cut_between_characters))

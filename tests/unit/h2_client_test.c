/*
 * h2_client_test.c - requests get their answers over one connection, find the
 * next one when it goes, and are given back when there is none.
 */
#include "tests/unit/h2_house.h"

static bool
one_came(struct house *h)
{
	return h->nserved != 0 && h->served[0].peer.whole != 0;
}

static bool
all_came(struct house *h)
{
	return h->nserved != 0 && h->served[0].peer.whole == ASKS;
}

static void
many_requests_share_one_connection(void **state)
{
	struct house *h = *state;

	h->script = answer_all;
	for (unsigned round = 0; round < 3; round++) {
		ask_all(h);
		house_run(h, all_ended);
		all_are(h, ASK_ANSWERED);
	}
	assert_int_equal(h->nserved, 1);
	assert_int_equal(h->opens, 1);
	assert_int_equal(h->downs, 0);
}

static void
answer_in_ones(struct house *h)
{
	for (unsigned i = 0; i < h->nserved; i++)
		must(h->served[i].peer.n <= h->served[i].answered + 1);
	answer_all(h);
}

static void
the_peers_limit_is_kept(void **state)
{
	struct house *h = *state;

	h->limit = 1;
	h->script = answer_in_ones; /* which dies of two at a time */
	ask_all(h);
	house_run(h, all_ended);
	all_are(h, ASK_ANSWERED);
}

static void
a_shy_client_sends_one_alone_until_it_is_known(void **state)
{
	struct house *h = *state;

	house_client(h, (struct h2_client_setup){.shy = true});
	ask_all(h);
	house_run(h, one_came);
	house_run(h, nothing_moves);
	assert_int_equal(h->served[0].peer.n, 1);
	/* It was refused: the next one is alone as well. */
	peer_answer(
	    &h->served[0].peer, 0, (struct peer_says){"403", NULL, "{}"});
	h->served[0].answered = 1;
	house_run(h, one_ended);
	house_run(h, nothing_moves);
	assert_int_equal(h->served[0].peer.n, 2);
	peer_answer(
	    &h->served[0].peer, 1, (struct peer_says){"400", NULL, "{}"});
	h->served[0].answered = 2;
	house_run(h, all_came);
}

static void
leave_after_ten(struct house *h)
{
	struct served *s = &h->served[0];

	answer_all(h);
	if (h->nserved == 1 && s->peer.n >= 10 && h->leaves == 0) {
		peer_leave(&s->peer, s->peer.asked[9].stream, "");
		h->leaves = 100;
	}
}

static void
what_a_leaving_peer_did_not_take_goes_to_the_next(void **state)
{
	struct house *h = *state;

	/* 10 were answered, so leaving is not a failure. */
	h->limit = 10;
	h->script = leave_after_ten;
	ask_all(h);
	house_run(h, all_ended);
	all_are(h, ASK_ANSWERED);
	assert_int_equal(h->nserved, 2);
	assert_int_equal(h->downs, 0);
	assert_int_equal(h->served[1].peer.n, ASKS - 10);
}

static void
leave_at_once(struct house *h)
{
	for (unsigned i = 0; i < h->nserved; i++)
		if (h->served[i].peer.n != 0 && h->served[i].answered == 0) {
			h->served[i].answered = 1;
			peer_leave(&h->served[i].peer, 0, "");
		}
}

static void
a_peer_that_leaves_without_an_answer_is_left_alone(void **state)
{
	struct house *h = *state;

	house_client(h, (struct h2_client_setup){.wait_min = 5000});
	h->script = leave_at_once;
	ask_all(h);
	house_run(h, all_ended);
	all_are(h, ASK_DOWN);
	assert_int_equal(h->downs, 1);
	assert_in_range(h2_client_down(h->client), 1, 5000);
	assert_false(h2_client_send(h->client, &h->asks[0].ask));
}

static void
cut_the_first(struct house *h)
{
	if (h->nserved == 1 && h->served[0].peer.whole == 20) {
		/* The others, if any, were not answered. */
		for (unsigned i = 0; i < 5; i++)
			peer_answer(&h->served[0].peer, i,
			    (struct peer_says){"200", NULL, NULL});
		served_step(h, &h->served[0]);
		served_close(&h->served[0]);
	} else if (h->nserved > 1) {
		answer_all(h);
	}
}

static void
what_was_sent_when_the_line_broke_is_told_as_broken(void **state)
{
	struct house *h = *state;
	unsigned n[3] = {0};

	h->limit = 20;
	h->script = cut_the_first;
	ask_all(h);
	house_run(h, all_ended);
	for (unsigned i = 0; i < ASKS; i++) {
		assert_int_equal(h->asks[i].ends, 1);
		n[h->asks[i].how]++;
	}
	assert_int_equal(n[ASK_DOWN], 0);
	assert_true(n[ASK_BROKEN] >= 15 && n[ASK_BROKEN] <= 20);
	assert_int_equal(n[ASK_ANSWERED], ASKS - n[ASK_BROKEN]);
	assert_int_equal(h->downs, 0);
}

static void
a_host_that_refuses_is_down_and_up_again_later(void **state)
{
	struct house *h = *state;

	h->refuse = true;
	h->script = answer_all;
	ask_all(h);
	house_run(h, all_ended);
	all_are(h, ASK_DOWN);
	assert_int_equal(h->downs, 1);
	assert_string_equal(h->why, "the peer hung up");
	h->refuse = false;
	house_run(h, nothing_moves);
	assert_int_equal(h2_client_down(h->client), 0);
	ask_all(h);
	house_run(h, all_ended);
	all_are(h, ASK_ANSWERED);
}

static void
a_name_nobody_knows_is_down(void **state)
{
	struct house *h = *state;

	house_client(h, (struct h2_client_setup){.host = "nobody.invalid"});
	ask(h, 0);
	house_run(h, one_ended);
	assert_int_equal(h->asks[0].how, ASK_DOWN);
	assert_string_equal(h->why, "nobody knows the host's name");
}

static void
a_certificate_of_another_name_is_refused(void **state)
{
	struct house *h = *state;

	cert_write(&h->cert, "DNS:other.test", 2);
	assert_true(tls_context_reload(h->server_ctx, &(struct tls_error){0}));
	assert_true(tls_context_reload(h->client_ctx, &(struct tls_error){0}));
	ask(h, 0);
	house_run(h, one_ended);
	assert_int_equal(h->asks[0].how, ASK_DOWN);
	assert_string_equal(h->why, "hostname mismatch");
}

static bool
went_down(struct house *h)
{
	return h->downs != 0 || h->ended != 0;
}

static void
a_peer_that_does_not_answer_a_ping_is_dead(void **state)
{
	struct house *h = *state;

	house_client(h, (struct h2_client_setup){.times = {10000, 50, 50}});
	h->script = answer_all;
	ask(h, 0);
	house_run(h, one_ended);
	house_run(h, nothing_moves); /* longer than idle: it was asked */
	assert_true(h->served[0].peer.pings != 0);
	assert_int_equal(h->downs, 0);
	h->deaf = true;
	h->ended = 0;
	ask(h, 0);
	house_run(h, went_down);
	assert_int_equal(h->asks[0].how, ASK_BROKEN);
	h->deaf = false;
	h->ended = 0;
	ask(h, 0);
	house_run(h, one_ended);
	assert_int_equal(h->asks[0].how, ASK_ANSWERED);
	assert_int_equal(h->nserved, 2);
}

static void
a_peer_that_never_greets_is_given_up(void **state)
{
	struct house *h = *state;

	house_client(h, (struct h2_client_setup){.times = {50, 50, 50}});
	h->deaf = true;
	ask(h, 0);
	house_run(h, one_ended);
	assert_int_equal(h->asks[0].how, ASK_DOWN);
	assert_string_equal(h->why, "no connection in time");
}

static bool
one_pinged(struct house *h)
{
	return h->served[0].peer.pings != 0;
}

static void
a_dropped_request_is_its_owners_and_the_peer_is_asked(void **state)
{
	struct house *h = *state;

	ask(h, 0);
	h2_client_drop(h->client, &h->asks[0].ask); /* it still waited */
	ask(h, 1);
	house_run(h, one_came);
	h2_client_drop(h->client, &h->asks[1].ask);
	memset(&h->asks[1], 0xff, sizeof(h->asks[1]));
	house_run(h, one_pinged);
	assert_int_equal(h->ended, 0);
	assert_int_equal(h->served[0].peer.n, 1);
	assert_true(h->served[0].peer.asked[0].reset);
	h->script = answer_all;
	h->served[0].answered = 1;
	ask(h, 2);
	house_run(h, one_ended);
	assert_int_equal(h->asks[2].how, ASK_ANSWERED);
	assert_int_equal(h->nserved, 1);
}

static bool
two_came(struct house *h)
{
	return h->nserved != 0 && h->served[0].peer.whole == 2;
}

static bool
first_closed(struct house *h)
{
	return h->served[0].fd < 0;
}

static void
a_renewed_client_finishes_on_the_old_connection(void **state)
{
	struct house *h = *state;

	ask(h, 0);
	ask(h, 1);
	house_run(h, two_came);
	peer_answer(
	    &h->served[0].peer, 0, (struct peer_says){"200", NULL, NULL});
	h->served[0].answered = 1;
	house_run(h, one_ended);
	h2_client_renew(h->client);
	ask(h, 2);
	house_run(h, nothing_moves);
	assert_int_equal(h->nserved, 2);
	assert_int_equal(h->served[1].peer.n, 1);
	assert_int_equal(h->downs, 0);
	h->script = answer_all;
	house_run(h, first_closed);
	assert_int_equal(h->asks[1].how, ASK_ANSWERED);
	assert_int_equal(h->asks[1].ends, 1);
}

static void
a_client_at_rest_gives_back_what_waits_and_finishes_the_rest(void **state)
{
	struct house *h = *state;

	house_client(h, (struct h2_client_setup){.shy = true});
	ask_all(h);
	house_run(h, one_came);
	h2_client_rest(h->client, 5000);
	assert_int_equal(h->ended, ASKS - 1);
	assert_int_equal(h->downs, 0);
	assert_false(h2_client_send(h->client, &h->asks[1].ask));
	h->script = answer_all;
	house_run(h, all_ended);
	assert_int_equal(h->asks[0].how, ASK_ANSWERED);
	assert_int_equal(h->asks[1].how, ASK_DOWN);
}

static bool
all_whole(struct house *h)
{
	return all_ended(h) || all_came(h);
}

/* The sanitizer sees what is left. */
static void
a_client_may_go_at_any_time(void **state)
{
	struct house *h = *state;

	ask_all(h);
	h2_client_free(&h->client);
	house_client(h, (struct h2_client_setup){.shy = false});
	ask_all(h);
	house_run(h, all_whole);
	h2_client_free(&h->client);
	house_client(h, (struct h2_client_setup){.host = "nobody.invalid"});
	ask_all(h);
	h2_client_free(&h->client);
	assert_int_equal(h->ended, 0);
}

#define each(f) cmocka_unit_test_setup_teardown(f, house_up, house_down)

TESTS(each(many_requests_share_one_connection), each(the_peers_limit_is_kept),
    each(a_shy_client_sends_one_alone_until_it_is_known),
    each(what_a_leaving_peer_did_not_take_goes_to_the_next),
    each(a_peer_that_leaves_without_an_answer_is_left_alone),
    each(what_was_sent_when_the_line_broke_is_told_as_broken),
    each(a_host_that_refuses_is_down_and_up_again_later),
    each(a_name_nobody_knows_is_down),
    each(a_certificate_of_another_name_is_refused),
    each(a_peer_that_does_not_answer_a_ping_is_dead),
    each(a_peer_that_never_greets_is_given_up),
    each(a_dropped_request_is_its_owners_and_the_peer_is_asked),
    each(a_renewed_client_finishes_on_the_old_connection),
    each(a_client_at_rest_gives_back_what_waits_and_finishes_the_rest),
    each(a_client_may_go_at_any_time))

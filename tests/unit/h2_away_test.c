/*
 * h2_away_test.c - a peer that takes requests and does none of them.
 */
#include "tests/unit/h2_house.h"

static bool
newest_came(struct house *h)
{
	return h->nserved > h->since_served &&
	       h->served[h->nserved - 1].peer.whole != 0;
}

/* Each request on a connection of its own, and all are sent away. */
static void
a_peer_that_sends_us_elsewhere_for_ever_is_asked_less_and_less(void **state)
{
	struct house *h = *state;
	unsigned before = 0, now;

	house_client(h, (struct h2_client_setup){.wait_min = 100});
	for (unsigned i = 0; i < 4; i++) {
		while (h2_client_down(h->client) != 0)
			house_run(h, nothing_moves);
		h->ended = 0;
		h->since_served = h->nserved;
		ask(h, 0);
		house_run(h, newest_came);
		peer_answer(&h->served[i].peer, 0,
		    (struct peer_says){"503", NULL, NULL});
		h->served[i].answered = 1;
		house_run(h, one_ended);
		assert_int_equal(h->asks[0].how, ASK_ANSWERED);
		h2_client_renew(h->client);
		assert_int_equal(h->downs, i + 1);
		now = h2_client_down(h->client);
		assert_true(now > before);
		before = now;
	}
}

static void
refuse_all(struct house *h)
{
	for (unsigned i = 0; i < h->nserved; i++) {
		struct served *s = &h->served[i];

		while (s->fd >= 0 && s->answered < s->peer.n)
			peer_reset(
			    &s->peer, s->answered++, NGHTTP2_REFUSED_STREAM);
	}
}

static unsigned
asked(const struct house *h)
{
	unsigned n = 0;

	for (unsigned i = 0; i < h->nserved; i++)
		n += h->served[i].peer.n;
	return n;
}

static void
a_peer_that_refuses_every_request_is_left_alone(void **state)
{
	struct house *h = *state;

	house_client(h, (struct h2_client_setup){.wait_min = 5000});
	h->script = refuse_all;
	ask_all(h);
	house_run(h, all_ended);
	all_are(h, ASK_DOWN);
	assert_int_equal(h->downs, 1);
	assert_in_range(asked(h), 4, 4 * ASKS);
	assert_false(h2_client_send(h->client, &h->asks[0].ask));
}

/* One is refused, for good, each time after another was answered. */
static void
refuse_the_first(struct house *h)
{
	struct served *s = &h->served[0];

	while (h->nserved == 1 && s->fd >= 0 && s->answered < s->peer.n) {
		if (s->answered != 0 && s->answered < 5)
			peer_reset(
			    &s->peer, s->answered, NGHTTP2_REFUSED_STREAM);
		else
			peer_answer(&s->peer, s->answered,
			    (struct peer_says){"200", NULL, NULL});
		s->answered++;
	}
}

static void
a_peer_that_refuses_one_is_asked_the_next(void **state)
{
	struct house *h = *state;

	h->script = refuse_the_first;
	for (unsigned i = 0; i < 3; i++) {
		h->ended = 0;
		ask(h, i);
		house_run(h, one_ended);
	}
	assert_int_equal(h->asks[0].how, ASK_ANSWERED);
	assert_int_equal(h->asks[1].how, ASK_DOWN);
	assert_int_equal(h->asks[2].how, ASK_ANSWERED);
	assert_int_equal(h->downs, 0);
	assert_int_equal(h->nserved, 1);
}

#define each(f) cmocka_unit_test_setup_teardown(f, house_up, house_down)

TESTS(each(a_peer_that_sends_us_elsewhere_for_ever_is_asked_less_and_less),
    each(a_peer_that_refuses_every_request_is_left_alone),
    each(a_peer_that_refuses_one_is_asked_the_next))

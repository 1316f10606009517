/* client_address_test.c - behind proxies each request tells whose connection
 * counts, and only to those who trust who says so. */
#include "ingress/client_own.h"
#include "tests/unit/front_world.h"

#define ASK(who)                                                               \
	"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: " who "\r\n\r\n"

static void
trust_the_proxy(struct house *h, unsigned per_address)
{
	struct slice bad;

	h->front.limits.per_address = per_address;
	assert_null(trust_read(&h->front.trusted, SLICE("10.0.0.0/8"), &bad));
}

static void
dial_from(struct house *h, const char *address)
{
	struct client_setup setup = {.counted = false};

	assert_true(ip_parse(slice_of(address), &setup.address));
	setup.counted = peers_counts(&h->front, &setup.address);
	if (setup.counted)
		assert_true(peers_enter(&h->front, &setup.address));
	dial_as(h, setup);
}

/* Leave the connection as it is; the caller closes it. */
static int
put_aside(struct house *h)
{
	int fd = h->fd;

	loop_unwatch(h->loop, &h->watch);
	h->fd = -1;
	return fd;
}

static void
an_address_counts_whatever_proxy_it_comes_by(void **state)
{
	struct house *h = *state;
	int one, two;

	trust_the_proxy(h, 2);
	dial_from(h, "10.0.0.1");
	say(h, ASK("6.6.6.6, 192.0.2.7"));
	hear(h, "200 OK");
	one = put_aside(h);
	dial_from(h, "10.0.0.2");
	say(h, ASK("192.0.2.7, 10.0.0.3"));
	hear(h, "200 OK");
	two = put_aside(h);
	dial_from(h, "10.0.0.1");
	say(h, ASK("192.0.2.8"));
	hear(h, "200 OK");
	say(h, ASK("192.0.2.7"));
	hear(h, "429 Too Many Requests");
	hear(h, "\"too_many\"");
	hear_end(h);
	close(one);
	close(two);
}

static bool
one_is_left(struct house *h)
{
	return h->front.nclients == 1;
}

static void
a_connection_counts_for_who_spoke_last(void **state)
{
	struct house *h = *state;
	int one;

	trust_the_proxy(h, 1);
	dial_from(h, "10.0.0.1");
	say(h, ASK("192.0.2.7"));
	hear(h, "200 OK");
	say(h, ASK("192.0.2.8"));
	hear(h, "200 OK");
	one = put_aside(h);
	dial_from(h, "10.0.0.1");
	say(h, ASK("192.0.2.7") ASK("192.0.2.7"));
	hear(h, "200 OK");
	hear(h, "200 OK");
	say(h, ASK("192.0.2.8"));
	hear(h, "429 Too Many Requests");
	close(one);
	until(h, one_is_left);
	dial_from(h, "10.0.0.1");
	say(h, ASK("192.0.2.8"));
	hear(h, "200 OK");
}

static void
without_an_address_it_is_the_proxy_s_and_not_counted(void **state)
{
	struct house *h = *state;
	int fds[3];

	trust_the_proxy(h, 1);
	for (unsigned i = 0; i < 3; i++) {
		dial_from(h, "10.0.0.1");
		say(h, i == 0 ? ASK("unknown") : ASK("192.0.2.7, junk"));
		hear(h, "200 OK");
		fds[i] = put_aside(h);
	}
	for (unsigned i = 0; i < 3; i++)
		close(fds[i]);
}

static void
a_stranger_is_not_believed(void **state)
{
	struct house *h = *state;
	struct ip ip;

	trust_the_proxy(h, 1);
	dial_from(h, "192.0.2.9");
	say(h, ASK("192.0.2.7"));
	hear(h, "200 OK");
	assert_true(ip_parse(SLICE("192.0.2.9"), &ip));
	assert_false(peers_enter(&h->front, &ip));
	assert_true(ip_parse(SLICE("192.0.2.7"), &ip));
	assert_true(peers_enter(&h->front, &ip));
	peers_leave(&h->front, &ip);
}

static void
of_ipv6_the_64_counts(void **state)
{
	struct house *h = *state;
	int one, two;

	trust_the_proxy(h, 1);
	dial_from(h, "10.0.0.1");
	say(h, ASK("2001:db8::1"));
	hear(h, "200 OK");
	one = put_aside(h);
	dial_from(h, "10.0.0.1");
	say(h, ASK("2001:db8:0:1::1"));
	hear(h, "200 OK");
	two = put_aside(h);
	dial_from(h, "10.0.0.1");
	say(h, ASK("2001:db8::ffff:2"));
	hear(h, "429 Too Many Requests");
	close(one);
	close(two);
}

TESTS(story(an_address_counts_whatever_proxy_it_comes_by),
    story(a_connection_counts_for_who_spoke_last),
    story(without_an_address_it_is_the_proxy_s_and_not_counted),
    story(a_stranger_is_not_believed), story(of_ipv6_the_64_counts))

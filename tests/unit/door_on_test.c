/*
 * door_on_test.c - a socket whose session another hub has gets there, once,
 * or comes back to whoever asked.
 */
#include "tests/unit/door_guest.h"

#include "common/must.h"

enum { ANN = 11, BOB = 12, NOBODY = 13 };

#define CONNECT "POST /push HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]"

static void
come(struct house *h, struct guest *g, struct msg_offer offer)
{
	struct msg m = {.id = MSG_offer, .offer = offer};
	uint64_t hubs = door_hubs(h->front.door);

	visit(h, g);
	send_frame(g, &m, -1);
	h->count = (unsigned)hubs + 1;
	until(h, a_hub_is_here);
}

static void
two_come(struct house *h, struct guest *a, struct guest *b)
{
	door_at(h, DEADLINE_MS);
	come(h, a,
	    (struct msg_offer){
		.name = SLICE("hub.1"), .credit = 9, .tag = ANN});
	come(h, b,
	    (struct msg_offer){.name = SLICE("hub.2"),
		.credit = 9,
		.connections = 5,
		.tag = BOB});
}

/* A client whose socket the guest has, as ever. */
static void
give_one(struct house *h, struct guest *g)
{
	dial_as(h, (struct client_setup){.secure = true});
	say(h, SSE);
	receive_soon(h, g);
	assert_int_equal(g->m.pass.passed, 0);
}

static void
say_on(struct guest *g, struct msg_pass pass)
{
	struct msg m = {.id = MSG_pass, .pass = pass};

	m.pass.listener = SLICE("4000");
	m.pass.address = SLICE("192.0.2.7");
	m.pass.bytes = SLICE(CONNECT);
	send_frame(g, &m, g->got);
	close(g->got);
	g->got = -1;
}

static void
a_socket_gets_to_the_hub_that_has_its_session(void **state)
{
	uint64_t onward = stats_get(STAT_handovers_onward);
	struct house *h = *state;
	struct guest a, b;

	two_come(h, &a, &b);
	give_one(h, &a);
	say_on(
	    &a, (struct msg_pass){
		    .wanted = BOB, .personas = 3, .state = SLICE("st\0ate")});
	receive_soon(h, &b);
	assert_true(slice_is(b.m.pass.bytes, CONNECT));
	assert_true(slice_is(b.m.pass.listener, "4000"));
	assert_true(slice_is(b.m.pass.address, "192.0.2.7"));
	assert_true(slice_eq(b.m.pass.state, SLICE("st\0ate")));
	assert_int_equal(b.m.pass.personas, 3);
	assert_int_equal(b.m.pass.secure, 0);
	assert_int_equal(b.m.pass.passed, 1);
	assert_int_equal(stats_get(STAT_handovers_onward), onward + 1);
	assert_int_equal(write(b.got, "hello", 5), 5);
	hear(h, "hello");
	leave(&a);
	leave(&b);
}

static void
one_that_nobody_has_comes_back_marked(void **state)
{
	uint64_t homeless = stats_get(STAT_handovers_homeless);
	struct msg full = {
	    .id = MSG_offer, .offer = {.name = SLICE("hub.1"), .tag = ANN}};
	struct house *h = *state;
	struct guest a, b;

	two_come(h, &a, &b);
	give_one(h, &a);
	send_frame(&a, &full, -1); /* this one is its own all the same */
	say_on(&a, (struct msg_pass){.wanted = NOBODY, .secure = 1});
	receive_soon(h, &a);
	assert_true(slice_is(a.m.pass.bytes, CONNECT));
	assert_int_equal(a.m.pass.secure, 1);
	assert_int_equal(a.m.pass.passed, 1);
	assert_int_equal(stats_get(STAT_handovers_homeless), homeless + 1);
	leave(&a);
	leave(&b);
}

/* Its sessions are about to end, so it takes none. */
static void
a_hub_that_leaves_has_no_session(void **state)
{
	struct msg m = {.id = MSG_offer,
	    .offer = {.name = SLICE("hub.2"), .tag = BOB, .draining = 1}};
	struct house *h = *state;
	struct guest a, b;

	two_come(h, &a, &b);
	give_one(h, &a);
	send_frame(&b, &m, -1);
	h->count = 1;
	until(h, a_hub_is_here);
	say_on(&a, (struct msg_pass){.wanted = BOB});
	receive_soon(h, &a);
	assert_int_equal(a.m.pass.passed, 1);
	leave(&a);
	leave(&b);
}

/* It began to leave while the socket was on its way: another one answers. */
static void
what_was_passed_on_is_not_passed_on_again(void **state)
{
	struct house *h = *state;
	struct guest a, b;

	two_come(h, &a, &b);
	give_one(h, &a);
	say_on(&a, (struct msg_pass){.wanted = BOB});
	receive_soon(h, &b);
	say_on(&b, (struct msg_pass){.wanted = BOB, .passed = 1});
	receive_soon(h, &a); /* it has the fewest */
	assert_int_equal(a.m.pass.passed, 1);
	few_turns(h);
	assert_false(receive(&b));
	leave(&a);
	leave(&b);
}

static void
a_hub_of_an_older_version_is_nobody_s(void **state)
{
	struct house *h = *state;
	struct guest a, b;

	door_at(h, 0);
	come(h, &a,
	    (struct msg_offer){
		.name = SLICE("hub.1"), .credit = 9, .tag = ANN});
	come(h, &b, (struct msg_offer){.name = SLICE("hub.2"), .credit = 1});
	give_one(h, &a);
	say_on(&a, (struct msg_pass){.wanted = NOBODY});
	receive_soon(h, &a);
	leave(&a);
	leave(&b);
}

/* Its socket is full: those for it wait, and nobody else does. */
static void
who_waits_for_one_hub_holds_up_no_other(void **state)
{
	static const char fill[60000];
	struct house *h = *state;
	struct guest a, b;
	unsigned sent = 0, got = 0;
	int pair[2];

	two_come(h, &a, &b);
	for (; stats_get(STAT_door_waiting) < 3; sent++) {
		struct msg m = {.id = MSG_pass,
		    .pass = {.wanted = BOB, .bytes = {fill, sizeof(fill)}}};

		assert_in_range(sent, 0, 200);
		must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
		send_frame(&a, &m, pair[1]);
		close(pair[0]);
		close(pair[1]);
		few_turns(h);
	}
	dial(h);
	say(h, SSE);
	receive_soon(h, &a);
	assert_true(slice_is(a.m.pass.bytes, SSE));
	assert_true(stats_get(STAT_door_waiting) >= 3);
	for (; got < sent; got++) {
		receive_soon(h, &b);
		assert_int_equal(b.m.pass.bytes.n, sizeof(fill));
		close(b.got);
		b.got = -1;
	}
	assert_int_equal(stats_get(STAT_door_waiting), 0);
	leave(&a);
	leave(&b);
}

/* It died, and nobody is left: a request is told, another socket ends. */
static void
what_speaks_no_http_is_not_answered_in_it(void **state)
{
	struct house *h = *state;
	struct guest a;

	door_at(h, 1);
	come(h, &a,
	    (struct msg_offer){
		.name = SLICE("hub.1"), .credit = 9, .tag = ANN});
	give_one(h, &a);
	send_frame(&a,
	    &(struct msg){.id = MSG_offer,
		.offer = {.name = SLICE("hub.1"), .draining = 1}},
	    -1);
	say_on(&a, (struct msg_pass){.wanted = ANN, .state = SLICE("x")});
	hear_end(h);
	assert_int_equal(h->got.n, 0);
	leave(&a);
}

TESTS(story(a_socket_gets_to_the_hub_that_has_its_session),
    story(one_that_nobody_has_comes_back_marked),
    story(a_hub_that_leaves_has_no_session),
    story(what_was_passed_on_is_not_passed_on_again),
    story(a_hub_of_an_older_version_is_nobody_s),
    story(who_waits_for_one_hub_holds_up_no_other),
    story(what_speaks_no_http_is_not_answered_in_it))

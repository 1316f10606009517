/*
 * relay_test.c - TLS ends here, whoever owns the request, and between a TLS
 * client and a hub nothing is lost, reordered or kept without bound.
 */
#include "common/msg.h"
#include "common/net.h"
#include "common/passing.h"
#include "tests/unit/front_world.h"
#include "tests/unit/tls_pair.h"

#include <sys/resource.h>

#define SSE    "GET /v1/sse?channel=/a/public/x HTTP/1.1\r\nHost: x\r\n\r\n"
#define HEALTH "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

enum { MUCH = 1 << 20, TRIES = 100000 };

/* A TLS client, and the hub its request goes to. */
struct ends {
	struct pair tls; /* of which the server's half is the ingress's */
	int door, hub;   /* hub: the socket it was given */
};

static void
begin_as(struct house *h, struct ends *e, struct client_setup setup)
{
	char path[128];

	pair_new(&e->tls);
	e->hub = -1;
	snprintf(path, sizeof(path), "%s/door.1", h->dir);
	h->front.door = door_open(&(struct door_setup){
	    .front = &h->front, .path = path, .ports = &h->port, .nports = 1});
	assert_non_null(h->front.door);
	e->door = net_connect_door(path);
	setup.front = &h->front;
	setup.port = &h->port;
	setup.stream =
	    (struct stream){.fd = e->tls.server_fd, .tls = e->tls.server};
	setup.handshake = setup.secure = true;
	client_new(&setup);
	e->tls.server = NULL; /* the client's now */
}

static void
shake_hands(struct house *h, struct ends *e)
{
	for (unsigned i = 0;
	     i < TRIES && tls_handshake(e->tls.client) != TLS_OK; i++)
		few_turns(h);
}

static void
begin(struct house *h, struct ends *e)
{
	begin_as(h, e, (struct client_setup){0});
	shake_hands(h, e);
}

static void
end(struct ends *e)
{
	if (e->hub >= 0)
		close(e->hub);
	close(e->door);
	tls_stream_free(&e->tls.client);
	tls_context_free(&e->tls.server_ctx);
	tls_context_free(&e->tls.client_ctx);
	close(e->tls.client_fd);
	cert_free(&e->tls.cert);
}

static void
tls_say(struct house *h, struct ends *e, struct slice s)
{
	for (unsigned i = 0; i < TRIES && s.n != 0; i++) {
		ssize_t n = tls_write(e->tls.client, s.p, s.n);

		if (n > 0)
			s = slice_from(s, (size_t)n);
		else
			assert_int_equal(n, TLS_WANT_WRITE);
		few_turns(h);
	}
	assert_int_equal(s.n, 0);
}

/* Read so many bytes, from the client's end or the hub's. */
static void
read_from(struct house *h, struct ends *e, bool client, struct slice want)
{
	char *got = xmalloc(want.n + 1);
	size_t have = 0;

	for (unsigned i = 0; i < TRIES && have < want.n; i++) {
		ssize_t n =
		    client ? tls_read(e->tls.client, got + have, want.n - have)
			   : read(e->hub, got + have, want.n - have);

		if (n > 0)
			have += (size_t)n;
		else
			few_turns(h);
	}
	assert_int_equal(have, want.n);
	assert_memory_equal(got, want.p, want.n);
	free(got);
}

/* Ask for what a hub owns; the hub takes the socket. */
static void
reach_hub(struct house *h, struct ends *e)
{
	static char record[PASSING_MAX];
	struct passing_room room = {record, sizeof(record), 0};
	struct msg m = {
	    .id = MSG_offer, .offer = {.name = SLICE("hub.1"), .credit = 1}};
	struct buf b = {0};
	const char *why;

	msg_encode(&b, &m);
	assert_int_equal(pass_send(e->door, -1, buf_slice(&b)), PASSED);
	buf_free(&b);
	tls_say(h, e, SLICE(SSE));
	for (unsigned i = 0; i < TRIES && e->hub < 0; i++) {
		few_turns(h);
		pass_receive(e->door, &e->hub, &room);
	}
	assert_true(e->hub >= 0);
	assert_true(msg_decode((struct slice){room.p, room.got}, &m, &why) > 0);
	assert_int_equal(m.pass.secure, 1);
	assert_true(slice_is(m.pass.bytes, SSE));
}

static struct slice
much(void)
{
	static char bytes[MUCH];

	for (size_t i = 0; i < MUCH; i++)
		bytes[i] = (char)(i * 31 + i / 251);
	return (struct slice){bytes, MUCH};
}

static void
a_request_of_ours_is_answered_over_tls(void **state)
{
	struct house *h = *state;
	struct ends e;

	begin(h, &e);
	tls_say(h, &e, SLICE(HEALTH HEALTH));
	read_from(h, &e, true, SLICE("HTTP/1.1 200 OK\r\n"));
	assert_int_equal(relays_count(h->front.relays), 0);
	end(&e);
}

static void
a_hub_speaks_plainly_to_a_tls_client(void **state)
{
	struct house *h = *state;
	struct ends e;
	struct slice rest = much();

	begin(h, &e);
	tls_say(h, &e, SLICE(HEALTH));
	read_from(h, &e, true, SLICE("HTTP/1.1 200 OK\r\n"));
	{
		char skip[512];

		while (tls_read(e.tls.client, skip, sizeof(skip)) > 0)
			continue;
	}
	reach_hub(h, &e);
	tls_say(h, &e, SLICE("to the hub"));
	read_from(h, &e, false, SLICE("to the hub"));
	assert_int_equal(write(e.hub, "to you", 6), 6);
	read_from(h, &e, true, SLICE("to you"));
	while (rest.n != 0) {
		struct slice part = {rest.p, rest.n < 50000 ? rest.n : 50000};
		ssize_t n = write(e.hub, part.p, part.n);

		if (n <= 0) {
			few_turns(h);
			continue;
		}
		part.n = (size_t)n;
		rest = slice_from(rest, part.n);
		read_from(h, &e, true, part);
	}
	end(&e);
}

static void
much_goes_up_as_well(void **state)
{
	struct house *h = *state;
	struct ends e;
	struct slice rest = much();

	begin(h, &e);
	reach_hub(h, &e);
	while (rest.n != 0) {
		struct slice part = {rest.p, rest.n < 50000 ? rest.n : 50000};

		tls_say(h, &e, part);
		read_from(h, &e, false, part);
		rest = slice_from(rest, part.n);
	}
	end(&e);
}

static void
a_hub_that_does_not_read_stops_the_client(void **state)
{
	struct house *h = *state;
	struct ends e;
	struct slice all = much();
	size_t taken = 0;
	unsigned idle = 0;

	begin(h, &e);
	reach_hub(h, &e);
	while (idle < 100 && taken < 64 * (size_t)MUCH) {
		ssize_t n = tls_write(e.tls.client, all.p, 16384);

		taken += n > 0 ? (size_t)n : 0;
		idle = n > 0 ? 0 : idle + 1;
		few_turns(h);
	}
	/* what sockets hold by themselves, and a record */
	assert_true(taken < 4 * (size_t)MUCH);
	assert_true(taken > 0);
	end(&e);
}

static void
an_end_passes_through_in_each_direction(void **state)
{
	struct house *h = *state;
	struct ends e;
	char byte;
	ssize_t n = -1;

	begin(h, &e);
	reach_hub(h, &e);
	tls_say(h, &e, SLICE("last words"));
	tls_shutdown(e.tls.client);
	read_from(h, &e, false, SLICE("last words"));
	for (unsigned i = 0; i < TRIES && n < 0; i++) {
		few_turns(h);
		n = read(e.hub, &byte, 1);
	}
	assert_int_equal(n, 0);
	assert_int_equal(write(e.hub, "farewell", 8), 8);
	shutdown(e.hub, SHUT_WR);
	read_from(h, &e, true, SLICE("farewell"));
	n = TLS_WANT_READ;
	for (unsigned i = 0; i < TRIES && n == TLS_WANT_READ; i++) {
		few_turns(h);
		n = tls_read(e.tls.client, &byte, 1);
	}
	assert_int_equal(n, TLS_EOF);
	assert_false(tls_cut(e.tls.client));
	assert_int_equal(relays_count(h->front.relays), 0);
	end(&e);
}

static void
a_client_that_vanishes_is_an_end_for_the_hub(void **state)
{
	struct house *h = *state;
	struct ends e;
	char byte;
	ssize_t n = -1;

	begin(h, &e);
	reach_hub(h, &e);
	shutdown(e.tls.client_fd, SHUT_RDWR);
	for (unsigned i = 0; i < TRIES && n < 0; i++) {
		few_turns(h);
		n = read(e.hub, &byte, 1);
	}
	assert_int_equal(n, 0);
	end(&e);
}

static bool
no_relay_is_left(struct house *h)
{
	return relays_count(h->front.relays) == 0;
}

static void
a_client_that_reads_nothing_does_not_outlive_its_hub_for_long(void **state)
{
	struct house *h = *state;
	struct ends e;
	struct slice all = much();

	begin(h, &e);
	reach_hub(h, &e);
	h->front.limits.write_ms = 100;
	for (unsigned idle = 0; idle < 100; few_turns(h))
		idle = write(e.hub, all.p, all.n) > 0 ? 0 : idle + 1;
	close(e.hub); /* too slow for it */
	e.hub = -1;
	until(h, no_relay_is_left);
	end(&e);
}

static void
without_a_descriptor_for_a_relay_the_client_is_told(void **state)
{
	struct house *h = *state;
	struct ends e;
	struct rlimit was, tight;
	int least;

	begin(h, &e);
	getrlimit(RLIMIT_NOFILE, &was);
	tight = was;
	least = dup(e.door);
	close(least);
	tight.rlim_cur = (rlim_t)least;
	setrlimit(RLIMIT_NOFILE, &tight);
	tls_say(h, &e, SLICE(SSE));
	read_from(h, &e, true, SLICE("HTTP/1.1 503 "));
	setrlimit(RLIMIT_NOFILE, &was);
	assert_int_equal(relays_count(h->front.relays), 0);
	end(&e);
}

#define PROXIED "PROXY TCP4 192.0.2.7 192.0.2.9 5000 443\r\n"

/* Whether the header comes alone, in pieces, or with the handshake behind. */
static void
a_proxy_header_stands_before_the_handshake(void **state)
{
	struct house *h = *state;
	struct ends e;
	size_t n = sizeof(PROXIED) - 1;

	for (size_t cut = 0; cut <= n; cut += cut == 0 ? 1 : 9) {
		begin_as(h, &e, (struct client_setup){.proxy = true});
		assert_int_equal(write(e.tls.client_fd, PROXIED, cut), cut);
		few_turns(h);
		assert_int_equal(
		    write(e.tls.client_fd, &PROXIED[cut], n - cut), n - cut);
		shake_hands(h, &e);
		tls_say(h, &e, SLICE(HEALTH));
		read_from(h, &e, true, SLICE("HTTP/1.1 200 OK\r\n"));
		end(&e);
		door_close(&h->front.door);
	}
}

static bool
no_client_is_left(struct house *h)
{
	return h->front.nclients == 0;
}

static void
half_a_proxy_header_is_not_waited_for(void **state)
{
	struct house *h = *state;
	struct ends e;

	h->front.limits.head_ms = 100;
	begin_as(h, &e, (struct client_setup){.proxy = true});
	assert_int_equal(write(e.tls.client_fd, PROXIED, 9), 9);
	until(h, no_client_is_left);
	end(&e);
}

static void
what_is_no_tls_is_closed(void **state)
{
	struct house *h = *state;
	struct ends e;

	pair_new(&e.tls);
	h->count = 0;
	client_new(&(struct client_setup){
	    .front = &h->front,
	    .port = &h->port,
	    .stream = {.fd = e.tls.server_fd, .tls = e.tls.server},
	    .handshake = true,
	});
	e.tls.server = NULL;
	take_end(h, dup(e.tls.client_fd));
	say(h, HEALTH);
	hear_end(h);
	assert_null(strstr(h->got.p, "HTTP"));
	e.hub = -1;
	e.door = dup(e.tls.client_fd);
	end(&e);
}

TESTS(story(a_request_of_ours_is_answered_over_tls),
    story(a_hub_speaks_plainly_to_a_tls_client), story(much_goes_up_as_well),
    story(a_hub_that_does_not_read_stops_the_client),
    story(an_end_passes_through_in_each_direction),
    story(a_client_that_vanishes_is_an_end_for_the_hub),
    story(a_client_that_reads_nothing_does_not_outlive_its_hub_for_long),
    story(without_a_descriptor_for_a_relay_the_client_is_told),
    story(a_proxy_header_stands_before_the_handshake),
    story(half_a_proxy_header_is_not_waited_for),
    story(what_is_no_tls_is_closed))

/*
 * h2_house.h - a client of HTTP/2 and the server it talks to, over TLS on the
 * loopback, in one thread and one loop.
 */
#ifndef TESTS_UNIT_H2_HOUSE_H
#define TESTS_UNIT_H2_HOUSE_H

#include "common/net.h"
#include "pushers/h2_client.h"
#include "tests/unit/cert.h"
#include "tests/unit/h2_peer.h"
#include "tests/unit/test.h"
#include "tests/unit/threads.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>

enum { SERVED = 16, ASKS = 64, WAIT_MS = 20000 };

/* One connection, the server's end. */
struct served {
	int fd; /* -1: closed */
	struct tls_stream *tls;
	bool open;
	struct peer peer;
	unsigned answered; /* of peer.asked, by the script */
};

struct ask {
	struct h2_ask ask;
	unsigned ends, writes;
	enum h2_ask_end how;
};

struct house {
	struct h2_client_face face;
	struct h2_client *client;
	struct loop *loop;
	struct turn turn;
	struct cert cert;
	struct tls_context *server_ctx, *client_ctx;
	struct net_listener listener;
	char port[16];
	unsigned limit; /* of the server's SETTINGS */
	bool deaf;      /* the server reads nothing */
	bool refuse;    /* it hangs up at once */
	struct served served[SERVED];
	unsigned nserved, since_served;

	unsigned downs, opens, leaves, ended;
	char why[128];
	struct ask asks[ASKS];

	void (*script)(struct house *);
	bool (*until)(struct house *);
	bool reached;
	uint64_t since;
	unsigned threads; /* there were before */
};

/* ---- The server */

static inline void
served_close(struct served *s)
{
	if (s->fd < 0)
		return;
	tls_stream_free(&s->tls);
	close(s->fd);
	s->fd = -1;
}

static inline void
served_accept(struct house *h)
{
	struct served *s = &h->served[h->nserved];
	int fd;

	if (net_accept(&h->listener, &fd) != NET_ACCEPTED)
		return;
	if (h->refuse) {
		close(fd);
		return;
	}
	must(h->nserved < SERVED);
	h->nserved++;
	*s =
	    (struct served){.fd = fd, .tls = tls_stream_new(h->server_ctx, fd)};
	peer_new(&s->peer, h->limit);
}

static inline void
served_step(struct house *h, struct served *s)
{
	struct buf out = {0};
	char in[16384];
	ssize_t n;

	if (s->fd < 0)
		return;
	if (!s->open)
		s->open = tls_handshake(s->tls) == TLS_OK;
	if (!s->open || h->deaf)
		return;
	while ((n = tls_read(s->tls, in, sizeof(in))) > 0)
		peer_feed(&s->peer, (struct slice){in, (size_t)n});
	if (n == TLS_EOF || n == TLS_ERROR) {
		served_close(s);
		return;
	}
	peer_take(&s->peer, &out);
	for (size_t at = 0; at < out.n;) {
		n = tls_write(s->tls, out.p + at, out.n - at);
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	buf_free(&out);
}

static inline void
house_work(struct turn *t)
{
	struct house *h = container_of(t, struct house, turn);

	served_accept(h);
	for (unsigned i = 0; i < h->nserved; i++)
		served_step(h, &h->served[i]);
	if (h->script != NULL)
		h->script(h);
	h->reached = h->until(h);
	if (h->reached || loop_now(h->loop) - h->since > WAIT_MS)
		loop_stop(h->loop, 0);
}

static inline bool
house_end(struct turn *t)
{
	(void)t;
	return true;
}

static inline void
house_run(struct house *h, bool (*until)(struct house *))
{
	h->until = until;
	h->since = clock_us() / 1000;
	loop_run(h->loop);
	if (!h->reached)
		fail_msg("waited in vain: %u ended, %u served, %s", h->ended,
		    h->nserved, h->why);
}

/* Everything asked is answered with 200. */
static inline void
answer_all(struct house *h)
{
	for (unsigned i = 0; i < h->nserved; i++) {
		struct served *s = &h->served[i];

		while (s->fd >= 0 && s->answered < s->peer.n &&
		       s->peer.asked[s->answered].whole)
			peer_answer(&s->peer, s->answered++,
			    (struct peer_says){"200", NULL, NULL});
	}
}

/* ---- The client */

static inline void
on_write(struct h2_client_face *f, struct h2_ask *a, struct h2_request *r)
{
	static const struct h2_field field = {
	    SLICE_INIT("apns-topic"), SLICE_INIT("a.b"), false};

	(void)f;
	container_of(a, struct ask, ask)->writes++;
	r->path = SLICE("/3/device/00");
	r->fields = &field;
	r->n = 1;
	r->body = SLICE("{}");
}

static inline void
on_ended(struct h2_client_face *f, struct h2_ask *a, enum h2_ask_end how)
{
	struct ask *ask = container_of(a, struct ask, ask);

	ask->ends++;
	ask->how = how;
	container_of(f, struct house, face)->ended++;
}

static inline void
on_down(struct h2_client_face *f, unsigned ms, const char *why)
{
	struct house *h = container_of(f, struct house, face);

	must(ms != 0);
	h->downs++;
	snprintf(h->why, sizeof(h->why), "%s", why);
}

static inline void
on_opened(struct h2_client_face *f)
{
	container_of(f, struct house, face)->opens++;
}

static inline void
on_leaving(struct h2_client_face *f, struct slice debug)
{
	(void)debug;
	container_of(f, struct house, face)->leaves++;
}

static inline void
ask(struct house *h, unsigned i)
{
	h->asks[i] = (struct ask){.ends = 0};
	assert_true(h2_client_send(h->client, &h->asks[i].ask));
}

static inline bool
all_ended(struct house *h)
{
	return h->ended == ASKS;
}

static inline bool
one_ended(struct house *h)
{
	return h->ended >= 1;
}

static inline bool
nothing_moves(struct house *h)
{
	return loop_now(h->loop) - h->since > 100;
}

static inline void
ask_all(struct house *h)
{
	h->ended = 0;
	for (unsigned i = 0; i < ASKS; i++)
		ask(h, i);
}

static inline void
all_are(struct house *h, enum h2_ask_end how)
{
	for (unsigned i = 0; i < ASKS; i++) {
		assert_int_equal(h->asks[i].ends, 1);
		assert_int_equal(h->asks[i].how, how);
		if (how == ASK_ANSWERED)
			assert_int_equal(h->asks[i].ask.call.status, 200);
	}
}

static inline void
house_client(struct house *h, struct h2_client_setup set)
{
	set.loop = h->loop;
	set.tls = h->client_ctx;
	if (set.host == NULL)
		set.host = "localhost";
	if (set.port == NULL)
		set.port = h->port;
	set.face = &h->face;
	set.streams = 1000;
	if (set.times.connect == 0)
		set.times = (struct h2_times){10000, 10000, 10000};
	if (set.wait_min == 0)
		set.wait_min = 10;
	set.wait_max = 60000;
	h2_client_free(&h->client);
	h->client = h2_client_new(&set);
}

static inline int
house_up(void **state)
{
	struct house *h = *state = xcalloc(1, sizeof(*h));
	struct sockaddr_in at = {0};
	socklen_t n = sizeof(at);
	struct tls_error error;

	signal(SIGPIPE, SIG_IGN);
	h->threads = threads_count();
	h->limit = 100;
	h->loop = loop_new();
	h->turn = (struct turn){.work = house_work, .end = house_end};
	loop_add_turn(h->loop, &h->turn);
	cert_new(&h->cert, "DNS:localhost,IP:127.0.0.1", 1);
	h->server_ctx = tls_context_server(
	    &(struct tls_server_files){h->cert.cert, h->cert.key, TLS_ALPN_H2},
	    &error);
	h->client_ctx = tls_context_client(h->cert.cert, TLS_ALPN_H2, &error);
	must(h->server_ctx != NULL && h->client_ctx != NULL);
	net_listener_init(&h->listener, net_listen("127.0.0.1:0"));
	must(getsockname(h->listener.fd, (struct sockaddr *)&at, &n) == 0);
	snprintf(h->port, sizeof(h->port), "%u", ntohs(at.sin_port));
	h->face = (struct h2_client_face){
	    on_write, on_ended, on_down, on_opened, on_leaving};
	house_client(h, (struct h2_client_setup){.shy = false});
	return 0;
}

static inline int
house_down(void **state)
{
	struct house *h = *state;

	h2_client_free(&h->client);
	for (unsigned i = 0; i < h->nserved; i++) {
		served_close(&h->served[i]);
		peer_free(&h->served[i].peer);
	}
	net_listener_close(&h->listener);
	tls_context_free(&h->server_ctx);
	tls_context_free(&h->client_ctx);
	cert_free(&h->cert);
	loop_free(&h->loop);
	threads_end(h->threads);
	free(h);
	return 0;
}

#endif

/* handshake_test.c - a TLS handshake that fails is counted and explained. */
#include "common/log.h"
#include "ingress/client_own.h"
#include "tests/unit/file_text.h"
#include "tests/unit/front_world.h"
#include "tests/unit/tls_pair.h"

struct
try {
	struct pair tls;
	char log[96];
	uint64_t failures;
};

/* A client of 192.0.2.7 that has not been greeted. */
static void
begin(struct house *h, struct try *t)
{
	struct client_setup setup = {
	    .front = &h->front, .port = &h->port, .handshake = true};

	pair_new(&t->tls);
	snprintf(t->log, sizeof(t->log), "%s/log", h->dir);
	assert_int_equal(log_open("ingress.1", t->log, LEVEL_INFO), 0);
	t->failures = stats_get(STAT_tls_failures);
	setup.stream =
	    (struct stream){.fd = t->tls.server_fd, .tls = t->tls.server};
	t->tls.server = NULL; /* the client's now */
	assert_true(ip_parse(SLICE("192.0.2.7"), &setup.address));
	client_new(&setup);
}

static bool
it_is_gone(struct house *h)
{
	return h->front.nclients == 0;
}

static void
is_explained(struct house *h, struct try *t, const char *why)
{
	char line[128];

	until(h, it_is_gone);
	assert_int_equal(stats_get(STAT_tls_failures), t->failures + 1);
	snprintf(line, sizeof(line),
	    " event=tls_handshake address=192.0.2.7 why=\"%s\"\n", why);
	if (strstr(file_text(t->log), line) == NULL)
		fail_msg("no%sin: %s", line, file_text(t->log));
	log_close();
	unlink(t->log);
	tls_stream_free(&t->tls.client);
	tls_context_free(&t->tls.server_ctx);
	tls_context_free(&t->tls.client_ctx);
	if (t->tls.client_fd >= 0)
		close(t->tls.client_fd);
	cert_free(&t->tls.cert);
}

static void
plain_http_to_a_tls_port_is_told_apart(void **state)
{
	struct house *h = *state;
	struct try t;

	begin(h, &t);
	assert_true(write(t.tls.client_fd, "GET / HTTP/1.1\r\n\r\n", 18) == 18);
	is_explained(h, &t, "http request");
}

static void
who_leaves_in_the_middle_is_told(void **state)
{
	struct house *h = *state;
	struct try t;

	begin(h, &t);
	assert_int_equal(tls_handshake(t.tls.client), TLS_WANT_READ);
	few_turns(h);
	close(t.tls.client_fd);
	t.tls.client_fd = -1;
	is_explained(h, &t, "the peer left");
}

static void
who_says_nothing_is_told(void **state)
{
	struct house *h = *state;
	struct try t;

	h->front.limits.head_ms = 1;
	begin(h, &t);
	is_explained(h, &t, "it took too long");
}

TESTS(story(plain_http_to_a_tls_port_is_told_apart),
    story(who_leaves_in_the_middle_is_told), story(who_says_nothing_is_told))

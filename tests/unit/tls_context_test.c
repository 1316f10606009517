/* tls_context_test.c - who is believed, what is agreed on, and reloading. */
#include "common/tls.h"
#include "tests/unit/cert.h"
#include "tests/unit/test.h"
#include "tests/unit/tls_pair.h"

#include <unistd.h>

static void
a_client_believes_the_right_name_under_the_right_authority_only(void **state)
{
	static const struct {
		const char *host;
		enum tls_result result;
		const char *why;
	} cases[] = {
	    {"hub.test", TLS_OK, "no error"},
	    {"127.0.0.1", TLS_OK, "no error"},
	    {"hub.test.evil", TLS_ERROR, "hostname mismatch"},
	    {"test", TLS_ERROR, "hostname mismatch"},
	    {"127.0.0.2", TLS_ERROR, "IP address mismatch"},
	    {"::1", TLS_ERROR, "IP address mismatch"},
	};
	enum tls_result server, client;
	struct tls_error error;
	struct cert other;
	struct pair p;

	(void)state;
	pair_new(&p);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pair_again(&p, cases[i].host);
		pair_meet(&p, &server, &client);
		assert_int_equal(client, cases[i].result);
		assert_string_equal(tls_why(p.client), cases[i].why);
	}
	assert_null(tls_stream_connect(p.client_ctx, p.client_fd, ""));

	cert_new(&other, "DNS:hub.test", 9);
	tls_context_free(&p.client_ctx);
	p.client_ctx = tls_context_client(other.cert, TLS_ALPN_NONE, &error);
	pair_again(&p, "hub.test");
	pair_meet(&p, &server, &client);
	assert_int_equal(client, TLS_ERROR);
	assert_string_equal(tls_why(p.client), "self-signed certificate");
	assert_int_equal(server, TLS_ERROR);
	cert_free(&other);
	pair_free(&p);
}

static void
the_inner_protocol_is_agreed_on_or_the_peer_refused(void **state)
{
	static const struct {
		enum tls_alpn server, client, agreed;
		enum tls_result result;
	} cases[] = {
	    {TLS_ALPN_H2, TLS_ALPN_H2, TLS_ALPN_H2, TLS_OK},
	    {TLS_ALPN_HTTP1, TLS_ALPN_NONE, TLS_ALPN_NONE, TLS_OK},
	    {TLS_ALPN_NONE, TLS_ALPN_H2, TLS_ALPN_NONE, TLS_OK},
	    {TLS_ALPN_HTTP1, TLS_ALPN_H2, TLS_ALPN_NONE, TLS_ERROR},
	};
	enum tls_result server, client;
	struct pair p;

	(void)state;
	pair_new(&p);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pair_contexts(&p, cases[i].server, cases[i].client);
		pair_again(&p, "hub.test");
		pair_meet(&p, &server, &client);
		assert_int_equal(server, cases[i].result);
		assert_int_equal(client, cases[i].result);
		assert_int_equal(tls_alpn(p.server), cases[i].agreed);
		assert_int_equal(tls_alpn(p.client), cases[i].agreed);
	}
	pair_free(&p);
}

/* A stranger meets our server; what the server made of it. */
static enum tls_result
meet_stranger(struct pair *p, struct stranger *s, int version)
{
	enum tls_result result = TLS_WANT_READ;
	bool done = false;
	char c;

	pair_again(p, "hub.test");
	stranger_connect(s, p->client_fd, version);
	for (int i = 0; i < STEPS; i++) {
		done = done || stranger_step(s);
		if (result == TLS_WANT_READ)
			result = tls_handshake(p->server);
	}
	if (result == TLS_OK) {
		assert_true(done);
		assert_int_equal(tls_write(p->server, "x", 1), 1);
		assert_int_equal(stranger_read(s, &c, 1), 1);
	}
	return result;
}

static void
a_ticket_resumes_and_old_versions_are_refused(void **state)
{
	struct stranger s = {0}, old = {0};
	struct pair p;

	(void)state;
	pair_new(&p);
	assert_int_equal(meet_stranger(&p, &s, TLS1_3_VERSION), TLS_OK);
	assert_false(tls_resumed(p.server));
	assert_int_equal(meet_stranger(&p, &s, TLS1_3_VERSION), TLS_OK);
	assert_true(tls_resumed(p.server));
	assert_int_equal(meet_stranger(&p, &old, TLS1_2_VERSION), TLS_OK);
	assert_string_equal(tls_version(p.server), "TLSv1.2");
	assert_int_equal(meet_stranger(&p, &old, TLS1_2_VERSION), TLS_OK);
	assert_true(tls_resumed(p.server));
	stranger_free(&old);
	assert_int_equal(meet_stranger(&p, &old, TLS1_1_VERSION), TLS_ERROR);
	stranger_free(&old);
	stranger_free(&s);
	pair_free(&p);
}

static void
a_reload_serves_the_new_certificate_and_keeps_old_streams(void **state)
{
	struct stranger s = {0}, other = {0};
	struct tls_stream *before;
	struct tls_error error;
	int before_fd[2];
	struct pair p;
	char c;

	(void)state;
	pair_new(&p);
	assert_int_equal(meet_stranger(&p, &s, TLS1_3_VERSION), TLS_OK);
	assert_int_equal(stranger_saw(&s), 1);
	before = p.server;
	before_fd[0] = p.server_fd;
	before_fd[1] = p.client_fd;
	p.server = NULL; /* so pair_again() leaves its sockets open */

	cert_write(&p.cert, "DNS:hub.test", 2);
	assert_true(tls_context_reload(p.server_ctx, &error));
	assert_int_equal(meet_stranger(&p, &other, TLS1_3_VERSION), TLS_OK);
	assert_int_equal(stranger_saw(&other), 2);
	assert_int_equal(tls_write(before, "y", 1), 1);
	assert_int_equal(stranger_read(&s, &c, 1), 1);
	assert_int_equal(c, 'y');

	memory_file_clear(p.cert.key_file);
	assert_false(tls_context_reload(p.server_ctx, &error));
	assert_non_null(strstr(error.text, p.cert.key));
	assert_int_equal(meet_stranger(&p, &other, TLS1_3_VERSION), TLS_OK);
	assert_int_equal(stranger_saw(&other), 2);
	tls_stream_free(&before);
	close(before_fd[0]);
	close(before_fd[1]);
	stranger_free(&s);
	stranger_free(&other);
	pair_free(&p);
}

static void
bad_files_are_refused_by_name_and_reason(void **state)
{
	struct tls_server_files files = {
	    "no/such.pem", "no/such.key", TLS_ALPN_NONE};
	struct tls_error error;
	struct cert a, b;

	(void)state;
	cert_new(&a, "DNS:a", 1);
	cert_new(&b, "DNS:b", 2);
	assert_null(tls_context_server(&files, &error));
	assert_string_equal(
	    error.text, "certificate no/such.pem: No such file or directory");
	files.cert = a.cert;
	assert_null(tls_context_server(&files, &error));
	assert_string_equal(
	    error.text, "key no/such.key: No such file or directory");
	files.key = b.key;
	assert_null(tls_context_server(&files, &error));
	assert_non_null(strstr(error.text, "key values mismatch"));
	files.cert = a.key;
	assert_null(tls_context_server(&files, &error));
	assert_non_null(strstr(error.text, "no start line"));
	assert_null(tls_context_client("no/ca.pem", TLS_ALPN_NONE, &error));
	assert_non_null(strstr(error.text, "authorities no/ca.pem: "));
	cert_free(&a);
	cert_free(&b);
}

static void
a_client_needs_both_files_of_what_it_shows(void **state)
{
	struct cert own, other;
	struct tls_client_files files = {.alpn = TLS_ALPN_H2};
	struct tls_context *ctx;
	struct tls_error error;
	char want[64];

	(void)state;
	cert_new(&own, "DNS:a.test", 1);
	cert_new(&other, "DNS:b.test", 2);
	files.ca = files.cert = own.cert;
	files.key = own.key;
	ctx = tls_context_client_as(&files, &error);
	assert_non_null(ctx);
	tls_context_free(&ctx);
	files.key = other.key;
	assert_null(tls_context_client_as(&files, &error));
	snprintf(want, sizeof(want), "key %s:", other.key);
	assert_int_equal(strncmp(error.text, want, strlen(want)), 0);
	files.cert = "/none";
	assert_null(tls_context_client_as(&files, &error));
	assert_string_equal(
	    error.text, "certificate /none: No such file or directory");
	cert_free(&own);
	cert_free(&other);
}

TESTS(unit(a_client_believes_the_right_name_under_the_right_authority_only),
    unit(the_inner_protocol_is_agreed_on_or_the_peer_refused),
    unit(a_ticket_resumes_and_old_versions_are_refused),
    unit(a_reload_serves_the_new_certificate_and_keeps_old_streams),
    unit(bad_files_are_refused_by_name_and_reason),
    unit(a_client_needs_both_files_of_what_it_shows))

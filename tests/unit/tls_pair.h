/* tls_pair.h - two ends of TLS in one thread, over a socket pair. */
#ifndef TESTS_UNIT_TLS_PAIR_H
#define TESTS_UNIT_TLS_PAIR_H

#include "common/must.h"
#include "common/tls.h"
#include "tests/unit/cert.h"
#include "tests/unit/test.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STEPS = 64 }; /* more than any handshake takes */

/* Two ends that have not met yet. */
struct pair {
	struct cert cert;
	struct tls_context *server_ctx, *client_ctx;
	struct tls_stream *server, *client;
	int server_fd, client_fd;
};

static inline void
sockets(int fd[2])
{
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
		 fd) == 0);
}

/* New streams over new sockets; those before are gone. */
static inline void
pair_again(struct pair *p, const char *host)
{
	int fd[2];

	if (p->server != NULL) {
		close(p->server_fd);
		close(p->client_fd);
	}
	tls_stream_free(&p->server);
	tls_stream_free(&p->client);
	sockets(fd);
	p->server_fd = fd[0];
	p->client_fd = fd[1];
	p->server = tls_stream_new(p->server_ctx, p->server_fd);
	p->client = tls_stream_connect(p->client_ctx, p->client_fd, host);
	assert_non_null(p->client);
}

static inline void
pair_contexts(struct pair *p, enum tls_alpn server, enum tls_alpn client)
{
	struct tls_error error;

	tls_context_free(&p->server_ctx);
	tls_context_free(&p->client_ctx);
	p->server_ctx = tls_context_server(
	    &(struct tls_server_files){p->cert.cert, p->cert.key, server},
	    &error);
	p->client_ctx = tls_context_client(p->cert.cert, client, &error);
	assert_non_null(p->server_ctx);
	assert_non_null(p->client_ctx);
}

static inline void
pair_new(struct pair *p)
{
	*p = (struct pair){0};
	signal(SIGPIPE, SIG_IGN);
	cert_new(&p->cert, "DNS:hub.test,IP:127.0.0.1", 1);
	pair_contexts(p, TLS_ALPN_HTTP1, TLS_ALPN_HTTP1);
	pair_again(p, "hub.test");
}

static inline void
pair_free(struct pair *p)
{
	tls_stream_free(&p->server);
	tls_stream_free(&p->client);
	tls_context_free(&p->server_ctx);
	tls_context_free(&p->client_ctx);
	close(p->server_fd);
	close(p->client_fd);
	cert_free(&p->cert);
}

/* Let both shake hands in turn until each has its answer. */
static inline void
pair_meet(struct pair *p, enum tls_result *server, enum tls_result *client)
{
	*server = *client = TLS_WANT_READ;
	for (int i = 0; i < STEPS; i++) {
		if (*client == TLS_WANT_READ)
			*client = tls_handshake(p->client);
		if (*server == TLS_WANT_READ)
			*server = tls_handshake(p->server);
	}
}

static inline void
pair_open(struct pair *p)
{
	enum tls_result server, client;

	pair_new(p);
	pair_meet(p, &server, &client);
	assert_int_equal(server, TLS_OK);
	assert_int_equal(client, TLS_OK);
}

#endif

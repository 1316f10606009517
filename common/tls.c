/*
 * tls.c - libssl made to behave like a socket that never blocks.
 *
 * libssl reports through a per-thread error queue, so every call clears it
 * first: a stale entry of somebody else would be taken for this stream's
 * end.  After a fatal error libssl must not be asked again, hence `ended`.
 */
#include "common/tls.h"

#include "common/must.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct tls_context {
	SSL_CTX *ssl;
	char *cert, *key; /* a client may have none */
	char *ca;         /* of a client; NULL: the system's */
	enum tls_alpn alpn;
	bool server;
};

struct tls_stream {
	SSL *ssl;
	const char *why;       /* set with TLS_ERROR */
	enum tls_result ended; /* TLS_OK until EOF or ERROR, which stay */
	bool cut;              /* EOF without the peer's goodbye */
	bool open;             /* the handshake is over */
	bool bye;              /* ours was sent */
};

/* RFC 7301: names with their length in front. */
static const struct slice alpn_wire[] = {
    [TLS_ALPN_NONE] = SLICE_INIT(""),
    [TLS_ALPN_HTTP1] = SLICE_INIT("\x08http/1.1"),
    [TLS_ALPN_H2] = SLICE_INIT("\x02h2"),
};

/* For TLS 1.2; forward secret and authenticated, as all of 1.3 is. */
static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!eNULL:!PSK";

/* The first reason in the queue, as a static string. */
static const char *
queue_why(void)
{
	unsigned long e = ERR_get_error();
	const char *why = NULL;

	if (e != 0 && ERR_SYSTEM_ERROR(e))
		why = strerrordesc_np(ERR_GET_REASON(e));
	else if (e != 0)
		why = ERR_reason_error_string(e);
	ERR_clear_error();
	return why != NULL ? why : "unknown error";
}

static int
choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *n,
    const unsigned char *offered, unsigned offered_n, void *arg)
{
	const struct slice *ours = arg;
	unsigned char *chosen;

	(void)ssl;
	if (SSL_select_next_proto(&chosen, n, (const unsigned char *)ours->p,
		(unsigned)ours->n, offered,
		offered_n) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

/* libssl would ask the terminal. */
static int
no_passphrase(char *p, int n, int writing, void *arg)
{
	(void)p, (void)n, (void)writing, (void)arg;
	return -1;
}

static SSL_CTX *
new_ssl(bool server)
{
	SSL_CTX *ssl =
	    SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());

	must(ssl != NULL);
	must(SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1);
	must(SSL_CTX_set_cipher_list(ssl, ciphers) == 1);
	SSL_CTX_set_options(ssl,
	    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
		SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS |
				  SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_default_passwd_cb(ssl, no_passphrase);
	/* Sessions live in the client's tickets, not in our memory. */
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	return ssl;
}

/* Which file and why; always false. */
static bool
failed(struct tls_error *error, const char *what, const char *path)
{
	snprintf(error->text, sizeof(error->text), "%s %s: %s", what, path,
	    queue_why());
	return false;
}

/* What we show. */
static bool
load_own(SSL_CTX *ssl, const struct tls_context *ctx, struct tls_error *error)
{
	if (SSL_CTX_use_certificate_chain_file(ssl, ctx->cert) != 1)
		return failed(error, "certificate", ctx->cert);
	if (SSL_CTX_use_PrivateKey_file(ssl, ctx->key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ssl) != 1)
		return failed(error, "key", ctx->key);
	return true;
}

static bool
load_server(
    SSL_CTX *ssl, const struct tls_context *ctx, struct tls_error *error)
{
	if (ctx->alpn != TLS_ALPN_NONE)
		/* The cast drops a const that choose_alpn puts back. */
		SSL_CTX_set_alpn_select_cb(
		    ssl, choose_alpn, (void *)(size_t)&alpn_wire[ctx->alpn]);
	return load_own(ssl, ctx, error);
}

static bool
load_client(
    SSL_CTX *ssl, const struct tls_context *ctx, struct tls_error *error)
{
	struct slice alpn = alpn_wire[ctx->alpn];

	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	/* This one call says 0 when it went well. */
	must(alpn.n == 0 ||
	     SSL_CTX_set_alpn_protos(
		 ssl, (const unsigned char *)alpn.p, (unsigned)alpn.n) == 0);
	if (ctx->cert != NULL && !load_own(ssl, ctx, error))
		return false;
	if (ctx->ca != NULL)
		return SSL_CTX_load_verify_file(ssl, ctx->ca) == 1 ||
		       failed(error, "authorities", ctx->ca);
	return SSL_CTX_set_default_verify_paths(ssl) == 1 ||
	       failed(error, "authorities", "of the system");
}

bool
tls_context_reload(struct tls_context *ctx, struct tls_error *error)
{
	SSL_CTX *ssl = new_ssl(ctx->server);

	ERR_clear_error();
	if (!(ctx->server ? load_server : load_client)(ssl, ctx, error)) {
		SSL_CTX_free(ssl);
		return false;
	}
	ERR_clear_error();
	SSL_CTX_free(ctx->ssl); /* streams hold on to theirs */
	ctx->ssl = ssl;
	return true;
}

static struct tls_context *
first_load(const struct tls_context *init, struct tls_error *error)
{
	struct tls_context *ctx = xmalloc(sizeof(*ctx));

	*ctx = *init;
	if (!tls_context_reload(ctx, error))
		tls_context_free(&ctx);
	return ctx;
}

struct tls_context *
tls_context_server(
    const struct tls_server_files *files, struct tls_error *error)
{
	return first_load(
	    &(struct tls_context){
		.cert = xstrdup(files->cert),
		.key = xstrdup(files->key),
		.alpn = files->alpn,
		.server = true,
	    },
	    error);
}

static char *
copy(const char *path)
{
	return path != NULL ? xstrdup(path) : NULL;
}

struct tls_context *
tls_context_client_as(
    const struct tls_client_files *files, struct tls_error *error)
{
	return first_load(
	    &(struct tls_context){
		.cert = copy(files->cert),
		.key = copy(files->key),
		.ca = copy(files->ca),
		.alpn = files->alpn,
	    },
	    error);
}

struct tls_context *
tls_context_client(const char *ca, enum tls_alpn alpn, struct tls_error *error)
{
	return tls_context_client_as(
	    &(struct tls_client_files){.ca = ca, .alpn = alpn}, error);
}

void
tls_context_free(struct tls_context **ctxp)
{
	struct tls_context *ctx = *ctxp;

	*ctxp = NULL;
	if (ctx == NULL)
		return;
	SSL_CTX_free(ctx->ssl);
	free(ctx->cert);
	free(ctx->key);
	free(ctx->ca);
	free(ctx);
}

struct tls_stream *
tls_stream_new(struct tls_context *ctx, int fd)
{
	struct tls_stream *s = xcalloc(1, sizeof(*s));

	must((s->ssl = SSL_new(ctx->ssl)) != NULL);
	must(SSL_set_fd(s->ssl, fd) == 1);
	if (ctx->server)
		SSL_set_accept_state(s->ssl);
	else
		SSL_set_connect_state(s->ssl);
	return s;
}

/* The name or address the certificate must carry.  An address is not sent:
 * RFC 6066 section 3 allows names only. */
static bool
expect(SSL *ssl, const char *host)
{
	unsigned char address[sizeof(struct in6_addr)];

	if (host[0] == '\0') /* which libssl would take for "any" */
		return false;
	if (inet_pton(AF_INET, host, address) == 1 ||
	    inet_pton(AF_INET6, host, address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(
			   SSL_get0_param(ssl), host) == 1;
	SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set1_host(ssl, host) == 1 &&
	       SSL_set_tlsext_host_name(ssl, host) == 1;
}

struct tls_stream *
tls_stream_connect(struct tls_context *ctx, int fd, const char *host)
{
	struct tls_stream *s;

	must(!ctx->server);
	s = tls_stream_new(ctx, fd);
	if (!expect(s->ssl, host)) {
		ERR_clear_error();
		tls_stream_free(&s);
	}
	return s;
}

void
tls_stream_free(struct tls_stream **sp)
{
	struct tls_stream *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	SSL_free(s->ssl);
	free(s);
}

static enum tls_result
end_with_error(struct tls_stream *s, const char *why)
{
	s->why = why;
	return s->ended = TLS_ERROR;
}

static enum tls_result
end_with_eof(struct tls_stream *s, bool cut)
{
	s->cut = cut;
	return s->ended = TLS_EOF;
}

/* A peer that is gone is gone, whichever way the kernel words it. */
static enum tls_result
end_with_errno(struct tls_stream *s, int e)
{
	const char *why = strerrordesc_np(e);

	if (e == 0 || e == EPIPE || e == ECONNRESET)
		return end_with_eof(s, true);
	return end_with_error(s, why != NULL ? why : "unknown error");
}

/* What the last call on the stream came to, given what it returned. */
static enum tls_result
result_of(struct tls_stream *s, int returned)
{
	int e = errno;
	long verified;

	switch (SSL_get_error(s->ssl, returned)) {
	case SSL_ERROR_NONE:
		return TLS_OK;
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return end_with_eof(s, false);
	case SSL_ERROR_SYSCALL:
		ERR_clear_error();
		return end_with_errno(s, e);
	default:
		break;
	}
	if (ERR_GET_REASON(ERR_peek_error()) ==
	    SSL_R_UNEXPECTED_EOF_WHILE_READING) {
		ERR_clear_error();
		return end_with_eof(s, true);
	}
	verified = SSL_get_verify_result(s->ssl);
	if (!SSL_is_server(s->ssl) && verified != X509_V_OK) {
		ERR_clear_error();
		return end_with_error(
		    s, X509_verify_cert_error_string(verified));
	}
	return end_with_error(s, queue_why());
}

enum tls_result
tls_handshake(struct tls_stream *s)
{
	enum tls_result result;

	if (s->ended != TLS_OK)
		return s->ended;
	ERR_clear_error();
	errno = 0;
	result = result_of(s, SSL_do_handshake(s->ssl));
	/* Ours, because libssl's goes back when a stranger sends half a key
	 * update. */
	s->open = s->open || result == TLS_OK;
	return result;
}

ssize_t
tls_read(struct tls_stream *s, char *p, size_t n)
{
	int got;

	must(n != 0 && s->open);
	if (s->ended != TLS_OK)
		return s->ended;
	ERR_clear_error();
	errno = 0;
	got = SSL_read(s->ssl, p, n < INT_MAX ? (int)n : INT_MAX);
	return got > 0 ? got : result_of(s, got);
}

size_t
tls_pending(const struct tls_stream *s)
{
	int n = SSL_pending(s->ssl);

	return n > 0 ? (size_t)n : 0;
}

ssize_t
tls_write(struct tls_stream *s, const char *p, size_t n)
{
	int put;

	must(n != 0 && s->open && !s->bye);
	if (s->ended == TLS_ERROR || s->cut)
		return s->ended;
	ERR_clear_error();
	errno = 0;
	put = SSL_write(s->ssl, p, n < INT_MAX ? (int)n : INT_MAX);
	return put > 0 ? put : result_of(s, put);
}

enum tls_result
tls_shutdown(struct tls_stream *s)
{
	int rc;

	if (s->ended == TLS_ERROR || s->cut)
		return s->ended;
	if (s->bye)
		return TLS_OK;
	if (!s->open) /* nobody to say goodbye to */
		return end_with_error(s, "shut down during the handshake");
	ERR_clear_error();
	errno = 0;
	rc = SSL_shutdown(s->ssl);
	if (rc < 0)
		return result_of(s, rc);
	s->bye = true;
	return TLS_OK;
}

bool
tls_cut(const struct tls_stream *s)
{
	return s->cut;
}

const char *
tls_why(const struct tls_stream *s)
{
	return s->why != NULL ? s->why : "no error";
}

enum tls_alpn
tls_alpn(const struct tls_stream *s)
{
	const unsigned char *name;
	struct slice ours;
	unsigned n;

	SSL_get0_alpn_selected(s->ssl, &name, &n);
	for (unsigned i = TLS_ALPN_HTTP1; n != 0 && i < LENGTH(alpn_wire);
	     i++) {
		ours = slice_from(alpn_wire[i], 1);
		if (slice_eq(ours, (struct slice){(const char *)name, n}))
			return (enum tls_alpn)i;
	}
	return TLS_ALPN_NONE;
}

const char *
tls_version(const struct tls_stream *s)
{
	return SSL_get_version(s->ssl);
}

bool
tls_resumed(const struct tls_stream *s)
{
	return SSL_session_reused(s->ssl) == 1;
}

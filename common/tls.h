/*
 * tls.h - TLS over a descriptor that never blocks (RFC 8446, RFC 5246).
 *
 * The caller owns the descriptor and watches it; a stream borrows it and
 * says after each call what to wait for.  Only TLS 1.2 and later, without
 * renegotiation, compression or early data.
 *
 * An idle stream keeps no record buffers; 14 kB of libssl's state remain,
 * which is why TLS connections are counted apart.  A handshake costs about
 * 0.3 ms of CPU on each side with a P-256 key.
 *
 * Writing to a socket whose peer has left raises SIGPIPE: the program must
 * ignore it.
 */
#ifndef COMMON_TLS_H
#define COMMON_TLS_H

#include "common/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What is spoken inside, offered or chosen by ALPN (RFC 7301). */
enum tls_alpn {
	TLS_ALPN_NONE,
	TLS_ALPN_HTTP1, /* http/1.1 */
	TLS_ALPN_H2,    /* h2 */
};

/*
 * What a call came to; bytes read or written are positive.  After WANT_READ
 * or WANT_WRITE the same call is to be made again when the descriptor is
 * readable or writable: a read may want to write and a write to read.
 * TLS_EOF and TLS_ERROR are final, except that to a peer who said goodbye
 * one may still write.
 */
enum tls_result {
	TLS_OK = 0,
	TLS_WANT_READ = -1,
	TLS_WANT_WRITE = -2,
	TLS_EOF = -3,   /* the peer has left; tls_cut() tells how */
	TLS_ERROR = -4, /* tls_why() tells why */
};

/* Settings shared by streams; streams may outlive it. */
struct tls_context;
struct tls_stream;

/* A sentence for one log line. */
struct tls_error {
	char text[256];
};

/* PEM files: the certificate with its chain behind it, and its key.  A
 * client that asks for h2 or http/1.1 is answered that; one that offers
 * other names only is refused; one that offers nothing is served. */
struct tls_server_files {
	const char *cert, *key; /* copied */
	enum tls_alpn alpn;
};

/* NULL: the error says which file and why. */
struct tls_context *tls_context_server(
    const struct tls_server_files *, struct tls_error *);

/* Peers are checked against the authorities in the PEM file ca, or for NULL
 * against the system's, and by name. */
struct tls_context *tls_context_client(
    const char *ca, enum tls_alpn, struct tls_error *);

/* The same for a client that shows a certificate to whoever asks for one. */
struct tls_client_files {
	const char *ca;         /* NULL: the system's; all are copied */
	const char *cert, *key; /* PEM; NULL: none is shown */
	enum tls_alpn alpn;
};
struct tls_context *tls_context_client_as(
    const struct tls_client_files *, struct tls_error *);

/* Read the files again.  False: what was in use stays in use.  Streams keep
 * what they began with; tickets from before mean a full handshake. */
bool tls_context_reload(struct tls_context *, struct tls_error *);
void tls_context_free(struct tls_context **); /* and sets it to NULL */

/* The server's end. */
struct tls_stream *tls_stream_new(struct tls_context *, int fd);

/* The client's end; host is the name, or the address, that the certificate
 * must carry.  NULL: the host is neither. */
struct tls_stream *tls_stream_connect(
    struct tls_context *, int fd, const char *host);

/* Does not close the descriptor and says nothing to the peer; sets NULL. */
void tls_stream_free(struct tls_stream **);

/* Until TLS_OK; reading and writing before that is our bug. */
enum tls_result tls_handshake(struct tls_stream *);

/* Up to n bytes, n at least 1.  Bytes may wait inside where no poll sees
 * them: read until TLS_WANT_READ, or until tls_pending() is 0. */
ssize_t tls_read(struct tls_stream *, char *, size_t n);
size_t tls_pending(const struct tls_stream *);

/* As much as goes, n at least 1.  After WANT_* the next write must begin
 * with the same bytes, which may lie elsewhere and have more behind them. */
ssize_t tls_write(struct tls_stream *, const char *, size_t n);

/* Say that nothing more will be written, when no write waits to be repeated;
 * TLS_OK once it is on its way.  The peer's own goodbye is not waited for,
 * and reading goes on. */
enum tls_result tls_shutdown(struct tls_stream *);

/* After TLS_EOF: was it cut off, without goodbye? */
bool tls_cut(const struct tls_stream *);

/* After TLS_ERROR: the reason, a static string. */
const char *tls_why(const struct tls_stream *);

/* What was agreed on; "" for nothing. */
enum tls_alpn tls_alpn(const struct tls_stream *);
const char *tls_version(const struct tls_stream *); /* "TLSv1.3" */
bool tls_resumed(const struct tls_stream *);        /* by a ticket */

#endif

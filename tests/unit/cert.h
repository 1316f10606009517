/*
 * cert.h - certificates made on the spot, and a client that is not ours.
 *
 * The only test file that knows libssl.  Certificates live in memory files,
 * named through /proc, so nothing is left behind.
 */
#ifndef TESTS_UNIT_CERT_H
#define TESTS_UNIT_CERT_H

#include "common/must.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* A self-signed certificate, which is its own authority, and its key. */
struct cert {
	FILE *cert_file, *key_file;
	char cert[32], key[32]; /* paths */
};

static inline FILE *
memory_file(char path[32])
{
	int fd = memfd_create("pem", MFD_CLOEXEC);

	must(fd >= 0);
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fdopen(fd, "r+");
}

static inline void
memory_file_clear(FILE *f)
{
	rewind(f);
	must(ftruncate(fileno(f), 0) == 0);
}

static inline void
cert_extend(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	must(e != NULL && X509_add_ext(x, e, -1) == 1);
	X509_EXTENSION_free(e);
}

/* Write one for these names ("DNS:a,IP:127.0.0.1") over what was there. */
static inline void
cert_write(struct cert *c, const char *names, long serial)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_NAME *name;

	must(key != NULL && x != NULL);
	name = X509_get_subject_name(x);
	X509_NAME_add_entry_by_txt(
	    name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_issuer_name(x, name);
	X509_set_pubkey(x, key);
	cert_extend(x, NID_basic_constraints, "critical,CA:TRUE");
	cert_extend(x, NID_subject_alt_name, names);
	must(X509_sign(x, key, EVP_sha256()) != 0);
	memory_file_clear(c->cert_file);
	memory_file_clear(c->key_file);
	must(PEM_write_X509(c->cert_file, x) == 1);
	must(PEM_write_PrivateKey(
		 c->key_file, key, NULL, NULL, 0, NULL, NULL) == 1);
	must(fflush(c->cert_file) == 0 && fflush(c->key_file) == 0);
	X509_free(x);
	EVP_PKEY_free(key);
}

static inline void
cert_new(struct cert *c, const char *names, long serial)
{
	c->cert_file = memory_file(c->cert);
	c->key_file = memory_file(c->key);
	cert_write(c, names, serial);
}

static inline void
cert_free(struct cert *c)
{
	fclose(c->cert_file);
	fclose(c->key_file);
}

/* A client of libssl's own, which checks nothing and keeps its session. */
struct stranger {
	SSL_CTX *ctx;
	SSL *ssl;
	SSL_SESSION *session;
};

/* Meet a server anew over fd, with TLS up to this version. */
static inline void
stranger_connect(struct stranger *s, int fd, int version)
{
	if (s->ctx == NULL)
		s->ctx = SSL_CTX_new(TLS_client_method());
	must(s->ctx != NULL);
	SSL_CTX_set_security_level(s->ctx, 0); /* or 1.1 is not offered */
	SSL_CTX_set_min_proto_version(s->ctx, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(s->ctx, version);
	if (s->ssl != NULL) /* or its session may not be resumed */
		SSL_set_shutdown(s->ssl, SSL_SENT_SHUTDOWN);
	SSL_free(s->ssl);
	must((s->ssl = SSL_new(s->ctx)) != NULL);
	if (s->session != NULL)
		SSL_set_session(s->ssl, s->session);
	SSL_set_fd(s->ssl, fd);
	SSL_set_connect_state(s->ssl);
}

/* One step of the handshake; true when it is over. */
static inline bool
stranger_step(struct stranger *s)
{
	bool done = SSL_do_handshake(s->ssl) == 1;

	ERR_clear_error();
	return done;
}

/* Read what is there (tickets come like data) and keep the session. */
static inline int
stranger_read(struct stranger *s, char *p, int n)
{
	int got = SSL_read(s->ssl, p, n);

	ERR_clear_error();
	SSL_SESSION_free(s->session);
	s->session = SSL_get1_session(s->ssl);
	return got;
}

/* The serial number of the certificate the server showed. */
static inline long
stranger_saw(const struct stranger *s)
{
	X509 *x = SSL_get1_peer_certificate(s->ssl);
	long serial = ASN1_INTEGER_get(X509_get0_serialNumber(x));

	X509_free(x);
	return serial;
}

static inline void
stranger_free(struct stranger *s)
{
	SSL_SESSION_free(s->session);
	SSL_free(s->ssl);
	SSL_CTX_free(s->ctx);
	*s = (struct stranger){0};
}

#endif

/*
 * crypto.c - what we need of libcrypto, without its types.
 *
 * Failures that only a broken library or no memory can cause abort: a server
 * that cannot hash must not go on.  Whatever depends on bytes from outside
 * is a value, and leaves nothing in libcrypto's error queue, which tls.c
 * reads.
 */
#include "common/crypto.h"

#include "common/must.h"

#include <limits.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

enum {
	P256_BYTES = 32,                         /* of r, and of s */
	ES256_BYTES = 2 * P256_BYTES,            /* as JOSE writes them */
	ES256_DER_MAX = ES256_BYTES + 2 * 3 + 2, /* as libcrypto does */
	PEM_MAX = 64 << 10,                      /* no key is near that */
};

struct crypto_key {
	enum crypto_alg alg;
	bool private;     /* may sign */
	EVP_MAC_CTX *mac; /* the HS algorithms: begun with the secret */
	EVP_PKEY *pkey;   /* the others; exactly one of the two is set */
};

static const unsigned char *
bytes(struct slice s)
{
	return (const unsigned char *)(s.p != NULL ? s.p : "");
}

void
crypto_sha1(struct slice s, unsigned char out[CRYPTO_SHA1_SIZE])
{
	must(SHA1(bytes(s), s.n, out) != NULL);
}

void
crypto_sha256(struct slice s, unsigned char out[CRYPTO_SHA256_SIZE])
{
	must(SHA256(bytes(s), s.n, out) != NULL);
}

static const EVP_MD *
digest_of(enum crypto_alg alg)
{
	switch (alg) {
	case CRYPTO_HS384:
		return EVP_sha384();
	case CRYPTO_HS512:
		return EVP_sha512();
	default:
		return EVP_sha256();
	}
}

size_t
crypto_hmac(enum crypto_alg alg, struct slice key, struct slice data,
    unsigned char out[CRYPTO_HMAC_MAX])
{
	unsigned n = 0;

	must(alg <= CRYPTO_HS512 && key.n <= INT_MAX);
	must(HMAC(digest_of(alg), bytes(key), (int)key.n, bytes(data), data.n,
		 out, &n) != NULL);
	return n;
}

bool
crypto_equal(struct slice a, struct slice b)
{
	return a.n == b.n && CRYPTO_memcmp(bytes(a), bytes(b), a.n) == 0;
}

void
crypto_random(void *out, size_t n)
{
	must(n <= INT_MAX && RAND_bytes(out, (int)n) == 1);
}

const char *
crypto_key_secret(
    struct crypto_key **out, enum crypto_alg alg, struct slice secret)
{
	OSSL_PARAM params[2] = {OSSL_PARAM_END, OSSL_PARAM_END};
	struct crypto_key *key;
	EVP_MAC *hmac;

	if (alg > CRYPTO_HS512)
		return "algorithm takes no secret";
	if (secret.n == 0)
		return "secret is empty";
	if (slice_starts(slice_trim(secret), SLICE("-----BEGIN ")))
		return "secret is a PEM file";
	key = xcalloc(1, sizeof(*key));
	key->alg = alg;
	key->private = true;
	/* The cast drops a const that libcrypto only wants to copy. */
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
	    (char *)(size_t)EVP_MD_get0_name(digest_of(alg)), 0);
	must((hmac = EVP_MAC_fetch(NULL, "HMAC", NULL)) != NULL);
	must((key->mac = EVP_MAC_CTX_new(hmac)) != NULL);
	must(EVP_MAC_init(key->mac, bytes(secret), secret.n, params) == 1);
	EVP_MAC_free(hmac);
	*out = key;
	return NULL;
}

/* libcrypto would ask the terminal for a passphrase. */
static int
no_passphrase(char *p, int n, int writing, void *arg)
{
	(void)p, (void)n, (void)writing, (void)arg;
	return -1;
}

static const char *
key_of(struct crypto_key *key, EVP_PKEY *pkey)
{
	char curve[32] = "";
	int bits = EVP_PKEY_get_bits(pkey);

	if (EVP_PKEY_is_a(pkey, "RSA")) {
		if (bits < CRYPTO_RSA_BITS)
			return "RSA key is shorter than 2048 bits";
		if (bits > CRYPTO_RSA_BITS_MAX)
			return "RSA key is longer than 8192 bits";
		key->alg = CRYPTO_RS256;
		return NULL;
	}
	if (!EVP_PKEY_is_a(pkey, "EC"))
		return "key is neither RSA nor EC";
	if (EVP_PKEY_get_group_name(pkey, curve, sizeof(curve), NULL) != 1 ||
	    strcmp(curve, "prime256v1") != 0)
		return "EC key is not on the curve P-256";
	key->alg = CRYPTO_ES256;
	return NULL;
}

static const char *
key_from_pem(struct crypto_key **out, struct slice pem, bool private)
{
	struct crypto_key key = {.private = private};
	const char *why;
	BIO *bio;

	if (pem.n > PEM_MAX)
		return "PEM file is too large";
	must((bio = BIO_new_mem_buf(bytes(pem), (int)pem.n)) != NULL);
	if (private)
		key.pkey =
		    PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	else
		key.pkey = PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	if (key.pkey != NULL)
		why = key_of(&key, key.pkey);
	else if (private)
		why = "no private key in PEM form";
	else
		why = "no public key in PEM form";
	ERR_clear_error();
	if (why != NULL) {
		EVP_PKEY_free(key.pkey);
		return why;
	}
	*out = xmalloc(sizeof(key));
	**out = key;
	return NULL;
}

const char *
crypto_key_public(struct crypto_key **out, struct slice pem)
{
	return key_from_pem(out, pem, false);
}

const char *
crypto_key_private(struct crypto_key **out, struct slice pem)
{
	return key_from_pem(out, pem, true);
}

void
crypto_key_free(struct crypto_key **keyp)
{
	struct crypto_key *key = *keyp;

	*keyp = NULL;
	if (key == NULL)
		return;
	EVP_MAC_CTX_free(key->mac);
	EVP_PKEY_free(key->pkey);
	free(key);
}

enum crypto_alg
crypto_key_alg(const struct crypto_key *key)
{
	return key->alg;
}

/* The context was begun with the secret once; an init without one returns to
 * that state, without hashing the secret again and without memory. */
static size_t
mac_of(struct crypto_key *key, struct slice data,
    unsigned char out[CRYPTO_HMAC_MAX])
{
	size_t n = 0;

	must(EVP_MAC_init(key->mac, NULL, 0, NULL) == 1);
	must(EVP_MAC_update(key->mac, bytes(data), data.n) == 1);
	must(EVP_MAC_final(key->mac, out, &n, CRYPTO_HMAC_MAX) == 1);
	return n;
}

/* r || s to the DER libcrypto verifies; 0 when it cannot be. */
static size_t
der_of(struct slice raw, unsigned char der[ES256_DER_MAX])
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(bytes(raw), P256_BYTES, NULL);
	BIGNUM *s = BN_bin2bn(bytes(raw) + P256_BYTES, P256_BYTES, NULL);
	int n;

	must(sig != NULL && r != NULL && s != NULL);
	must(ECDSA_SIG_set0(sig, r, s) == 1);
	n = i2d_ECDSA_SIG(sig, NULL);
	if (n > 0 && n <= ES256_DER_MAX)
		n = i2d_ECDSA_SIG(sig, &der);
	else
		n = 0;
	ECDSA_SIG_free(sig);
	return n > 0 ? (size_t)n : 0;
}

static bool
verify_by_pkey(struct crypto_key *key, struct slice data, struct slice sig)
{
	unsigned char der[ES256_DER_MAX];
	EVP_MD_CTX *ctx;
	bool good;

	if (key->alg == CRYPTO_ES256) {
		if (sig.n != ES256_BYTES)
			return false;
		sig = (struct slice){(char *)der, der_of(sig, der)};
	}
	must((ctx = EVP_MD_CTX_new()) != NULL);
	good =
	    EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key->pkey) ==
		1 &&
	    EVP_DigestVerify(ctx, bytes(sig), sig.n, bytes(data), data.n) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return good;
}

bool
crypto_verify(struct crypto_key *key, struct slice data, struct slice sig)
{
	unsigned char out[CRYPTO_HMAC_MAX];

	if (key->mac == NULL)
		return verify_by_pkey(key, data, sig);
	return crypto_equal(
	    sig, (struct slice){(char *)out, mac_of(key, data, out)});
}

/* DER to r || s, each padded on the left. */
static void
raw_of(const unsigned char *der, size_t n, unsigned char raw[ES256_BYTES])
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)n);

	must(sig != NULL);
	must(
	    BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, P256_BYTES) == P256_BYTES);
	must(BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + P256_BYTES,
		 P256_BYTES) == P256_BYTES);
	ECDSA_SIG_free(sig);
}

static bool
sign_by_pkey(struct crypto_key *key, struct slice data, struct buf *out)
{
	unsigned char sig[CRYPTO_SIGNATURE_MAX], raw[ES256_BYTES];
	EVP_MD_CTX *ctx;
	size_t n = sizeof(sig);
	bool good;

	must((ctx = EVP_MD_CTX_new()) != NULL);
	good =
	    EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key->pkey) == 1 &&
	    EVP_DigestSign(ctx, sig, &n, bytes(data), data.n) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	if (!good)
		return false;
	if (key->alg != CRYPTO_ES256)
		return buf_add(out, (char *)sig, n);
	raw_of(sig, n, raw);
	return buf_add(out, (char *)raw, sizeof(raw));
}

bool
crypto_sign(struct crypto_key *key, struct slice data, struct buf *sig)
{
	unsigned char out[CRYPTO_HMAC_MAX];

	if (!key->private)
		return false;
	if (key->mac == NULL)
		return sign_by_pkey(key, data, sig);
	return buf_add(sig, (char *)out, mac_of(key, data, out));
}

/* jwt_forge.h - tokens for tests, good and bad, and what is said of them. */
#ifndef TESTS_UNIT_JWT_FORGE_H
#define TESTS_UNIT_JWT_FORGE_H

#include "common/base64.h"
#include "common/jwt.h"
#include "tests/unit/test.h"

#define JWT_NOW 1700000000u

static const struct jwt_check at_now = {.now = JWT_NOW};

static inline struct crypto_key *
secret_key(enum crypto_alg alg)
{
	struct crypto_key *key = NULL;

	assert_null(crypto_key_secret(&key, alg, SLICE("a shared secret")));
	return key;
}

/* Verify a token of three parts as text; a scratch the caller frees. */
static inline enum jwt_verdict
judge(struct slice token, struct crypto_key *key, struct buf *scratch,
    struct jwt_claims *claims)
{
	enum jwt_verdict verdict;
	struct jwt jwt;

	scratch->n = 0;
	verdict = jwt_read(&jwt, token, scratch);
	if (verdict != JWT_OK)
		return verdict;
	return jwt_verify(&jwt, key, &at_now, claims);
}

/* A signed token with this header, whatever it says. */
static inline void
forge(struct buf *out, struct crypto_key *key, const char *header,
    const char *claims)
{
	struct buf sig = {0};

	buf_clear(out);
	base64_encode(out, slice_of(header), BASE64_TOKEN);
	buf_chr(out, '.');
	base64_encode(out, slice_of(claims), BASE64_TOKEN);
	assert_true(crypto_sign(key, buf_slice(out), &sig));
	buf_chr(out, '.');
	base64_encode(out, buf_slice(&sig), BASE64_TOKEN);
	buf_free(&sig);
}

static inline enum jwt_verdict
verdict_on(const char *header, const char *claims)
{
	struct crypto_key *key = secret_key(CRYPTO_HS256);
	struct buf token = {0}, scratch = {0};
	struct jwt_claims seen;
	enum jwt_verdict verdict;

	forge(&token, key, header, claims);
	verdict = judge(buf_slice(&token), key, &scratch, &seen);
	crypto_key_free(&key);
	buf_free(&token);
	buf_free(&scratch);
	return verdict;
}

/* Claims under the demands of `check`. */
static inline enum jwt_verdict
verdict_under(const char *json, const struct jwt_check *check)
{
	struct crypto_key *key = secret_key(CRYPTO_HS256);
	struct buf token = {0}, scratch = {0};
	struct jwt_claims claims;
	enum jwt_verdict verdict;
	struct jwt jwt;

	assert_true(jwt_sign(
	    &token, key, &(struct jwt_draft){.claims = slice_of(json)}));
	verdict = jwt_read(&jwt, buf_slice(&token), &scratch);
	if (verdict == JWT_OK)
		verdict = jwt_verify(&jwt, key, check, &claims);
	crypto_key_free(&key);
	buf_free(&token);
	buf_free(&scratch);
	return verdict;
}

#endif

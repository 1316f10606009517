/*
 * fuzz_jwt.c - no bytes make the reader of tokens stumble or lie.
 *
 * Input is taken three ways: as a whole token; as claims that we sign, so
 * that what lies behind the signature is reached; and as the header of a
 * token signed under its own text.  What is believed must hold together.
 */
#include "common/base64.h"
#include "common/channel.h"
#include "common/jwt.h"
#include "common/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static bool
lies_in(struct slice part, const struct buf *b)
{
	return part.n == 0 ||
	       (part.p >= b->p && part.p + part.n <= b->p + b->n);
}

static void
claims_hold_together(const struct jwt_claims *c, const struct buf *scratch)
{
	struct slice channel;

	must(lies_in(c->payload, scratch) && lies_in(c->subject, scratch));
	must(lies_in(c->client, scratch) && lies_in(c->who, scratch));
	must(c->channel_count <= JWT_CHANNELS);
	must(c->expires > 1000);
	for (unsigned i = 0; i < c->channel_count; i++) {
		channel = c->channels[i];
		must(lies_in(channel, scratch));
		must(channel.n <= JWT_PATTERN_MAX && channel.p[0] == '/');
		must(channel_covers(channel, channel));
	}
}

static enum jwt_verdict
judge(struct slice token, struct crypto_key *key)
{
	struct jwt_check check = {.now = 1000};
	struct buf scratch = {0};
	struct jwt_claims claims;
	enum jwt_verdict verdict;
	struct jwt jwt;

	verdict = jwt_read(&jwt, token, &scratch);
	if (verdict == JWT_OK) {
		must(lies_in(jwt.kid, &scratch));
		verdict = jwt_verify(&jwt, key, &check, &claims);
	}
	if (verdict == JWT_OK)
		claims_hold_together(&claims, &scratch);
	must(jwt_why(verdict) != NULL);
	buf_free(&scratch);
	return verdict;
}

static void
as_header(struct slice header, struct crypto_key *key)
{
	struct buf token = {0}, sig = {0};

	base64_encode(&token, header, BASE64_TOKEN);
	buf_str(&token, ".e30");
	must(crypto_sign(key, buf_slice(&token), &sig));
	buf_chr(&token, '.');
	base64_encode(&token, buf_slice(&sig), BASE64_TOKEN);
	judge(buf_slice(&token), key);
	buf_free(&token);
	buf_free(&sig);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice input = {(const char *)p, n};
	struct jwt_draft draft = {.kid = SLICE("k"), .claims = input};
	struct crypto_key *key, *other;
	struct buf token = {0};
	enum jwt_verdict verdict;

	must(crypto_key_secret(&key, CRYPTO_HS256, SLICE("secret")) == NULL);
	must(crypto_key_secret(&other, CRYPTO_HS256, SLICE("other")) == NULL);
	judge(input, key);
	as_header(input, key);
	must(jwt_sign(&token, key, &draft));
	verdict = judge(buf_slice(&token), key);
	must(verdict != JWT_BAD_FORM && verdict != JWT_BAD_SIGNATURE);
	must(judge(buf_slice(&token), other) != JWT_OK);
	crypto_key_free(&key);
	crypto_key_free(&other);
	buf_free(&token);
	return 0;
}

/* jwt_test.c - only what the key's owner signed is believed. */
#include "common/base64.h"
#include "common/jwt.h"
#include "tests/unit/jwt_forge.h"
#include "tests/unit/pem.h"
#include "tests/unit/rfc7515.h"
#include "tests/unit/test.h"

static void
the_examples_of_rfc_7515_are_good_until_they_expire(void **state)
{
	static const struct {
		const char *token, *public;
	} examples[] = {
	    {JWS_HS256, NULL},
	    {JWS_RS256, PEM_RSA_PUBLIC},
	    {JWS_ES256, PEM_EC_PUBLIC},
	};
	struct jwt_check then = {.now = 1300819379};
	struct crypto_key *key = NULL;
	struct buf secret = {0}, scratch = {0};
	struct jwt_claims claims;
	struct jwt jwt;

	(void)state;
	assert_null(base64_decode(&secret, SLICE(JWS_HS256_KEY), BASE64_TOKEN));
	for (size_t i = 0; i < 3; i++) {
		assert_null(
		    examples[i].public != NULL
			? crypto_key_public(&key, slice_of(examples[i].public))
			: crypto_key_secret(
			      &key, CRYPTO_HS256, buf_slice(&secret)));
		buf_clear(&scratch);
		assert_int_equal(
		    jwt_read(&jwt, slice_of(examples[i].token), &scratch),
		    JWT_OK);
		assert_int_equal(jwt_verify(&jwt, key, &then, &claims), JWT_OK);
		assert_true(claims.expires == 1300819380);
		assert_true(slice_is(claims.payload,
		    "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n "
		    "\"http://example.com/is_root\":true}"));
		assert_int_equal(claims.channel_count, 0);
		then.now++;
		assert_int_equal(
		    jwt_verify(&jwt, key, &then, &claims), JWT_EXPIRED);
		then.now--;
		crypto_key_free(&key);
	}
	buf_free(&secret);
	buf_free(&scratch);
}

static void
what_is_signed_is_read_back_under_every_algorithm(void **state)
{
	static const char json[] =
	    "{\"sub\":\"us\\u0065r42\",\"client_id\":\"ph\\u006fne\","
	    "\"exp\":1700000100,\"pub\":true,"
	    "\"presence\":{\"id\": 7},\"channel\":["
	    "\"/demo/priv\\u0061te/x\",\"/demo/private/y/**\"]}";
	struct buf token = {0}, scratch = {0};
	struct crypto_key *key = NULL;
	struct jwt_claims c;
	struct jwt jwt;

	(void)state;
	for (int alg = 0; alg < CRYPTO_ALGS; alg++) {
		if (alg <= CRYPTO_HS512)
			key = secret_key((enum crypto_alg)alg);
		else
			assert_null(crypto_key_private(
			    &key, alg == CRYPTO_RS256 ? SLICE(PEM_RSA_PRIVATE)
						      : SLICE(PEM_EC_PRIVATE)));
		buf_clear(&token);
		buf_clear(&scratch);
		assert_true(jwt_sign(&token, key,
		    &(struct jwt_draft){SLICE("k\"1"), slice_of(json)}));
		assert_int_equal(
		    jwt_read(&jwt, buf_slice(&token), &scratch), JWT_OK);
		assert_int_equal(jwt.alg, alg);
		assert_true(slice_is(jwt.kid, "k\"1"));
		/* Twice: the first answer does not wear the token out. */
		assert_int_equal(jwt_verify(&jwt, key, &at_now, &c), JWT_OK);
		assert_int_equal(jwt_verify(&jwt, key, &at_now, &c), JWT_OK);
		assert_true(slice_is(c.subject, "user42"));
		assert_true(slice_is(c.client, "phone"));
		assert_true(slice_is(c.payload, json));
		assert_true(slice_is(c.who, "{\"id\": 7}"));
		assert_true(c.expires == 1700000100);
		assert_int_equal(c.channel_count, 2);
		assert_true(slice_is(c.channels[0], "/demo/private/x"));
		assert_true(slice_is(c.channels[1], "/demo/private/y/**"));
		assert_int_equal(c.pub, JWT_YES);
		assert_int_equal(c.sub, JWT_TEXT);
		assert_int_equal(c.listen, JWT_ABSENT);
		assert_int_equal(c.presence, JWT_OBJECT);
		crypto_key_free(&key);
	}
	buf_free(&token);
	buf_free(&scratch);
}

/* RFC 8725 section 2.1: a public key's text used as an HMAC secret. */
static void
the_key_chooses_the_algorithm_and_the_token_never(void **state)
{
	unsigned char mac[CRYPTO_HMAC_MAX];
	struct buf token = {0}, scratch = {0};
	struct crypto_key *rsa = NULL, *hs512;
	struct jwt_claims claims;
	size_t n;

	(void)state;
	assert_null(crypto_key_public(&rsa, SLICE(PEM_RSA_PUBLIC)));
	base64_encode(&token, SLICE("{\"alg\":\"HS256\"}"), BASE64_TOKEN);
	buf_str(&token, ".e30");
	n = crypto_hmac(
	    CRYPTO_HS256, SLICE(PEM_RSA_PUBLIC), buf_slice(&token), mac);
	buf_chr(&token, '.');
	base64_encode(&token, (struct slice){(char *)mac, n}, BASE64_TOKEN);
	assert_int_equal(
	    judge(buf_slice(&token), rsa, &scratch, &claims), JWT_WRONG_ALG);
	crypto_key_free(&rsa);

	/* And between the lengths of HMAC, with the right secret. */
	hs512 = secret_key(CRYPTO_HS512);
	forge(&token, hs512, "{\"alg\":\"HS256\"}", "{}");
	assert_int_equal(
	    judge(buf_slice(&token), hs512, &scratch, &claims), JWT_WRONG_ALG);
	forge(&token, hs512, "{\"alg\":\"HS512\"}", "{}");
	assert_int_equal(
	    judge(buf_slice(&token), hs512, &scratch, &claims), JWT_OK);
	crypto_key_free(&hs512);
	buf_free(&token);
	buf_free(&scratch);
}

static void
headers_that_are_not_plain_are_refused(void **state)
{
	static const struct {
		const char *header;
		enum jwt_verdict verdict;
	} cases[] = {
	    {"{\"alg\":\"HS256\"}", JWT_OK},
	    {"{\"alg\":\"\\u0048S256\"}", JWT_OK},
	    {"{\"alg\":\"HS256\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}}",
		JWT_OK},
	    {"{\"alg\":\"none\"}", JWT_UNKNOWN_ALG},
	    {"{\"alg\":\"None\"}", JWT_UNKNOWN_ALG},
	    {"{\"alg\":\"hs256\"}", JWT_UNKNOWN_ALG},
	    {"{\"alg\":\"\"}", JWT_UNKNOWN_ALG},
	    {"{\"alg\":\"HS384\"}", JWT_WRONG_ALG},
	    {"{\"alg\":\"RS256\"}", JWT_WRONG_ALG},
	    {"{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", JWT_CRITICAL},
	    {"{\"alg\":\"HS256\",\"crit\":null}", JWT_CRITICAL},
	    {"{\"alg\":\"HS256\",\"b64\":false,\"crit\":[\"b64\"]}",
		JWT_CRITICAL},
	    {"{\"alg\":\"none\",\"alg\":\"HS256\"}", JWT_BAD_HEADER},
	    {"{\"alg\":256}", JWT_BAD_HEADER},
	    {"{\"alg\":[\"HS256\"]}", JWT_BAD_HEADER},
	    {"{}", JWT_BAD_HEADER},
	    {"[]", JWT_BAD_HEADER},
	    {"", JWT_BAD_HEADER},
	    {"{\"alg\":\"HS256\"", JWT_BAD_HEADER},
	    {"{\"alg\":\"HS256\"}x", JWT_BAD_HEADER},
	    {"{\"alg\":\"HS256\",\"kid\":7}", JWT_BAD_TEXT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
		    verdict_on(cases[i].header, "{}"), cases[i].verdict);
}

static void
an_unsigned_token_is_refused_even_with_a_known_alg(void **state)
{
	struct crypto_key *key = secret_key(CRYPTO_HS256);
	struct jwt_claims claims;
	struct buf token = {0}, scratch = {0};

	(void)state;
	forge(&token, key, "{\"alg\":\"HS256\"}", "{}");
	while (token.p[token.n - 1] != '.')
		token.n--;
	assert_int_equal(judge(buf_slice(&token), key, &scratch, &claims),
	    JWT_BAD_SIGNATURE);
	crypto_key_free(&key);
	buf_free(&token);
	buf_free(&scratch);
}

static void
every_truncation_and_every_altered_bit_is_refused(void **state)
{
	static const char json[] =
	    "{\"sub\":\"user42\",\"channel\":\"/d/private/x\",\"pub\":true}";
	struct crypto_key *key = secret_key(CRYPTO_HS256);
	struct buf token = {0}, scratch = {0};
	struct jwt_claims claims;
	struct slice whole;
	char *p;

	(void)state;
	assert_true(jwt_sign(
	    &token, key, &(struct jwt_draft){SLICE("k1"), slice_of(json)}));
	for (size_t n = 0; n < token.n; n++) {
		struct slice cut = exact(token.p, n);

		assert_int_not_equal(
		    judge(cut, key, &scratch, &claims), JWT_OK);
		free((char *)(size_t)cut.p);
	}
	whole = exact(token.p, token.n);
	p = (char *)(size_t)whole.p;
	for (size_t bit = 0; bit < whole.n * 8; bit++) {
		p[bit / 8] = (char)(p[bit / 8] ^ (1 << bit % 8));
		assert_int_not_equal(
		    judge(whole, key, &scratch, &claims), JWT_OK);
		p[bit / 8] = token.p[bit / 8];
	}
	assert_int_equal(judge(whole, key, &scratch, &claims), JWT_OK);
	free(p);
	crypto_key_free(&key);
	buf_free(&token);
	buf_free(&scratch);
}

static void
parts_and_letters_that_do_not_belong_are_refused(void **state)
{
	static const char *const bad[] = {
	    "",
	    ".",
	    "..",
	    "...",
	    "e30",
	    "e30.e30",
	    "e30.e30.e30.e30",
	    "eyJhbGciOiJIUzI1NiJ9.e30.AA==",
	    "eyJhbGciOiJIUzI1NiJ9.e30.A",
	    "eyJhbGciOiJIUzI1NiJ9.e30.AB",
	    "eyJhbGciOiJIUzI1NiJ9.e30.A+A/",
	    "eyJhbGciOiJIUzI1NiJ9.e30 .AAAA",
	    "eyJhbGciOiJIUzI1NiJ9\n.e30.AAAA",
	    " eyJhbGciOiJIUzI1NiJ9.e30.AAAA",
	};
	struct crypto_key *key = secret_key(CRYPTO_HS256);
	struct buf scratch = {0};
	struct jwt_claims claims;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		enum jwt_verdict verdict =
		    judge(slice_of(bad[i]), key, &scratch, &claims);

		assert_true(verdict == JWT_BAD_FORM ||
			    (verdict == JWT_BAD_HEADER && bad[i][0] == '.'));
	}
	crypto_key_free(&key);
	buf_free(&scratch);
}

static void
a_token_past_8_kib_or_past_the_scratch_is_not_taken_apart(void **state)
{
	char *long_one = malloc(JWT_MAX + 1);
	struct buf scratch = {0}, small = {.max = 64};
	struct jwt jwt;

	(void)state;
	memset(long_one, 'A', JWT_MAX + 1);
	assert_int_equal(
	    jwt_read(&jwt, (struct slice){long_one, JWT_MAX + 1}, &scratch),
	    JWT_TOO_LONG);
	assert_int_equal(
	    jwt_read(&jwt, (struct slice){long_one, JWT_MAX}, &scratch),
	    JWT_BAD_FORM);
	assert_int_equal(
	    jwt_read(&jwt, SLICE(JWS_HS256), &small), JWT_TOO_LONG);
	free(long_one);
	buf_free(&scratch);
	buf_free(&small);
}

static void
the_key_is_hinted_by_kid_or_else_by_the_claim_key_id(void **state)
{
	static const struct {
		const char *header, *json, *kid;
	} cases[] = {
	    {"{\"alg\":\"HS256\"}", "{}", ""},
	    {"{\"alg\":\"HS256\",\"kid\":\"a\"}", "{}", "a"},
	    {"{\"alg\":\"HS256\"}", "{\"keyId\":\"b\"}", "b"},
	    {"{\"alg\":\"HS256\",\"kid\":\"a\"}", "{\"keyId\":\"b\"}", "a"},
	};
	struct crypto_key *key = secret_key(CRYPTO_HS256);
	struct buf token = {0}, scratch = {0};
	struct jwt jwt;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		forge(&token, key, cases[i].header, cases[i].json);
		buf_clear(&scratch);
		assert_int_equal(
		    jwt_read(&jwt, buf_slice(&token), &scratch), JWT_OK);
		assert_true(slice_is(jwt.kid, cases[i].kid));
	}
	crypto_key_free(&key);
	buf_free(&token);
	buf_free(&scratch);
}

/* The worst for scratch: all of the token is escaped text. */
static void
claims_stay_where_they_are_while_scratch_fills(void **state)
{
	struct crypto_key *key = secret_key(CRYPTO_HS256);
	struct buf token = {0}, scratch = {0}, json = {0};
	struct jwt_claims c;

	(void)state;
	buf_str(&json, "{\"sub\":\"");
	for (int i = 0; i < 400; i++)
		buf_str(&json, "\\n");
	buf_str(&json, "\",\"client_id\":\"\\n\",\"channel\":[\"/\\n\"");
	for (int i = 1; i < JWT_CHANNELS; i++)
		buf_str(&json, ",\"/\\n\\n\\n\\n\"");
	buf_str(&json, "]}");
	assert_true(jwt_sign(
	    &token, key, &(struct jwt_draft){.claims = buf_slice(&json)}));
	assert_int_equal(judge(buf_slice(&token), key, &scratch, &c), JWT_OK);
	assert_int_equal(c.subject.n, 400);
	assert_true(slice_is(c.client, "\n"));
	assert_true(slice_is(c.channels[0], "/\n"));
	assert_true(slice_is(c.channels[JWT_CHANNELS - 1], "/\n\n\n\n"));
	assert_true(c.channels[0].p >= scratch.p &&
		    c.channels[0].p < scratch.p + scratch.n);
	crypto_key_free(&key);
	buf_free(&token);
	buf_free(&scratch);
	buf_free(&json);
}

static void
signing_past_the_cap_or_by_a_public_key_leaves_the_buf_alone(void **state)
{
	struct jwt_draft draft = {.claims = SLICE("{}")};
	struct crypto_key *hs = secret_key(CRYPTO_HS256), *public = NULL;
	struct buf out = {.max = 40};

	(void)state;
	assert_null(crypto_key_public(&public, SLICE(PEM_EC_PUBLIC)));
	buf_str(&out, "kept");
	assert_false(jwt_sign(&out, hs, &draft));
	assert_true(slice_is(buf_slice(&out), "kept"));
	out.max = 0;
	assert_false(jwt_sign(&out, public, &draft));
	assert_true(slice_is(buf_slice(&out), "kept"));
	crypto_key_free(&hs);
	crypto_key_free(&public);
	buf_free(&out);
}

static void
every_verdict_has_a_sentence(void **state)
{
	(void)state;
	for (int v = JWT_OK; v <= JWT_WRONG_AUDIENCE; v++)
		assert_non_null(jwt_why((enum jwt_verdict)v));
	assert_string_equal(jwt_why(JWT_EXPIRED), "token has expired");
}

TESTS(unit(the_examples_of_rfc_7515_are_good_until_they_expire),
    unit(what_is_signed_is_read_back_under_every_algorithm),
    unit(the_key_chooses_the_algorithm_and_the_token_never),
    unit(headers_that_are_not_plain_are_refused),
    unit(an_unsigned_token_is_refused_even_with_a_known_alg),
    unit(every_truncation_and_every_altered_bit_is_refused),
    unit(parts_and_letters_that_do_not_belong_are_refused),
    unit(a_token_past_8_kib_or_past_the_scratch_is_not_taken_apart),
    unit(the_key_is_hinted_by_kid_or_else_by_the_claim_key_id),
    unit(claims_stay_where_they_are_while_scratch_fills),
    unit(signing_past_the_cap_or_by_a_public_key_leaves_the_buf_alone),
    unit(every_verdict_has_a_sentence))

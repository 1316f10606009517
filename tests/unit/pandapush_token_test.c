/* pandapush_token_test.c - what a token covers, and who may have signed it. */
#include "tests/unit/pandapush_world.h"

static void
a_wildcard_covers_what_was_meant_and_not_what_leaked(void **state)
{
	static const struct {
		const char *token, *channel;
		bool covered;
	} cells[] = {
	    {"/app/private/*", "/app/private/x", true},
	    {"/app/private/*", "/app/private/*", true},
	    {"/app/private/*", "/app/private/x/y", false},
	    {"/app/private/*", "/app/private/**", false}, /* leaked */
	    {"/app/private/*", "/app/private/x/*", false},
	    {"/app/private/x/*", "/app/private/y/z", false},
	    {"/app/private/x/**", "/app/private/x/y", true},
	    {"/app/private/x/**", "/app/private/x/y/z", true},
	    {"/app/private/x/**", "/app/private/x/*", true},
	    {"/app/private/x/**", "/app/private/x/**", true},
	    {"/app/private/x/**", "/app/private/x/y/**", true},
	    {"/app/private/x/**", "/app/private/x", false},   /* leaked */
	    {"/app/private/x/**", "/app/private/xyz", false}, /* leaked */
	    {"/app/private/x/**", "/app/private/**", false},
	    {"/app/**", "/app/private/x", true},
	    {"/app/**", "/app/meta/x", true},
	    {"/**", "/app/private/x/**", true},
	    {"/*", "/app/private/x", false},
	    {"/app/*", "/app/private/x", false},
	    {"/app/private/x*", "/app/private/xy", false},
	    {"/app/private/x", "/app/private/x", true},
	    {"/app/private/x", "/app/private/*", false},
	    {"/other/**", "/app/private/x", false},
	};
	struct buf claims = {0};
	struct keys *ks = some_keys();
	struct grant g;

	(void)state;
	for (size_t i = 0; i < LENGTH(cells); i++) {
		struct attempt a = {cells[i].channel, TOKEN, NULL, NULL};
		const char *says;

		buf_clear(&claims);
		buf_printf(&claims,
		    "{\"keyId\":\"k\",\"sub\":true,\"channel\":\"%s\"}",
		    cells[i].token);
		buf_chr(&claims, '\0');
		a.claims = claims.p;
		says = attempt(ks, PANDAPUSH_SUBSCRIBE, &a, &g);
		if ((says == NULL) != cells[i].covered)
			fail_msg("%s of %s: %s", cells[i].channel,
			    cells[i].token, says);
		if (says != NULL)
			assert_string_equal(
			    says, "Token does not match channel");
	}
	keys_free(&ks);
	buf_free(&claims);
}

/* The token's header says the algorithm; the secret is one for all three. */
static const char *
by_header(const char *header, enum crypto_alg alg, const char *claims)
{
	struct pandapush_ask ask = {
	    PANDAPUSH_SUBSCRIBE, SLICE(PRIVATE), {0}, 0};
	struct crypto_key *key = secret_key(alg);
	struct buf token = {0}, json = {0};
	struct keys *ks = some_keys();
	const char *says;
	struct grant g;

	forge(&token, key, header, claims);
	says =
	    judge_json(ks, &ask, fill_in(&json, TOKEN, buf_slice(&token)), &g);
	keys_free(&ks);
	crypto_key_free(&key);
	buf_free(&token);
	buf_free(&json);
	return says;
}

static void
a_secret_signs_under_three_algorithms_and_no_other(void **state)
{
	static const char claims[] = MAY("k") "\"sub\":true}";
	static const char no[] = "Invalid token provided";

	(void)state;
	assert_null(by_header("{\"alg\":\"HS256\"}", CRYPTO_HS256, claims));
	assert_null(by_header("{\"alg\":\"HS384\"}", CRYPTO_HS384, claims));
	assert_null(by_header("{\"alg\":\"HS512\"}", CRYPTO_HS512, claims));
	assert_string_equal(
	    by_header("{\"alg\":\"HS512\"}", CRYPTO_HS384, claims), no);
	assert_string_equal(
	    by_header("{\"alg\":\"none\"}", CRYPTO_HS256, claims), no);
	assert_string_equal(
	    by_header("{\"alg\":\"RS256\"}", CRYPTO_HS256, claims), no);
	assert_string_equal(
	    by_header("{\"alg\":\"ES256\"}", CRYPTO_HS256, claims), no);
	assert_string_equal(by_header("{\"alg\":\"HS256\",\"crit\":[\"x\"]}",
				CRYPTO_HS256, claims),
	    no);
	/* Of a key that is public, its text is no secret. */
	assert_string_equal(by_header("{\"alg\":\"HS256\"}", CRYPTO_HS256,
				MAY("rsa") "\"sub\":true}"),
	    no);
	/* Whoever signed it, the key it names is looked for first. */
	assert_string_equal(by_header("{\"alg\":\"none\"}", CRYPTO_HS256,
				MAY("nobody") "\"sub\":true}"),
	    "Could not find key");
	/* The claim names the key; the header's hint is for those without. */
	assert_null(by_header(
	    "{\"alg\":\"HS256\",\"kid\":\"old\"}", CRYPTO_HS256, claims));
	assert_null(by_header("{\"alg\":\"HS256\",\"kid\":\"k\"}", CRYPTO_HS256,
	    "{\"channel\":\"" PRIVATE "\",\"sub\":true}"));
}

TESTS(unit(a_wildcard_covers_what_was_meant_and_not_what_leaked),
    unit(a_secret_signs_under_three_algorithms_and_no_other))

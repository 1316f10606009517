/* jwt_claims_test.c - how long a token lives, and what it allows. */
#include "common/jwt.h"
#include "tests/unit/jwt_forge.h"
#include "tests/unit/test.h"

static void
payloads_and_claims_of_the_wrong_kind_have_their_own_verdicts(void **state)
{
	static const struct {
		const char *json;
		enum jwt_verdict verdict;
	} cases[] = {
	    {"{}", JWT_OK},
	    {"[]", JWT_BAD_PAYLOAD},
	    {"7", JWT_BAD_PAYLOAD},
	    {"", JWT_BAD_PAYLOAD},
	    {"{\"a\":1,\"a\":1}", JWT_BAD_PAYLOAD},
	    {"{\"a\":\"\xff\"}", JWT_BAD_PAYLOAD},
	    {"{\"exp\":\"1800000000\"}", JWT_BAD_TIME},
	    {"{\"exp\":null}", JWT_BAD_TIME},
	    {"{\"exp\":-1}", JWT_BAD_TIME},
	    {"{\"exp\":1e20}", JWT_BAD_TIME},
	    {"{\"exp\":1.5e9}", JWT_BAD_TIME},
	    {"{\"exp\":18446744073709551616}", JWT_BAD_TIME},
	    {"{\"exp\":18446744073709551615}", JWT_OK},
	    {"{\"exp\":1700000001.999}", JWT_OK},
	    {"{\"exp\":1700000000.999}", JWT_EXPIRED},
	    {"{\"nbf\":true}", JWT_BAD_TIME},
	    {"{\"iat\":[]}", JWT_BAD_TIME},
	    {"{\"client_id\":7}", JWT_BAD_TEXT},
	    {"{\"keyId\":{}}", JWT_BAD_TEXT},
	    {"{\"channel\":null}", JWT_BAD_CHANNEL},
	    {"{\"channel\":\"\"}", JWT_BAD_CHANNEL},
	    {"{\"channel\":\"/\"}", JWT_BAD_CHANNEL},
	    {"{\"channel\":\"a/b\"}", JWT_BAD_CHANNEL},
	    {"{\"channel\":\"/a//b\"}", JWT_BAD_CHANNEL},
	    {"{\"channel\":\"/a/b/\"}", JWT_BAD_CHANNEL},
	    {"{\"channel\":\"/a/*/b\"}", JWT_BAD_CHANNEL},
	    {"{\"channel\":\"/a/b*\"}", JWT_BAD_CHANNEL},
	    {"{\"channel\":\"/a/***\"}", JWT_BAD_CHANNEL},
	    {"{\"channel\":[\"/a/b\",7]}", JWT_BAD_CHANNEL},
	    {"{\"channel\":[[\"/a/b\"]]}", JWT_BAD_CHANNEL},
	    {"{\"channel\":[]}", JWT_OK},
	    {"{\"channel\":\"/**\"}", JWT_OK},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
		    verdict_on("{\"alg\":\"HS256\"}", cases[i].json),
		    cases[i].verdict);
}

static void
a_token_may_name_64_patterns_of_255_bytes_and_no_more(void **state)
{
	struct buf json = {0};

	(void)state;
	buf_str(&json, "{\"channel\":[\"/a/0\"");
	for (unsigned i = 1; i < JWT_CHANNELS; i++)
		buf_printf(&json, ",\"/a/%u\"", i);
	buf_add(&json, "]}\0", 3);
	assert_int_equal(verdict_under(json.p, &at_now), JWT_OK);
	json.n -= 3;
	buf_add(&json, ",\"/a\"]}\0", 8);
	assert_int_equal(verdict_under(json.p, &at_now), JWT_BAD_CHANNEL);
	for (unsigned n = JWT_PATTERN_MAX; n <= JWT_PATTERN_MAX + 1; n++) {
		buf_clear(&json);
		buf_str(&json, "{\"channel\":\"/");
		for (unsigned i = 1; i < n; i++)
			buf_chr(&json, 'a');
		buf_add(&json, "\"}\0", 3);
		assert_int_equal(verdict_under(json.p, &at_now),
		    n <= JWT_PATTERN_MAX ? JWT_OK : JWT_BAD_CHANNEL);
	}
	buf_free(&json);
}

static void
times_are_held_to_the_second_and_the_leeway(void **state)
{
	static const struct {
		const char *json;
		uint64_t now, leeway;
		enum jwt_verdict verdict;
	} cases[] = {
	    {"{\"exp\":1000}", 999, 0, JWT_OK},
	    {"{\"exp\":1000}", 1000, 0, JWT_EXPIRED},
	    {"{\"exp\":1000}", 1059, 60, JWT_OK},
	    {"{\"exp\":1000}", 1060, 60, JWT_EXPIRED},
	    {"{\"exp\":0}", 0, 0, JWT_EXPIRED},
	    {"{\"exp\":0}", 59, 60, JWT_OK},
	    {"{\"exp\":18446744073709551615}", UINT64_MAX, 0, JWT_EXPIRED},
	    {"{\"nbf\":1000}", 1000, 0, JWT_OK},
	    {"{\"nbf\":1000}", 999, 0, JWT_EARLY},
	    {"{\"nbf\":1000}", 940, 60, JWT_OK},
	    {"{\"nbf\":1000}", 939, 60, JWT_EARLY},
	    {"{\"nbf\":18446744073709551615}", 5, UINT64_MAX, JWT_OK},
	    {"{\"iat\":1000}", 940, 60, JWT_OK},
	    {"{\"iat\":1000}", 939, 60, JWT_FROM_FUTURE},
	    {"{\"iat\":1000,\"nbf\":1000,\"exp\":1001}", 1000, 0, JWT_OK},
	    {"{}", UINT64_MAX, 60, JWT_OK},
	};
	struct jwt_check check = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		check.now = cases[i].now;
		check.leeway = cases[i].leeway;
		assert_int_equal(
		    verdict_under(cases[i].json, &check), cases[i].verdict);
	}
	assert_false(jwt_over(UINT64_MAX - 1, 60, UINT64_MAX - 1));
	check = (struct jwt_check){.now = 5, .any_iat = true};
	assert_int_equal(verdict_under("{\"iat\":1000}", &check), JWT_OK);
	check = (struct jwt_check){.now = 5, .need_exp = true};
	assert_int_equal(verdict_under("{}", &check), JWT_ENDLESS);
	assert_int_equal(verdict_under("{\"exp\":6}", &check), JWT_OK);
}

static void
an_expected_audience_must_be_named(void **state)
{
	struct jwt_check check = {.now = JWT_NOW, .audience = SLICE("me")};

	(void)state;
	assert_int_equal(verdict_under("{\"aud\":\"me\"}", &check), JWT_OK);
	assert_int_equal(
	    verdict_under("{\"aud\":[\"you\",\"\\u006de\",7]}", &check),
	    JWT_OK);
	assert_int_equal(verdict_under("{}", &check), JWT_WRONG_AUDIENCE);
	assert_int_equal(
	    verdict_under("{\"aud\":[]}", &check), JWT_WRONG_AUDIENCE);
	assert_int_equal(
	    verdict_under("{\"aud\":\"m\"}", &check), JWT_WRONG_AUDIENCE);
	assert_int_equal(
	    verdict_under("{\"aud\":{\"me\":1}}", &check), JWT_WRONG_AUDIENCE);
	assert_int_equal(verdict_under("{\"aud\":\"you\"}", &at_now), JWT_OK);
}

static void
rights_are_given_by_the_right_value_only(void **state)
{
	static const struct {
		const char *rights;
		unsigned rights_are;
	} cases[] = {
	    {"", JWT_LISTEN},
	    {",\"pub\":true", JWT_PUBLISH | JWT_LISTEN},
	    {",\"pub\":false", JWT_LISTEN},
	    {",\"pub\":1", JWT_LISTEN},
	    {",\"pub\":\"true\"", JWT_LISTEN},
	    {",\"sub\":true", JWT_LISTEN},
	    {",\"sub\":\"user42\"", JWT_LISTEN},
	    {",\"sub\":false", 0},
	    {",\"sub\":null", 0},
	    {",\"sub\":1", 0},
	    {",\"sub\":{}", 0},
	    {",\"sub\":\"user42\",\"listen\":false", 0},
	    {",\"sub\":\"user42\",\"listen\":1", 0},
	    {",\"sub\":false,\"listen\":true", JWT_LISTEN},
	    {",\"presence\":true", JWT_LISTEN | JWT_ATTEND},
	    {",\"presence\":{\"id\":\"a\"}", JWT_LISTEN | JWT_ATTEND},
	    {",\"presence\":\"a\"", JWT_LISTEN},
	    {",\"presence\":false", JWT_LISTEN},
	};
	struct crypto_key *key = secret_key(CRYPTO_HS256);
	struct buf token = {0}, scratch = {0}, json = {0};
	struct jwt_claims c;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_clear(&json);
		buf_clear(&token);
		buf_printf(
		    &json, "{\"channel\":\"/d/private/*\"%s}", cases[i].rights);
		assert_true(jwt_sign(&token, key,
		    &(struct jwt_draft){.claims = buf_slice(&json)}));
		assert_int_equal(
		    judge(buf_slice(&token), key, &scratch, &c), JWT_OK);
		assert_int_equal(jwt_rights(&c), cases[i].rights_are);
	}
	crypto_key_free(&key);
	buf_free(&token);
	buf_free(&scratch);
	buf_free(&json);
}

TESTS(unit(payloads_and_claims_of_the_wrong_kind_have_their_own_verdicts),
    unit(a_token_may_name_64_patterns_of_255_bytes_and_no_more),
    unit(times_are_held_to_the_second_and_the_leeway),
    unit(an_expected_audience_must_be_named),
    unit(rights_are_given_by_the_right_value_only))

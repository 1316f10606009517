/* keys_test.c - a key opens its own application, and a token less of it. */
#include "common/base64.h"
#include "common/jwt.h"
#include "common/keys.h"
#include "common/must.h"
#include "tests/unit/test.h"

enum { NOW = 1700000000 };

static const char secret[] = "0123456789abcdef0123456789abcdef";

static struct keys *
one_key(void)
{
	struct keys *ks = keys_new();
	struct msg_key m = {.app = SLICE("shop"),
	    .id = SLICE("k1"),
	    .alg = SLICE("HS256"),
	    .secret = SLICE("0123456789abcdef0123456789abcdef"),
	    .rights = KEY_PUBLISH | KEY_LISTEN,
	    .prefixes = SLICE("/tyron/,/incus")};

	assert_null(keys_told(ks, &m));
	return ks;
}

static enum code
try_basic(struct keys *ks, const char *credentials, struct grant *g)
{
	struct buf b = {0};
	enum code code;

	buf_str(&b, "Basic ");
	base64_encode(&b, slice_of(credentials), BASE64_STD);
	code = keys_authorize(ks, buf_slice(&b), NOW, g);
	buf_free(&b);
	return code;
}

static enum code
try_token(struct keys *ks, const char *claims, struct grant *g)
{
	struct crypto_key *key;
	struct buf b = {0};
	enum code code;

	assert_null(crypto_key_secret(&key, CRYPTO_HS256, slice_of(secret)));
	buf_str(&b, "Bearer ");
	assert_true(jwt_sign(&b, key,
	    &(struct jwt_draft){
		.kid = SLICE("k1"), .claims = slice_of(claims)}));
	code = keys_authorize(ks, buf_slice(&b), NOW, g);
	crypto_key_free(&key);
	buf_free(&b);
	return code;
}

static void
a_key_and_its_secret_open_the_application(void **state)
{
	struct keys *ks = one_key();
	struct grant g;

	(void)state;
	assert_int_equal(
	    try_basic(ks, "k1:0123456789abcdef0123456789abcdef", &g), CODE_ok);
	assert_int_equal(
	    grant_publish(&g, SLICE("/shop/private/x"), NOW), CODE_ok);
	assert_int_equal(
	    grant_publish(&g, SLICE("/tyron/public/x"), NOW), CODE_ok);
	assert_int_equal(
	    grant_publish(&g, SLICE("/incus/public/x"), NOW), CODE_ok);
	assert_int_equal(
	    grant_publish(&g, SLICE("/incusy/public/x"), NOW), CODE_forbidden);
	assert_int_equal(
	    grant_publish(&g, SLICE("/other/public/x"), NOW), CODE_forbidden);
	assert_int_equal(
	    grant_publish(&g, SLICE("/shop/meta/x"), NOW), CODE_forbidden);
	assert_int_equal(
	    grant_listen(&g, SLICE("/shop/private/**"), NOW), CODE_ok);
	keys_free(&ks);
}

static void
wrong_credentials_open_nothing(void **state)
{
	static const char *const wrong[] = {"k1:", "k1", "", ":",
	    "k2:0123456789abcdef0123456789abcdef",
	    "k1:0123456789abcdef0123456789abcdeF",
	    "k1:0123456789abcdef0123456789abcdef0"};
	struct keys *ks = one_key();
	struct grant g;

	(void)state;
	for (size_t i = 0; i < LENGTH(wrong); i++)
		assert_int_equal(
		    try_basic(ks, wrong[i], &g), CODE_unauthorized);
	assert_int_equal(
	    keys_authorize(ks, SLICE("Digest x"), NOW, &g), CODE_unauthorized);
	assert_non_null(g.why);
	keys_free(&ks);
}

static void
a_token_gives_only_what_it_names(void **state)
{
	struct keys *ks = one_key();
	struct grant g;

	(void)state;
	assert_int_equal(
	    try_token(ks, "{\"channel\":\"/shop/private/u/*\"}", &g), CODE_ok);
	assert_int_equal(
	    grant_listen(&g, SLICE("/shop/private/u/1"), NOW), CODE_ok);
	assert_int_equal(
	    grant_listen(&g, SLICE("/shop/private/v"), NOW), CODE_forbidden);
	assert_int_equal(
	    grant_listen(&g, SLICE("/shop/private/u/**"), NOW), CODE_forbidden);
	assert_int_equal(
	    grant_publish(&g, SLICE("/shop/private/u/1"), NOW), CODE_forbidden);
	assert_int_equal(
	    grant_listen(&g, SLICE("/shop/public/any"), NOW), CODE_ok);
	assert_int_equal(
	    try_token(ks, "{\"channel\":\"/**\",\"pub\":true}", &g), CODE_ok);
	assert_int_equal(
	    grant_publish(&g, SLICE("/other/public/x"), NOW), CODE_forbidden);
	assert_int_equal(
	    grant_publish(&g, SLICE("/shop/public/x"), NOW), CODE_ok);
	keys_free(&ks);
}

static void
a_token_ends(void **state)
{
	struct keys *ks = one_key();
	struct grant g;

	(void)state;
	assert_int_equal(
	    try_token(
		ks, "{\"channel\":\"/shop/private/x\",\"exp\":1700000000}", &g),
	    CODE_ok);
	assert_int_equal(
	    grant_listen(&g, SLICE("/shop/private/x"), NOW + JWT_LEEWAY - 1),
	    CODE_ok);
	assert_int_equal(
	    grant_listen(&g, SLICE("/shop/private/x"), NOW + JWT_LEEWAY),
	    CODE_bad_token);
	assert_int_equal(
	    try_token(
		ks, "{\"channel\":\"/shop/private/x\",\"exp\":1600000000}", &g),
	    CODE_bad_token);
	assert_int_equal(try_token(ks,
			     "{\"channel\":\"/shop/private/x\","
			     "\"exp\":18446744073709551610}",
			     &g),
	    CODE_ok);
	assert_int_equal(
	    grant_listen(&g, SLICE("/shop/private/x"), NOW), CODE_ok);
	keys_free(&ks);
}

static void
nobody_may_listen_to_public_channels_only(void **state)
{
	struct grant g = {.rights = 0};

	(void)state;
	assert_int_equal(grant_listen(&g, SLICE("/a/public/x"), NOW), CODE_ok);
	assert_int_equal(
	    grant_listen(&g, SLICE("/a/private/x"), NOW), CODE_unauthorized);
	assert_int_equal(
	    grant_publish(&g, SLICE("/a/public/x"), NOW), CODE_unauthorized);
}

static void
a_revoked_or_expired_key_is_none(void **state)
{
	struct keys *ks = one_key();
	struct msg_key m = {.app = SLICE("shop"),
	    .id = SLICE("k1"),
	    .alg = SLICE("HS256"),
	    .secret = SLICE("s"),
	    .rights = KEY_PUBLISH,
	    .expires = NOW};
	struct grant g;

	(void)state;
	assert_null(keys_told(ks, &m));
	assert_int_equal(try_basic(ks, "k1:s", &g), CODE_unauthorized);
	m.expires = NOW + 1;
	assert_null(keys_told(ks, &m));
	assert_int_equal(try_basic(ks, "k1:s", &g), CODE_ok);
	m.revoked = 1;
	assert_null(keys_told(ks, &m));
	assert_int_equal(try_basic(ks, "k1:s", &g), CODE_unauthorized);
	m = (struct msg_key){.id = SLICE("k2"),
	    .alg = SLICE("RS256"),
	    .secret = SLICE("not a PEM")};
	assert_non_null(keys_told(ks, &m));
	keys_free(&ks);
}

static void
a_grant_stands_as_long_as_its_key(void **state)
{
	struct keys *ks = one_key();
	struct msg_key other = {.app = SLICE("shop"),
	    .id = SLICE("k2"),
	    .alg = SLICE("HS256"),
	    .secret = SLICE("another one")};
	const struct grant nobody = {.rights = 0};
	struct grant g;

	(void)state;
	assert_int_equal(
	    try_basic(ks, "k1:0123456789abcdef0123456789abcdef", &g), CODE_ok);
	assert_true(keys_stand(ks, &g, NOW));
	assert_null(keys_told(ks, &other));
	assert_true(keys_stand(ks, &g, NOW));
	assert_true(keys_stand(ks, &nobody, NOW));
	other.id = SLICE("k1");
	other.expires = NOW + 10;
	assert_null(keys_told(ks, &other));
	assert_true(keys_stand(ks, &g, NOW));
	assert_false(keys_stand(ks, &g, NOW + 10));
	other.app = SLICE("elsewhere");
	assert_null(keys_told(ks, &other));
	assert_false(keys_stand(ks, &g, NOW));
	other.app = SLICE("shop");
	other.revoked = 1;
	assert_null(keys_told(ks, &other));
	assert_false(keys_stand(ks, &g, NOW));
	keys_free(&ks);
}

TESTS(unit(a_grant_stands_as_long_as_its_key),
    unit(a_key_and_its_secret_open_the_application),
    unit(wrong_credentials_open_nothing),
    unit(a_token_gives_only_what_it_names), unit(a_token_ends),
    unit(nobody_may_listen_to_public_channels_only),
    unit(a_revoked_or_expired_key_is_none))

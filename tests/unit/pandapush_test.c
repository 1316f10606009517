/* pandapush_test.c - its sentences come as they came from Pandapush. */
#include "common/base64.h"
#include "common/must.h"
#include "common/pandapush.h"
#include "tests/unit/jwt_forge.h"
#include "tests/unit/pem.h"
#include "tests/unit/test.h"

enum { NOW = 1700000000 };

#define SECRET "a shared secret" /* jwt_forge.h signs with it */
#define ALL    (KEY_PUBLISH | KEY_LISTEN | KEY_PRESENCE)

static const struct msg_key told[] = {
    {.id = SLICE_INIT("k"), .rights = ALL},
    {.id = SLICE_INIT("old"), .rights = ALL, .expires = NOW},
    {.id = SLICE_INIT("young"), .rights = ALL, .expires = NOW + 1},
    {.id = SLICE_INIT("deaf"), .rights = KEY_PUBLISH},
    {.id = SLICE_INIT("dumb"), .rights = KEY_LISTEN},
};

static struct keys *
some_keys(void)
{
	struct keys *ks = keys_new();

	for (size_t i = 0; i < LENGTH(told); i++) {
		struct msg_key m = told[i];

		m.app = SLICE("app");
		m.alg = SLICE("HS256");
		m.secret = SLICE(SECRET);
		assert_null(keys_told(ks, &m));
	}
	assert_null(keys_told(ks, &(struct msg_key){.app = SLICE("app"),
				      .id = SLICE("rsa"),
				      .alg = SLICE("RS256"),
				      .secret = SLICE(PEM_RSA_PUBLIC),
				      .rights = ALL}));
	assert_null(keys_told(ks, &(struct msg_key){.app = SLICE("other"),
				      .id = SLICE("theirs"),
				      .alg = SLICE("HS256"),
				      .secret = SLICE(SECRET),
				      .prefixes = SLICE("/tyron/"),
				      .rights = ALL}));
	return ks;
}

/* ext.auth as JSON, in which `$` stands for a token of these claims. */
struct attempt {
	const char *channel, *auth, *claims, *says;
};

static struct slice
fill_in(struct buf *json, const char *auth, struct slice token)
{
	const char *at = strchr(auth, '$');

	buf_clear(json);
	if (at == NULL) {
		buf_str(json, auth);
		return buf_slice(json);
	}
	buf_add(json, auth, (size_t)(at - auth));
	buf_add(json, token.p, token.n);
	buf_str(json, at + 1);
	return buf_slice(json);
}

static const char *
judge_json(struct keys *ks, struct pandapush_ask *ask, struct slice json,
    struct grant *g)
{
	struct buf text = {0};
	const char *says;

	assert_null(json_check(json, NULL, NULL));
	pandapush_auth_read(&ask->auth, json_value(json), &text);
	ask->now = NOW;
	says = pandapush_judge(ks, ask, g);
	assert_true(says == NULL || (g->app[0] == '\0' && g->why == says));
	buf_free(&text);
	return says;
}

static const char *
attempt(struct keys *ks, enum pandapush_want want, const struct attempt *a,
    struct grant *g)
{
	struct pandapush_ask ask = {want, slice_of(a->channel), {0}, 0};
	struct crypto_key *key = secret_key(CRYPTO_HS256);
	struct buf token = {0}, json = {0};
	const char *says;

	if (a->claims != NULL)
		assert_true(jwt_sign(&token, key,
		    &(struct jwt_draft){.claims = slice_of(a->claims)}));
	says =
	    judge_json(ks, &ask, fill_in(&json, a->auth, buf_slice(&token)), g);
	crypto_key_free(&key);
	buf_free(&token);
	buf_free(&json);
	return says;
}

static void
go_through(enum pandapush_want want, const struct attempt *rows, size_t n)
{
	struct keys *ks = some_keys();
	struct grant g;

	for (size_t i = 0; i < n; i++) {
		const char *says = attempt(ks, want, &rows[i], &g);

		if (rows[i].says == NULL
			? says != NULL
			: says == NULL || strcmp(says, rows[i].says) != 0)
			fail_msg("row %zu, %s %s %s: %s", i, rows[i].channel,
			    rows[i].auth,
			    rows[i].claims == NULL ? "" : rows[i].claims,
			    says == NULL ? "allowed" : says);
	}
	keys_free(&ks);
}

#define PRIVATE "/app/private/x"
#define GOOD    "{\"key\":\"k\",\"secret\":\"" SECRET "\"}"
#define TOKEN   "{\"token\":\"$\"}"
#define MAY(k)  "{\"keyId\":\"" k "\",\"channel\":\"" PRIVATE "\","

/* Each row does wrong what its sentence names, and all that is looked at
 * later too, where that can be said: so the order is told as well. */
static void
each_sentence_comes_before_those_of_later_checks(void **state)
{
	static const struct attempt rows[] = {
	    {"/app/other/x", "null", NULL, "Invalid channel name"},
	    {"/app/other/x", GOOD, NULL, "Invalid channel name"},
	    {PRIVATE, "null", NULL, "No auth supplied"},
	    {PRIVATE, "false", NULL, "No auth supplied"},
	    {PRIVATE, "0", NULL, "No auth supplied"},
	    {PRIVATE, "-0.0e5", NULL, "No auth supplied"},
	    {PRIVATE, "\"\"", NULL, "No auth supplied"},
	    {PRIVATE, "{\"token\":\"abc\"}", NULL, "Invalid token"},
	    {PRIVATE, "{\"token\":7}", NULL, "Invalid token"},
	    {PRIVATE, "{\"token\":\"a.b.c\",\"key\":\"k\"}", NULL,
		"Invalid token"},
	    {PRIVATE, TOKEN, "{}", "Invalid token"},
	    {PRIVATE, TOKEN, "{\"keyId\":\"\"}", "Invalid token"},
	    {PRIVATE, TOKEN, "{\"keyId\":null}", "Invalid token"},
	    {PRIVATE, "{}", NULL,
		"Auth information does not include token or key"},
	    {PRIVATE, "\"abc\"", NULL,
		"Auth information does not include token or key"},
	    {PRIVATE, "[1]", NULL,
		"Auth information does not include token or key"},
	    {PRIVATE, "{\"token\":null,\"key\":0,\"secret\":\"x\"}", NULL,
		"Auth information does not include token or key"},
	    {PRIVATE, "{\"key\":\"nobody\"}", NULL, "Could not find key"},
	    {PRIVATE, "{\"key\":[\"k\"]}", NULL, "Could not find key"},
	    {PRIVATE, "{\"key\":\"theirs\",\"secret\":\"" SECRET "\"}", NULL,
		"Could not find key"},
	    {PRIVATE, TOKEN, "{\"keyId\":\"nobody\",\"exp\":1}",
		"Could not find key"},
	    {PRIVATE, "{\"key\":\"old\",\"secret\":\"wrong\"}", NULL,
		"Invalid secret"},
	    {PRIVATE, "{\"key\":\"k\"}", NULL, "Invalid secret"},
	    {PRIVATE, "{\"key\":\"k\",\"secret\":true}", NULL,
		"Invalid secret"},
	    {PRIVATE, "{\"key\":\"rsa\",\"secret\":\"\"}", NULL,
		"Invalid secret"},
	    {PRIVATE, TOKEN, "{\"keyId\":\"old\",\"exp\":1700000000}",
		"Invalid token provided"},
	    {PRIVATE, TOKEN, "{\"keyId\":\"old\",\"nbf\":1700000001}",
		"Invalid token provided"},
	    {PRIVATE, TOKEN, "{\"keyId\":\"old\",\"exp\":\"soon\"}",
		"Invalid token provided"},
	    {PRIVATE, "{\"key\":\"old\",\"secret\":\"" SECRET "\"}", NULL,
		"Expired key"},
	    {PRIVATE, TOKEN, "{\"keyId\":\"old\"}", "Expired key"},
	    {PRIVATE, TOKEN, "{\"keyId\":\"k\"}",
		"Token does not match channel"},
	    {PRIVATE, TOKEN, "{\"keyId\":\"k\",\"channel\":7}",
		"Token does not match channel"},
	    {PRIVATE, TOKEN,
		"{\"keyId\":\"k\",\"channel\":[\"" PRIVATE "\",7]}",
		"Token does not match channel"},
	    {PRIVATE, TOKEN, "{\"keyId\":\"k\",\"channel\":\"" PRIVATE "y\"}",
		"Token does not match channel"},
	};

	(void)state;
	go_through(PANDAPUSH_SUBSCRIBE, rows, LENGTH(rows));
	go_through(PANDAPUSH_PUBLISH, rows, LENGTH(rows));
}

static void
only_true_itself_lets_a_token_subscribe(void **state)
{
	static const char no[] = "Token does not allow subscribing";
	static const struct attempt rows[] = {
	    {PRIVATE, TOKEN, MAY("k") "\"sub\":true}", NULL},
	    {PRIVATE, TOKEN, MAY("young") "\"sub\":true}", NULL},
	    {PRIVATE, TOKEN, MAY("k") "\"sub\":true,\"exp\":1700000001}", NULL},
	    {PRIVATE, TOKEN, MAY("k") "\"sub\":true,\"nbf\":1700000000}", NULL},
	    {PRIVATE, TOKEN, MAY("k") "\"sub\":true,\"iat\":1900000000}", NULL},
	    {PRIVATE, TOKEN, MAY("k") "\"pub\":true}", no},
	    {PRIVATE, TOKEN, MAY("k") "\"sub\":\"true\"}", no},
	    {PRIVATE, TOKEN, MAY("k") "\"sub\":1}", no},
	    {PRIVATE, TOKEN, MAY("k") "\"sub\":\"user\"}", no},
	    {PRIVATE, TOKEN, MAY("k") "\"sub\":false}", no},
	    {PRIVATE, TOKEN, MAY("k") "\"listen\":true}", no},
	    {PRIVATE, TOKEN, MAY("deaf") "\"sub\":true}", no},
	    {PRIVATE, "{\"key\":\"deaf\",\"secret\":\"" SECRET "\"}", NULL, no},
	    {PRIVATE, GOOD, NULL, NULL},
	    {"/app/meta/x", GOOD, NULL, NULL},
	    {"/app/public/x", "null", NULL, NULL},
	    {"/app/public/x", "{\"token\":\"abc\"}", NULL, NULL},
	    {"/nobodys/public/**", "null", NULL, NULL},
	    {"/tyron/private/x",
		"{\"key\":\"theirs\",\"secret\":\"" SECRET "\"}", NULL, NULL},
	};

	(void)state;
	go_through(PANDAPUSH_SUBSCRIBE, rows, LENGTH(rows));
}

static void
only_true_itself_lets_a_token_publish_and_meta_is_nobodys(void **state)
{
	static const char no[] = "Token does not allow publishing";
	static const struct attempt rows[] = {
	    {PRIVATE, TOKEN, MAY("k") "\"pub\":true}", NULL},
	    {PRIVATE, TOKEN, MAY("k") "\"sub\":true}", no},
	    {PRIVATE, TOKEN, MAY("k") "\"pub\":\"true\"}", no},
	    {PRIVATE, TOKEN, MAY("k") "\"pub\":1}", no},
	    {PRIVATE, TOKEN, MAY("dumb") "\"pub\":true}", no},
	    {PRIVATE, "{\"key\":\"dumb\",\"secret\":\"" SECRET "\"}", NULL, no},
	    {PRIVATE, GOOD, NULL, NULL},
	    {"/app/public/x", GOOD, NULL, NULL},
	    {"/app/public/x", "null", NULL, "No auth supplied"},
	    {"/app/presence/x", GOOD, NULL, NULL},
	    {"/app/meta/x", GOOD, NULL, no},
	    {"/app/meta/x", TOKEN,
		"{\"keyId\":\"k\",\"channel\":\"/app/**\",\"pub\":true}", no},
	};

	(void)state;
	go_through(PANDAPUSH_PUBLISH, rows, LENGTH(rows));
}

#define THERE "/app/presence/x"
#define WHO(claim)                                                             \
	"{\"keyId\":\"k\",\"channel\":\"" THERE "\",\"sub\":true" claim "}"

static void
presence_asks_for_an_id_in_the_token(void **state)
{
	static const char no[] =
	    "No presence id specified in presence subscription";
	static const struct attempt rows[] = {
	    {THERE, TOKEN, WHO(",\"presence\":{\"id\":\"u\"}"), NULL},
	    {THERE, TOKEN, WHO(",\"presence\":{\"id\":7,\"a\":[1]}"), NULL},
	    {THERE, TOKEN, WHO(""), no},
	    {THERE, TOKEN, WHO(",\"presence\":{}"), no},
	    {THERE, TOKEN, WHO(",\"presence\":{\"id\":0}"), no},
	    {THERE, TOKEN, WHO(",\"presence\":{\"id\":0.0e1}"), no},
	    {THERE, TOKEN, WHO(",\"presence\":{\"id\":\"\"}"), no},
	    {THERE, TOKEN, WHO(",\"presence\":{\"id\":null}"), no},
	    {THERE, TOKEN, WHO(",\"presence\":{\"id\":{}}"), no},
	    {THERE, TOKEN, WHO(",\"presence\":\"u\""), no},
	    {THERE, TOKEN, WHO(",\"presence\":true"), no},
	    {THERE, GOOD, NULL, no},
	    {THERE, TOKEN, MAY("k") "\"sub\":true}",
		"Token does not match channel"},
	    {THERE, TOKEN,
		"{\"keyId\":\"dumb\",\"channel\":\"" THERE
		"\",\"sub\":true,\"presence\":{\"id\":1}}",
		"Token does not allow subscribing"},
	};

	(void)state;
	go_through(PANDAPUSH_SUBSCRIBE, rows, LENGTH(rows));
}

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

static void
a_token_beside_a_key_is_only_its_hint(void **state)
{
	static const char claims[] = "{\"keyId\":\"k\",\"exp\":1}";
	static const struct attempt rows[] = {
	    {PRIVATE,
		"{\"token\":\"$\",\"key\":\"nobody\",\"secret\":\"" SECRET
		"\"}",
		claims, NULL},
	    {PRIVATE, "{\"token\":\"$\",\"key\":\"k\",\"secret\":\"wrong\"}",
		MAY("k") "\"sub\":true,\"pub\":true}", "Invalid secret"},
	};

	(void)state;
	go_through(PANDAPUSH_SUBSCRIBE, rows, LENGTH(rows));
	go_through(PANDAPUSH_PUBLISH, rows, LENGTH(rows));
}

static void
a_channel_is_judged_by_its_second_segment_and_its_size(void **state)
{
	static const struct {
		const char *name;
		bool good;
	} rows[] = {
	    {"/app/public/x", true},
	    {"/app/private/a/b/c", true},
	    {"/app/presence/*", true},
	    {"/app/meta/statistics", true},
	    {"/app/public/**", true},
	    {"/app/public/a b.c%", true}, /* the grammar of Bayeux's business */
	    {"/app/public/", true},
	    {"", false},
	    {"/", false},
	    {"/foo", false},
	    {"/app/*", false},
	    {"/app/**", false},
	    {"/**", false},
	    {"/app/Public/x", false},
	    {"//public/x", false},
	    {"app/public/x", false},
	    {"/app/public", false}, /* there is nothing below it */
	    {"/app/public/1/2/3/4/5/6/7/8/9/10/11/12/13/14", true},
	    {"/app/public/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15", false},
	};
	char longest[258];

	(void)state;
	for (size_t i = 0; i < LENGTH(rows); i++) {
		const char *says = pandapush_channel(slice_of(rows[i].name));

		if ((says == NULL) != rows[i].good)
			fail_msg("%s", rows[i].name);
		if (says != NULL)
			assert_string_equal(says, "Invalid channel name");
	}
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "/app/public/", 12);
	assert_null(pandapush_channel((struct slice){longest, 255}));
	assert_non_null(pandapush_channel((struct slice){longest, 256}));
}

static void
a_grant_says_by_which_key_until_when_and_who(void **state)
{
	static const struct attempt
	    token = {THERE, TOKEN,
		"{\"keyId\":\"young\",\"channel\":\"/app/**\",\"sub\":true,"
		"\"exp\":1800000000,\"presence\":{\"id\":\"u\",\"n\":1}}",
		NULL},
	    key = {PRIVATE, GOOD, NULL, NULL},
	    free_one = {"/app/public/x", GOOD, NULL, NULL};
	struct keys *ks = some_keys();
	struct grant g;

	(void)state;
	assert_null(attempt(ks, PANDAPUSH_SUBSCRIBE, &token, &g));
	assert_string_equal(g.app, "app");
	assert_string_equal(g.key, "young");
	assert_true(g.expires == NOW + 1); /* the earlier of both */
	assert_true(slice_is(g.who, "{\"id\":\"u\",\"n\":1}"));
	assert_string_equal(g.patterns, "/app/**");
	assert_int_equal(g.rights, KEY_LISTEN | KEY_PRESENCE);
	assert_true(keys_stand(ks, &g, NOW));
	assert_null(attempt(ks, PANDAPUSH_PUBLISH, &key, &g));
	assert_string_equal(g.key, "k");
	assert_true(g.expires == 0 && g.who.n == 0 && !g.token);
	assert_null(attempt(ks, PANDAPUSH_SUBSCRIBE, &free_one, &g));
	assert_string_equal(g.app, "");
	keys_free(&ks);
}

static void
a_key_that_was_revoked_is_found_no_more(void **state)
{
	static const struct attempt a = {PRIVATE, GOOD, NULL, NULL};
	struct keys *ks = some_keys();
	struct grant g;

	(void)state;
	assert_null(attempt(ks, PANDAPUSH_PUBLISH, &a, &g));
	assert_null(keys_told(
	    ks, &(struct msg_key){
		    .app = SLICE("app"), .id = SLICE("k"), .revoked = 1}));
	assert_false(keys_stand(ks, &g, NOW));
	assert_string_equal(
	    attempt(ks, PANDAPUSH_PUBLISH, &a, &g), "Could not find key");
	keys_free(&ks);
}

static void
escapes_in_what_was_shown_are_seen_through(void **state)
{
	static const struct attempt rows[] = {
	    {PRIVATE,
		"{\"k\\u0065y\":\"\\u006b\",\"secret\":"
		"\"a \\u0073hared secret\"}",
		NULL, NULL},
	    {PRIVATE, "{\"\\u0074oken\":\"$\"}",
		"{\"k\\u0065yId\":\"\\u006b\",\"channel\":"
		"\"\\/app\\/private\\/x\",\"sub\":true,\"pub\":true}",
		NULL},
	};

	(void)state;
	go_through(PANDAPUSH_SUBSCRIBE, rows, LENGTH(rows));
	go_through(PANDAPUSH_PUBLISH, rows, LENGTH(rows));
}

TESTS(unit(each_sentence_comes_before_those_of_later_checks),
    unit(only_true_itself_lets_a_token_subscribe),
    unit(only_true_itself_lets_a_token_publish_and_meta_is_nobodys),
    unit(presence_asks_for_an_id_in_the_token),
    unit(a_wildcard_covers_what_was_meant_and_not_what_leaked),
    unit(a_secret_signs_under_three_algorithms_and_no_other),
    unit(a_token_beside_a_key_is_only_its_hint),
    unit(a_channel_is_judged_by_its_second_segment_and_its_size),
    unit(a_grant_says_by_which_key_until_when_and_who),
    unit(a_key_that_was_revoked_is_found_no_more),
    unit(escapes_in_what_was_shown_are_seen_through))

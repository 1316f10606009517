/* pandapush_world.h - an application with keys, and attempts to use them. */
#ifndef TESTS_UNIT_PANDAPUSH_WORLD_H
#define TESTS_UNIT_PANDAPUSH_WORLD_H

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

static inline struct keys *
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

static inline struct slice
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

static inline const char *
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

static inline const char *
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

static inline void
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

#endif

/*
 * keys.c - which key somebody showed, and what it permits.
 *
 * A grant is a value: it outlives the key's row, so a connection can keep it;
 * keys_stand() tells it that the key was revoked.
 */
#include "common/keys.h"

#include "common/base64.h"
#include "common/channel.h"
#include "common/crypto.h"
#include "common/http.h"
#include "common/keys_own.h"
#include "common/must.h"

enum { CREDENTIALS_MAX = 1024 }; /* bytes of a decoded id:secret */

/* A token's rights are cut to its key's, bit by bit. */
_Static_assert((int)KEY_PUBLISH == (int)JWT_PUBLISH &&
		   (int)KEY_LISTEN == (int)JWT_LISTEN &&
		   (int)KEY_PRESENCE == (int)JWT_ATTEND,
    "one bit each");

struct keys *
keys_new(void)
{
	struct keys *k = xcalloc(1, sizeof(*k));

	k->by_id = table_new();
	k->changes = 1;
	k->scratch.max = (size_t)JWT_MAX * 2 + CREDENTIALS_MAX;
	return k;
}

static void
key_free(struct key *k)
{
	crypto_key_free(&k->crypto);
	for (size_t i = 0; i < KEY_HMACS; i++)
		crypto_key_free(&k->others[i]);
	if (k->secret != NULL)
		explicit_bzero(k->secret, k->secret_n);
	free(k->secret);
	free(k->id);
	free(k->app);
	free(k->prefixes);
	free(k);
}

void
keys_free(struct keys **kp)
{
	struct keys *k = *kp;
	struct table_cursor at = {0};
	struct table_entry *e;

	*kp = NULL;
	if (k == NULL)
		return;
	while ((e = table_next(k->by_id, &at)) != NULL) {
		table_remove(k->by_id, e);
		key_free(container_of(e, struct key, entry));
	}
	table_free(&k->by_id);
	buf_free(&k->scratch);
	free(k);
}

static char *
copy(struct slice s)
{
	char *p = xmalloc(s.n + 1);

	if (s.n != 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

/* A public key checks tokens only; a secret does both. */
static const char *
make_crypto(struct key *k, const struct msg_key *m)
{
	static const struct {
		const char *alg;
		enum crypto_alg crypto;
	} secrets[] = {
	    {"HS256", CRYPTO_HS256},
	    {"HS384", CRYPTO_HS384},
	    {"HS512", CRYPTO_HS512},
	};

	for (size_t i = 0; i < LENGTH(secrets); i++) {
		if (!slice_is(m->alg, secrets[i].alg))
			continue;
		k->basic = true;
		return crypto_key_secret(
		    &k->crypto, secrets[i].crypto, m->secret);
	}
	return crypto_key_public(&k->crypto, m->secret);
}

const char *
keys_told(struct keys *ks, const struct msg_key *m)
{
	struct table_entry *old = table_find(ks->by_id, m->id);
	const char *why;
	struct key *k;

	ks->changes++;
	if (old != NULL) {
		table_remove(ks->by_id, old);
		key_free(container_of(old, struct key, entry));
	}
	if (m->revoked != 0)
		return NULL;
	k = xcalloc(1, sizeof(*k));
	if ((why = make_crypto(k, m)) != NULL) {
		key_free(k);
		return why;
	}
	k->id = copy(m->id);
	k->app = copy(m->app);
	k->prefixes = copy(m->prefixes);
	k->secret = copy(m->secret);
	k->secret_n = m->secret.n;
	k->rights = (unsigned)m->rights;
	k->expires = m->expires;
	table_insert(ks->by_id, &k->entry, slice_of(k->id));
	return NULL;
}

struct key *
keys_find(const struct keys *ks, struct slice id)
{
	struct table_entry *e = table_find(ks->by_id, id);

	return e == NULL ? NULL : container_of(e, struct key, entry);
}

bool
key_is_over(const struct key *k, uint64_t unix_s)
{
	return k->expires != 0 && k->expires <= unix_s;
}

static struct key *
find(const struct keys *ks, struct slice id, uint64_t unix_s)
{
	struct key *k = keys_find(ks, id);

	return k == NULL || key_is_over(k, unix_s) ? NULL : k;
}

bool
key_has_secret(const struct key *k, struct slice secret)
{
	return k->basic &&
	       crypto_equal(secret, (struct slice){k->secret, k->secret_n});
}

struct crypto_key *
key_under(struct key *k, enum crypto_alg alg)
{
	if (!k->basic || (unsigned)alg >= KEY_HMACS ||
	    alg == crypto_key_alg(k->crypto))
		return k->crypto;
	if (k->others[alg] == NULL &&
	    crypto_key_secret(&k->others[alg], alg,
		(struct slice){k->secret, k->secret_n}) != NULL)
		return k->crypto;
	return k->others[alg];
}

bool
grant_in_realm(const struct grant *g, struct slice channel)
{
	struct slice rest = slice_of(g->prefixes), prefix;

	if (slice_is(channel_app(channel), g->app))
		return true;
	while (slice_cut(&rest, ',', &prefix)) {
		prefix = slice_trim(prefix);
		while (prefix.n != 0 && prefix.p[prefix.n - 1] == '/')
			prefix.n--;
		if (prefix.n != 0 && channel.n > prefix.n &&
		    slice_starts(channel, prefix) && channel.p[prefix.n] == '/')
			return true;
	}
	return false;
}

void
keys_grant(const struct keys *ks, const struct key *k, struct grant *g)
{
	*g = (struct grant){
	    .rights = k->rights, .expires = k->expires, .changes = ks->changes};
	snprintf(g->key, sizeof(g->key), "%s", k->id);
	snprintf(g->app, sizeof(g->app), "%s", k->app);
	snprintf(g->prefixes, sizeof(g->prefixes), "%s", k->prefixes);
}

static enum code
basic(struct keys *ks, struct slice text, uint64_t unix_s, struct grant *g)
{
	struct slice secret, id;
	struct key *k;
	bool good;

	buf_clear(&ks->scratch);
	if (text.n > CREDENTIALS_MAX ||
	    base64_decode(&ks->scratch, text, BASE64_EITHER) != NULL)
		return CODE_unauthorized;
	secret = buf_slice(&ks->scratch);
	if (!slice_cut(&secret, ':', &id) || secret.p == NULL)
		return CODE_unauthorized;
	k = find(ks, id, unix_s);
	good = k != NULL && key_has_secret(k, secret);
	if (good)
		keys_grant(ks, k, g);
	return good ? CODE_ok : CODE_unauthorized;
}

/* The token's channels become the grant's, one after the other. */
static bool
copy_claims(struct grant *g, const struct jwt_claims *c)
{
	size_t at = 0;

	for (unsigned i = 0; i < c->channel_count; i++) {
		struct slice s = c->channels[i];

		if (at + s.n + 1 >= sizeof(g->patterns) ||
		    memchr(s.p, ' ', s.n) != NULL)
			return false;
		if (at != 0)
			g->patterns[at++] = ' ';
		memcpy(g->patterns + at, s.p, s.n);
		at += s.n;
	}
	g->patterns[at] = '\0';
	g->token = true;
	return true;
}

enum code
keys_token(
    struct keys *ks, struct slice token, uint64_t unix_s, struct grant *g)
{
	struct jwt_check check = {.now = unix_s, .leeway = JWT_LEEWAY};
	struct jwt_claims claims;
	enum jwt_verdict v;
	struct jwt jwt;
	struct key *k;

	*g = (struct grant){0};
	buf_clear(&ks->scratch);
	v = jwt_read(&jwt, token, &ks->scratch);
	g->why = jwt_why(v);
	if (v != JWT_OK)
		return CODE_bad_token;
	g->why = "the token's kid is no key we know";
	if ((k = find(ks, jwt.kid, unix_s)) == NULL)
		return CODE_bad_token;
	v = jwt_verify(&jwt, k->crypto, &check, &claims);
	g->why = jwt_why(v);
	if (v != JWT_OK)
		return CODE_bad_token;
	keys_grant(ks, k, g);
	g->rights &= jwt_rights(&claims);
	if (claims.expires != UINT64_MAX &&
	    (g->expires == 0 || claims.expires < g->expires))
		g->expires = claims.expires;
	g->who = claims.who;
	if (copy_claims(g, &claims))
		return CODE_ok;
	*g = (struct grant){.why = "the token covers more channels than fit"};
	return CODE_bad_token;
}

enum code
keys_authorize(
    struct keys *ks, struct slice header, uint64_t unix_s, struct grant *g)
{
	struct slice rest = slice_trim(header), scheme;

	*g = (struct grant){0};
	g->why = "Authorization is not Basic or Bearer";
	if (!slice_cut(&rest, ' ', &scheme) || rest.p == NULL)
		return CODE_unauthorized;
	rest = slice_trim(rest);
	if (http_same(scheme, SLICE("bearer")))
		return keys_token(ks, rest, unix_s, g);
	if (!http_same(scheme, SLICE("basic")))
		return CODE_unauthorized;
	g->why = "no key has this id and secret";
	return basic(ks, rest, unix_s, g);
}

struct grant *
grant_copy(const struct grant *from)
{
	struct grant *g = xmalloc(sizeof(*g) + from->who.n);
	char *who = (char *)(g + 1);

	*g = *from;
	if (from->who.n != 0)
		memcpy(who, from->who.p, from->who.n);
	g->who.p = who;
	return g;
}

bool
keys_stand(const struct keys *ks, const struct grant *g, uint64_t unix_s)
{
	struct key *k;

	if (g->app[0] == '\0' || g->changes == ks->changes)
		return true;
	k = find(ks, slice_of(g->key), unix_s);
	return k != NULL && strcmp(k->app, g->app) == 0;
}

static bool
covered(const struct grant *g, struct slice channel)
{
	struct slice rest = slice_of(g->patterns), pattern;

	if (!g->token)
		return true;
	while (slice_cut(&rest, ' ', &pattern))
		if (channel_covers(pattern, channel))
			return true;
	return false;
}

static enum code
permits(const struct grant *g, unsigned right, struct slice channel,
    uint64_t unix_s)
{
	if (g->app[0] == '\0')
		return CODE_unauthorized;
	if (g->expires != 0 &&
	    jwt_over(g->expires, g->token ? JWT_LEEWAY : 0, unix_s))
		return CODE_bad_token;
	if ((g->rights & right) == 0 || !grant_in_realm(g, channel) ||
	    !covered(g, channel))
		return CODE_forbidden;
	return CODE_ok;
}

enum code
grant_publish(const struct grant *g, struct slice channel, uint64_t unix_s)
{
	if (g->app[0] != '\0' && channel_kind(channel) == CHANNEL_META)
		return CODE_forbidden;
	return permits(g, KEY_PUBLISH, channel, unix_s);
}

enum code
grant_listen(const struct grant *g, struct slice channel, uint64_t unix_s)
{
	if (channel_kind(channel) == CHANNEL_PUBLIC)
		return CODE_ok;
	return permits(g, KEY_LISTEN, channel, unix_s);
}

enum code
grant_presence(const struct grant *g, struct slice channel, uint64_t unix_s)
{
	return permits(g, KEY_PRESENCE, channel, unix_s);
}

/*
 * pandapush.c - the walk from a channel to a right, one check after another.
 *
 * Which sentence comes first is what old clients see, so the checks stand in
 * the order Pandapush made them, though a signature would rather come first:
 * that a key exists is told to whoever names it.  Ids are no secret.
 */
#include "common/pandapush.h"

#include "common/channel.h"
#include "common/json.h"
#include "common/jwt.h"
#include "common/keys_own.h"
#include "common/must.h"

/* ---- Channels */

const char *
pandapush_channel(struct slice channel)
{
	struct slice rest = channel, segment;
	unsigned segments = 0;

	if (channel.n > CHANNEL_MAX || channel.n == 0 || channel.p[0] != '/' ||
	    channel_kind(channel) == CHANNEL_OTHER ||
	    channel_app(channel).n == 0)
		return PANDAPUSH_BAD_CHANNEL;
	rest = slice_from(rest, 1);
	while (slice_cut(&rest, '/', &segment))
		segments++;
	return segments < 3 || segments > CHANNEL_SEGMENTS
	           ? PANDAPUSH_BAD_CHANNEL
	           : NULL;
}

/* ---- What was shown */

/* A number with a digit that is not 0, before its exponent. */
static bool
number_is_zero(struct slice s)
{
	for (size_t i = 0; i < s.n && (s.p[i] | 0x20) != 'e'; i++)
		if (s.p[i] >= '1' && s.p[i] <= '9')
			return false;
	return true;
}

/* What JavaScript takes for true. */
static bool
is_something(struct json_value v)
{
	bool yes;

	switch (v.kind) {
	case JSON_NONE:
	case JSON_NULL:
		return false;
	case JSON_BOOL:
		return json_bool(v, &yes) && yes;
	case JSON_NUMBER:
		return !number_is_zero(v.raw);
	case JSON_STRING:
		return v.raw.n > 2;
	default:
		return true;
	}
}

/* A word of an auth: not there, or its text; what is no text is not empty
 * and fits nothing. */
static struct slice
word(struct json_value v, struct buf *text)
{
	struct slice s = {NULL, 0};

	if (!is_something(v))
		return s;
	if (v.kind == JSON_STRING)
		s = json_string(v, text);
	return s.p != NULL ? s : SLICE("\1");
}

void
pandapush_auth_read(
    struct pandapush_auth *auth, struct json_value v, struct buf *text)
{
	static const struct json_field fields[] = {
	    {SLICE_INIT("token"), JSON_ANY, false},
	    {SLICE_INIT("key"), JSON_ANY, false},
	    {SLICE_INIT("secret"), JSON_ANY, false},
	};
	struct json_value values[LENGTH(fields)];
	struct json_walk walk;

	*auth = (struct pandapush_auth){.given = is_something(v)};
	if (v.kind != JSON_OBJECT || buf_room(text, v.raw.n) == NULL)
		return;
	json_object(&walk, v.raw, NULL);
	if (!json_object_read(
		&walk, (struct json_table){fields, LENGTH(fields)}, values))
		return;
	auth->token = word(values[0], text);
	auth->key = word(values[1], text);
	auth->secret = word(values[2], text);
}

/* ---- The walk */

struct walk {
	struct keys *keys;
	const struct pandapush_ask *ask;
	struct key *key;
	enum jwt_verdict read; /* of a token that could be taken apart */
	struct jwt jwt;
	struct jwt_claims claims;
	bool bare; /* key and secret: no token bounds it */
};

static const char *
find_key(struct walk *w)
{
	const struct pandapush_auth *auth = &w->ask->auth;
	struct slice id = auth->key;
	struct grant whole;

	if (auth->token.p != NULL) {
		buf_clear(&w->keys->scratch);
		w->read = jwt_read(&w->jwt, auth->token, &w->keys->scratch);
		if (w->read != JWT_OK && w->read != JWT_UNKNOWN_ALG &&
		    w->read != JWT_CRITICAL)
			return "Invalid token";
		id = w->jwt.key.n != 0 ? w->jwt.key : w->jwt.kid;
		if (id.n == 0)
			return "Invalid token";
	}
	if (id.p == NULL)
		return "Auth information does not include token or key";
	if ((w->key = keys_find(w->keys, id)) == NULL)
		return "Could not find key";
	keys_grant(w->keys, w->key, &whole);
	return grant_in_realm(&whole, w->ask->channel) ? NULL
	                                               : "Could not find key";
}

/* Is the key shown, or did it sign? */
static const char *
believe(struct walk *w)
{
	struct jwt_check check = {.now = w->ask->now, .any_iat = true};
	const struct pandapush_auth *auth = &w->ask->auth;
	enum jwt_verdict v;

	w->bare = auth->key.p != NULL;
	if (w->bare)
		return key_has_secret(w->key, auth->secret) ? NULL
		                                            : "Invalid secret";
	v = w->read != JWT_OK
	        ? w->read
	        : jwt_verify(&w->jwt, key_under(w->key, w->jwt.alg), &check,
		      &w->claims);
	if (v == JWT_BAD_CHANNEL) { /* signed, and covers nothing: told below */
		w->claims.channel_count = 0;
		v = JWT_OK;
	}
	return v == JWT_OK ? NULL : "Invalid token provided";
}

/* The pattern of a token that covers the channel; p NULL: none does. */
static struct slice
covering(const struct walk *w)
{
	for (unsigned i = 0; i < w->claims.channel_count; i++)
		if (channel_covers(w->claims.channels[i], w->ask->channel))
			return w->claims.channels[i];
	return (struct slice){NULL, 0};
}

/* Cut the grant of the key down to what the token says. */
static bool
narrow(struct walk *w, struct grant *g)
{
	struct slice pattern = covering(w);
	unsigned rights = 0;

	if (pattern.p == NULL || pattern.n >= sizeof(g->patterns))
		return false;
	memcpy(g->patterns, pattern.p, pattern.n);
	g->patterns[pattern.n] = '\0';
	g->token = true;
	if (w->claims.pub == JWT_YES)
		rights |= KEY_PUBLISH;
	if (w->claims.sub == JWT_YES)
		rights |= KEY_LISTEN;
	if (w->claims.presence == JWT_OBJECT)
		rights |= KEY_PRESENCE;
	g->rights &= rights;
	g->who = w->claims.who;
	if (w->claims.expires != UINT64_MAX &&
	    (g->expires == 0 || w->claims.expires < g->expires))
		g->expires = w->claims.expires;
	return true;
}

static bool
has_presence_id(struct slice who)
{
	static const struct json_field fields[] = {
	    {SLICE_INIT("id"), JSON_ANY, false}};
	struct json_walk walk;
	struct json_value id;

	json_object(&walk, who, NULL);
	return json_object_read(&walk, (struct json_table){fields, 1}, &id) &&
	       (id.kind == JSON_STRING || id.kind == JSON_NUMBER) &&
	       is_something(id);
}

static const char *
allowed(const struct walk *w, const struct grant *g)
{
	enum channel_kind kind = channel_kind(w->ask->channel);

	if (w->ask->want == PANDAPUSH_PUBLISH)
		return (g->rights & KEY_PUBLISH) != 0 && kind != CHANNEL_META
		           ? NULL
		           : "Token does not allow publishing";
	if ((g->rights & KEY_LISTEN) == 0 ||
	    (kind == CHANNEL_PRESENCE && (w->key->rights & KEY_PRESENCE) == 0))
		return "Token does not allow subscribing";
	if (kind == CHANNEL_PRESENCE && (w->bare || !has_presence_id(g->who)))
		return "No presence id specified in presence subscription";
	return NULL;
}

static const char *
judge(struct walk *w, struct grant *g)
{
	const char *why;

	if ((why = pandapush_channel(w->ask->channel)) != NULL)
		return why;
	if (w->ask->want == PANDAPUSH_SUBSCRIBE &&
	    channel_kind(w->ask->channel) == CHANNEL_PUBLIC)
		return NULL;
	if (!w->ask->auth.given)
		return PANDAPUSH_NO_AUTH;
	if ((why = find_key(w)) != NULL || (why = believe(w)) != NULL)
		return why;
	if (key_is_over(w->key, w->ask->now))
		return "Expired key";
	keys_grant(w->keys, w->key, g);
	if (!w->bare && !narrow(w, g))
		return "Token does not match channel";
	return allowed(w, g);
}

const char *
pandapush_judge(
    struct keys *ks, const struct pandapush_ask *ask, struct grant *g)
{
	struct walk w;
	const char *why;

	w.keys = ks;
	w.ask = ask;
	w.bare = false;
	w.claims.channel_count = 0;
	*g = (struct grant){0};
	why = judge(&w, g);
	if (why != NULL)
		*g = (struct grant){.why = why};
	return why;
}

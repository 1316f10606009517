/*
 * jwt.c - who may do what, in the words of somebody we gave a key to.
 *
 * Reading and believing are two steps because the token names its key.  The
 * first step only takes apart; nothing it found but the hint `kid` is shown
 * before the signature has been checked under the algorithm of that key.
 */
#include "common/jwt.h"

#include "common/base64.h"
#include "common/channel.h"
#include "common/json_write.h"

enum { SLACK = 64 }; /* bytes of scratch for rounding in small tokens */

static const struct slice alg_names[CRYPTO_ALGS] = {
    [CRYPTO_HS256] = SLICE_INIT("HS256"),
    [CRYPTO_HS384] = SLICE_INIT("HS384"),
    [CRYPTO_HS512] = SLICE_INIT("HS512"),
    [CRYPTO_RS256] = SLICE_INIT("RS256"),
    [CRYPTO_ES256] = SLICE_INIT("ES256"),
};

/* Kinds are judged one by one below, so that each has its own verdict. */
static const struct json_field claim_fields[JWT_CLAIM_COUNT] = {
    [JWT_CLAIM_CHANNEL] = {SLICE_INIT("channel"), JSON_ANY, false},
    [JWT_CLAIM_PUB] = {SLICE_INIT("pub"), JSON_ANY, false},
    [JWT_CLAIM_SUB] = {SLICE_INIT("sub"), JSON_ANY, false},
    [JWT_CLAIM_LISTEN] = {SLICE_INIT("listen"), JSON_ANY, false},
    [JWT_CLAIM_PRESENCE] = {SLICE_INIT("presence"), JSON_ANY, false},
    [JWT_CLAIM_EXP] = {SLICE_INIT("exp"), JSON_ANY, false},
    [JWT_CLAIM_NBF] = {SLICE_INIT("nbf"), JSON_ANY, false},
    [JWT_CLAIM_IAT] = {SLICE_INIT("iat"), JSON_ANY, false},
    [JWT_CLAIM_AUD] = {SLICE_INIT("aud"), JSON_ANY, false},
    [JWT_CLAIM_CLIENT] = {SLICE_INIT("client_id"), JSON_ANY, false},
    [JWT_CLAIM_KEY] = {SLICE_INIT("keyId"), JSON_ANY, false},
};

enum { HEADER_ALG, HEADER_KID, HEADER_CRIT, HEADER_COUNT };
static const struct json_field header_fields[HEADER_COUNT] = {
    [HEADER_ALG] = {SLICE_INIT("alg"), JSON_MAY(JSON_STRING), true},
    [HEADER_KID] = {SLICE_INIT("kid"), JSON_ANY, false},
    [HEADER_CRIT] = {SLICE_INIT("crit"), JSON_ANY, false},
};

const char *
jwt_why(enum jwt_verdict verdict)
{
#define JWT_WHY(name, why) [name] = why,
	static const char *const whys[] = {JWT_VERDICTS(JWT_WHY)};
#undef JWT_WHY

	return whys[verdict];
}

static bool
read_object(
    struct slice json, struct json_table table, struct json_value *values)
{
	struct json_walk walk;

	return json_object(&walk, json, NULL) &&
	       json_object_read(&walk, table, values);
}

/* A claim that is text or not there. */
static bool
text_of(struct json_value v, struct buf *scratch, struct slice *out)
{
	*out = SLICE("");
	if (v.kind == JSON_NONE)
		return true;
	if (v.kind != JSON_STRING)
		return false;
	*out = json_string(v, scratch);
	return out->p != NULL;
}

static enum jwt_verdict
read_header(struct jwt *jwt, struct slice json)
{
	struct json_value values[HEADER_COUNT];
	unsigned alg;

	if (!read_object(
		json, (struct json_table){header_fields, HEADER_COUNT}, values))
		return JWT_BAD_HEADER;
	if (values[HEADER_CRIT].kind != JSON_NONE)
		return JWT_CRITICAL;
	for (alg = 0; alg < CRYPTO_ALGS; alg++)
		if (json_is(values[HEADER_ALG], alg_names[alg]))
			break;
	if (alg == CRYPTO_ALGS)
		return JWT_UNKNOWN_ALG;
	jwt->alg = (enum crypto_alg)alg;
	return text_of(values[HEADER_KID], jwt->scratch, &jwt->kid)
	           ? JWT_OK
	           : JWT_BAD_TEXT;
}

/* Decode one part; what it was decoded to is borrowed from scratch. */
static bool
decode(struct buf *scratch, struct slice part, struct slice *out)
{
	size_t at = scratch->n;

	if (base64_decode(scratch, part, BASE64_TOKEN) != NULL)
		return false;
	*out = slice_from(buf_slice(scratch), at);
	return true;
}

static enum jwt_verdict
read_payload(struct jwt *jwt)
{
	if (!read_object(jwt->payload,
		(struct json_table){claim_fields, JWT_CLAIM_COUNT},
		jwt->claims))
		return JWT_BAD_PAYLOAD;
	if (!text_of(jwt->claims[JWT_CLAIM_KEY], jwt->scratch, &jwt->key)) {
		jwt->key = SLICE("");
		return jwt->kid.n == 0 ? JWT_BAD_TEXT : JWT_OK;
	}
	if (jwt->kid.n == 0)
		jwt->kid = jwt->key;
	return JWT_OK;
}

/* What it is made of may be odd and still be taken apart. */
static bool
goes_on(enum jwt_verdict verdict)
{
	return verdict == JWT_OK || verdict == JWT_UNKNOWN_ALG ||
	       verdict == JWT_CRITICAL;
}

enum jwt_verdict
jwt_read(struct jwt *jwt, struct slice token, struct buf *scratch)
{
	struct slice rest = token, head, body, sig, header;
	enum jwt_verdict verdict, inside;

	*jwt = (struct jwt){.scratch = scratch};
	/* All the room at once: slices of scratch must not move. */
	if (token.n > JWT_MAX || buf_room(scratch, 2 * token.n + SLACK) == NULL)
		return JWT_TOO_LONG;
	if (!slice_cut(&rest, '.', &head) || !slice_cut(&rest, '.', &body) ||
	    !slice_cut(&rest, '.', &sig) || rest.p != NULL)
		return JWT_BAD_FORM;
	jwt->covered = (struct slice){token.p, head.n + 1 + body.n};
	if (!decode(scratch, head, &header) ||
	    !decode(scratch, body, &jwt->payload) ||
	    !decode(scratch, sig, &jwt->signature))
		return JWT_BAD_FORM;
	verdict = read_header(jwt, header);
	inside = goes_on(verdict) ? read_payload(jwt) : verdict;
	jwt->mark = scratch->n;
	return inside == JWT_OK ? verdict : inside;
}

/* Seconds, without their fraction; exponents and signs are for no date. */
static bool
seconds_of(struct json_value v, uint64_t none, uint64_t *out)
{
	struct slice whole, fraction = v.raw;

	*out = none;
	if (v.kind == JSON_NONE)
		return true;
	if (v.kind != JSON_NUMBER || !slice_cut(&fraction, '.', &whole))
		return false;
	for (size_t i = 0; i < fraction.n; i++)
		if (fraction.p[i] < '0' || fraction.p[i] > '9')
			return false;
	return slice_num(whole, out);
}

static enum jwt_verdict
check_times(
    const struct jwt *jwt, const struct jwt_check *check, uint64_t *expires)
{
	uint64_t nbf, iat, soon = check->now + check->leeway;

	if (soon < check->now)
		soon = UINT64_MAX;
	if (!seconds_of(jwt->claims[JWT_CLAIM_EXP], UINT64_MAX, expires) ||
	    !seconds_of(jwt->claims[JWT_CLAIM_NBF], 0, &nbf) ||
	    !seconds_of(jwt->claims[JWT_CLAIM_IAT], 0, &iat))
		return JWT_BAD_TIME;
	if (jwt->claims[JWT_CLAIM_EXP].kind == JSON_NONE) {
		if (check->need_exp)
			return JWT_ENDLESS;
	} else if (jwt_over(*expires, check->leeway, check->now)) {
		return JWT_EXPIRED;
	}
	if (nbf > soon)
		return JWT_EARLY;
	if (iat > soon && !check->any_iat)
		return JWT_FROM_FUTURE;
	return JWT_OK;
}

static bool
audience_is(struct json_value aud, struct slice expected)
{
	struct json_value one;
	struct json_walk walk;
	bool found = false;

	if (expected.n == 0 || json_is(aud, expected))
		return true;
	if (aud.kind != JSON_ARRAY || !json_array(&walk, aud.raw, NULL))
		return false;
	while (json_array_next(&walk, &one))
		found = found || json_is(one, expected);
	return found;
}

/* An absolute path without empty segments, "*" only as or in the last. */
static bool
is_pattern(struct slice s)
{
	struct slice part;

	if (s.n < 2 || s.n > JWT_PATTERN_MAX || s.p[0] != '/')
		return false;
	s = slice_from(s, 1);
	while (slice_cut(&s, '/', &part)) {
		if (part.n == 0)
			return false;
		if (memchr(part.p, '*', part.n) == NULL)
			continue;
		if (s.p != NULL ||
		    (!slice_is(part, "*") && !slice_is(part, "**")))
			return false;
	}
	return true;
}

static bool
add_channel(struct jwt_claims *claims, struct json_value v, struct buf *scratch)
{
	struct slice pattern;

	if (v.kind != JSON_STRING || claims->channel_count == JWT_CHANNELS)
		return false;
	pattern = json_string(v, scratch);
	if (pattern.p == NULL || !is_pattern(pattern))
		return false;
	claims->channels[claims->channel_count++] = pattern;
	return true;
}

static bool
add_channels(
    struct jwt_claims *claims, struct json_value v, struct buf *scratch)
{
	struct json_value one;
	struct json_walk walk;

	claims->channel_count = 0;
	if (v.kind == JSON_NONE)
		return true;
	if (v.kind != JSON_ARRAY)
		return add_channel(claims, v, scratch);
	if (!json_array(&walk, v.raw, NULL))
		return false;
	while (json_array_next(&walk, &one))
		if (!add_channel(claims, one, scratch))
			return false;
	return walk.why == NULL;
}

static enum jwt_right
right_of(struct json_value v)
{
	bool yes;

	switch (v.kind) {
	case JSON_NONE:
		return JWT_ABSENT;
	case JSON_BOOL:
		return json_bool(v, &yes) && yes ? JWT_YES : JWT_NO;
	case JSON_STRING:
		return JWT_TEXT;
	case JSON_OBJECT:
		return JWT_OBJECT;
	default:
		return JWT_ODD;
	}
}

static enum jwt_verdict
fill(const struct jwt *jwt, struct jwt_claims *claims)
{
	const struct json_value *v = jwt->claims;

	claims->payload = jwt->payload;
	claims->pub = right_of(v[JWT_CLAIM_PUB]);
	claims->sub = right_of(v[JWT_CLAIM_SUB]);
	claims->listen = right_of(v[JWT_CLAIM_LISTEN]);
	claims->presence = right_of(v[JWT_CLAIM_PRESENCE]);
	claims->who = claims->presence == JWT_OBJECT ? v[JWT_CLAIM_PRESENCE].raw
	                                             : SLICE("");
	claims->subject = claims->sub == JWT_TEXT
	                      ? json_string(v[JWT_CLAIM_SUB], jwt->scratch)
	                      : SLICE("");
	if (!text_of(v[JWT_CLAIM_CLIENT], jwt->scratch, &claims->client))
		return JWT_BAD_TEXT;
	if (!add_channels(claims, v[JWT_CLAIM_CHANNEL], jwt->scratch))
		return JWT_BAD_CHANNEL;
	return JWT_OK;
}

enum jwt_verdict
jwt_verify(struct jwt *jwt, struct crypto_key *key,
    const struct jwt_check *check, struct jwt_claims *claims)
{
	enum jwt_verdict verdict;

	claims->channel_count = 0; /* whoever forgets the verdict may nothing */
	jwt->scratch->n = jwt->mark;
	if (jwt->alg != crypto_key_alg(key))
		return JWT_WRONG_ALG;
	if (!crypto_verify(key, jwt->covered, jwt->signature))
		return JWT_BAD_SIGNATURE;
	verdict = check_times(jwt, check, &claims->expires);
	if (verdict == JWT_OK &&
	    !audience_is(jwt->claims[JWT_CLAIM_AUD], check->audience))
		verdict = JWT_WRONG_AUDIENCE;
	return verdict == JWT_OK ? fill(jwt, claims) : verdict;
}

unsigned
jwt_rights(const struct jwt_claims *c)
{
	unsigned rights = 0;
	bool sub =
	    c->sub == JWT_YES || c->sub == JWT_TEXT || c->sub == JWT_ABSENT;

	if (c->pub == JWT_YES)
		rights |= JWT_PUBLISH;
	if (c->listen == JWT_YES || (c->listen == JWT_ABSENT && sub))
		rights |= JWT_LISTEN;
	if (c->presence == JWT_YES || c->presence == JWT_OBJECT)
		rights |= JWT_ATTEND;
	return rights;
}

bool
jwt_over(uint64_t expires, uint64_t leeway, uint64_t now)
{
	return now >= leeway && now - leeway >= expires;
}

bool
jwt_sign(struct buf *out, struct crypto_key *key, const struct jwt_draft *draft)
{
	struct buf header = {0}, sig = {0};
	size_t start = out->n;
	bool good;

	buf_printf(&header, "{\"alg\":\"%s\",\"typ\":\"JWT\"",
	    alg_names[crypto_key_alg(key)].p);
	if (draft->kid.n != 0) {
		buf_str(&header, ",\"kid\":");
		json_escape(&header, draft->kid);
	}
	buf_chr(&header, '}');
	good = base64_encode(out, buf_slice(&header), BASE64_TOKEN) &&
	       buf_chr(out, '.') &&
	       base64_encode(out, draft->claims, BASE64_TOKEN);
	good =
	    good && crypto_sign(key,
			(struct slice){out->p + start, out->n - start}, &sig);
	good = good && buf_chr(out, '.') &&
	       base64_encode(out, buf_slice(&sig), BASE64_TOKEN);
	if (!good)
		out->n = start;
	buf_free(&header);
	buf_free(&sig);
	return good;
}

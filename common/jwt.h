/*
 * jwt.h - JSON Web Tokens: read, verify, sign (RFC 7515, 7519, 8725).
 *
 * Compact form only, HS256, HS384, HS512, RS256 and ES256.  The algorithm is
 * the key's; a token that names another is refused, and so is one with
 * `crit`.  Keys a token brings along (jwk, jku, x5c, x5u) are not looked at.
 * A check costs one pass over the token and the signature's own cost, 0.7 us
 * with HS256, and allocates nothing once the scratch buf has grown.
 *
 * A token is read, then its key is found by the hint `kid`, then it is
 * verified; only that yields claims:
 *
 *   {
 *     "channel": "/demo/private/x"     pattern, or a list of up to 64; "*"
 *                                      is one last segment, "**" one or more;
 *                                      absent, the token covers nothing
 *     "pub": true                      may publish there; absent is no
 *     "sub": "user42" | true | false   text is the subject (RFC 7519 section
 *                                      4.1.2); but for false may listen
 *     "listen": false                  may listen there, whatever sub is
 *     "presence": true | {"id": ...}   may be seen and see who is there; an
 *                                      object is what the others see
 *     "exp", "nbf", "iat": 1700000000  unix seconds, fractions are cut off
 *     "aud": "a" | ["a", "b"]          looked at if an audience is expected
 *     "client_id": "phone"             RFC 8693 section 4.3
 *     "keyId": "k1"                    the key, if the header has no `kid`
 *   }
 *
 * A right whose value is none of these (1, "true", null) is not granted, but
 * the token stands; a channel or a time of the wrong kind refuses it all.
 * Rights end at the application of the key: that is for the caller to see.
 *
 * A Pandapush token is the same, but for: pub and sub must be JWT_YES, there
 * is no leeway, and iat may lie in the future (any_iat).
 */
#ifndef COMMON_JWT_H
#define COMMON_JWT_H

#include "common/buf.h"
#include "common/crypto.h"
#include "common/json.h"
#include "common/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	JWT_MAX = 8192,        /* bytes; a URL or header with more is refused */
	JWT_LEEWAY = 60,       /* seconds two good clocks may differ */
	JWT_CHANNELS = 64,     /* patterns in a token; each is compared */
	JWT_PATTERN_MAX = 255, /* bytes, as of a channel's name */
};

/* What became of a token: a name and a sentence that may be shown. */
/* clang-format off */
#define JWT_VERDICTS(X)                                                        \
	X(JWT_OK, "token is good")                                             \
	X(JWT_TOO_LONG, "token is longer than 8192 bytes")                     \
	X(JWT_BAD_FORM, "token is not three parts of base64url")               \
	X(JWT_BAD_HEADER, "token's header is not the JSON of a JWS")           \
	X(JWT_BAD_PAYLOAD, "token's payload is not a JSON object")             \
	X(JWT_CRITICAL, "token uses crit")                                     \
	X(JWT_UNKNOWN_ALG, "token's alg is none of those we know")             \
	X(JWT_WRONG_ALG, "token's alg is not the key's")                       \
	X(JWT_BAD_SIGNATURE, "token's signature does not match")               \
	X(JWT_BAD_TIME, "token's exp, nbf or iat is not unix seconds")         \
	X(JWT_BAD_CHANNEL, "token's channel is not a pattern or list of them") \
	X(JWT_BAD_TEXT, "token's kid, keyId or client_id is not text")         \
	X(JWT_EXPIRED, "token has expired")                                    \
	X(JWT_EARLY, "token is not valid yet")                                 \
	X(JWT_FROM_FUTURE, "token was issued in the future")                   \
	X(JWT_ENDLESS, "token has no exp")                                     \
	X(JWT_WRONG_AUDIENCE, "token is for another audience")
/* clang-format on */

#define JWT_NAME(name, why) name,
enum jwt_verdict { JWT_VERDICTS(JWT_NAME) };
#undef JWT_NAME

const char *jwt_why(enum jwt_verdict);

/* What a claim about a right says. */
enum jwt_right {
	JWT_ABSENT,
	JWT_NO,
	JWT_YES,
	JWT_TEXT,   /* a string */
	JWT_OBJECT, /* a JSON object */
	JWT_ODD,    /* anything else */
};

/* The claims we read, as positions in a struct jwt. */
enum jwt_claim {
	JWT_CLAIM_CHANNEL,
	JWT_CLAIM_PUB,
	JWT_CLAIM_SUB,
	JWT_CLAIM_LISTEN,
	JWT_CLAIM_PRESENCE,
	JWT_CLAIM_EXP,
	JWT_CLAIM_NBF,
	JWT_CLAIM_IAT,
	JWT_CLAIM_AUD,
	JWT_CLAIM_CLIENT,
	JWT_CLAIM_KEY,
	JWT_CLAIM_COUNT,
};

/* A token taken apart and not believed.  Borrows from token and scratch. */
struct jwt {
	enum crypto_alg alg; /* what it says; the key decides */
	struct slice kid;    /* which key it hints at; "" is none */
	struct slice key;    /* its claim keyId alone; "" is none */

	/* jwt.c's own business */
	struct slice covered, payload, signature;
	struct json_value claims[JWT_CLAIM_COUNT];
	struct buf *scratch;
	size_t mark; /* of scratch, before what verifying adds */
};

/* What the caller demands.  Zeroes: no leeway, exp optional, any audience. */
struct jwt_check {
	uint64_t now;          /* unix seconds */
	uint64_t leeway;       /* seconds, for exp, nbf and iat */
	struct slice audience; /* must be in aud; "" is not to look */
	bool need_exp;
	bool any_iat; /* may lie in the future */
};

/* What the issuer vouches for.  Borrows from token and scratch. */
struct jwt_claims {
	struct slice payload;         /* all of it, JSON as signed */
	struct slice subject, client; /* "" is none */
	enum jwt_right pub, sub, listen, presence;
	struct slice who; /* presence, when JWT_OBJECT: its JSON */
	uint64_t expires; /* unix seconds; UINT64_MAX is never */
	unsigned channel_count;
	struct slice channels[JWT_CHANNELS];
};

/* Take a token apart.  Scratch is added to, by less than twice the token's
 * length, and must stay as it is for as long as the token is used; the token
 * itself may not lie in it.  JWT_UNKNOWN_ALG and JWT_CRITICAL: it was taken
 * apart nevertheless, so that the key it names can be told. */
enum jwt_verdict jwt_read(
    struct jwt *, struct slice token, struct buf *scratch);

/* Believe it or not.  The claims are filled for JWT_OK only.  May be called
 * again with another key; the claims of the first call are gone then. */
enum jwt_verdict jwt_verify(struct jwt *, struct crypto_key *,
    const struct jwt_check *, struct jwt_claims *);

/* The rights the claims grant by the native rules above, as bits.  Where they
 * hold, the channels say; each is a pattern for channel_covers(). */
enum { JWT_PUBLISH = 1, JWT_LISTEN = 2, JWT_ATTEND = 4 };
unsigned jwt_rights(const struct jwt_claims *);

/* Is it past this time and the leeway?  All in seconds, of any size. */
bool jwt_over(uint64_t expires, uint64_t leeway, uint64_t now);

/* Append a signed token; claims is JSON and taken as it is.  False: a public
 * key, or past the cap of the buf, which is left as it was. */
struct jwt_draft {
	struct slice kid; /* "" is none */
	struct slice claims;
};
bool jwt_sign(struct buf *, struct crypto_key *, const struct jwt_draft *);

#endif

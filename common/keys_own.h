/*
 * keys_own.h - what a persona with a walk of its own over keys and tokens
 * (pandapush.c) shares with keys.c; for nobody else.
 */
#ifndef COMMON_KEYS_OWN_H
#define COMMON_KEYS_OWN_H

#include "common/buf.h"
#include "common/jwt.h"
#include "common/keys.h"
#include "common/table.h"

enum { KEY_HMACS = CRYPTO_HS512 + 1 };

struct key {
	struct table_entry entry; /* by id */
	struct crypto_key *crypto;
	/* The same secret under the other HMACs, once one was asked for. */
	struct crypto_key *others[KEY_HMACS];
	char *id, *app, *secret, *prefixes;
	size_t secret_n;
	bool basic; /* its secret may be shown as it is */
	unsigned rights;
	uint64_t expires;
};

struct keys {
	struct table *by_id;
	uint64_t changes; /* from 1 */
	struct buf scratch;
};

/* A key by its id, expired or not; NULL is none. */
struct key *keys_find(const struct keys *, struct slice id);

/* Has it expired? */
bool key_is_over(const struct key *, uint64_t unix_s);

/* Is this its secret?  Never that of a public key. */
bool key_has_secret(const struct key *, struct slice secret);

/* The key under this algorithm, if it is a secret and that an HMAC; else
 * under its own. */
struct crypto_key *key_under(struct key *, enum crypto_alg);

/* A grant of all the key may do. */
void keys_grant(const struct keys *, const struct key *, struct grant *);

/* Is the channel (or pattern) the application's, or below a prefix that was
 * granted to the key besides? */
bool grant_in_realm(const struct grant *, struct slice channel);

#endif

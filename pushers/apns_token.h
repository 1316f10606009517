/*
 * apns_token.h - who we are, for Apple: a JWT signed by a .p8 key.
 *
 * Apple wants one token for all requests of a key, not older than an hour, and
 * not renewed more often than every 20 minutes.  So its time is the last
 * multiple of 50 minutes: all processes say the same, and one that begins
 * again says what it said.
 */
#ifndef PUSHERS_APNS_TOKEN_H
#define PUSHERS_APNS_TOKEN_H

#include "common/buf.h"
#include "common/crypto.h"
#include "common/slice.h"

enum {
	APNS_TOKEN_AGE = 3000,   /* s; then it is made anew */
	APNS_TOKEN_OFTEN = 1200, /* s; sooner it is not, whatever happens */
	APNS_KEY_FILE = 16384,   /* bytes of a .p8; they have 300 */
};

struct apns_token {
	struct crypto_key *key;
	char kid[32], team[32];
	struct buf text;
	uint64_t iat;  /* unix s; 0: none was made */
	uint64_t made; /* unix s, by the clock */
};

/* Read the key.  NULL, or what is wrong with it (a static string). */
const char *apns_token_open(struct apns_token *, const char *path);
void apns_token_close(struct apns_token *);

/* As the field `authorization` has it, made anew if it is time. */
struct slice apns_token(struct apns_token *, uint64_t unix_s);

/* Apple says that it is too old: make another, of this very moment.  False:
 * that was done a short time ago, or the clock is wrong. */
bool apns_token_renew(struct apns_token *, uint64_t unix_s);

#endif

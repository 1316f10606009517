/*
 * keys.h - applications' keys, as a store tells them, and what they permit.
 *
 * An application owns every channel below /<app>/; a key may be granted
 * prefixes besides.  `public` may be listened to by anyone, `private` and
 * `presence` need a token, `meta` is never published to from outside.
 * Copies what it is told; a check costs one lookup, and a signature for a
 * token.
 */
#ifndef COMMON_KEYS_H
#define COMMON_KEYS_H

#include "common/code.h"
#include "common/msg.h"
#include "common/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum key_right { KEY_PUBLISH = 1, KEY_LISTEN = 2, KEY_PRESENCE = 4 };

struct keys;

struct keys *keys_new(void);
void keys_free(struct keys **);
/* A key frame came: keep, replace or forget it.  NULL, or why it is no key. */
const char *keys_told(struct keys *, const struct msg_key *);

/* What somebody may do; a value, kept as long as it is wanted.  Zeroes are
 * nobody, who may listen to public channels. */
struct grant {
	char app[64];
	char prefixes[256];  /* granted besides /app/, by commas */
	char patterns[1024]; /* of a token, by spaces */
	bool token;          /* only the patterns count */
	unsigned rights;     /* bits of enum key_right */
	uint64_t expires;    /* unix s; 0 is never */
	const char *why;     /* it is empty; static, or NULL */
	char key[64];        /* id of the key it came by */
	uint64_t changes;    /* of all keys, when it was found good */
	/* Of a token: its `presence`, a JSON object; empty: none.  Borrowed
	 * from the keys until they are asked again. */
	struct slice who;
};

/* Look at `Authorization: Basic ...` or `Bearer ...` (a JWT), the whole
 * header value.  CODE_ok, else unauthorized or bad_token, an empty grant, and
 * in its `why` a sentence that may be shown. */
enum code keys_authorize(
    struct keys *, struct slice header, uint64_t unix_s, struct grant *);

/* The same for a bare JWT, as listeners send it. */
enum code keys_token(
    struct keys *, struct slice jwt, uint64_t unix_s, struct grant *);

/* Is the key of a grant that was kept still one?  True of an empty grant.
 * Costs a comparison, or a lookup once any key has changed since. */
bool keys_stand(const struct keys *, const struct grant *, uint64_t unix_s);

/* A copy, in one block with what it borrowed: free() it. */
struct grant *grant_copy(const struct grant *);

/* May the holder publish there?  CODE_ok, unauthorized or forbidden. */
enum code grant_publish(
    const struct grant *, struct slice channel, uint64_t unix_s);

/* May the holder (an empty grant for nobody) listen to a channel or
 * pattern? */
enum code grant_listen(
    const struct grant *, struct slice channel, uint64_t unix_s);

/* May the holder see who is present on a channel (not a pattern)? */
enum code grant_presence(
    const struct grant *, struct slice channel, uint64_t unix_s);

#endif

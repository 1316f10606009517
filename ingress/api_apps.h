/*
 * api_apps.h - between api_apps.c, which talks to the store, and api_key.c,
 * which knows what a key is made of.  Nobody else includes it.
 */
#ifndef INGRESS_API_APPS_H
#define INGRESS_API_APPS_H

#include "common/keys.h"
#include "ingress/steps.h"

enum {
	NEW_KEY_ID = 16,     /* letters; with 12 random bytes nobody meets */
	NEW_KEY_SECRET = 43, /* letters of 32 random bytes */
};

/* What was asked for.  Zeroed, then filled in by new_key_read(). */
struct new_key {
	unsigned rights;
	uint64_t expires; /* unix s; 0 is never */
	uint64_t overlap; /* s that the old one lives on */
	char replaces[64];
	char prefixes[256];
	const char *alg;
	struct buf public; /* PEM; empty: a secret is drawn */
	struct buf old;    /* key frame of the one to be replaced */
	char id[NEW_KEY_ID + 1], secret[NEW_KEY_SECRET + 1];
};

struct new_key_fault {
	enum code code;
	const char *field, *why; /* static, or NULL */
};

/* {"rights": [...], "expires": s or "ttl": s, "prefixes": [...], "replaces":
 * ID, "overlap": s, "alg": A, "public_key": PEM}, or nothing at all. */
struct new_key_fault new_key_read(
    struct new_key *, struct slice body, uint64_t unix_ms);
void new_key_free(struct new_key *);

/* Remember the frame of the one to be replaced: what the new one may do that
 * was not said is what the old one may. */
void new_key_old(struct new_key *, struct slice frame);

/* Draw id and secret; *out borrows. */
void new_key_make(struct new_key *, struct slice app, struct msg_key *out);

/* As JSON: without the secret, and this once with it. */
void new_key_put(const struct msg_key *, struct buf *);
void new_key_show(const struct new_key *, const struct msg_key *, struct buf *);

#endif

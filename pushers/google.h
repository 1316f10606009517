/*
 * google.h - access tokens for a service account of Google's.
 *
 * A token is asked for when the first is needed, and again some minutes
 * before it ends, one request at a time; the old one serves until then.  Costs
 * a signature (230 us) and a request an hour.
 */
#ifndef PUSHERS_GOOGLE_H
#define PUSHERS_GOOGLE_H

#include "common/backoff.h"
#include "common/crypto.h"
#include "pushers/curl.h"

struct google {
	struct loop *loop; /* these are the caller's, and borrowed */
	struct posts *posts;
	const char *token_url; /* empty: that of the account */
	uint64_t timeout_ms;   /* of a request */
	/* There is a new token, or there is none, and why; it will be asked for again
	 * when one is wanted after google_wait(). */
	void (*changed)(struct google *, const char *why);

	char *email, *key_id, *token_uri, *project; /* read, never NULL */
	struct crypto_key *key;                     /* NULL: not open */
	struct buf token;     /* "Bearer ..."; empty: none */
	uint64_t ends, early; /* loop ms: of the token; ask anew */
	uint64_t after;       /* loop ms: not before, for it failed */
	struct backoff backoff;
	struct buf form;
	struct post post;
	bool asking;
};

/* Take over an account file's JSON; NULL, or what is wrong with it, and
 * nothing was done.  What was open is closed first. */
const char *google_open(struct google *, struct slice json);
void google_close(struct google *); /* harmless when it is not open */

/* The value of the header, to be used at once; empty: there is none yet, and
 * changed() follows. */
struct slice google_token(struct google *);

/* This one was not taken: the next is a new one. */
void google_refused(struct google *, struct slice token);

/* ms until a token may be asked for again; 0: now. */
uint64_t google_wait(const struct google *);

#endif

/*
 * auth.h - who is asking, remembered for a while.
 *
 * Checking a signature costs up to 100 us; a publisher shows the same header
 * with every request.  So the last few good ones are kept with what they
 * permit, and found again by a hash.  A change of any key empties it.
 */
#ifndef INGRESS_AUTH_H
#define INGRESS_AUTH_H

#include "common/keys.h"
#include "common/pandapush.h"

struct auth;

/* What somebody may do, shared by all requests that showed the same. */
struct credential {
	unsigned refs;
	struct grant grant;
};

struct credential *credential_ref(struct credential *);
void credential_unref(struct credential **); /* and sets it to NULL */

struct auth_result {
	struct credential *who; /* borrowed; ref it to keep it */
	const char *why;        /* a static sentence, when it is not CODE_ok */
};

struct auth *auth_new(void);
void auth_free(struct auth **); /* and sets it to NULL */

/* A key frame came; NULL, or why it is no key. */
const char *auth_told(struct auth *, const struct msg_key *);

/* keys_stand(), of what was kept for longer than a request. */
bool auth_stands(const struct auth *, const struct grant *, uint64_t unix_s);

/* Look at an Authorization header; p NULL when there is none.  CODE_ok and
 * who it is, borrowed for the call; else unauthorized or bad_token. */
enum code auth_check(
    struct auth *, struct slice header, uint64_t unix_s, struct auth_result *);

/* pandapush_judge(), by the same keys. */
const char *auth_pandapush(
    struct auth *, const struct pandapush_ask *, struct grant *);

#endif

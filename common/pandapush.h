/*
 * pandapush.h - who may do what in the words of Pandapush, at every way in.
 *
 * A channel is /<app>/<kind>/<more>; of it is judged here only what Pandapush
 * itself did, before the grammar of Bayeux: see pandapush_channel().  A
 * listener to `public` needs nothing; everything else needs a key with its
 * secret, or a token signed by one.  The answers are its sentences, byte for
 * byte, and they come in its order:
 *
 *	Invalid channel name
 *	No auth supplied
 *	Invalid token                  it cannot be read, or has no keyId
 *	Auth information does not include token or key
 *	Could not find key             or it is another application's
 *	Invalid secret
 *	Invalid token provided         signature, algorithm, exp, nbf
 *	Expired key
 *	Token does not match channel
 *	Token does not allow subscribing
 *	Token does not allow publishing
 *	No presence id specified in presence subscription
 *
 * A token's channel covers itself; with a last segment <star> whatever has
 * one segment there, <star><star> not among it; with <star><star> all that
 * stands below.  A token for all below /a/private/x is none for it, nor for
 * /a/private/xy, as it was by mistake.  Right below /a/ it is for every kind.
 *
 * A key's rights count too, and nobody publishes to `meta`: the sentences
 * about tokens say so.  Cost: a lookup, and for a token its signature.
 */
#ifndef COMMON_PANDAPUSH_H
#define COMMON_PANDAPUSH_H

#include "common/buf.h"
#include "common/json.h"
#include "common/keys.h"
#include "common/slice.h"

#define PANDAPUSH_BAD_CHANNEL "Invalid channel name"
#define PANDAPUSH_NO_AUTH     "No auth supplied"
/* Of a hub that cannot take a visitor whose token was good. */
#define PANDAPUSH_NOT_PRESENT                                                  \
	"An error occurred subscribing to presence channel"

/* What somebody showed: `ext.auth`, `data.__auth`, a header.  Zeroes are
 * nothing at all.  Of a token and a key, the token tells which key it is and
 * the secret is compared. */
struct pandapush_auth {
	bool given;               /* there is one, whatever it says */
	struct slice token;       /* a JWT; p NULL is none */
	struct slice key, secret; /* key: p NULL is none */
};

/* Read it from a checked JSON value as JavaScript would: what is null,
 * false, 0, "" or not there was not given.  Borrows from the value, and from
 * the buf where there are escapes: what is there must stay, and the buf is
 * not to move while the auth is used. */
void pandapush_auth_read(
    struct pandapush_auth *, struct json_value, struct buf *text);

enum pandapush_want { PANDAPUSH_SUBSCRIBE, PANDAPUSH_PUBLISH };

struct pandapush_ask {
	enum pandapush_want want;
	struct slice channel; /* or a pattern, to subscribe */
	struct pandapush_auth auth;
	uint64_t now; /* unix s */
};

/* NULL, or PANDAPUSH_BAD_CHANNEL: not /<app>/<kind>/<more> with a kind that is
 * one, or longer or deeper than a channel may be.  What the segments are
 * made of is not looked at. */
const char *pandapush_channel(struct slice channel);

/*
 * May it?  NULL, or the sentence, and the grant is empty.  The grant of a free
 * subscription is empty as well; of any other it says by which key, until when
 * (0 is for ever), and in `who` the token's presence; it is for this channel
 * only.  Borrows from the keys until they are asked again.
 */
const char *pandapush_judge(
    struct keys *, const struct pandapush_ask *, struct grant *);

#endif

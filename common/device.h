/*
 * device.h - where devices lie in the store's tables.
 *
 *	devices   home <app>/<user>, key <token>: the device of a user
 *	tokens    home <app>/~<hash>, key user: whose it is
 *	rejected  home <app>/~<hash>, key since: its vendor said it is gone
 *
 * where <hash> is base64url(SHA-256) of the token.  The home of a token and
 * that of its user may be of two shards, so a token moves in steps: out of
 * the first user's devices, then its row in tokens, then into the second's.
 * Cut off anywhere, the same steps again complete it.
 */
#ifndef COMMON_DEVICE_H
#define COMMON_DEVICE_H

#include "common/slice.h"

#include <stdbool.h>

enum {
	DEVICE_TOKEN = 255, /* bytes; a row's key */
	DEVICE_USER = 191,  /* with /<app>/ before it a home */
	DEVICE_HOME = 255,
};

/* Text without control characters, of at most so many bytes. */
bool device_name_ok(struct slice, size_t max);

/* Both write to the room and return what is there. */
struct slice device_home(
    char room[DEVICE_HOME], struct slice app, struct slice user);
struct slice device_token_home(
    char room[DEVICE_HOME], struct slice app, struct slice token);

#endif

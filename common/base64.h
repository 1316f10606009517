/*
 * base64.h - base64 and base64url, both ways (RFC 4648).
 *
 * Cost is one pass; both append to a buf and borrow their input, which must
 * not lie in that buf.  Decoding is strict, so that a value has exactly one
 * spelling in each form: no whitespace, no foreign letter, no stray bits.
 */
#ifndef COMMON_BASE64_H
#define COMMON_BASE64_H

#include "common/buf.h"
#include "common/slice.h"

#include <stdbool.h>

/* The forms; BASE64_EITHER is for decoding only. */
enum base64 {
	BASE64_STD,        /* + and /, padded */
	BASE64_URL = 1,    /* - and _ */
	BASE64_BARE = 2,   /* no padding; refused if present */
	BASE64_EITHER = 4, /* padding may be left out, not be wrong */
	BASE64_TOKEN = BASE64_URL | BASE64_BARE, /* JWT, Web Push */
};

/* `form` is a set of enum base64.  False: past the cap, nothing written. */
bool base64_encode(struct buf *, struct slice, unsigned form);

/* NULL, or what was wrong as a static string, and nothing was written. */
const char *base64_decode(struct buf *, struct slice, unsigned form);

#endif

/*
 * native.h - a message as publishers write it in JSON, on every way in.
 *
 *	{"channel": C, "data": <any JSON>}	or "text": S, or "base64": B
 *	"id": S		idempotency id, at most 255 bytes
 *	"ttl": N	seconds it is worth delivering, above 0
 *	"receipt": R	"routed" or "stored"
 *
 * One pass over the object.  JSON data is passed on as it was spelt; members
 * of other names are checked and skipped.  A struct native is zeroed before
 * its first use and then used again and again: it keeps its memory.
 */
#ifndef COMMON_NATIVE_H
#define COMMON_NATIVE_H

#include "common/buf.h"
#include "common/code.h"
#include "common/msg.h"
#include "common/slice.h"

enum { NATIVE_BODY_MAX = 4194304 }; /* bytes of a body, as in msg.def */

struct native {
	struct msg msg; /* a publish, ready for the bus */

	enum code code;     /* what native_read() returned, */
	const char *why;    /* in words, */
	struct slice field; /* and in which member; may be empty */

	struct buf text, bytes; /* what was unescaped or decoded */
};

/* CODE_ok and msg, which borrows from the input and from the struct until the
 * next read; else bad_json, missing_field, bad_field, bad_channel, too_large
 * or forbidden.  The channel is of no kind that is read-only; whether the
 * publisher may use it is the caller's business. */
enum code native_read(struct native *, struct slice json, uint64_t unix_ms);

/* Set the channel, with the same checks; of a message made otherwise. */
enum code native_channel(struct native *, struct slice channel);

void native_free(struct native *); /* and makes it a fresh one */

#endif

/*
 * native.h - a message as publishers say it, on every way in.
 *
 *	{"channel": C, "data": D}	any JSON, passed on byte for byte
 *	{"channel": C, "text": T}	text/plain;charset=utf-8
 *	{"channel": C, "base64": B}	application/octet-stream, of either
 *					alphabet, padded or not
 *
 * besides with
 *
 *	"id": S		idempotency id, 1 to 255 bytes; null is none
 *	"ttl": N	seconds it is worth delivering, above 0
 *	"receipt": R	"routed" or "stored"
 *	"track": B	true: what becomes of it can be asked by its id; without
 *			one it is given 16 random characters
 *
 * One pass over the object; members of other names are checked and skipped.
 * A struct native is zeroed before its first use and then used again and
 * again: it keeps its memory, so that reading allocates nothing.  What was
 * read borrows from the input, and from the struct until its next use.
 */
#ifndef COMMON_NATIVE_H
#define COMMON_NATIVE_H

#include "common/buf.h"
#include "common/code.h"
#include "common/json.h"
#include "common/msg.h"
#include "common/slice.h"

enum {
	NATIVE_BODY_MAX = 4194304, /* bytes, as in msg.def; so are these */
	NATIVE_ID_MAX = 255,
	NATIVE_TYPE_MAX = 127,
	NATIVE_TTL_MAX = 315360000, /* s, ten years: more was meant as ms */
	NATIVE_WHY = 160,           /* room for a sentence with a place */
	NATIVE_MADE = 16,           /* bytes of an id that we make */
};

struct native_fault {
	enum code code;
	const char *why;   /* NULL: what the code says */
	const char *field; /* NULL: none in particular */
	size_t at;         /* in the JSON: at this byte, when it is not 0 */
};

struct native {
	struct msg msg;            /* a publish, ready for the bus */
	struct native_fault fault; /* what was wrong; else CODE_ok */

	struct buf text, bytes; /* what was unescaped or decoded */
	struct buf made;        /* an id */
};

/* Each returns fault.code.  It is CODE_ok; or bad_json (also of a member that
 * comes twice, and of JSON that is no object), missing_field, bad_field,
 * bad_channel, too_large, or forbidden for a channel that is read-only.
 * Whether this publisher may use it is the caller's business.  A ttl counts
 * from the time given. */
enum code native_read(struct native *, struct slice json, uint64_t unix_ms);

/* For objects that say more: walk with a table that begins with these rows,
 * and hand over the values.  What the walk found wrong, a fault tells. */
enum native_member {
	NATIVE_CHANNEL,
	NATIVE_DATA,
	NATIVE_TEXT,
	NATIVE_BASE64,
	NATIVE_ID,
	NATIVE_TTL,
	NATIVE_RECEIPT,
	NATIVE_TRACK,
	NATIVE_MEMBERS
};
/* clang-format off */
#define NATIVE_FIELDS                                               \
	[NATIVE_CHANNEL] = {SLICE_INIT("channel"), JSON_ANY, false},\
	[NATIVE_DATA]    = {SLICE_INIT("data"),    JSON_ANY, false},\
	[NATIVE_TEXT]    = {SLICE_INIT("text"),    JSON_ANY, false},\
	[NATIVE_BASE64]  = {SLICE_INIT("base64"),  JSON_ANY, false},\
	[NATIVE_ID]      = {SLICE_INIT("id"),      JSON_ANY, false},\
	[NATIVE_TTL]     = {SLICE_INIT("ttl"),     JSON_ANY, false},\
	[NATIVE_RECEIPT] = {SLICE_INIT("receipt"), JSON_ANY, false},\
	[NATIVE_TRACK]   = {SLICE_INIT("track"),   JSON_ANY, false}
/* clang-format on */
enum code native_members(struct native *,
    const struct json_value values[NATIVE_MEMBERS], uint64_t unix_ms);
struct native_fault native_bad_json(const struct json_walk *);

/* Where the whole body is the message: ?channel=C&id=I&ttl=T&receipt=R&track=B
 * makes a message without one, which is then given body and Content-Type (empty:
 * none).  JSON is checked.  Also bad_request. */
enum code native_query(struct native *, struct slice query, uint64_t unix_ms);
enum code native_body(struct native *, struct slice type, struct slice body);

/* For a message made otherwise: an empty one, and its channel, checked. */
void native_begin(struct native *);
enum code native_channel(struct native *, struct slice channel);

/* A message that is tracked and was read without an id is given one: this of a
 * reading before, or, when it is empty, a new one. */
void native_id(struct native *, struct slice made);

/* The sentence of a fault, with the place if it has one. */
const char *native_why(const struct native_fault *, char room[NATIVE_WHY]);

void native_free(struct native *); /* and makes it a fresh one */

#endif

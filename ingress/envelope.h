/*
 * envelope.h - what a publisher says about a message.
 *
 *	{"channel": C, "data": D}	any JSON, passed on byte for byte
 *	{"channel": C, "text": T}	text/plain;charset=utf-8
 *	{"channel": C, "base64": B}	application/octet-stream
 *
 * besides with "id" (idempotency), "ttl" (seconds) and "receipt" (routed or
 * stored); other members are ignored.  One pass; slices borrow from the
 * input, or from the scratch where something had to be decoded.
 */
#ifndef INGRESS_ENVELOPE_H
#define INGRESS_ENVELOPE_H

#include "common/buf.h"
#include "common/code.h"
#include "common/http.h"
#include "common/slice.h"

enum {
	ENVELOPE_ID_MAX = 255,          /* as in msg.def */
	ENVELOPE_TTL_MAX = 366 * 86400, /* s; more is a mistake of units */
	ENVELOPE_BODY_MAX = 4194304,    /* as in msg.def */
};

struct envelope {
	struct slice channel, id, type, body;
	uint64_t ttl; /* s; 0 is for ever */
	enum receipt receipt;
};

struct envelope_fault {
	enum code code;
	const char *why;   /* NULL: what the code says */
	const char *field; /* NULL: none in particular */
	size_t at;         /* bad JSON: at this byte, when it is not 0 */
};

/* False: the fault says why. */
bool envelope_read(struct envelope *, struct slice json, struct buf *scratch,
    struct envelope_fault *);

/* ?channel=C&id=I&ttl=T&receipt=R: the whole body is the message.  The query
 * is decoded to the scratch, which is not cleared; body and type are left
 * alone. */
bool envelope_query(struct envelope *, struct slice query, struct buf *scratch,
    struct envelope_fault *);

/* A body with its Content-Type (p NULL: none); JSON is checked. */
bool envelope_raw(struct envelope *, struct slice content_type,
    struct slice body, struct envelope_fault *);

#endif

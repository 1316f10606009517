/*
 * apns_body.h - what a job says, as Apple is asked for it.
 *
 * Of the application `incus` a body is as bridge(8) says, and becomes what
 * Incus sent.  Of any other it is the payload itself,
 *
 *	{"aps": {"alert": "Hello"}, "n": 1}
 *
 * or an object that holds it, and what else is to be said:
 *
 *	{"payload": {"aps": ...}, "push_type": T, "topic": S, "priority": P,
 *	 "expiration": unix s, "collapse_id": C, "connection": NAME}
 *
 * Borrows the push.  Reading is two passes over the body, and no memory but
 * of what has to be put together.
 */
#ifndef PUSHERS_APNS_BODY_H
#define PUSHERS_APNS_BODY_H

#include "common/buf.h"
#include "common/slice.h"
#include "pushers/apns_apps.h"
#include "pushers/h2.h"
#include "pushers/pusher.h"

enum {
	APNS_PAYLOAD = 4096, /* bytes */
	APNS_PAYLOAD_VOIP = 5120,
	APNS_TARGET = 200, /* hexadecimal digits of a device's token */
};

struct apns_body {
	struct slice which; /* connection of the application; "": its own */
	struct slice payload;

	struct slice topic, push_type, collapse; /* "" is not said */
	uint64_t priority;                       /* 0 is not said */
	uint64_t expiration;                     /* unix s */
	bool shows;                              /* alert, badge or sound */
	struct buf words, made;
	char path[16 + APNS_TARGET], id[40], number[24], collapsed[64];
	char full_topic[320];
	struct h2_field fields[H2_FIELDS];
	size_t n;
};

/* Read it.  NULL, or why it is refused: Apple's word where it has one. */
const char *apns_body_read(struct apns_body *, const struct push *);

/* Which connection it takes is known: make the request of it, all but the
 * authority, and a field `authorization` if there is a token.  Likewise. */
const char *apns_body_settle(struct apns_body *, const struct apns_app *);
void apns_body_write(
    struct apns_body *, struct slice token, struct h2_request *);

void apns_body_free(struct apns_body *);

#endif

/*
 * apns_incus.h - what Incus sent to a phone.
 *
 *	{"aps":{"alert":A,"badge":B,"sound":S},
 *	 "payload":{"event":E,"data":{...},"time":T[,"internal_url":U]}}
 *
 * A is data.message_text, else data.message, else not there; B the integer
 * part of data.badge_count, or -1 where that is 0, missing or no number.  It
 * was never stored at Apple's (apns-expiration 0), and of the first priority.
 */
#ifndef PUSHERS_APNS_INCUS_H
#define PUSHERS_APNS_INCUS_H

#include "pushers/apns_body.h"

/* A job of bridge(8), section INCUS JOBS: payload, which and the rest.  NULL,
 * or why it is refused. */
const char *apns_incus_read(struct apns_body *, const struct push *);

#endif

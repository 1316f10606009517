/*
 * apns_answer.h - what an answer of Apple's means for a push.
 */
#ifndef PUSHERS_APNS_ANSWER_H
#define PUSHERS_APNS_ANSWER_H

#include "pushers/h2.h"

enum apns_fate {
	APNS_DELIVERED,
	APNS_GONE,      /* the token is of no device any more */
	APNS_REFUSED,   /* our mistake, or the application's: never again */
	APNS_LATER,     /* this device, or Apple, is busy */
	APNS_ELSEWHERE, /* at once, over another connection */
	APNS_TOKEN_OLD, /* with another JWT */
	APNS_STOPPED,   /* our certificate or key is not liked: nothing goes
	                 * until somebody has seen to it */
};

struct apns_answer {
	enum apns_fate fate;
	char reason[64]; /* Apple's word, or "HTTP 502" */
	uint64_t since;  /* unix ms; APNS_GONE, 0: not said */
};

void apns_answer_read(struct apns_answer *, const struct h2_call *);

#endif

/*
 * gcm_answer.h - what Google's answers mean for a token.
 *
 * Pure: an answer's status, bytes and Retry-After in, a verdict out.  Words
 * borrow from the answer, or from the scratch buf, which is added to.
 */
#ifndef PUSHERS_GCM_ANSWER_H
#define PUSHERS_GCM_ANSWER_H

#include "common/buf.h"

enum gcm_verdict {
	GCM_NONE, /* not answered yet */
	GCM_DELIVERED,
	GCM_GONE,       /* the token is no more */
	GCM_REFUSED,    /* and would be again */
	GCM_LATER,      /* for now */
	GCM_LOCKED_OUT, /* our credentials, or our project, are not taken */
};

struct gcm_answer {
	enum gcm_verdict verdict;
	/* It is of the request, not of the token: nothing was done. */
	bool whole;
	bool down;       /* so it is for any other, too, for now */
	bool unheard;    /* Google never heard of it: it is no attempt */
	struct slice id; /* DELIVERED: Google's of the message */
	struct slice replacement; /* a token that took its place */
	struct slice error;       /* in the words of the protocol */
	uint64_t wait_ms;         /* LATER: at least; 0: as the store likes */
};

struct gcm_reply {
	unsigned status;      /* 0: there was none */
	const char *why;      /* then: why */
	bool unsent;          /* and that there was no connection */
	uint64_t retry_after; /* s; 0: not said */
	struct slice body;
	unsigned attempt; /* from 1: waits double */
};

/* FCM HTTP v1: one token. */
void gcm_answer_v1(
    struct gcm_answer *, const struct gcm_reply *, struct buf *scratch);

/* The legacy protocol: n tokens, in the order of the request. */
struct gcm_answers {
	struct gcm_answer *at;
	unsigned n;
};
void gcm_answer_legacy(
    struct gcm_answers, const struct gcm_reply *, struct buf *scratch);

/* The legacy protocol's word for what v1 said, for those that know only it. */
struct slice gcm_legacy_word(const struct gcm_answer *);

#endif

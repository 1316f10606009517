/*
 * question.h - what is asked in a URL, and by whom: what the reading handlers
 * share.
 */
#ifndef INGRESS_QUESTION_H
#define INGRESS_QUESTION_H

#include "common/code.h"
#include "common/http.h"
#include "common/keys.h"
#include "ingress/front.h"

struct request;

/* Values of the query, decoded; p is NULL where there was none. */
struct question {
	struct slice channel, after, limit, token, user;
};

/* Slices borrow from the scratch.  NULL, or the field that is wrong. */
const char *question_read(
    struct question *, struct slice query, struct buf *scratch);

/* An answer that says what was wrong; field and why may be NULL. */
struct request *question_refuse(enum code, const char *field, const char *why);

/* What somebody may do who shows this token (empty: none) or header; nobody
 * is an empty grant.  Else the grant's `why` may say why not. */
enum code question_who(struct front *, const struct http_request *,
    struct slice token, struct grant *);

#endif

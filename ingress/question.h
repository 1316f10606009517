/*
 * question.h - what is asked in a URL, and by whom: what handlers share.
 */
#ifndef INGRESS_QUESTION_H
#define INGRESS_QUESTION_H

#include "common/code.h"
#include "common/http.h"
#include "common/keys.h"
#include "ingress/front.h"

struct request;

/* A value of the query that somebody expects. */
struct question {
	const char *name;
	struct slice value; /* out, in the scratch; p NULL: not there */
};

/* Fill in what is there, and pass over what nobody expects.  NULL, or the
 * answer that names the value that is not percent-encoded as it should be, or
 * that is given twice. */
struct request *question_read(
    struct slice query, struct question *, size_t n, struct buf *scratch);

/* An answer that says what was wrong; field and why may be NULL. */
struct request *question_refuse(enum code, const char *field, const char *why);

/* What somebody may do who shows this token (empty: none) or header; nobody
 * is an empty grant.  Else the grant's `why` may say why not. */
enum code question_who(struct front *, const struct http_request *,
    struct slice token, struct grant *);

#endif

/*
 * question.h - the values of a query string, by name.
 */
#ifndef INGRESS_QUESTION_H
#define INGRESS_QUESTION_H

#include "common/buf.h"
#include "common/slice.h"

struct question {
	const char *name;
	struct slice value; /* out, in the scratch; p NULL: not there */
};

/* Fill in what is there.  NULL, or the name of the value that is not
 * percent-encoded as it should be. */
const char *question_read(
    struct slice query, struct question *, size_t n, struct buf *scratch);

#endif

/*
 * tyron_reply.h - HTTP answers as Tornado 3.2 gave them, to the header.
 *
 * Date, Content-Length, Etag, Content-Type and Server come in this order; an
 * error is a small page that names its status.  Writers copy all they are
 * given and cost one memcpy per part; an etag costs a digest of the body.
 */
#ifndef COMMON_TYRON_REPLY_H
#define COMMON_TYRON_REPLY_H

#include "common/buf.h"
#include "common/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	TYRON_ETAG = 42,        /* bytes: 40 hexadecimal digits, in quotes */
	TYRON_MATCH_MAX = 1024, /* of an If-None-Match that is looked at */
};

struct tyron_reply {
	unsigned status;
	bool close, old, head; /* as in http_reply.h */
	struct slice date;     /* loop_date() */
	struct slice etag;     /* empty: none, as to a POST */
	struct slice match;    /* If-None-Match: one that holds it makes 304 */
	struct slice type;     /* empty: none */
	struct slice lines;    /* whole header lines besides */
	struct slice body;
};

void tyron_reply(struct buf *, const struct tyron_reply *);

/* Its type and body are made from its status. */
void tyron_reply_error(struct buf *, const struct tyron_reply *);

/* The quoted SHA-1 of a body. */
struct slice tyron_etag(struct slice body, char room[TYRON_ETAG]);

/* Append what the sibling told pages besides whose may read. */
void tyron_cors(struct buf *lines);

#endif

/*
 * http_reply.h - what we answer over HTTP/1.1.
 *
 * Writers append to the caller's buf and copy all they are given.  They cost
 * one memcpy per part.  False means that the answer does not fit below the
 * buf's cap; nothing was written then.
 */
#ifndef COMMON_HTTP_REPLY_H
#define COMMON_HTTP_REPLY_H

#include "common/buf.h"
#include "common/http.h"
#include "common/slice.h"

#include <stdbool.h>

struct http_reply {
	unsigned status; /* 100 to 999 */
	bool close;      /* the connection ends after this answer */
	bool old;        /* to HTTP/1.0: say keep-alive, do not chunk */
	bool head;       /* to HEAD, or the body is sent apart: leave it out */
	struct slice
	    type; /* Content-Type, a valid header value; may be empty */
	struct slice extra; /* whole header lines, each with its CR LF */
	struct slice date;  /* loop_date(); it stands behind them */
	struct slice body;  /* counted even where it is left out */
};

/* A whole answer.  1xx, 204 and 304 have neither length nor body. */
bool http_reply(struct buf *, const struct http_reply *);

/* The head of an answer whose length nobody knows yet.  Its body is chunked
 * (http_chunk.h); with `old`, raw until the connection is closed. */
bool http_reply_stream(struct buf *, const struct http_reply *);

/* Append "Name: value\r\n", for `extra`.  False also, and nothing written, if
 * the value could not be one: it has a control character. */
bool http_line(struct buf *, const char *name, struct slice value);

/* Append {"error":{"code":...,"message":...,"field":...}}, without the field
 * if that is NULL.  What is not UTF-8 becomes U+FFFD. */
bool http_error_body(struct buf *, const struct http_fault *);

/* That as a whole answer; the reply's own type and body are not used. */
bool http_reply_fault(
    struct buf *, const struct http_reply *, const struct http_fault *);

/* Answer an enum http_error, and close; with the date of a reply. */
bool http_refuse(struct buf *, int error, struct slice date);

#define HTTP_ALLOW(method) (1U << (method)) /* enum http_method to a set */

/* Append "Allow: GET, HEAD\r\n", for `extra` (RFC 9110 10.2.1). */
bool http_allow(struct buf *, unsigned methods);
/* The same under another name, as Access-Control-Allow-Methods. */
bool http_methods(struct buf *, const char *name, unsigned methods);

/* 405 and what is allowed instead; the reply's status is not used. */
bool http_not_allowed(
    struct buf *, const struct http_reply *, unsigned methods);

/* "Not Found" for 404; "" for what has no name here. */
struct slice http_reason(unsigned status);

#endif

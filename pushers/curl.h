/*
 * curl.h - HTTP requests to vendors, many at a time, on our loop.
 *
 * HTTP/1.1 over connections that are kept, at most so many to all hosts
 * together; what is more waits here, in order.  Certificates are checked, no
 * redirect is followed, an answer is read to a cap.  A post is embedded in
 * what it is for and borrowed until it is done or cancelled.
 *
 * libcurl's HTTP/2 is not used: of 7.88 it resets streams that have ended and
 * opens connections where a stream limit is reached.
 */
#ifndef PUSHERS_CURL_H
#define PUSHERS_CURL_H

#include "common/buf.h"
#include "common/loop.h"

struct posts;
struct post_slot;

enum { POST_REPLY_MAX = 1 << 20 }; /* bytes; 1000 results are 150 kB */

struct posts_setup {
	struct loop *loop; /* borrowed; the texts are only read in posts_new */
	unsigned connections; /* at most */
	const char *ca;       /* PEM file of roots; empty: the system's */
	const char *proxy;    /* URL; empty: what HTTPS_PROXY says */
};

/* NULL: *why says what is wrong with it. */
struct posts *posts_new(const struct posts_setup *, const char **why);
void posts_free(struct posts **); /* posts are cancelled, none is told */

struct post {
	/* Who asks fills these in; all is borrowed until it is done. */
	void (*done)(struct post *); /* never inside post_send() */
	const char *url;
	const char *type;           /* of the body */
	struct slice authorization; /* the header's value; empty: none */
	struct slice body;
	uint64_t timeout_ms; /* from when it has a connection to use */

	/* The answer; status 0: there was none, as why says. */
	unsigned status;
	const char *why;
	bool unsent;          /* there was not even a connection */
	struct buf reply;     /* the caller's to free */
	uint64_t retry_after; /* s, from a number or a date; 0: not said */

	struct list node; /* the rest is curl.c's business */
	struct posts *all;
	struct post_slot *slot;
};

/* The post is zeroed, or was done, before. */
void post_send(struct posts *, struct post *);
void post_cancel(struct post *); /* harmless when it is not on its way */

/* It still waits for a connection. */
bool post_waits(const struct post *);

#endif

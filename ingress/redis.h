/*
 * redis.h - one connection to Redis, which comes back by itself.
 *
 * Commands are pipelined and answered in order.  A connection that breaks,
 * or owes an answer for longer than the command allows, is closed and opened
 * again after a pause that doubles from 100 ms to 1 s; what was asked is then
 * answered with NULL, and may have been done or not.  Commands of one turn
 * leave in one write.  Replies are limited in bytes, elements and depth; one
 * past a limit ends the connection.
 */
#ifndef INGRESS_REDIS_H
#define INGRESS_REDIS_H

#include "common/list.h"
#include "common/loop.h"
#include "common/redis_reader.h"

struct redis;

enum {
	REDIS_ANSWER_MS = 5000, /* to answer, unless the call says more */
};

/* Whoever waits for an answer embeds one, and keeps it until answered.  The
 * reply is borrowed for the call. */
struct redis_call {
	void (*answered)(struct redis_call *, const struct redis_reply *);
	unsigned wait_ms; /* 0: REDIS_ANSWER_MS */
	struct list node; /* the rest is redis.c's business */
	uint64_t due;
};

struct redis_face {
	/* Authenticated, the database chosen.  May be NULL, as may all. */
	void (*up)(struct redis_face *);
	/* After the calls were answered with NULL; only after up. */
	void (*down)(struct redis_face *);
	/* What came to a connection that subscribes. */
	void (*pushed)(struct redis_face *, const struct redis_reply *);
};

struct redis_setup {
	struct loop *loop;
	struct redis_face *face;
	const char *address;         /* host:port or unix:/path */
	const char *user, *password; /* empty: none */
	uint64_t db;
	const char *label; /* what this connection is for, in the log */
};

/* Borrows the setup's strings.  Connects when it is opened, and again and
 * again until it is dropped; then calls are forgotten, not answered, and down
 * is not called.  Dropping is legal everywhere, freeing not from within a
 * call of this connection. */
struct redis *redis_new(const struct redis_setup *);
void redis_free(struct redis **); /* and sets it to NULL */
void redis_open(struct redis *);
void redis_drop(struct redis *);

bool redis_is_up(const struct redis *);

/* Send a command of n words.  Only while up. */
void redis_ask(
    struct redis *, struct redis_call *, const struct slice *words, size_t n);

/* The same without an answer: from now on all that comes is pushed.  The
 * connection is asked for a sign of life when nothing comes. */
void redis_subscribe(struct redis *, const struct slice *words, size_t n);

#endif

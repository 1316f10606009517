/*
 * redis_conn.h - one connection to one Redis, of one thread, which blocks.
 *
 * Every wait has a deadline; past it, or at any error, the connection is
 * closed and says why.  Copies what it sends.
 */
#ifndef STORE_REDIS_CONN_H
#define STORE_REDIS_CONN_H

#include "common/buf.h"
#include "common/redis_reader.h"

#include <stdbool.h>

enum { REDIS_ADDRESS = 256 };

struct redis_login {
	const char *user, *password; /* empty: none; borrowed */
	uint64_t db;
};

struct redis_conn {
	char address[REDIS_ADDRESS];
	int fd; /* -1: closed */
	struct redis_reader *reader;
	const char *why; /* it was closed; static text */
};

void redis_conn_init(struct redis_conn *);
/* Connect and log in.  False: see why.  Deadlines are of clock_us() / 1000. */
bool redis_conn_open(
    struct redis_conn *, const struct redis_login *, uint64_t deadline);
void redis_conn_close(struct redis_conn *, const char *why);

bool redis_conn_send(struct redis_conn *, struct slice, uint64_t deadline);
/* The next reply, which the caller frees; NULL: it was closed. */
struct redis_reply *redis_conn_reply(struct redis_conn *, uint64_t deadline);
/* A command of a few words, and its reply. */
struct redis_reply *redis_conn_ask(
    struct redis_conn *, const char *const *words, uint64_t deadline);

uint64_t redis_now(void); /* ms */

#endif

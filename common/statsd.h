/*
 * statsd.h - what is counted, told to a StatsD by UDP once a second, under the
 * names that Incus and Pandapush had.
 *
 * A counter is told as what it grew by, "incus.read:12|c", if it did; a gauge
 * as what it is.  Lines are put together into datagrams of at most
 * STATSD_BYTES.  What is told in a second is bounded by the rows of
 * statsd.def, STATSD_COMMANDS and
 * STATSD_APPS, and a line for each answer over HTTP.  Nothing waits, and nothing is sent again: a
 * datagram that the kernel does not take is dropped and counted.
 *
 * Where there is no StatsD it is NULL, and all of these do nothing.
 */
#ifndef COMMON_STATSD_H
#define COMMON_STATSD_H

#include "common/loop.h"
#include "common/slice.h"

enum {
	STATSD_PORT = 8125,
	STATSD_BYTES = 1400, /* of a datagram: no network cuts it */
	STATSD_MS = 1000,
	STATSD_COMMANDS = 64, /* different ones in a second; more are "other" */
	STATSD_APPS = 64,     /* likewise */
};

enum statsd_from { STATSD_WEBSOCKET, STATSD_REDIS, STATSD_WAYS };

/* An address, or one without its port, or unix:/path; or empty, for none.
 * False: it is logged what is wrong.  Names are not looked up: that would
 * block. */
bool statsd_check(const char *address);

/* NULL: the address is empty, or there is no socket for it, which is logged.
 * Borrows the loop.  What was counted before is not told. */
struct statsd;
struct statsd *statsd_new(struct loop *, const char *address);
void statsd_free(struct statsd **); /* tells the rest, and sets it to NULL */

/* Count one of a metric that has no row. */
void statsd_count(struct statsd *, const char *metric);

/* Count a command, by its name in small letters, which is copied and fit for
 * a metric; or empty, for one without. */
void statsd_command(struct statsd *, enum statsd_from, const char *name);

/* Count what was done on a channel, by its application. */
enum statsd_done {
	STATSD_SUBSCRIBE,
	STATSD_UNSUBSCRIBE,
	STATSD_PUBLISH,
	STATSD_DONE
};
void statsd_app(struct statsd *, enum statsd_done, struct slice channel);

/* An answer of Pandapush over HTTP, and how long it took. */
void statsd_answer(struct statsd *, unsigned status, uint64_t ms);

/* What any stage has of a row; and that these were all: they are told, and
 * the next begin anew. */
void statsd_sample(struct statsd *, struct slice stat, uint64_t value);
void statsd_sampled(struct statsd *);
void statsd_forget(struct statsd *); /* not all: begin anew */

#endif

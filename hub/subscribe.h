/*
 * subscribe.h - what every dialect does to listen: rights, limits, cursors,
 * and the end of a token.
 */
#ifndef HUB_SUBSCRIBE_H
#define HUB_SUBSCRIBE_H

#include "common/code.h"
#include "common/slice.h"
#include "common/wheel.h"
#include "hub/subs.h"

struct conn;

/* What goes with a sub beyond the registry's need; most subs have none. */
struct sub_extra {
	struct conn *conn;
	struct sub *sub;
	struct timer expiry; /* of its token */
	struct place handed; /* while its reader is slow: up to where */
	bool known;          /* handed means something */
	bool skipping;       /* nothing is handed until the gap is told */
	struct slice ref;    /* of the command that waits for its answer */
	char bytes[];
};

struct subscribe {
	struct slice channel, cursor, token; /* empty: none */
	struct slice ref;                    /* raw JSON; copied */
	const struct cursor_part *after;     /* instead of a cursor */
	unsigned n;
	bool told;        /* conn_restore(): it was answered */
	uint64_t expires; /* conn_restore(): of its token; 0: never */
};

/* What was wrong, for the answer. */
struct fault {
	enum code code;
	const char *message; /* NULL: the code's own text */
	const char *field;   /* NULL: none in particular */
};

/* Subscribe; CODE_ok, or a fault.  It may be answered within. */
enum code conn_subscribe(
    struct conn *, const struct subscribe *, struct fault *);
/* Go on with a subscription that was allowed elsewhere.  False: no channel, or
 * no cursor. */
bool conn_restore(struct conn *, const struct subscribe *);
/* When its token ends, unix s; 0: never. */
uint64_t conn_expires(const struct sub *);
void conn_unsubscribe(struct conn *, struct sub *);
void conn_unsubscribe_all(struct conn *);
/* Its ref was sent: what is not needed any more is freed. */
void conn_answered(struct sub *);

/* Is it a name or pattern one could listen to now; what conn_subscribe() asks
 * first. */
enum code conn_may_subscribe(
    struct conn *, const struct subscribe *, struct fault *);

/* May it listen there, and who is it?  The grant borrows from the keys until
 * they are asked again. */
struct grant;
enum code conn_allowed(
    struct conn *, const struct subscribe *, struct grant *, struct fault *);

/* May it listen there?  expires: unix s when that ends, 0 never. */
enum code conn_may_listen(
    struct conn *, const struct subscribe *, uint64_t *expires, struct fault *);

/* What reader_face.send does in most dialects: queue, or deal with a reader
 * that is too slow. */
void conn_deliver(
    struct conn *, struct sub *, struct piece, const struct place *);
/* Live messages are not handed to it now, this one neither. */
bool conn_skips(const struct conn *, struct piece);
/* It has caught up: tell the gaps it caused. */
void conn_tell_skipped(struct conn *);

/* Append {"error":{...}} without the braces around: "error":{...}. */
void fault_put(struct buf *, const struct fault *);

/* For subs_face.settled: all that wait for their place look again this turn.
 * Costs a walk over all connections, after shards have moved only. */
void conns_settled(struct subs_face *);

#endif

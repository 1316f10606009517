/*
 * h2_conn.h - one connection to an HTTP/2 server: socket, TLS and session.
 *
 * It connects, shakes hands, carries calls (h2.h) and asks with a PING
 * whether the peer is there when nothing was heard for a while.  What is
 * submitted leaves at the end of the turn, as few records of TLS.  A
 * connection that has ended says so once, ends its calls, and frees itself.
 *
 * 41 kB when idle, and 64 kB more for as long as the peer does not read.
 */
#ifndef PUSHERS_H2_CONN_H
#define PUSHERS_H2_CONN_H

#include "common/address.h"
#include "common/loop.h"
#include "common/tls.h"
#include "pushers/h2.h"

struct h2_conn;

struct h2_conn_face {
	/* As in h2.h; from none of these may a connection be freed. */
	void (*ended)(struct h2_conn_face *, struct h2_call *, enum h2_end);
	void (*room)(struct h2_conn_face *, struct h2_conn *);
	void (*leaving)(
	    struct h2_conn_face *, struct h2_conn *, struct slice debug);
	/* It is over, and its memory gone after this; its calls have ended.
	 * why is a sentence. */
	void (*closed)(
	    struct h2_conn_face *, struct h2_conn *, const char *why);
};

/* All ms, all above 0. */
struct h2_times {
	unsigned connect; /* until the peer's SETTINGS have come */
	unsigned idle;    /* without a word: then it is asked */
	unsigned pong;    /* for an answer to that */
};

struct h2_conn_setup {
	struct loop *loop; /* all borrowed but the address */
	struct tls_context *tls;
	const char *host; /* in the certificate */
	const struct address *address;
	struct h2_conn_face *face;
	struct list *all;  /* it stands there for as long as it lives */
	struct slice keep; /* see h2.h */
	unsigned streams;
	struct h2_times times;
};

/* NULL: errno says why not even a try was made. */
struct h2_conn *h2_conn_new(const struct h2_conn_setup *);

/* All that stand there.  Calls are dropped, and nobody is told. */
void h2_conn_free_all(struct list *all);

/* h2.h; there is room only once the peer's SETTINGS have come. */
unsigned h2_conn_room(const struct h2_conn *);
unsigned h2_conn_open(const struct h2_conn *);
bool h2_conn_submit(
    struct h2_conn *, struct h2_call *, const struct h2_request *);
void h2_conn_drop(struct h2_conn *, struct h2_call *);
void h2_conn_leave(struct h2_conn *);

/* An answer is late: is the peer there at all? */
void h2_conn_ask(struct h2_conn *);

/* Have its SETTINGS come? */
bool h2_conn_met(const struct h2_conn *);

#endif

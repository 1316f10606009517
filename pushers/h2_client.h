/*
 * h2_client.h - requests to one HTTP/2 server, over one connection at a time.
 *
 * The connection is made with the first request and kept for as long as the
 * peer likes.  What it did not look at when it leaves goes to the next one;
 * what is under way on the old one ends there.  While no connection can be
 * had the client is down: for a time that doubles with each failure, from
 * `wait_min` to `wait_max`, it is not tried and asks end at once.
 *
 * An ask is embedded in its owner and borrowed until it has ended.  How many
 * there are and how long they may take is their owner's business, who drops
 * them.  Costs no more than the calls of h2.h.
 */
#ifndef PUSHERS_H2_CLIENT_H
#define PUSHERS_H2_CLIENT_H

#include "pushers/h2_conn.h"

struct h2_client;

enum h2_ask_end {
	ASK_ANSWERED, /* call.status and so on are the answer's */
	ASK_BROKEN,   /* sent, and nobody knows whether it was done */
	ASK_DOWN,     /* not sent: no connection, or each refused it */
};

struct h2_ask {
	struct h2_call call;
	bool old;             /* it ended on a connection that takes no more */
	struct list node;     /* the rest is h2_client.c's: while it waits */
	struct h2_conn *conn; /* while it is under way */
	unsigned tries;
};

struct h2_client_face {
	/* It is about to be sent, for the first time or again: say what. */
	void (*write)(
	    struct h2_client_face *, struct h2_ask *, struct h2_request *);
	/* It is over and its owner's again; others may be sent. */
	void (*ended)(
	    struct h2_client_face *, struct h2_ask *, enum h2_ask_end);
	/* No connection can be had for so many ms; why is a sentence. */
	void (*down)(struct h2_client_face *, unsigned ms, const char *why);
	/* A connection is open; or the peer wants no more calls on it, and
	 * debug, of the peer, says why.  For the log. */
	void (*opened)(struct h2_client_face *);
	void (*leaving)(struct h2_client_face *, struct slice debug);
};

struct h2_client_setup {
	struct loop *loop; /* all borrowed but host and port */
	struct tls_context *tls;
	const char *host, *port;
	struct h2_client_face *face;
	struct slice keep; /* see h2.h */
	unsigned streams;  /* requests under way, at most */
	bool shy;          /* one alone, until the peer knows us */
	struct h2_times times;
	unsigned wait_min, wait_max; /* ms */
};

struct h2_client *h2_client_new(const struct h2_client_setup *);

/* Asks are let go without a word; sets NULL. */
void h2_client_free(struct h2_client **);

/* Send it as soon as there is room, which may be now.  `ended` follows, never
 * from here; false: the client is down. */
bool h2_client_send(struct h2_client *, struct h2_ask *);

/* It is not wanted any more: its owner's at once.  Where it was under way the
 * peer is asked whether it is there.  Harmless for one that has ended. */
void h2_client_drop(struct h2_client *, struct h2_ask *);

/* Has nothing of it been sent? */
bool h2_client_waits(const struct h2_ask *);

/* The peer wants further requests on a new connection.  They go there at once
 * if this one has served any; else the client is down first. */
void h2_client_renew(struct h2_client *);

/* Leave the server alone for so long: as if it were down, but that the face is
 * not told.  What waits ends from here; what is under way goes on. */
void h2_client_rest(struct h2_client *, unsigned ms);

/* ms for which it is not tried again; 0: it is not down. */
unsigned h2_client_down(const struct h2_client *);

#endif

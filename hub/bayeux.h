/*
 * bayeux.h - sessions of Bayeux clients, and what carries them.
 *
 * A session is a connection without a socket: what it listens to, where it is
 * present, what it owes are as every connection's.  To the rest of the hub it
 * looks like one whose kernel takes nothing, for ever: what is sent to it waits
 * in its queue, up to the backlog; past that it ends, and its client is told to
 * begin anew.  Messages wait as WebSocket frames, an array of one each.
 *
 *	session <---- connect ---- POST, JSONP	takes what waits, and goes
 *	        <---- socket ----- WebSocket, EventSource: handed each at once
 *
 * What a client sends is read a batch at a time (a body, a frame); the answers
 * of a batch go together when the last is there.  An answer that is owed holds
 * on to its batch; a carrier that goes takes its batches along, and what is
 * answered later is answered to nobody.
 */
#ifndef HUB_BAYEUX_H
#define HUB_BAYEUX_H

#include "common/table.h"
#include "hub/bayeux_name.h"
#include "hub/bayeux_reply.h"
#include "hub/bayeux_said.h"
#include "hub/conn.h"

enum {
	BAYEUX_WAIT_MAX = 600000, /* ms that a connect may be held, on demand */
	BAYEUX_ASKS = 1024,       /* unanswered publishes of a connection */
	BAYEUX_PENDING = 64,      /* unanswered subscribes of a session */
	BAYEUX_PENDING_BYTES = 65536, /* of channels in them, but for one */
	BAYEUX_ECHO = 4096,  /* bytes of what an answer repeats, each */
	BAYEUX_BATCH = 1024, /* messages at once: answers are longer */
};

struct bayeux_batch;

/* An answer that is owed; embedded.  The batch is NULL when nobody waits. */
struct bayeux_owed {
	struct list node;
	struct bayeux_batch *batch;
	bool connect; /* it is a session's: bayeux.held */
};

/* What a client sent at once. */
struct bayeux_batch {
	struct list node; /* of its carrier */
	struct conn *carrier;
	struct list owed;
	struct conn *taker; /* session whose queue goes with the answers */
	unsigned open;      /* answers to come, and 1 while it is read */
	struct buf replies; /* by commas */
};

/* What carries: the first of what its dialect keeps. */
struct bayeux_carrier {
	struct list batches;
	struct conn *session; /* it is the socket of; NULL: of none */
};

enum bayeux_end {
	BAYEUX_LIVES,
	BAYEUX_GONE, /* it said so, or was not heard any more */
	BAYEUX_LOST, /* it did not read, or the hub leaves: it begins anew */
};

/* A session, besides its connection. */
struct bayeux {
	struct table_entry entry; /* by id */
	struct conn *conn;
	char id[BAYEUX_ID + 1];
	uint8_t ending; /* enum bayeux_end */
	uint8_t pending_n;
	uint32_t pending_bytes;
	bool alone;          /* the connect waits on the socket, in no batch */
	bool joined;         /* since its subscribes were looked at */
	char held_short[5];  /* JSON of its id, if there is room; "": none */
	struct conn *socket; /* handed every message at once, or NULL */
	struct bayeux_owed held; /* the connect that waits */
	char *held_long;         /* else here */
	struct list pending;     /* subscribes: bayeux_pending.c */
	struct bayeux_batch *taking;
	struct peer_address *address;
};

/* Of all sessions. */
struct bayeux_hub {
	struct hub *hub;
	struct table *sessions;
	struct list conns;
	struct addresses *addresses;
	char tag[BAYEUX_TAG];
	struct buf text, reply, look; /* scratch */
};

void bayeux_open(struct hub *);
void bayeux_drop(struct hub *);  /* all sessions die */
void bayeux_close(struct hub *); /* after them */

/* ---- Sessions */

/* NULL: there are too many, or of that address. */
struct conn *bayeux_new(struct conn *by);
struct conn *bayeux_find(struct hub *, struct slice id);
/* Its timer: a connect has waited long enough, or its client was silent. */
void bayeux_fire(struct timer *);
/* It cannot be found from now on, and dies at the end of the turn. */
void bayeux_end(struct conn *session, enum bayeux_end);
/* Hand it what comes from now on, and what waits. */
void bayeux_attach(struct conn *session, struct conn *socket);
void bayeux_detach(struct conn *session);
/* It was heard; what it is silent for is counted from now on. */
void bayeux_refresh(struct conn *session);
/* Answer its connect when something comes, or after so many ms; what carried it
 * is gone. */
void bayeux_hold(
    struct conn *session, struct bayeux_batch *, struct slice id, uint64_t ms);
void bayeux_unheld(struct conn *session);
/* Its connect is all that its batch holds, and came by its socket: as most do,
 * most of the time.  The batch is not needed. */
void bayeux_hold_alone(struct conn *session);
/* Append {"reconnect":"retry",...}, as after any connect. */
void bayeux_put_advice(const struct hub *, bool events, struct buf *);

/* ---- Batches: bayeux_batch.c */

struct bayeux_batch *bayeux_batch_new(struct conn *carrier);
/* All of it was read: it is answered as soon as nothing is owed. */
void bayeux_batch_read(struct bayeux_batch *);
void bayeux_batch_free(struct bayeux_batch *);

/* Answer at once; promise to; keep the promise (false: to nobody). */
void bayeux_say(struct bayeux_batch *, struct bayeux_reply *);
void bayeux_owe(struct bayeux_batch *, struct bayeux_owed *);
bool bayeux_pay(struct bayeux_owed *, struct bayeux_reply *);
/* What waits for the session goes with the answers, if it has none yet. */
void bayeux_ride(struct bayeux_batch *, struct conn *session);
/* All of it as a JSON array, and what rides, which is counted there from now
 * on; the caller owns the run. */
struct run *bayeux_batch_run(struct bayeux_batch *);
/* Cut a frame of ours off the front: the one message in it. */
struct slice bayeux_unframe(struct slice *frames);

void bayeux_carrier_init(struct bayeux_carrier *);
void bayeux_carrier_gone(struct conn *carrier);
/* The hub drains: those it carries now begin anew elsewhere. */
void bayeux_carrier_leave(struct conn *carrier);

/* ---- What is said: bayeux_hear.c and others */

/* A body or a frame.  False: it is not JSON, or no message.  *tag: of the hub
 * that has the session it is of, if that is another; else 0. */
bool bayeux_check(struct conn *, struct slice json, uint32_t *tag);
/* That was checked. */
void bayeux_hear(struct conn *carrier, struct slice json);
/* Likewise; it is too long for the way to another hub, and those whose session
 * is there are told so. */
void bayeux_hear_too_long(struct conn *carrier, struct slice json);
/* Answer the connects it holds, and let nobody's messages go by it; true:
 * nothing is owed by it any more. */
bool bayeux_let_go(struct conn *socket);
/* It may say more now. */
bool bayeux_may_say(const struct conn *carrier);

struct bayeux_turn { /* one message, while it is handled */
	struct conn *carrier;
	struct bayeux_batch *batch;
	struct bayeux_said said;
	bool too_long; /* for the way to another hub */
};
void bayeux_subscribe(struct bayeux_turn *);
void bayeux_unsubscribe(struct bayeux_turn *);
void bayeux_publish(struct bayeux_turn *);
/* Its session; NULL and an error, if it has none. */
struct conn *bayeux_whose(struct bayeux_turn *, struct bayeux_reply *);

/* bayeux_pending.c: subscribes that can be answered now; those that cannot
 * ever. */
void bayeux_listen_settle(struct conn *session);
void bayeux_listen_drop(struct conn *session);

/* ---- Carriers */

/* The batch is complete: dialect_bayeux_ws.c writes and frees it, others at
 * the end of the turn. */
void bayeux_ws_answer(struct conn *, struct bayeux_batch *);
/* It is a session's now. */
void bayeux_ws_attached(struct conn *);
/* Its session has ended: it goes when all is said. */
void bayeux_ws_bye(struct conn *);
void bayeux_events_bye(struct conn *);
/* One or more messages in frames, to an EventSource. */
void bayeux_events_send(struct conn *, struct piece);

#endif

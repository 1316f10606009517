/*
 * client_own.h - what client.c and intake.c share; for nobody else.
 */
#ifndef INGRESS_CLIENT_OWN_H
#define INGRESS_CLIENT_OWN_H

#include "common/http_chunk.h"
#include "ingress/client.h"

/*
 *  PROXY -> HANDSHAKE -> HEAD <-> LENGTH, CHUNKED
 *                         |  \
 *                    PASSING  STOPPED -> LINGER -> GONE
 *
 * PASSING waits until all is answered, then the socket moves to a hub.
 * STOPPED takes no more requests but still owes answers.  LINGER has said
 * all and reads on for a while, since closing with bytes unread would reset
 * the connection and may take the answer with it.
 */
enum client_state {
	CLIENT_HANDSHAKE,
	CLIENT_PROXY,
	CLIENT_HEAD,
	CLIENT_LENGTH,
	CLIENT_CHUNKED,
	CLIENT_PASSING,
	CLIENT_STOPPED,
	CLIENT_LINGER,
	CLIENT_GONE,
};

struct client {
	struct list node, dirty, waiting; /* of the front's lists */
	struct watch watch;
	struct timer timer;
	struct front *front;
	const struct port *port;
	struct stream stream;
	struct ip peer;    /* who connected, by the PROXY header or socket */
	struct ip address; /* whom the last head was from; counted, if so */
	enum client_state state;
	bool counted, secure, eof;
	bool stalled;  /* intake cannot go on, whatever comes */
	bool overdue;  /* it waited for the bus too long */
	bool held;     /* a whole chunked body waits in `body` */
	bool begun;    /* a whole head came once */
	unsigned owed; /* requests in the queue */
	struct list requests;
	struct request *reading; /* whose body is being read; in the queue */
	struct http_chunk chunk;
	uint64_t left;  /* of a body with a length */
	size_t seen;    /* http_parse()'s */
	uint64_t since; /* ms: when this state, or this silence, began */
	uint64_t wrote; /* ms: when output last went on */
	struct buf input, output, body;
};

/* Turn what came into requests, as far as it goes; the bytes used. */
size_t intake_take(struct client *, struct slice);

/* Stop reading until something changes; the bus, for one. */
void intake_stall(struct client *, bool for_bus);

/* The connection ends here and now; or it lives on elsewhere. */
void client_gone(struct client *);
void client_let_go(struct client *);

/* It speaks TLS, and has yet to shake hands: nothing can be said. */
bool client_mute(const struct client *);

/* The TLS handshake failed: count it, log why, and end. */
void client_unshaken(struct client *, const char *why);

/* At the end of the turn: say what is ready, see what can go on. */
void client_serve(struct client *);

/* Have client.c look at it at the end of the turn. */
void client_touch(struct client *);

/* What it waits for, after anything changed. */
void client_settle(struct client *);

/* When something has to happen if nothing else does; the nearest. */
uint64_t client_due(const struct client *);
void client_rang(struct timer *);

/* No more lines are taken of the stream that is being read; those that were
 * are answered, and then this. */
void client_cut_stream(struct client *, const struct failure *);

/* Put a request at the end of the queue. */
void client_queue(struct client *, struct request *);

/* Take one out and free it. */
void client_unqueue(struct client *, struct request *);

uint64_t client_now(const struct client *);

#endif

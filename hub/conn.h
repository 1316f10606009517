/*
 * conn.h - the life of one client connection, whatever it speaks.
 *
 *   HEAD bytes ----> dialect_http ----> ws | sse | poll | echo
 *
 *           conn_finish             flushed              peer left, 2 s
 *   OPEN -------------> FINISHING ---------> LINGERING ------------> DEAD
 *     \________________________________________________________________/
 *                       conn_kill, error, slow
 *
 * A connection reads into the hub's scratch and owns bytes only while they
 * are incomplete.  It writes pieces of runs: at once while the hub flushes,
 * else at the end of the turn.  A DEAD one is freed at the end of the turn, so
 * nobody frees what its caller still holds.
 */
#ifndef HUB_CONN_H
#define HUB_CONN_H

#include "hub/body_wait.h"
#include "hub/dialect.h"
#include "hub/hub.h"

enum conn_state { CONN_OPEN, CONN_FINISHING, CONN_LINGERING, CONN_DEAD };

enum {
	CONN_LINGER_MS = 2000,      /* for a peer to read our last bytes */
	CONN_STALL_MS = 60000,      /* without reading a byte we wrote */
	CONN_UNREAD_MAX = 64 << 10, /* owed to it: then it is not read */
	CONN_KEPT_MAX = 32767,      /* bytes kept that nobody consumed */
};

/* Bytes of an incomplete request, or pipelined ones. */
struct conn_kept {
	struct buf bytes;
	struct body_wait wait; /* of the first request among them */
};

struct conn {
	/* What a delivery reads, in two lines of the cache. */
	struct reader reader;
	int fd;
	uint8_t state; /* enum conn_state */
	uint8_t bits;  /* the dialect's */
	bool again;    /* digest what is kept once all is written */
	bool blocked;  /* the kernel took no more: watched for LOOP_WRITE */
	bool heard;    /* since the timer last fired */
	bool secure;   /* TLS ends at the ingress */
	bool skipping; /* it is slow: nothing live until it has caught up */
	bool large;    /* more is kept of a request: its dialect bounds it */
	bool bodiless; /* it never has a socket: conn_without() */
	struct hub *hub;
	struct conn_note *note; /* for the access log; NULL without one */
	struct list dirty;      /* hub.dirty while something is to be written */
	struct out out;
	size_t forgiven; /* of what it is owed: history it asked for */

	struct watch watch;
	struct timer timer; /* the dialect's */
	struct list node;   /* hub.conns, or hub.dead */
	const struct dialect *dialect;
	struct conn_kept *kept;
	struct peer_address *address; /* NULL: this host */
	struct grant *grant;          /* shown at the handshake, or NULL */
	struct ask *asks;             /* publishes not answered yet */
	struct visit *visits;         /* where it is present, or asks who is */
	struct incus_stay *stay;      /* what Redis is told of it; or NULL */
	union {
		struct {
			struct websocket ws;
			struct basket *gathered; /* Incus; or NULL */
		};
		struct sse *sse;
		struct poll *poll;
		struct incus_poll *incus_poll;
		struct tyron *tyron;
		struct bayeux *bayeux;          /* of a session */
		struct bayeux_carrier *carrier; /* first of what it is */
	};
	uint16_t asks_n;
	uint16_t door;     /* 1 + number of the door it came by; 0: none */
	uint16_t personas; /* the listener serves; 0: as the hub */
	uint8_t came_by;   /* door.c's number of the listener */
	bool passed;       /* what is read next was passed on: answer it */
};

/* Takes fd; the rest is borrowed.  bytes were read from it already. */
struct conn_offer {
	int fd;
	struct slice address; /* text of an IP; empty: of the socket */
	struct slice bytes;
	bool secure;
	uint16_t door; /* 1 + its number; 0: none */
	uint8_t listener;
	unsigned personas;  /* a set; 0: the hub's setting */
	bool passed;        /* the bytes are to be answered here */
	struct slice state; /* state.h: what it was elsewhere; empty: new */
};

/* NULL: refused (limits), answered with 503 or 429 and closed. */
struct conn *conn_open(struct hub *, const struct conn_offer *);

/* At a listener of our own a trusted proxy tells whose request this is: count
 * the connection for that address.  False: it has too many. */
bool conn_told(struct conn *, const struct http_request *);

/* A connection as it stands, with no limit asked; conn_open() is for all. */
struct conn *conn_adopt(
    struct hub *, const struct conn_offer *, struct peer_address *);
/* One that has no socket and takes nothing: what is sent to it waits, and a
 * full backlog ends it.  It is on no list, and its timer is the caller's. */
struct conn *conn_without(struct hub *, const struct dialect *);
/* Bytes as if they had just been read. */
void conn_digest(struct conn *, struct slice);

/* Speak something else from the next byte on. */
void conn_become(struct conn *, const struct dialect *);

/* Queue a piece; takes a count of its run. */
void conn_send(struct conn *, struct piece);
/* A piece of history: what somebody asked for does not make him slow, but no
 * more of it is asked of the store while he is. */
void conn_send_asked(struct conn *, struct piece);
/* Queue bytes of its own; copies. */
void conn_write(struct conn *, struct slice);

/* Close once all is written; kill at once.  Both may be called anywhere. */
void conn_finish(struct conn *);
void conn_kill(struct conn *, const char *why);

void conn_arm(struct conn *, uint64_t ms); /* dialect->timeout after that */

/* Write now what the kernel takes; it may die of it. */
void conn_flush(struct conn *);
/* Something for dialect->settle() at the end of the turn. */
void conn_dirty(struct conn *);

/* Of the hub's turn: write; true when there is more to do. */
bool conns_flush(struct hub *);
void conns_reap(struct hub *);

/* Take the socket away from it (to hand it on): it dies, the fd lives. */
int conn_release(struct conn *);
const char *conn_address(const struct conn *);

/* Bytes that nobody consumed yet. */
struct slice conn_kept_bytes(const struct conn *);

/* ms until the dialect's timeout. */
static inline uint64_t
conn_left(const struct conn *c)
{
	uint64_t now = loop_now(c->hub->d.loop);

	return c->timer.due > now ? c->timer.due - now : 0;
}

#endif
